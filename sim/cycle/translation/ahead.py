"""What the next accesses need, asked of the host's memory before they need it (numba)."""

from lockstep.arch.tlb import PAGE_BITS
from lockstep.sim.cycle.translation.cache import expect_block
from lockstep.sim.cycle.translation.pages import PAGE_OFFSET, locate, number_of
from lockstep.sim.cycle.translation.predictor import expect
from lockstep.sim.cycle.translation.state import AHEAD, VICTIMA, Constants, State
from lockstep.sim.cycle.translation.tlb import holds
from lockstep.sim.cycle.translation.words import I64, compiled


@compiled
def look_ahead(s: State, k: Constants, address: I64, asid: I64, first: int, end: int) -> None:
    """Locate the next accesses, and ask the host's memory for what they may need of the state."""
    before, space, page, where, large = -1, -1, 0, 0, False
    several = asid.shape[0] > 1
    for i in range(first, end):
        at = address[i]
        if at >> PAGE_BITS == before and asid[i if several else 0] == space:
            where = (where & ~PAGE_OFFSET) | (at & PAGE_OFFSET)
        else:
            before, space = at >> PAGE_BITS, asid[i if several else 0]
            page, where, large = locate(space, at, s.virtualised, k.share)
            if s.mechanism == VICTIMA and not holds(s.words, k.l2_tlb, number_of(page), page):
                expect_block(s, k, page)
                if k.predicts:
                    expect(s, page, False)
        j = AHEAD + 3 * (i - first)
        s.n[j], s.n[j + 1], s.n[j + 2] = page, where, large
