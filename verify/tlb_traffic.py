"""Addresses, page tables and walks that units of address translation are tried with."""

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import (
    ASID_BITS,
    LEVEL_BITS,
    LEVELS,
    LINE_BITS,
    LINE_PTES,
    PAGE_BITS,
    VIRTUAL_BITS,
)
from lockstep.sim.golden.mmu import Mmu
from lockstep.sim.golden.tlb import Page
from lockstep.sim.page_table import (
    NATIVE,
    entry_address,
    is_large,
    physical,
    table_address,
)

PRESENT, LARGE = 1, 1 << 7
COUNTERS_AT = 52
COUNTERS_MASK = 0x7F << COUNTERS_AT
_IGNORED = 0x7E | 0xF00 | 0x1F << 59  # neither the walker nor the page table says what these hold


class Addresses:
    """Few addresses, many of which differ in one bit, of few address spaces.

    Parameters
    ----------
    pages : int
        How many there are to choose from; a page returns after about so many accesses.
    """

    def __init__(self, pages: int, coin: random.Random) -> None:
        self._coin = coin
        self._pool = [(coin.getrandbits(ASID_BITS), coin.getrandbits(VIRTUAL_BITS))]
        while len(self._pool) < pages:
            asid, address = coin.choice(self._pool)
            far = coin.getrandbits(VIRTUAL_BITS)
            bit = 1 << coin.randrange(PAGE_BITS, VIRTUAL_BITS)
            near = coin.randrange(8) << PAGE_BITS
            number = (
                address >> LEVEL_BITS
            )  # its small page has the number of the other's large page
            if coin.random() < 0.3:
                asid ^= 1 << coin.randrange(ASID_BITS)
            changed = [far, address ^ bit, address ^ near, address, number]
            self._pool.append((asid, coin.choice(changed)))

    def draw(self) -> tuple[int, int]:
        """An ASID and an address."""
        asid, address = self._coin.choice(self._pool)
        return asid, address ^ self._coin.getrandbits(PAGE_BITS)


class PageTables:
    """Lines of memory with the page tables of :mod:`lockstep.sim.page_table`, made when first walked."""

    def __init__(self, share: int, coin: random.Random) -> None:
        self._share, self._coin = share, coin
        self.lines: dict[int, list[int]] = {}

    def make(self, level: int, address: int, asid: int) -> None:
        """Make sure of the line with the entry of ``level`` for ``address``."""
        line = entry_address(level, address, asid, NATIVE) >> LINE_BITS
        if line not in self.lines:
            shift = PAGE_BITS + LEVEL_BITS * (level - 1)
            first = address >> shift & -LINE_PTES
            self.lines[line] = [
                self._entry(level, first + i << shift, asid) for i in range(LINE_PTES)
            ]

    def read(self, line: int) -> int:
        """The line as a number; zero, eight entries that are not present, if it was never made."""
        entries = self.lines.get(line)
        return int.from_bytes(struct.pack("<8Q", *entries), "little") if entries else 0

    def write(self, address: int, entry: int) -> None:
        """Change the entry at a physical address."""
        self.lines[address >> LINE_BITS][address >> 3 & LINE_PTES - 1] = entry

    def _entry(self, level: int, address: int, asid: int) -> int:
        entry = PRESENT | self._coin.getrandbits(64) & _IGNORED
        if level == 1:
            return entry | physical(address, asid, NATIVE, False)
        if level == 2 and is_large(address, asid, NATIVE, self._share):
            low = self._coin.getrandbits(LEVEL_BITS) << PAGE_BITS  # no part of the frame
            return entry | LARGE | physical(address, asid, NATIVE, True) | low
        prefix = address >> PAGE_BITS + LEVEL_BITS * (level - 1)
        return entry | table_address(level - 1, prefix, asid, NATIVE)


class PageFaultError(Exception):
    """The golden walk has come to an entry that is not present."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """A walk as the golden model does it; cycles are those of the memory, access by access.

    ``fault_bits`` are what the last entry is to be spoilt with, by an exclusive or; 0 if there is no fault.
    ``counters`` are the page's after the walk, which has changed them if ``counted``.
    """

    asid: int
    address: int
    demand: bool
    root: int
    took: list[int] = field(default_factory=list)
    dram: list[bool] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    cycles: int = 0
    from_dram: bool = False
    fault_bits: int = 0
    page: Page
    frame: int = 0
    counters: tuple[int, int] = (0, 0)
    counted: bool = False

    def __str__(self) -> str:
        return f"asid {self.asid}, {self.address:#x}, {len(self.entries)} accesses"


class Walks(Mmu):
    """Golden walks over a memory of random latency; some end at an entry that is spoilt.

    Parameters
    ----------
    took : sequence of int
        Cycles an access may take.
    faults : float
        Chance of a fault.
    """

    def __init__(
        self, cfg: MmuConfig, took: Sequence[int], faults: float, coin: random.Random
    ) -> None:
        super().__init__(cfg)
        self._coin, self._choices, self._faults = coin, took, faults
        self.memory = PageTables(self.share, coin)
        self._now: Walk
        self._fault_at = -1

    def walk(self, asid: int, address: int, *, demand: bool) -> Walk:
        """What one walk does, and what it leaves."""
        page, frame = self._mapping(asid, address)
        self._now = now = Walk(
            asid=asid,
            address=address,
            demand=demand,
            root=table_address(LEVELS, 0, asid, NATIVE) >> PAGE_BITS,
            page=page,
            frame=frame,
        )
        for level in range(LEVELS, 1 if page.large else 0, -1):
            self.memory.make(level, address, asid)
        self._fault_at = self._coin.randrange(4) if self._coin.random() < self._faults else -1
        try:
            now.cycles, now.from_dram = self._walk(asid, address, demand=demand)
        except PageFaultError:
            now.cycles = sum(now.took) + self.cfg.step_cycles * len(now.took)
            now.from_dram = any(now.dram)
        before = self.counters.get((NATIVE, page), (0, 0))
        if demand and not now.fault_bits and self.victima:
            self._learn(NATIVE, page, now.from_dram)
        now.counters = self.counters.get((NATIVE, page), (0, 0))
        now.counted = now.counters != before
        return now

    def _l2(self, line: int, *, write: bool) -> tuple[int, bool]:
        """One access of a walk, which tells its entry by the line that is asked for."""
        now = self._now
        level, entry = next(
            (level, entry)
            for level in range(LEVELS, 0, -1)
            if (entry := entry_address(level, now.address, now.asid, NATIVE)) >> LINE_BITS == line
        )
        now.entries.append(entry)
        now.took.append(self._coin.choice(self._choices))
        now.dram.append(self._coin.random() < 0.3)
        if len(now.entries) - 1 == self._fault_at:
            now.fault_bits = self._coin.choice([PRESENT, LARGE] if level > 2 else [PRESENT])
            raise PageFaultError
        return now.took[-1], now.dram[-1]
