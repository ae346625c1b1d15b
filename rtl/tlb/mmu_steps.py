"""What an MMU does from a request to the end of the work on its account, step by step."""

from typing import TYPE_CHECKING, Any

from amaranth.hdl import *
from amaranth.lib import data, enum

from lockstep.arch.tlb import LARGE_PAGE_BITS, LINE_PTES, PAGE_BITS
from lockstep.rtl.tlb.cache_layout import Op, place_in_block
from lockstep.rtl.tlb.mmu_layout import Kind, ServedBy
from lockstep.rtl.tlb.pte import COUNTERS, PAGE_NUMBER_BITS, PTE, large_frame

if TYPE_CHECKING:
    from lockstep.rtl.tlb.mmu import Mmu

_LARGE_STEP = LARGE_PAGE_BITS - PAGE_BITS


class State(enum.Enum, shape=4):
    """What the MMU waits for."""

    IDLE = 0
    L1 = 1  # the TLBs
    L2 = 2
    PROBE = 3  # whether there is a TLB block; the walker may have started
    BLOCK = 4  # the time that a hit in one takes
    WALK = 5
    DATA = 6  # load, store or fetch
    SHOOTDOWN = 7
    # After the response. A line of the page table becomes a TLB block: it is dropped, then inserted.
    DROP = 8
    INSERT = 9
    # What the L2 TLB evicted: is it in a block? A walk, otherwise, and the same.
    HOLDS = 10
    REWALK = 11


class Steps:
    """Adds the steps to the module of an MMU; all they start and set are signals of ``mmu``."""

    def __init__(self, m: Module, mmu: "Mmu") -> None:
        self.m, self.mmu = m, mmu
        self.state = Signal(State)

    def add(self) -> None:
        """Add all."""
        m, mmu = self.m, self.mmu
        m.d.comb += [
            mmu.request.ready.eq(self._in(State.IDLE)),
            mmu.accept.eq(mmu.request.valid & mmu.request.ready),
            mmu.busy.eq(~self._in(State.IDLE)),
        ]
        with m.If(mmu.accept):
            self._accept()
        with m.If(self._in(State.L1) & mmu.l1_done):
            self._end_l1()
        with m.If(self._in(State.L2) & mmu.l2_tlb.done):
            self._end_l2()
        with m.If(self._in(State.WALK) & mmu.walker.done):
            self._end_walk()
        with m.If(self._in(State.SHOOTDOWN) & mmu.cache.response_valid):
            m.d.comb += mmu.response_valid.eq(1)
            self._next(State.IDLE)
        if mmu.victima:
            self._probe()
            self._background()
        with m.If(self._in(State.DATA) & mmu.cache.response_valid):
            m.d.comb += mmu.response_valid.eq(1)
            if mmu.victima:
                self._go_on()
            else:
                self._next(State.IDLE)

    def _in(self, state: State) -> Value:
        return Value.cast(self.state == state)

    def _next(self, state: State) -> None:
        self.m.d.sync += self.state.eq(state)

    def _accept(self) -> None:
        """Look the address up, or start to forget it."""
        m, mmu, now = self.m, self.mmu, self.mmu.request.p
        m.d.sync += mmu.held.eq(now)
        with m.If(now.kind == Kind.INVALIDATE):
            query = mmu.start(m, Op.DROP_PAGES)
            m.d.comb += [query.page.eq(now.address[PAGE_BITS:]), query.asid.eq(now.asid)]
            m.d.sync += mmu.served_by.eq(ServedBy.SHOOTDOWN)
            self._next(State.SHOOTDOWN)
        with m.Else():
            self._next(State.L1)

    def _end_l1(self) -> None:
        m, mmu = self.m, self.mmu
        with m.If(mmu.l1_hit):
            fetch = mmu.held.kind == Kind.FETCH
            large = Mux(fetch, mmu.itlb.large, mmu.dtlb.large)
            frame = Mux(fetch, mmu.itlb.frame, mmu.dtlb.frame)
            self._translate(ServedBy.L1_TLB, large, frame, C(0, COUNTERS.size))
        with m.Else():
            m.d.comb += mmu.l2_tlb.lookup.eq(1)
            self._next(State.L2)

    def _end_l2(self) -> None:
        """On a miss, the walker, after or beside a look for TLB blocks."""
        m, mmu, tlb = self.m, self.mmu, self.mmu.l2_tlb
        with m.If(tlb.hit):
            self._translate(ServedBy.L2_TLB, tlb.large, tlb.frame, tlb.counters)
        with m.Else():
            m.d.comb += mmu.tlb_miss.eq(1)
            if mmu.victima:
                mmu.start(m, Op.PROBE)
            if not mmu.victima or mmu.rules.probe == "parallel":
                self._start_walk(demand=True)
            self._next(State.PROBE if mmu.victima else State.WALK)

    def _probe(self) -> None:
        """Look for a TLB block; hold back or end the walk beside it."""
        m, mmu, cache, walker = self.m, self.mmu, self.mmu.cache, self.mmu.walker
        since_miss = Signal(range(mmu.rules.hit_cycles + 1))
        m.d.sync += since_miss.eq(Mux(mmu.tlb_miss, 1, since_miss + 1))
        with m.If(self._in(State.PROBE)):
            m.d.comb += walker.hold.eq(~cache.response_valid | cache.response.hit)
            with m.If(cache.response_valid & cache.response.hit):
                m.d.comb += walker.cancel.eq(walker.busy)
                self._next(State.BLOCK)
            with m.Elif(cache.response_valid):
                if mmu.rules.probe == "serial":
                    self._start_walk(demand=True)
                self._next(State.WALK)
        with m.If(self._in(State.BLOCK) & (since_miss == mmu.rules.hit_cycles)):
            large = cache.response.large
            place = place_in_block(mmu.query, large)
            pte: Any = Signal(PTE)
            m.d.comb += pte.eq(Value.cast(cache.response.line).word_select(place, PTE.size))
            frame = large_frame(pte.frame, large)
            self._translate(ServedBy.TLB_BLOCK, large, frame, pte.counters)

    def _end_walk(self) -> None:
        m, mmu, walker = self.m, self.mmu, self.mmu.walker
        with m.If(walker.fault):
            m.d.comb += [
                mmu.response_valid.eq(1),
                mmu.response.fault.eq(1),
                mmu.response.served_by.eq(ServedBy.WALK),
            ]
            self._next(State.IDLE)
        with m.Else():
            m.d.sync += mmu.converts.eq(mmu.may_convert)
            self._translate(ServedBy.WALK, walker.large, walker.frame, walker.counters)

    def _translate(self, served_by: ServedBy, large: Value, frame: Value, counters: Any) -> None:
        """The translation is known."""
        m, mmu = self.m, self.mmu
        m.d.comb += [
            mmu.translated.eq(1),
            mmu.page.large.eq(large),
            mmu.page.frame.eq(frame),
            mmu.page.counters.eq(counters),
            mmu.beyond_l1.eq(int(served_by != ServedBy.L1_TLB)),
            mmu.beyond_l2.eq(int(served_by in (ServedBy.TLB_BLOCK, ServedBy.WALK))),
        ]
        m.d.sync += mmu.served_by.eq(served_by)
        self._next(State.DATA)

    def _go_on(self) -> None:
        """The next work in the background, or none."""
        m, mmu, evicted = self.m, self.mmu, self.mmu.evicted
        page = Mux(evicted.large, evicted.page << _LARGE_STEP, evicted.page)[:PAGE_NUMBER_BITS]
        with m.If(mmu.converts):
            self._start_conversion()
        with m.Elif(mmu.keeps):
            query = mmu.start(m, Op.HOLDS)
            m.d.comb += [
                query.page.eq(page),
                query.asid.eq(evicted.asid),
                query.large.eq(evicted.large),
            ]
            m.d.sync += [
                mmu.held.address.eq(page << PAGE_BITS),
                mmu.held.asid.eq(evicted.asid),
                mmu.keeps.eq(0),
            ]
            self._next(State.HOLDS)
        with m.Else():
            self._next(State.IDLE)

    def _background(self) -> None:
        m, mmu, cache, walker = self.m, self.mmu, self.mmu.cache, self.mmu.walker
        with m.If(self._in(State.DROP) & cache.response_valid):
            query = mmu.start(m, Op.INSERT)
            m.d.comb += [
                query.large.eq(walker.large),
                query.mask.eq(self._block_mask()),
                cache.request.p.data.eq(walker.line),
            ]
            self._next(State.INSERT)
        with m.If(self._in(State.INSERT) & cache.response_valid):
            self._go_on()
        with m.If(self._in(State.HOLDS) & cache.response_valid):
            with m.If(cache.response.hit):
                self._next(State.IDLE)
            with m.Else():
                self._start_walk(demand=False)
                self._next(State.REWALK)
        with m.If(self._in(State.REWALK) & walker.done):
            with m.If(walker.fault):
                self._next(State.IDLE)
            with m.Else():
                self._start_conversion()

    def _start_conversion(self) -> None:
        query = self.mmu.start(self.m, Op.DROP_LINE)
        self.m.d.comb += query.line.eq(self.mmu.walker.line_number)
        self.m.d.sync += self.mmu.converts.eq(0)
        self._next(State.DROP)

    def _block_mask(self) -> Value:
        """Entries of the walker's line that belong in its block: all that map a page of its size."""
        mmu, walker = self.mmu, self.mmu.walker
        if mmu.rules.block_ptes == 1:
            place = place_in_block(mmu.query, walker.large)
            return Cat(place == i for i in range(LINE_PTES))
        line = data.View(data.ArrayLayout(PTE, LINE_PTES), walker.line)
        return Cat(line[i].present & (line[i].large | ~walker.large) for i in range(LINE_PTES))

    def _start_walk(self, *, demand: bool) -> None:
        self.m.d.comb += [self.mmu.walker.start.eq(1), self.mmu.walker.demand.eq(int(demand))]
