"""Testbench of the TLB: every look-up, fill and invalidation against the golden model.

Runs inside the simulator; :mod:`lockstep.verify.tlb` writes its plan: ``cfg``, ``pages`` of the pool that
addresses are drawn from, and how many look-ups to do ``unstalled`` and ``stalled``.
"""

import random
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from lockstep.arch.tlb import LARGE_PAGE_BITS, PAGE_BITS, PHYSICAL_BITS, TlbConfig
from lockstep.sim.golden.tlb import Page, Tlb
from lockstep.verify import cosim
from lockstep.verify.tb_report import Report
from lockstep.verify.tlb_traffic import Addresses

PERIOD_NS = 2
RESET_AFTER = 2000  # look-ups
PLAN = cosim.plan()
CFG = TlbConfig.model_validate(PLAN["cfg"])
COIN = random.Random(cocotb.RANDOM_SEED)
INPUTS = ("lookup", "invalidate", "asid", "address", "fill", "fill_large", "fill_frame")
SIZES: dict[str, Callable[[], bool]] = {
    "only small pages": lambda: False,
    "only large pages": lambda: True,
    "pages of both sizes": lambda: COIN.random() < 0.5,
}

REPORT = Report()


class Driver:
    """One TLB from its reset on; ``stalled``: with pauses between operations."""

    def __init__(self, dut: Any, addresses: Addresses, size: str, *, stalled: bool) -> None:
        self.dut, self.addresses, self.stalled = dut, addresses, stalled
        self.is_large = SIZES[size]
        self.golden = Tlb(CFG)
        self.counters: dict[Page, int] = {}
        self.cycle = 0

    async def reset(self) -> None:
        """In the middle of a look-up."""
        self.dut.lookup.value = 1
        await RisingEdge(self.dut.clk)
        for name in (*INPUTS, "fill_counters"):
            getattr(self.dut, name).value = 0
        self.dut.rst.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0

    async def run(self, lookups: int) -> None:
        """Look-ups, most misses filled, and some invalidations."""
        await self.reset()
        for _ in range(lookups):
            asid, address = self.addresses.draw()
            if COIN.random() < 0.08:
                await self.start("invalidate", asid, address)
                self.golden.invalidate(asid, address)
                await self.pause()
                if COIN.random() < 0.5:
                    asid, address = self.addresses.draw()
            if not await self.lookup(asid, address) and COIN.random() < 0.9:
                await self.fill(asid, address)
            await self.pause()

    async def edge(self) -> None:
        """To the next cycle; no strobe is on in it."""
        await RisingEdge(self.dut.clk)
        self.cycle += 1
        for name in ("lookup", "invalidate", "fill"):
            getattr(self.dut, name).value = 0

    async def pause(self) -> None:
        """Some cycles in which nothing happens."""
        while self.stalled and COIN.random() < 0.3:
            await self.edge()

    async def start(self, operation: str, asid: int, address: int) -> None:
        """Strobe a look-up or an invalidation; ends in the next cycle."""
        getattr(self.dut, operation).value = 1
        self.dut.asid.value, self.dut.address.value = asid, address
        await self.edge()

    async def lookup(self, asid: int, address: int) -> bool:
        """A look-up and its comparison; ends in the cycle of ``done``."""
        dut = self.dut
        await self.start("lookup", asid, address)
        dut.asid.value, dut.address.value = COIN.getrandbits(11), COIN.getrandbits(48)
        took = 1
        await ReadOnly()
        while dut.done.value == 0:
            assert took < 2 * CFG.latency_cycles + 10, f"deadlock: {took} cycles without done"
            await self.edge()
            took += 1
            await ReadOnly()
        held = self.golden.lookup(asid, address)
        measured: tuple[object, ...] = (False,)
        modelled: tuple[object, ...] = (False,)
        if dut.hit.value == 1:
            names = ("way", "large", "frame", "counters", "physical")
            measured = (True, *(int(getattr(dut, name).value) for name in names))
        if held:
            page = held.page
            way = self.golden.order[page.number % CFG.sets][0]
            where = held.frame + address - page.address
            counters = self.counters[page]
            modelled = (True, way, page.large, held.frame >> PAGE_BITS, counters, where)
        what = f"{address:#x} of {asid}"
        REPORT.vectors += 1
        REPORT.jobs += 1
        REPORT.stalled_vectors += self.stalled
        REPORT.mismatches += measured != modelled
        REPORT.compare("outcome", what, measured, modelled)
        REPORT.cycles("latency", what, took, CFG.latency_cycles)
        await _writable()
        return held is not None

    async def fill(self, asid: int, address: int) -> None:
        """Fill what was looked up last, at once or later; may end in the cycle of the fill."""
        dut = self.dut
        if COIN.random() < 0.5:
            await self.edge()
            await self.pause()
        large = self.is_large()
        page = Page.of(asid, address, large)
        bits = LARGE_PAGE_BITS if large else PAGE_BITS
        frame = COIN.getrandbits(PHYSICAL_BITS - bits) << bits
        self.counters[page] = COIN.getrandbits(7)
        dut.fill.value = 1
        dut.fill_large.value = large
        dut.fill_frame.value = frame >> PAGE_BITS | large * COIN.getrandbits(9)
        dut.fill_counters.value = self.counters[page]
        await ReadOnly()
        evicted = self.golden.fill(page, frame)
        way = self.golden.order[page.number % CFG.sets][0]
        measured = int(dut.fill_way.value), _evicted(int(dut.evicted.value))
        modelled = way, evicted and (evicted.page, self.counters[evicted.page])
        REPORT.mismatches += measured != modelled
        REPORT.compare("way and entry evicted", f"{address:#x} of {asid}", measured, modelled)
        await _writable()
        if COIN.random() < 0.5:
            await self.edge()


def _evicted(word: int) -> tuple[Page, int] | None:
    """A page and its counters, from a word laid out as :data:`lockstep.rtl.tlb.tlb.EVICTED`."""
    if not word & 1:
        return None
    page = Page(word >> 2 & 0x7FF, word >> 13 & (1 << 36) - 1, bool(word & 2))
    return page, word >> 49


async def _writable() -> None:
    """On from where values are read to where they may be written, in the same cycle."""
    await Timer(1, "ps")


@cocotb.test()
async def the_tlb_agrees_with_its_model(dut: Any) -> None:
    """Runs from reset to reset, each with another pool of addresses."""
    Clock(dut.clk, PERIOD_NS, "ns").start()
    start = time.perf_counter()
    try:
        for stalled in (False, True):
            left = PLAN["stalled" if stalled else "unstalled"]
            while left > 0:
                for size in SIZES:
                    addresses = Addresses(PLAN["pages"], COIN)
                    driver = Driver(dut, addresses, size, stalled=stalled)
                    lookups = min(RESET_AFTER, -(-left // len(SIZES)))
                    await driver.run(lookups)
                    REPORT.driven_cycles += driver.cycle
                    if REPORT.complaints:
                        return
                left -= len(SIZES) * lookups
    except AssertionError as error:  # of the driver: the unit stopped
        REPORT.complaints.append(str(error).splitlines()[0])
    finally:
        REPORT.driven_s = time.perf_counter() - start
        cosim.write_report(asdict(REPORT))
        assert not REPORT.complaints, "\n".join(REPORT.complaints)
