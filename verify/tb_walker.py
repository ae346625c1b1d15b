"""Testbench of the page walker: every access and the outcome of every walk against the golden model.

Runs inside the simulator; :mod:`lockstep.verify.tlb` writes its plan: ``cfg``, ``pages`` of the pool that
addresses are drawn from, and how many walks to do ``unstalled`` and ``stalled``. The memory answers from page
tables, which the walker's counters are written to; stalled, it takes requests late.
"""

import random
import time
from dataclasses import asdict
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import LINE_BITS, LINE_PTES, PAGE_BITS
from lockstep.sim.page_table import NATIVE, entry_address
from lockstep.verify import cosim
from lockstep.verify.tb_report import Report
from lockstep.verify.tlb_traffic import COUNTERS_AT, COUNTERS_MASK, Addresses, Walk, Walks

PERIOD_NS = 2
RESET_AFTER = 1000  # walks
NO_PROGRESS_CYCLES = 200
TOOK_CYCLES = (1, 2, 3, 3, 4, 9)
FAULTS = 0.1
PLAN = cosim.plan()
CFG = MmuConfig.model_validate(PLAN["cfg"])
COIN = random.Random(cocotb.RANDOM_SEED)
INPUTS = ("start", "demand", "hold", "cancel", "invalidate", "response_valid", "request__ready")

REPORT = Report()


class Driver:
    """One walker from its reset on; ``stalled``: its requests are taken late."""

    def __init__(self, dut: Any, *, stalled: bool) -> None:
        self.dut, self.stalled = dut, stalled
        self.addresses = Addresses(PLAN["pages"], COIN)
        self.golden = Walks(CFG, TOOK_CYCLES, FAULTS, COIN)
        self.cycle = 0

    async def run(self, walks: int) -> None:
        """Walks for demand and in the background, some cancelled; some invalidations."""
        await self.reset()
        for _ in range(walks):
            asid, address = self.addresses.draw()
            if COIN.random() < 0.1:
                await self.invalidate(asid, address)
            if COIN.random() < 0.1:
                await self.cancelled(*self.addresses.draw())
            await self.walk(self.golden.walk(asid, address, demand=COIN.random() < 0.7))
            for _ in range(COIN.choice((0, 0, 1, 5))):
                await self.edge()

    async def reset(self) -> None:
        """In the middle of a walk."""
        self.dut.start.value = 1
        for _ in range(COIN.randrange(1, 12)):
            await self.edge()
        for name in INPUTS:
            getattr(self.dut, name).value = 0
        self.dut.rst.value = 1
        await self.edge()
        self.dut.rst.value = 0

    async def edge(self) -> None:
        """To the next cycle."""
        await RisingEdge(self.dut.clk)
        self.cycle += 1

    async def settled(self) -> None:
        """Until what was driven shows; :meth:`writable` must follow before more is driven."""
        await ReadOnly()

    async def writable(self) -> None:
        """On to where values may be written, in the same cycle."""
        await Timer(1, "ps")

    async def strobe(self, name: str, asid: int, address: int) -> None:
        """One cycle of an operation; what goes with it is garbage afterwards."""
        dut = self.dut
        getattr(dut, name).value = 1
        dut.asid.value, dut.address.value = asid, address
        await self.edge()
        getattr(dut, name).value = 0
        dut.asid.value, dut.address.value = COIN.getrandbits(11), COIN.getrandbits(48)
        dut.root.value, dut.demand.value = COIN.getrandbits(40), COIN.getrandbits(1)

    async def invalidate(self, asid: int, address: int) -> None:
        """Drop what the walk caches know of an address."""
        await self.strobe("invalidate", asid, address)
        self.golden.walk_cache.invalidate(asid, address)

    async def cancelled(self, asid: int, address: int) -> None:
        """A walk that is kept back and then given up; it must leave no trace."""
        dut = self.dut
        dut.hold.value = 1
        await self.strobe("start", asid, address)
        for _ in range(COIN.randrange(2 * CFG.walk_cache.latency_cycles)):
            await self.settled()
            assert dut.request__valid.value == 0, "an access while it was held back"
            await self.edge()
        dut.cancel.value = 1
        await self.edge()
        dut.cancel.value = 0
        dut.hold.value = 0
        await self.settled()
        assert dut.busy.value == 0, "busy after a walk was cancelled"
        await self.writable()

    async def walk(self, walk: Walk) -> None:
        """One walk, from its start to the cycle after ``done``, and its comparison."""
        dut = self.dut
        held = COIN.randrange(2 * CFG.walk_cache.latency_cycles + 2) * COIN.getrandbits(1)
        late = 0
        dut.root.value, dut.demand.value = walk.root, walk.demand
        dut.hold.value = held > 0
        before = self.cycle
        await self.strobe("start", walk.asid, walk.address)
        entries, presented = [], 0
        while True:
            dut.hold.value = self.cycle - before < held
            await self.settled()
            if dut.request__valid.value == 1:
                presented = presented or self.cycle - before
                entry = int(dut.request__payload.value)
                entries.append(entry)
                await self.writable()
                late += await self.take(entry)
                await self.respond(walk, len(entries) - 1, entry)
            elif dut.done.value == 1:
                break
            else:
                assert self.cycle - before < NO_PROGRESS_CYCLES, f"deadlock: {walk}"
                await self.edge()
        took = self.cycle - before
        first = max(held, CFG.walk_cache.latency_cycles)
        REPORT.cycles("first access", walk, presented, first)
        REPORT.cycles("walk", walk, took, first + walk.cycles + late)
        agrees = entries == walk.entries
        REPORT.compare("entries read", walk, entries, walk.entries)
        agrees &= self.compare_outcome(walk)
        self.update(walk)
        await self.edge()
        await self.settled()
        assert (dut.busy.value, dut.done.value, dut.update.value) == (0, 0, 0), f"no end: {walk}"
        agrees &= self.compare_line(walk)
        await self.writable()
        REPORT.jobs += 1
        REPORT.vectors += 1
        REPORT.stalled_vectors += self.stalled
        REPORT.mismatches += not agrees

    async def take(self, entry: int) -> int:
        """Take the request that is offered, at once or late; cycles it had to wait."""
        dut = self.dut
        late = 0
        while self.stalled and COIN.random() < 0.4:
            await self.edge()
            late += 1
            await self.settled()
            offered = dut.request__valid.value == 1 and int(dut.request__payload.value) == entry
            assert offered, "a request changed while it waited"
            await self.writable()
        dut.request__ready.value = 1
        await self.edge()
        dut.request__ready.value = 0
        dut.hold.value = COIN.getrandbits(1)  # of no effect from now on
        return late

    async def respond(self, walk: Walk, access: int, entry: int) -> None:
        """Answer so late as the model says; ends in the cycle after the response."""
        dut = self.dut
        known = access < len(walk.took)
        for _ in range(walk.took[access] - 1 if known else 1):
            await self.edge()
        dut.response_valid.value = 1
        dut.response_line.value = self.line(walk, access, entry)
        dut.response_from_dram.value = known and walk.dram[access]
        await self.edge()
        dut.response_valid.value = 0
        dut.response_line.value = COIN.getrandbits(512)
        dut.response_from_dram.value = COIN.getrandbits(1)

    def line(self, walk: Walk, access: int, entry: int) -> int:
        """The line of an entry in memory, spoilt if the walk is to end here."""
        last = access == len(walk.entries) - 1
        at = 64 * (entry >> 3 & LINE_PTES - 1)
        return self.golden.memory.read(entry >> LINE_BITS) ^ (walk.fault_bits * last) << at

    def compare_outcome(self, walk: Walk) -> bool:
        """What the walker says in the cycle of ``done``."""
        dut = self.dut
        names = ["fault", "from_dram", "update"]
        modelled: list[int] = [bool(walk.fault_bits), walk.from_dram, walk.counted]
        if not walk.fault_bits:
            names += ["large", "frame", "counters"]
            counters = walk.counters[0] | walk.counters[1] << 3
            modelled += [walk.page.large, walk.frame >> PAGE_BITS, counters]
        measured = [int(getattr(dut, name).value) for name in names]
        REPORT.compare("outcome", walk, measured, modelled)
        return measured == modelled

    def update(self, walk: Walk) -> None:
        """Write counters to memory as the walker says."""
        dut = self.dut
        if dut.update.value == 1:
            where, entry = int(dut.update_address.value), int(dut.updated.value)
            if where in walk.entries:
                self.golden.memory.write(where, entry)
            else:
                REPORT.complain(f"an update of {where:#x}, which {walk} has not read")

    def compare_line(self, walk: Walk) -> bool:
        """The line kept, a cycle later, and the counters in memory."""
        dut = self.dut
        last = walk.entries[-1]
        measured = int(dut.line_number.value), int(dut.line.value)
        modelled = last >> LINE_BITS, self.line(walk, len(walk.entries) - 1, last)
        REPORT.compare("line kept", walk, measured, modelled)
        return measured == modelled

    def compare_memory(self) -> None:
        """Counters of all pages walked, and of no others."""
        model = self.golden.counters.items()
        expected = {
            entry_address(2 if page.large else 1, page.address, page.asid, NATIVE): f | c << 3
            for (_, page), (f, c) in model
        }
        lines = self.golden.memory.lines.items()
        found = {
            line << LINE_BITS | i << 3: (entry & COUNTERS_MASK) >> COUNTERS_AT
            for line, entries in lines
            for i, entry in enumerate(entries)
            if entry & COUNTERS_MASK
        }
        REPORT.compare("counters in memory", "all walks", found, expected)


@cocotb.test()
async def the_walker_agrees_with_its_model(dut: Any) -> None:
    """Runs from reset to reset, each with other page tables."""
    Clock(dut.clk, PERIOD_NS, "ns").start()
    start = time.perf_counter()
    try:
        for stalled in (False, True):
            left = PLAN["stalled" if stalled else "unstalled"]
            while left > 0 and not REPORT.complaints:
                driver = Driver(dut, stalled=stalled)
                walks = min(RESET_AFTER, left)
                left -= walks
                await driver.run(walks)
                driver.compare_memory()
                REPORT.driven_cycles += driver.cycle
    except AssertionError as error:  # of the driver: the unit stopped, or broke the protocol
        REPORT.complaints.append(str(error).splitlines()[0])
    finally:
        REPORT.driven_s = time.perf_counter() - start
        cosim.write_report(asdict(REPORT))
        assert not REPORT.complaints, "\n".join(REPORT.complaints)
