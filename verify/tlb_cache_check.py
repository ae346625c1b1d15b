"""Random operations for a cache with TLB blocks, and its RTL held to the golden model by each of them."""

import random
from dataclasses import dataclass
from typing import Any

from lockstep.arch.tlb import LARGE_PAGE_BITS, LINE_PTES, PAGE_BITS, CacheConfig, VictimaConfig
from lockstep.rtl.tlb.cache_layout import (
    LINE_NUMBER_BITS,
    REQUEST,
    RESPONSE,
    EventKind,
    Op,
    event_layout,
)
from lockstep.sim.golden.tlb import Page
from lockstep.sim.golden.tlb_cache import BlockTag, Cache, Event, Line
from lockstep.verify.mmu_harness import Record, Stimulus, field, initial, pack, run
from lockstep.verify.tb_report import Report

ASIDS = (0, 1, 1024, 2047)
_STEP = LARGE_PAGE_BITS - PAGE_BITS
_PRESSURE_CHANCE = 0.02  # of a change, at each operation
_AGAIN_CHANCE = 0.4  # that it is about a block of late
_OPS = {
    Op.READ: 25, Op.WRITE: 20, Op.PROBE: 20, Op.HOLDS: 7, Op.INSERT: 18, Op.DROP_LINE: 5, Op.DROP_PAGES: 5,
}  # fmt: skip
_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request; ``page`` counts pages of 4 KB."""

    op: Op
    line: int
    page: int
    asid: int
    large: bool
    nested: bool
    mask: int
    words: tuple[int, ...]
    pressure: bool

    def word(self) -> int:
        """The request port's word."""
        query = {name: getattr(self, name) for name in
                 ("line", "page", "asid", "large", "nested", "mask")}  # fmt: skip
        lines = sum(word << 64 * i for i, word in enumerate(self.words))
        return pack(REQUEST, query={"op": self.op.value, **query}, data=lines)

    def of_size(self, large: bool) -> Page:
        """Its page."""
        return Page(self.asid, self.page >> (_STEP if large else 0), large)


def operations(cfg: CacheConfig, count: int, seed: int) -> list[Operation]:
    """Operations on few lines and blocks, so that all of them collide."""
    coin = random.Random(seed)
    pool = 2 * cfg.sets * cfg.ways + 2
    # Pages of few groups, of either size; small ones also lie in the large ones.
    pages = [coin.randrange(1 << 36) & -(1 << (_STEP + 3)) for _ in range(3)]
    pages = [base | group << shift for base in pages for group in range(pool) for shift in (3, 12)]
    lines = [coin.randrange(1 << LINE_NUMBER_BITS) for _ in range(pool // 2)]
    lines += [_namesake(cfg, coin.choice(pages), coin.choice(ASIDS), coin.random() < 0.5)
              for _ in range(pool)]  # fmt: skip
    coin.shuffle(pages)
    pages = pages[: max(2, pool // 2)]
    pages += [page >> (_STEP + 3) << 3 for page in pages[::2]]  # small ones of a large one's number
    pressure = False
    drawn: list[Operation] = []
    for _ in range(count):
        pressure ^= coin.random() < _PRESSURE_CHANCE
        large = coin.random() < 0.4
        mask = coin.choice((0xFF, 1 << coin.randrange(8), coin.randrange(1, 256)))
        page, asid, nested = coin.choice(pages), coin.choice(ASIDS), coin.random() < 0.2
        if drawn and coin.random() < _AGAIN_CHANCE:
            last = coin.choice(drawn[-8:])
            page, asid, nested, large = last.page, last.asid, last.nested, last.large
        places = (LINE_PTES - 1) << (_STEP if large else 0)
        drawn.append(
            Operation(
                op=coin.choices(list(_OPS), list(_OPS.values()))[0],
                line=coin.choice(lines),
                page=page & ~places | coin.randrange(LINE_PTES) << (_STEP if large else 0),
                asid=asid,
                large=large,
                nested=nested,
                mask=mask,
                words=tuple(coin.getrandbits(64) for _ in range(LINE_PTES)),
                pressure=pressure,
            )
        )
    return drawn


def _namesake(cfg: CacheConfig, page: int, asid: int, large: bool) -> int:
    """The line of data whose set and tag have the same bits as those of a block."""
    bits = (cfg.sets - 1).bit_length()
    group = page >> (_STEP + 3 if large else 3)
    tag = group >> bits | large << (33 - bits) | asid << (34 - bits)
    return group % cfg.sets | tag << bits


@dataclass(slots=True)
class Outcome:
    """What the golden model says of one operation."""

    hit: bool
    large: bool
    cycles: int
    words: tuple[int, list[int]] | None  # those of the mask can be told
    events: list[Event]
    writeback: tuple[int, tuple[int, ...]] | None


class Model:
    """The golden cache, with the data that its lines hold."""

    def __init__(self, cfg: CacheConfig, rules: VictimaConfig, dram_cycles: int) -> None:
        self.cfg, self.rules, self.dram_cycles = cfg, rules, dram_cycles
        self.log: list[Event] = []
        self.cache = Cache(cfg, rules, self.log)
        self.held: dict[tuple[int, int], list[int]] = {}
        self.memory: dict[int, tuple[int, ...]] = {}

    def step(self, operation: Operation) -> Outcome:
        """Do one operation."""
        cache = self.cache
        cache.pressure = operation.pressure
        before = [list(ways) for ways in cache.sets]
        self.log.clear()
        hit, large, cycles = self._do(operation)
        outcome = Outcome(hit, large, cycles, None, list(self.log), None)
        for event in self.log:
            way = (event.set, event.way)
            held = self.held.setdefault(way, [0] * LINE_PTES)
            old = before[event.set][event.way]
            if event.kind in ("fill", "insert") and old and old.dirty:
                assert isinstance(old.tag, int)
                outcome.writeback = old.tag, tuple(held)
                self.memory[old.tag] = tuple(held)
            if event.kind == "fill":
                held[:] = self._below(operation.line)
            if event.kind in ("insert", "merge") or operation.op == Op.WRITE:
                for i in range(LINE_PTES):
                    if operation.mask >> i & 1:
                        held[i] = operation.words[i]
            if operation.op == Op.READ:
                outcome.words = 0xFF, list(held)
            elif event.kind == "probe":
                line = cache.sets[event.set][event.way]
                assert isinstance(line, Line)
                outcome.words = line.mask, list(held)
        return outcome

    def _below(self, line: int) -> tuple[int, ...]:
        return self.memory.get(line) or tuple(
            initial(line * LINE_PTES + i) for i in range(LINE_PTES)
        )

    def _do(self, operation: Operation) -> tuple[bool, bool, int]:
        """Whether it hit, pages of what size, in how many cycles."""
        cfg, cache, nested = self.cfg, self.cache, operation.nested
        if operation.op in (Op.READ, Op.WRITE):
            if cache.access(operation.line, write=operation.op == Op.WRITE):
                return True, False, cfg.latency_cycles
            return False, False, cfg.tag_cycles + self.dram_cycles + cfg.fill_cycles
        if operation.op == Op.DROP_LINE:
            cache.drop(operation.line)
            return False, False, cfg.maintain_cycles
        if operation.op == Op.INSERT:
            page = operation.of_size(operation.large)
            cache.insert(BlockTag.of(page, nested), operation.mask)
            return False, False, cfg.maintain_cycles
        if operation.op == Op.HOLDS:
            page = operation.of_size(operation.large)
            return cache.holds(page, nested=nested), operation.large, cfg.probe_cycles
        pages = [operation.of_size(large) for large in (False, True)]
        if operation.op == Op.DROP_PAGES:
            for page in pages:
                cache.drop(BlockTag.of(page, nested))
            return False, False, cfg.probe_cycles + 1
        for page in pages:
            sizes = ("both", "2m" if page.large else "4k")
            if self.rules.probe_sizes in sizes and cache.probe(page, nested=nested):
                return True, page.large, cfg.probe_cycles
        return False, False, cfg.probe_cycles


def check(
    verilog: str,
    cfg: CacheConfig,
    rules: VictimaConfig,
    *,
    count: int,
    seed: int,
    stalled: bool,
    report: Report,
    dram_cycles: int = 23,
) -> None:
    """Run random operations on the RTL, and complain of all that differs from the golden model."""
    drawn = operations(cfg, count, seed)
    stimulus = Stimulus(
        requests=[operation.word() for operation in drawn],
        request_bits=REQUEST.size,
        latency=dram_cycles,
        seed=seed,
        stalled=stalled,
        pressure=[operation.pressure for operation in drawn],
        lines={},
    )
    record = run(verilog, stimulus, event_bits=event_layout(cfg).size, response_bits=RESPONSE.size)
    report.driven_cycles += record.cycle_count
    report.driven_s += record.seconds
    if not record.finished:
        report.complain(f"stopped after {len(record.responses)} operations")
    model = Model(cfg, rules, dram_cycles)
    events, writes = _by_request(record, len(drawn))
    for i, operation in enumerate(drawn[: len(record.responses)]):
        outcome = model.step(operation)
        taken = _cycles(record, i)
        differences = _differences(cfg, operation, outcome, record, i, events[i], writes[i])
        report.jobs += 1
        report.vectors += 1
        report.stalled_vectors += stalled
        report.mismatches += bool(differences)
        for difference in differences:
            report.complain(f"operation {i}, {operation.op.name}: {difference}")
        report.cycles("cycles", f"operation {i}, {operation.op.name}", taken, outcome.cycles)
        if len(report.complaints) >= 20:
            return  # what follows a difference differs


def _cycles(record: Record, i: int) -> int:
    """Without those that memory stalled."""
    took = record.cycles["responded"][i] - record.cycles["accepted"][i]
    return int(took - record.stalls["responded"][i] + record.stalls["accepted"][i])


def _by_request(
    record: Record, count: int
) -> tuple[list[list[int]], list[list[tuple[int, int, tuple[int, ...]]]]]:
    events: list[list[int]] = [[] for _ in range(count)]
    writes: list[list[tuple[int, int, tuple[int, ...]]]] = [[] for _ in range(count)]
    for number, event in record.events:
        events[number].append(event)
    for number, line, mask, words in record.writes:
        writes[number].append((line, mask, words))
    return events, writes


def event_word(cfg: CacheConfig, event: Event) -> int:
    """A golden event as the RTL's port has it."""
    rrpv = sum(value << cfg.rrpv_bits * way for way, value in enumerate(event.rrpv))
    kind = EventKind[event.kind.upper()].value
    return pack(event_layout(cfg), kind=kind, set=event.set, way=event.way, rrpv=rrpv)


def _differences(
    cfg: CacheConfig,
    operation: Operation,
    outcome: Outcome,
    record: Record,
    i: int,
    events: list[int],
    writes: list[Any],
) -> list[str]:
    found = []
    response, late = record.responses[i], record.late[i]
    if events != [event_word(cfg, event) for event in outcome.events]:
        found.append(f"events {events}, model {outcome.events}")
    if operation.op in (Op.READ, Op.WRITE, Op.PROBE, Op.HOLDS):
        hit = bool(field(RESPONSE, "hit", response))
        if hit != outcome.hit:
            found.append(f"hit {hit}, model {outcome.hit}")
    if operation.op == Op.PROBE and outcome.hit:
        large = bool(field(RESPONSE, "large", response))
        if large != outcome.large:
            found.append(f"large {large}, model {outcome.large}")
    if outcome.words:
        mask, words = outcome.words
        for answer in (late, *((response,) if operation.op == Op.READ else ())):
            line = field(RESPONSE, "line", answer)
            got = [line >> 64 * k & _WORD for k in range(LINE_PTES)]
            if any(mask >> k & 1 and got[k] != words[k] for k in range(LINE_PTES)):
                found.append(f"data {got}, model {words} under mask {mask:#x}")
    expected = [(outcome.writeback[0], 0xFF, outcome.writeback[1])] if outcome.writeback else []
    if writes != expected:
        found.append(f"writes {writes}, model {expected}")
    return found
