"""The L2 cache: lines of data and TLB blocks in the same ways, under (TLB-aware) SRRIP."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, enum, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tlb import LINE_PTES, CacheConfig, VictimaConfig
from lockstep.rtl.tlb.cache_layout import (
    LINE,
    MEMORY,
    REQUEST,
    RESPONSE,
    WORD_BITS,
    Op,
    event_layout,
    is_about_both,
)
from lockstep.rtl.tlb.cache_tags import CacheTags

_ALL_WORDS = (1 << LINE_PTES) - 1


class State(enum.Enum, shape=3):
    """What the cache does in a cycle."""

    IDLE = 0
    RUN = 1  # an operation that has what it needs, so far
    ASK = 2  # wait until memory takes the request for a line
    WAIT = 3  # for the line
    FILLED = 4  # it came in the cycle before


class TlbCache(wiring.Component):
    """One operation at a time, see :class:`~lockstep.rtl.tlb.cache_layout.Op`; taken in cycle t.

    Tags are known in t + ``cfg.tag_cycles``; of the second page size, one cycle later. All changes of state
    but those of data are made then. ``response_valid`` is in t + ``cfg.latency_cycles`` for a line that
    is there; else memory is asked as soon as tags are known, and the response comes ``cfg.fill_cycles``
    after the line; in t + ``cfg.probe_cycles`` for PROBE and HOLDS, one more for DROP_PAGES; in t +
    ``cfg.maintain_cycles`` for INSERT and DROP_LINE. The next operation may be taken in this cycle.
    A dirty victim is written to memory in the cycle after its tag was read.

    Members
    -------
    request : In(stream of REQUEST)
    pressure : In(1)
        The L2 TLB misses often.
    response_valid : Out(1)
    response : Out(RESPONSE)
        ``hit``; ``large``: the size of page of the block that was found; ``line``: after READ, and one
        cycle later, of the block that PROBE found. They stand until the next operation knows its tags.
    missed : Out(1)
        READ or WRITE has just missed.
    update : In(1)
        After a READ, up to the cycle that takes the next operation: write ``update_pte`` to word
        ``update_word`` of the line that was read, and to memory. No trace in tags.
    memory : Out(MEMORY)
    event_valid, event : Out
        What has just become of a set; for agreement.
    """

    request: stream.Interface
    pressure: Signal
    response_valid: Signal
    response: data.View
    missed: Signal
    update: Signal
    update_word: Signal
    update_pte: Signal
    memory: Any
    event_valid: Signal
    event: data.View

    def __init__(self, cfg: CacheConfig, rules: VictimaConfig) -> None:
        self._MustUse__used = True  # or Amaranth would warn of one that is refused
        if cfg.replacement != "srrip":
            raise ValueError(f"a cache with replacement {cfg.replacement} has no RTL; use srrip")
        if cfg.fill_cycles != 1:
            raise ValueError("the cache responds one cycle after a line has come")
        self._MustUse__used = False
        self.cfg, self.rules = cfg, rules
        super().__init__({
            "request": In(stream.Signature(REQUEST)),
            "pressure": In(1),
            "response_valid": Out(1),
            "response": Out(RESPONSE),
            "missed": Out(1),
            "update": In(1),
            "update_word": In(range(LINE_PTES)),
            "update_pte": In(WORD_BITS),
            "memory": Out(MEMORY),
            "event_valid": Out(1),
            "event": Out(event_layout(cfg)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        m.submodules.tags = tags = CacheTags(cfg, self.rules)
        held: Any = Signal(REQUEST)
        taken, reads = Signal(), Signal()
        state, count = Signal(State), Signal(range(cfg.latency_cycles + cfg.probe_cycles + 2))
        running = state == State.RUN
        is_both = is_about_both(held.query.op)
        first_look, second_look = Signal(), Signal()
        if cfg.tag_cycles == 1:
            m.d.comb += tags.read_query.eq(Mux(taken, self.request.p.query, held.query))
            m.d.comb += reads.eq(taken)
        else:
            m.d.comb += tags.read_query.eq(held.query)
            m.d.comb += reads.eq(running & (count == cfg.tag_cycles - 1))
        m.d.comb += [
            first_look.eq(running & (count == cfg.tag_cycles)),
            second_look.eq(running & (count == cfg.tag_cycles + 1) & is_both),
            tags.read.eq(reads | first_look & is_both),
            tags.read_second.eq(first_look & is_both),
            tags.look.eq(first_look | second_look),
            tags.query.eq(held.query),
            tags.second.eq(second_look),
            tags.pressure.eq(self.pressure),
            self.event_valid.eq(tags.event_valid),
            self.event.eq(tags.event),
            self.missed.eq(first_look & ~tags.found & _is(held.query, Op.READ, Op.WRITE)),
            self.response_valid.eq(
                running & (count == self._last_count(m, held.query)) | (state == State.FILLED)
            ),
            self.request.ready.eq((state == State.IDLE) | self.response_valid),
            taken.eq(self.request.valid & self.request.ready),
            self.memory.read.valid.eq(self.missed | (state == State.ASK)),
            self.memory.read.p.eq(held.query.line),
        ]
        m.d.sync += count.eq(count + 1)
        with m.If(taken):
            m.d.sync += [held.eq(self.request.p), count.eq(1), state.eq(State.RUN)]
        with m.Elif(self.memory.read.valid):
            m.d.sync += state.eq(Mux(self.memory.read.ready, State.WAIT, State.ASK))
        with m.Elif((state == State.WAIT) & self.memory.line_valid):
            m.d.sync += state.eq(State.FILLED)
        with m.Elif(self.response_valid):
            m.d.sync += state.eq(State.IDLE)
        hit, large = Signal(), Signal()
        with m.If(first_look | second_look & ~hit):
            m.d.sync += [hit.eq(tags.found), large.eq(tags.large)]
        seconds = second_look & ~hit
        m.d.comb += [
            self.response.hit.eq(Mux(seconds, tags.found, hit)),
            self.response.large.eq(Mux(seconds, tags.large, large)),
        ]
        self._data(m, tags, held, first_look, seconds)
        return m

    def _last_count(self, m: Module, query: data.View) -> Signal:
        """Cycles that an operation takes; an access, if it hits."""
        cfg = self.cfg
        last = Signal(range(cfg.latency_cycles + cfg.probe_cycles + 2))
        with m.Switch(query.op):
            with m.Case(Op.READ, Op.WRITE):
                m.d.comb += last.eq(cfg.latency_cycles)
            with m.Case(Op.PROBE, Op.HOLDS):
                m.d.comb += last.eq(cfg.probe_cycles)
            with m.Case(Op.DROP_PAGES):
                m.d.comb += last.eq(cfg.probe_cycles + 1)
            with m.Default():
                m.d.comb += last.eq(cfg.maintain_cycles)
        return last

    def _data(
        self, m: Module, tags: CacheTags, held: data.View, first_look: Value, seconds: Value
    ) -> None:
        """Lines: read once tags are known; written by stores, insertions, fills and updates."""
        cfg, below = self.cfg, self.memory
        lines: Any = memory.Memory(shape=LINE, depth=max(2, cfg.sets * cfg.ways), init=[])
        m.submodules.lines = lines
        read, write = lines.read_port(), lines.write_port(granularity=1)
        where, last_where = Signal.like(read.addr), Signal.like(read.addr)
        was_miss, inserts, evicts, filled = Signal(), Signal(), Signal(), Signal(LINE)
        victim_line = Signal.like(tags.victim_line)
        m.d.comb += [
            where.eq(tags.index * cfg.ways + tags.way),
            read.en.eq(first_look | seconds),
            read.addr.eq(where),
            self.response.line.eq(Mux(was_miss, filled, read.data)),
            write.addr.eq(last_where),
            write.data.eq(held.data),
            below.write_valid.eq(evicts | self.update),
            below.write.line.eq(victim_line),
            below.write.mask.eq(_ALL_WORDS),
            below.write.data.eq(read.data),
        ]
        m.d.sync += [
            inserts.eq(first_look & _is(held.query, Op.INSERT)),
            evicts.eq(tags.evicts_dirty),
            victim_line.eq(tags.victim_line),
        ]
        with m.If(first_look | seconds):
            m.d.sync += [last_where.eq(where), was_miss.eq(self.missed)]
        is_write = _is(held.query, Op.WRITE)
        with m.If(first_look & tags.found & is_write):
            m.d.comb += [write.addr.eq(where), write.en.eq(held.query.mask)]
        with m.Elif(inserts):
            m.d.comb += write.en.eq(held.query.mask)
        with m.Elif(below.line_valid):
            m.d.comb += write.en.eq(_ALL_WORDS)
            for i in range(LINE_PTES):
                word = Mux(is_write & held.query.mask[i], held.data[i], below.line[i])
                m.d.comb += write.data[i].eq(word)
            m.d.sync += filled.eq(write.data)
        with m.Elif(self.update):
            mask = 1 << self.update_word
            m.d.comb += [
                write.en.eq(mask),
                below.write.line.eq(held.query.line),
                below.write.mask.eq(mask),
            ]
            for i in range(LINE_PTES):
                m.d.comb += [
                    write.data[i].eq(self.update_pte),
                    below.write.data[i].eq(self.update_pte),
                ]


def _is(query: data.View, *ops: Op) -> Value:
    """Whether its operation is one of them."""
    return Cat(query.op == op for op in ops).any()
