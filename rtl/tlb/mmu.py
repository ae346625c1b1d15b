"""A core's address translation and L2 cache: TLBs, walker and the rules of Victima (MICRO'23) in order."""

from types import SimpleNamespace
from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import ASID_BITS, LINE_BITS, LINE_PTES, PAGE_BITS, PTE_BYTES
from lockstep.rtl.tlb.cache import TlbCache
from lockstep.rtl.tlb.cache_layout import MEMORY, QUERY, WORD_BITS, Op, event_layout
from lockstep.rtl.tlb.mmu_layout import ACCESS, OUTCOME, Kind, ServedBy
from lockstep.rtl.tlb.mmu_steps import Steps
from lockstep.rtl.tlb.predictor import Predictor
from lockstep.rtl.tlb.pressure import Pressure
from lockstep.rtl.tlb.pte import COUNTERS, FRAME_BITS, physical
from lockstep.rtl.tlb.tlb import EVICTED, Tlb
from lockstep.rtl.tlb.walker import Walker

_WORD_OFFSET_BITS = (PTE_BYTES - 1).bit_length()
_PAGE = data.StructLayout({"large": 1, "frame": FRAME_BITS, "counters": COUNTERS})


class Mmu(wiring.Component):
    """Native translation without or with TLB blocks in the L2 cache; one access at a time.

    Cycles are those of :class:`lockstep.sim.golden.mmu.Mmu`: the translation is known, and ``translated``
    high, ``translation_cycles`` after the request was taken; ``response_valid`` comes ``data_cycles`` later;
    ``busy`` lasts ``background_cycles`` more, and the next request is taken in the cycle after it. What
    memory takes beyond ``cfg.dram_cycles`` adds to them. A fault responds when the walk ends, and leaves
    no translation behind.

    Members
    -------
    request : In(stream of ACCESS)
    response_valid : Out(1)
        Strobe; it does not wait.
    response : Out(OUTCOME)
        With ``response_valid``; ``data`` is the 8-byte word that a load or fetch is in.
    translated, busy : Out(1)
    root_asid : Out, root : In
        Frame of the level-4 table of that ASID, combinational.
    memory : Out(MEMORY)
    event_valid, event : Out
        What the L2 cache does; for agreement.
    """

    request: stream.Interface
    response_valid: Signal
    response: data.View
    translated: Signal
    busy: Signal
    root_asid: Signal
    root: Signal
    memory: Any
    event_valid: Signal
    event: data.View

    def __init__(self, cfg: MmuConfig) -> None:
        self._MustUse__used = True  # or Amaranth would warn of one that is refused
        if cfg.mechanism not in ("radix", "victima") or cfg.virtualised or cfg.l1d or cfg.llc:
            raise ValueError(
                "RTL of an MMU is for mechanism radix or victima, virtualised: false, l1d: null, llc: null"
            )
        self._MustUse__used = False
        self.cfg, self.rules = cfg, cfg.victima
        self.victima = cfg.mechanism == "victima"
        super().__init__({
            "request": In(stream.Signature(ACCESS)),
            "response_valid": Out(1),
            "response": Out(OUTCOME),
            "translated": Out(1),
            "busy": Out(1),
            "root_asid": Out(ASID_BITS),
            "root": In(FRAME_BITS),
            "memory": Out(MEMORY),
            "event_valid": Out(1),
            "event": Out(event_layout(cfg.l2)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        self.itlb, self.dtlb, self.l2_tlb = Tlb(cfg.itlb), Tlb(cfg.dtlb), Tlb(cfg.second_tlb)
        self.walker, self.cache = Walker(cfg), TlbCache(cfg.l2, cfg.victima)
        for name in ("itlb", "dtlb", "l2_tlb", "walker", "cache"):
            m.submodules[name] = getattr(self, name)
        # The access at hand; after its response, the page that the L2 TLB evicted for it.
        self.held: Any = Signal(ACCESS)
        self.accept, self.where = Signal(), Signal.like(self.response.physical)
        self.served_by = Signal(ServedBy)
        self.query: Any = SimpleNamespace(**{
            name: Signal(shape, name=f"query_{name}") for name, shape in QUERY.members.items()
        })  # fmt: skip
        self.page: Any = Signal(_PAGE)
        """The translation, in the cycle in which it becomes known."""
        self.may_convert, self.may_keep = Signal(), Signal()
        self.converts, self.keeps, self.evicted = Signal(), Signal(), Signal(EVICTED)
        """Work for after the response: the walker's line becomes a TLB block; what the L2 TLB evicted
        is to be kept in one."""
        self._wire_tlbs(m)
        self._wire_walker(m)
        self._wire_cache(m)
        self._wire_rules(m)
        self._access(m)
        Steps(m, self).add()
        return m

    def _wire_tlbs(self, m: Module) -> None:
        held, now = self.held, self.request.p
        fetch = held.kind == Kind.FETCH
        self.l1_done, self.l1_hit = Signal(), Signal()
        self.beyond_l1, self.beyond_l2 = Signal(), Signal()
        invalidate = self.accept & (now.kind == Kind.INVALIDATE)
        m.d.comb += [
            self.l1_done.eq(self.itlb.done | self.dtlb.done),
            self.l1_hit.eq(Mux(fetch, self.itlb.hit, self.dtlb.hit)),
            self.itlb.lookup.eq(self.accept & (now.kind == Kind.FETCH)),
            self.dtlb.lookup.eq(self.accept & ((now.kind == Kind.LOAD) | (now.kind == Kind.STORE))),
            self.itlb.fill.eq(self.beyond_l1 & fetch),
            self.dtlb.fill.eq(self.beyond_l1 & ~fetch),
            self.l2_tlb.fill.eq(self.beyond_l2),
            self.l2_tlb.fill_counters.eq(self.page.counters),
        ]
        for tlb in (self.itlb, self.dtlb, self.l2_tlb):
            m.d.comb += [
                tlb.invalidate.eq(invalidate),
                tlb.asid.eq(Mux(self.accept, now.asid, held.asid)),
                tlb.address.eq(Mux(self.accept, now.address, held.address)),
                tlb.fill_large.eq(self.page.large),
                tlb.fill_frame.eq(self.page.frame),
            ]

    def _wire_walker(self, m: Module) -> None:
        held, now, walker, cache = self.held, self.request.p, self.walker, self.cache
        m.d.comb += [
            walker.asid.eq(Mux(self.accept, now.asid, held.asid)),
            walker.address.eq(Mux(self.accept, now.address, held.address)),
            walker.invalidate.eq(self.accept & (now.kind == Kind.INVALIDATE)),
            self.root_asid.eq(held.asid),
            walker.root.eq(self.root),
            walker.request.ready.eq(cache.request.ready),
            walker.response_valid.eq(cache.response_valid),
            walker.response_line.eq(cache.response.line),
            walker.response_from_dram.eq(~cache.response.hit),
            cache.update.eq(walker.update),
            cache.update_word.eq(walker.update_address[_WORD_OFFSET_BITS:]),
            cache.update_pte.eq(walker.updated),
        ]

    def _wire_cache(self, m: Module) -> None:
        cache, query = self.cache, self.query
        wiring.connect(m, cache.memory, wiring.flipped(self.memory))
        m.d.comb += [
            cache.request.valid.eq(self.walker.request.valid),
            cache.request.p.query.eq(Cat(vars(query).values())),
            query.op.eq(Op.READ),
            query.line.eq(self.walker.request.p[LINE_BITS:]),
            query.page.eq(self.held.address[PAGE_BITS:]),
            query.asid.eq(self.held.asid),
            self.event_valid.eq(cache.event_valid),
            self.event.eq(cache.event),
        ]

    def _wire_rules(self, m: Module) -> None:
        """Pressure, and which pages a block may be made for."""
        rules, walker, evicted = self.rules, self.walker, self.l2_tlb.evicted
        self.tlb_miss = Signal()
        if not self.victima:
            return
        m.submodules.pressure = pressure = Pressure(rules)
        m.d.comb += [
            pressure.retire.eq(self.accept),
            pressure.gap.eq(self.request.p.gap),
            pressure.tlb_miss.eq(self.tlb_miss),
            pressure.cache_miss.eq(self.cache.missed),
            self.cache.pressure.eq(pressure.tlb_high),
        ]
        for name, rule, may, large, counters in (
            ("miss", rules.insert_on_miss, self.may_convert, walker.large, walker.counters),
            ("eviction", rules.insert_on_eviction, self.may_keep, evicted.large, evicted.counters),
        ):
            if not rule:
                continue
            costly: Value = C(1)
            if rules.predictor:
                m.submodules[f"predictor_{name}"] = predictor = Predictor(rules.predictor)
                m.d.comb += predictor.counters.eq(counters)
                costly = pressure.cache_high | predictor.costly
            size = {"both": C(1), "4k": ~large, "2m": large}[rules.probe_sizes]
            m.d.comb += may.eq(size & costly)

    def _access(self, m: Module) -> None:
        """Load, store or fetch, as soon as the translation is known; tell of it."""
        held, where, last_where = self.held, Signal.like(self.where), self.where
        word = last_where[_WORD_OFFSET_BITS:LINE_BITS]
        m.d.comb += [
            where.eq(physical(self.page.frame, self.page.large, held.address)),
            self.response.physical.eq(last_where),
            self.response.served_by.eq(self.served_by),
            self.response.data.eq(
                Value.cast(self.cache.response.line).word_select(word, WORD_BITS)
            ),
        ]
        with m.If(self.translated):
            query = self.start(m, Op.READ)
            with m.If(held.kind == Kind.STORE):
                m.d.comb += query.op.eq(Op.WRITE)
            m.d.comb += [
                query.line.eq(where[LINE_BITS:]),
                query.mask.eq(1 << where[_WORD_OFFSET_BITS:LINE_BITS]),
                self.cache.request.p.data.eq(held.data.replicate(LINE_PTES)),
            ]
            m.d.sync += last_where.eq(where)
        with m.If(self.beyond_l2):
            evicted = self.l2_tlb.evicted
            m.d.sync += [self.keeps.eq(evicted.valid & self.may_keep), self.evicted.eq(evicted)]

    def start(self, m: Module, op: Op) -> Any:
        """Start an operation of the L2 cache, which is idle; what it is about, to be completed."""
        m.d.comb += [self.cache.request.valid.eq(1), self.query.op.eq(op)]
        return self.query
