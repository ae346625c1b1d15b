"""Tags and re-reference values of a cache with TLB blocks: which way, and what becomes of its set."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tlb import CacheConfig, VictimaConfig
from lockstep.rtl.tlb.cache_layout import (
    LINE_NUMBER_BITS,
    QUERY,
    EventKind,
    Op,
    bits_for,
    entry_layout,
    event_layout,
    is_about_both,
    is_about_line,
    key_layout,
    line_of,
    place,
    place_in_block,
)
from lockstep.rtl.tlb.cache_srrip import first, inserted, promoted, victim


class CacheTags(wiring.Component):
    """Reads a set in one cycle; looks at it in the next, and changes it at its end.

    Members
    -------
    read : In(1)
        Read the set of ``read_query``, if that is about blocks of both page sizes, of ``read_second``.
    look, query, second : In
        In the next cycle: what that was.
    pressure : In(1)
        The L2 TLB misses often.
    found : Out(1)
        While ``look``: the line or the block is there, and has the page if one is looked for.
    index, way : Out
        Its set and its way, or the one where it goes.
    large : Out(1)
        The size of page looked for.
    evicts_dirty, victim_line : Out
        The line that leaves has been written.
    event_valid, event : Out
    """

    read: Signal
    read_query: data.View
    read_second: Signal
    look: Signal
    query: data.View
    second: Signal
    pressure: Signal
    found: Signal
    index: Signal
    way: Signal
    large: Signal
    evicts_dirty: Signal
    victim_line: Signal
    event_valid: Signal
    event: data.View

    def __init__(self, cfg: CacheConfig, rules: VictimaConfig) -> None:
        self.cfg, self.rules = cfg, rules
        super().__init__({
            "read": In(1),
            "read_query": In(QUERY),
            "read_second": In(1),
            "look": In(1),
            "query": In(QUERY),
            "second": In(1),
            "pressure": In(1),
            "found": Out(1),
            "index": Out(bits_for(cfg.sets)),
            "way": Out(bits_for(cfg.ways)),
            "large": Out(1),
            "evicts_dirty": Out(1),
            "victim_line": Out(LINE_NUMBER_BITS),
            "event_valid": Out(1),
            "event": Out(event_layout(cfg)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg, query, ways = self.cfg, self.query, range(self.cfg.ways)
        read_index, _ = place(cfg, self.read_query, _size(self.read_query, self.read_second))
        row, write_tag = self._memory(m, "tags", entry_layout(cfg), read_index, granularity=1)
        rrpvs, write_rrpvs = self._memory(m, "rrpvs", cfg.rrpv_bits, read_index, granularity=None)
        valid = Signal(max(2, cfg.sets) * cfg.ways)  # registers, for a reset to clear them all
        in_use, matches, self.full = Signal(cfg.ways), Signal(cfg.ways), Signal()
        wanted, present = Signal(key_layout(cfg)), Signal()
        self.old = old = Signal(entry_layout(cfg))
        index, key = place(cfg, query, self.large)
        chosen, aged = victim(
            m,
            [rrpvs[w] for w in ways],
            [row[w].key.block for w in ways],
            self.rules,
            self.pressure,
        )
        matching, empty = first(m, matches, "matching"), first(m, ~in_use, "empty")
        for w in ways:
            with m.If(self.way == w):
                m.d.comb += old.eq(row[w])
        looked_for = {"both": C(1), "4k": ~self.large, "2m": self.large}[self.rules.probe_sizes]
        has_page = (old.mask >> place_in_block(query, self.large))[0]
        m.d.comb += [
            self.large.eq(_size(query, self.second)),
            self.index.eq(index),
            wanted.eq(key),
            in_use.eq(valid.word_select(self.index, cfg.ways)),
            matches.eq(in_use & Cat(row[w].key == wanted for w in ways)),
            self.full.eq(in_use.all()),
            present.eq(matches.any()),
            self.way.eq(Mux(present, matching, Mux(self.full, chosen, empty))),
            self.found.eq(
                present
                & (has_page | ~self._is(Op.PROBE, Op.HOLDS))
                & (looked_for | ~self._is(Op.PROBE))
            ),
            self.victim_line.eq(line_of(cfg, self.index, old.key.tag)),
        ]
        places, promotes, writes_tag = self._decide(m, in_use, valid)
        m.d.comb += [
            write_tag.addr.eq(self.index),
            write_tag.en.eq(self._mine(writes_tag)),
            write_rrpvs.addr.eq(self.index),
            write_rrpvs.en.eq(promotes | places),
            self.event.set.eq(self.index),
            self.event.way.eq(self.way),
            self.evicts_dirty.eq(places & self.full & old.dirty),
        ]
        block = ~is_about_line(query.op)
        new = inserted(cfg, self.rules, block, self.pressure)
        for w in ways:
            mine, after = self.way == w, write_rrpvs.data[w]
            m.d.comb += [
                write_tag.data[w].key.eq(wanted),
                write_tag.data[w].dirty.eq(self._is(Op.WRITE)),
                write_tag.data[w].mask.eq(query.mask | Mux(self.found, old.mask, 0)),
                after.eq(rrpvs[w]),
                self.event.rrpv[w].eq(Mux(self.in_use_after[w], after, 0)),
            ]
            with m.If(places):
                m.d.comb += after.eq(Mux(mine, new, Mux(self.full, aged[w], rrpvs[w])))
            with m.Elif(promotes & mine):
                m.d.comb += after.eq(promoted(rrpvs[w], block, self.rules))
        return m

    def _is(self, *ops: Op) -> Value:
        """Whether the operation at hand is one of them."""
        return Cat(self.query.op == op for op in ops).any()

    def _mine(self, strobe: Value) -> Value:
        """``strobe`` for the way at hand, one bit for each way."""
        return (strobe << self.way)[: self.cfg.ways]

    def _memory(
        self, m: Module, name: str, shape: Any, read_index: Value, granularity: int | None
    ) -> tuple[Any, Any]:
        """A row for each set, as it was read last, and the port to write it."""
        storage: Any = memory.Memory(
            shape=data.ArrayLayout(shape, self.cfg.ways), depth=max(2, self.cfg.sets), init=[]
        )
        m.submodules[name] = storage
        write = storage.write_port(granularity=granularity)
        read = storage.read_port(transparent_for=(write,))
        m.d.comb += [read.en.eq(self.read), read.addr.eq(read_index)]
        return read.data, write

    def _decide(self, m: Module, in_use: Signal, valid: Signal) -> tuple[Signal, Signal, Value]:
        """What is done to the set that is looked at: a new entry, a hit, a tag to be written."""
        rules, found = self.rules, self.found
        accesses, probes, inserts, finds = (Signal(name=name) for name in
                                            ("accesses", "probes", "inserts", "finds"))  # fmt: skip
        promotes, places, drops = Signal(), Signal(), Signal()
        answered = Signal()  # by a block of small pages: one of large pages is left alone
        with m.If(self.look):
            m.d.sync += answered.eq(finds & ~self.second)
        is_drop = self._is(Op.DROP_LINE, *([Op.DROP_PAGES] if rules.shootdown else []))
        self.in_use_after = Signal.like(in_use)
        m.d.comb += [
            accesses.eq(self.look & self._is(Op.READ, Op.WRITE)),
            probes.eq(self.look & self._is(Op.PROBE)),
            inserts.eq(self.look & self._is(Op.INSERT)),
            finds.eq(probes & found & ~(self.second & answered)),
            promotes.eq(accesses & found | finds),
            places.eq((accesses | inserts) & ~found),
            drops.eq(self.look & found & is_drop),
            self.in_use_after.eq((in_use | self._mine(places)) & ~self._mine(drops)),
            self.event_valid.eq(promotes | places | inserts | drops),
        ]
        with m.If(drops):
            m.d.comb += self.event.kind.eq(EventKind.DROP)
        with m.Elif(inserts):
            m.d.comb += self.event.kind.eq(Mux(found, EventKind.MERGE, EventKind.INSERT))
        with m.Elif(probes):
            m.d.comb += self.event.kind.eq(EventKind.PROBE)
        with m.Else():
            m.d.comb += self.event.kind.eq(Mux(found, EventKind.HIT, EventKind.FILL))
        # Shifted there: an assignment to one set would become a case for each.
        here = Signal(range(len(valid)))
        m.d.comb += here.eq(self.index * len(in_use))
        with m.If(places | drops):
            m.d.sync += valid.eq(
                (valid | self._mine(places) << here) & ~(self._mine(drops) << here)
            )
        return places, promotes, places | inserts | accesses & self._is(Op.WRITE)


def _size(query: data.View, second: Value) -> Value:
    """The size of page that a query is about: large or not."""
    return Mux(is_about_both(query.op), second, query.large)
