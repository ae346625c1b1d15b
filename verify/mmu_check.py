"""Accesses for an MMU, the page tables they need, and its RTL held to the models by each of them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import LARGE_PAGE_BITS, LEVEL_BITS, LEVELS, LINE_BITS, LINE_PTES, PAGE_BITS
from lockstep.rtl.tlb.cache_layout import event_layout
from lockstep.rtl.tlb.mmu_layout import ACCESS, OUTCOME, ServedBy
from lockstep.sim.golden.mmu import INVALIDATE, LOAD, STORE, Access, Mmu
from lockstep.sim.golden.tlb_cache import Event
from lockstep.sim.page_table import (
    NATIVE,
    SHARE_BITS,
    entry_address,
    is_large,
    physical,
    table_address,
)
from lockstep.verify.mmu_fast import compare_with_simulator
from lockstep.verify.mmu_harness import Record, Stimulus, field, initial, pack, run
from lockstep.verify.tb_report import Report
from lockstep.verify.tlb_cache_check import event_word

ASIDS = (1, 10, 2044)
"""They differ in their low three bits: processes that do not share page tables."""

_KINDS = (LOAD, STORE, 2, INVALIDATE)
_ASID_COUNT = 1 << 11
_PRESENT, _LARGE = 1, 1 << 7
_FREQUENCY_SHIFT, _COST_SHIFT = 52, 55


@dataclass(frozen=True, slots=True, kw_only=True)
class Accesses:
    """Arrays of n: byte addresses, kinds, instructions that retire, ASIDs."""

    address: NDArray[np.int64]
    kind: NDArray[np.uint8]
    gap: NDArray[np.uint16]
    asid: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.address)


def random_accesses(count: int, seed: int, *, pages: int = 96, regions: int = 24) -> Accesses:
    """Bursts of random, looping, hot and GUPS-like addresses of a few processes, with shootdowns."""
    rng = np.random.default_rng(seed)
    bases = rng.integers(0, 1 << (47 - LARGE_PAGE_BITS), regions) << LARGE_PAGE_BITS
    bases[1::3] = bases[::3][: len(bases[1::3])] ^ (1 << LARGE_PAGE_BITS)  # neighbours
    pool = bases[rng.integers(0, regions, pages)] | rng.integers(0, 64, pages) << PAGE_BITS
    parts: list[NDArray[np.int64]] = []
    while sum(len(part) for part in parts) < count:
        size = int(rng.integers(20, 400))
        pattern = rng.integers(0, 4)
        if pattern == 0:
            places = rng.integers(0, pages, size)
        elif pattern == 1:  # a loop a bit larger or smaller than some TLB
            places = np.arange(size) % int(rng.integers(2, pages)) + int(rng.integers(0, pages))
        elif pattern == 2:  # a few hot pages
            places = rng.integers(0, 4, size) + int(rng.integers(0, pages))
        else:  # one after the other, each twice
            places = np.arange(size) // 2 + int(rng.integers(0, pages))
        parts.append(pool[places % pages])
    address = np.concatenate(parts)[:count] | rng.integers(0, 16, count) << (PAGE_BITS - 4)
    address |= rng.integers(0, 16, count)
    asid = np.array(ASIDS)[(rng.random(count) ** 3 * len(ASIDS)).astype(int)]
    asid = asid[np.arange(count) // 16 * 16]  # they take turns
    return Accesses(
        address=address,
        kind=rng.choice(_KINDS, count, p=(0.55, 0.25, 0.16, 0.04)).astype(np.uint8),
        gap=rng.choice((0, 1, 2, 9, 60), count).astype(np.uint16),
        asid=asid,
    )


def page_tables(cfg: MmuConfig, accesses: Accesses) -> dict[int, list[int]]:
    """Lines of the page tables that walks for these accesses may read."""
    share = round(cfg.large_page_share * (1 << SHARE_BITS))
    pages = {
        (address >> PAGE_BITS, asid)
        for address, asid in zip(accesses.address.tolist(), accesses.asid.tolist(), strict=True)
    }
    groups = {
        (level, page >> LEVEL_BITS * (level - 1) + 3, asid)
        for page, asid in pages
        for level in range(1, LEVELS + 1)
    }
    lines = {}
    for level, group, asid in groups:
        shift = PAGE_BITS + LEVEL_BITS * (level - 1)
        first = group << 3 << shift
        if level == 1 and is_large(first, asid, NATIVE, share):
            continue
        number = entry_address(level, first, asid, NATIVE) >> LINE_BITS
        entries = [first + (i << shift) for i in range(LINE_PTES)]
        lines[number] = [_entry(level, address, asid, share) for address in entries]
    return lines


def _entry(level: int, address: int, asid: int, share: int) -> int:
    """The page-table entry of ``level`` for an address."""
    if level == 1:
        return physical(address, asid, NATIVE, False) | _PRESENT
    if level == 2 and is_large(address, asid, NATIVE, share):
        return physical(address, asid, NATIVE, True) | _PRESENT | _LARGE
    prefix = address >> PAGE_BITS + LEVEL_BITS * (level - 1)
    return table_address(level - 1, prefix, asid, NATIVE) | _PRESENT


def drive(
    verilog: str,
    cfg: MmuConfig,
    accesses: Accesses,
    *,
    seed: int,
    stalled: bool,
    lines: dict[int, list[int]] | None = None,
) -> tuple[Record, list[int]]:
    """Run the accesses on the RTL; what it did, and the words that stores stored."""
    coin = random.Random(seed)
    stored = [coin.getrandbits(64) for _ in range(len(accesses))]
    columns = (accesses.address, accesses.asid, accesses.kind, accesses.gap)
    rows = zip(*(column.tolist() for column in columns), stored, strict=True)
    stimulus = Stimulus(
        requests=[
            pack(ACCESS, address=address, asid=asid, kind=kind, gap=gap, data=word)
            for address, asid, kind, gap, word in rows
        ],
        request_bits=ACCESS.size,
        latency=cfg.dram_cycles,
        seed=seed,
        stalled=stalled,
        lines=page_tables(cfg, accesses) if lines is None else lines,
        roots=[table_address(LEVELS, 0, asid, NATIVE) >> PAGE_BITS for asid in range(_ASID_COUNT)],
    )
    bits = event_layout(cfg.l2).size
    return run(verilog, stimulus, event_bits=bits, response_bits=OUTCOME.size), stored


class GoldenRun:
    """What the golden model makes of accesses: outcome and events of each."""

    def __init__(self, cfg: MmuConfig, accesses: Accesses) -> None:
        log: list[Event] = []
        self.mmu = Mmu(cfg, log)
        self.outcomes: list[Access] = []
        self.events: list[list[Event]] = []
        columns = (accesses.address, accesses.kind, accesses.gap, accesses.asid)
        for address, kind, gap, asid in zip(*(c.tolist() for c in columns), strict=True):
            self.outcomes.append(self.mmu.access(address, kind, gap, asid))
            self.events.append(list(log))
            log.clear()


def check(
    verilog: str,
    cfg: MmuConfig,
    accesses: Accesses,
    *,
    seed: int,
    stalled: bool,
    report: Report,
) -> GoldenRun:
    """Run accesses on the RTL, and complain of all that differs from the golden model or simulator."""
    golden = GoldenRun(cfg, accesses)
    record, stored = drive(verilog, cfg, accesses, seed=seed, stalled=stalled)
    report.driven_cycles += record.cycle_count
    report.driven_s += record.seconds
    answered = len(record.responses)
    report.jobs += answered
    report.vectors += answered
    report.stalled_vectors += answered * stalled
    if not record.finished:
        report.complain(f"stopped after {answered} accesses")
    kinds = accesses.kind.tolist()
    wrong = set()
    for what, differs in (
        ("outcome", _outcomes(golden, record, kinds)),
        ("events", _events(cfg, golden, record)),
        ("data", _data(golden, record, kinds, stored)),
    ):
        for i, told in differs[:5]:
            report.complain(f"{what} of access {i}, kind {kinds[i]}: {told}")
        wrong |= {i for i, _ in differs}
    report.mismatches += len(wrong)
    _cycles(golden, record, report)
    columns = accesses.address, accesses.kind, accesses.gap, accesses.asid
    compare_with_simulator(cfg, columns, record, phases(record), report)
    if cfg.mechanism == "victima" and record.finished:
        _counters(golden, record, report)
    return golden


Differences = list[tuple[int, str]]


def _outcomes(golden: GoldenRun, record: Record, kinds: Sequence[int]) -> Differences:
    differs = []
    for i, word in enumerate(record.responses):
        outcome = golden.outcomes[i]
        served_by = ServedBy(field(OUTCOME, "served_by", word)).name.lower()
        where = field(OUTCOME, "physical", word) if kinds[i] != INVALIDATE else 0
        fault = field(OUTCOME, "fault", word)
        if (served_by, where, fault) != (outcome.served_by, outcome.physical, 0):
            differs.append((i, f"{served_by} {where:#x}, fault {fault}, model {outcome}"))
    return differs


def _events(cfg: MmuConfig, golden: GoldenRun, record: Record) -> Differences:
    got: list[list[int]] = [[] for _ in record.responses]
    for i, word in record.events:
        if i < len(got):
            got[i].append(word)
    return [
        (i, f"{words}, model {golden.events[i]}")
        for i, words in enumerate(got)
        if words != [event_word(cfg.l2, event) for event in golden.events[i]]
    ]


def _data(
    golden: GoldenRun, record: Record, kinds: Sequence[int], stored: Sequence[int]
) -> Differences:
    memory: dict[int, int] = {}
    differs = []
    for i, word in enumerate(record.responses):
        if kinds[i] == INVALIDATE:
            continue
        place = golden.outcomes[i].physical >> 3
        if kinds[i] == STORE:
            memory[place] = stored[i]
            continue
        held = memory.get(place)
        expected = initial(place) if held is None else held
        if (got := field(OUTCOME, "data", word)) != expected:
            differs.append((i, f"{got:#x}, model {expected:#x}"))
    return differs


def phases(record: Record) -> dict[str, NDArray[np.int64]]:
    """Cycles of each access without those that memory stalled; a shootdown has translation only."""
    marks = {name: cycle - record.stalls[name] for name, cycle in record.cycles.items()}
    translated = np.where(record.cycles["translated"] == 0, marks["responded"], marks["translated"])
    return {
        "translation": translated - marks["accepted"],
        "data": marks["responded"] - translated,
        "background": marks["ended"] - marks["responded"],
    }


def _cycles(golden: GoldenRun, record: Record, report: Report) -> None:
    wanted: dict[str, Callable[[Access], int]] = {
        "translation": lambda outcome: outcome.translation_cycles,
        "data": lambda outcome: outcome.data_cycles,
        "background": lambda outcome: outcome.background_cycles,
    }
    for name, measured in phases(record).items():
        modelled = [wanted[name](outcome) for outcome in golden.outcomes[: len(measured)]]
        errors = (measured - np.array(modelled, dtype=np.int64)).tolist()
        report.cycle_errors += errors
        for i, error in enumerate(errors):
            if error:
                report.complain(f"{name} cycles of access {i}: {measured[i]}, model {modelled[i]}")


def _counters(golden: GoldenRun, record: Record, report: Report) -> None:
    """Counters of the page tables in memory, as they were written last."""
    told: dict[int, int] = {}
    for _, line, mask, words in record.writes:
        for i in range(LINE_PTES):
            if mask >> i & 1:
                told[line * LINE_PTES + i] = words[i]
    for (space, page), (frequency, cost) in golden.mmu.counters.items():
        level = 2 if page.large else 1
        word = told.get(entry_address(level, page.address, page.asid, space) >> 3, 0)
        counters = word >> _FREQUENCY_SHIFT & 7, word >> _COST_SHIFT & 15
        report.compare("counters", page, counters, (frequency, cost))
