"""Victima's work after the response: page-table lines become TLB blocks; and the POM-TLB's (numba)."""

from lockstep.arch.tlb import LARGE_PAGE_BITS, LINE_BITS, PHYSICAL_BITS
from lockstep.sim.cycle.translation.cache import drop_line, find_block, insert_block, request
from lockstep.sim.cycle.translation.pages import (
    address_of,
    asid_of,
    is_large_page,
    number_of,
)
from lockstep.sim.cycle.translation.predictor import allows
from lockstep.sim.cycle.translation.state import (
    BACKGROUND_WALK,
    INSERTS_ON_EVICTION,
    INSERTS_ON_MISS,
    NESTED_INSERTS,
    POM,
    PREDICTOR_REFUSALS,
    QUEUE,
    QUEUED,
    Constants,
    State,
)
from lockstep.sim.cycle.translation.tlb import fill
from lockstep.sim.cycle.translation.walker import (
    CONVERT,
    CONVERT_NESTED,
    FILL_POM,
    host_leaf_line,
    host_walk,
    leaf_line,
    walk,
)
from lockstep.sim.cycle.translation.words import compiled
from lockstep.sim.page_table import HOST, NATIVE, is_large

_POM_LINE = 1 << (PHYSICAL_BITS - 1) >> LINE_BITS


@compiled
def _ptes(s: State, k: Constants, page: int, nested: bool) -> int:
    """PTEs that the line of the page's own gives to its block, as bits."""
    number = number_of(page)
    if k.block_ptes == 1 or (s.virtualised and not nested):
        return 1 << (number & 7)  # a guest's line tells where in the guest, not in the host
    if not is_large_page(page):
        return 255
    ptes = 0
    for i in range(8):
        region = ((number & -8) + i) << LARGE_PAGE_BITS
        if nested:
            ptes |= int(is_large(region, 0, HOST, k.share)) << i
        else:
            ptes |= int(is_large(region, asid_of(page), NATIVE, k.share)) << i
    return ptes


@compiled
def _convert(s: State, k: Constants, page: int, line: int, nested: bool, cause: int) -> None:
    """The line of the page table becomes a TLB block."""
    drop_line(s, k, line)
    if insert_block(s, k, page, nested, _ptes(s, k, page, nested)):
        s.n[cause] += 1
        s.n[NESTED_INSERTS] += nested


@compiled
def _is_kept(s: State, k: Constants, page: int, nested: bool) -> tuple[int, bool]:
    """Whether what a TLB evicted needs no block: refused, or there already; cycles to see that."""
    if not allows(s, k, page, nested):
        s.n[PREDICTOR_REFUSALS] += 1
        return 0, True
    return k.probe_cycles, find_block(s, k, page, nested) >= 0


@compiled
def _keep_evicted(s: State, k: Constants, page: int, nested: bool) -> int:
    """What a TLB evicted becomes a TLB block, by a walk in the background; cycles taken."""
    cycles, done = _is_kept(s, k, page, nested)
    if done:
        return cycles
    address, large = address_of(page), is_large_page(page)
    if nested:
        took, _ = host_walk(s, k, address, large, BACKGROUND_WALK)
        line = host_leaf_line(address, large)
        cycles += k.host.latency_cycles
    else:
        asid = asid_of(page)
        if s.virtualised:
            large = is_large(address, asid, NATIVE, k.share)
        took, _ = walk(s, k, asid, address, large, BACKGROUND_WALK)
        line = leaf_line(s, k, asid, address, large)
        cycles += k.guest.latency_cycles
    _convert(s, k, page, line, nested, INSERTS_ON_EVICTION)
    return cycles + took + k.convert_cycles


@compiled
def pom_line(k: Constants, page: int) -> int:
    """First line of memory of a page's set in the POM-TLB."""
    return _POM_LINE + (number_of(page) & k.pom.mask) * k.pom_set_lines


@compiled
def _fill_pom(s: State, k: Constants, page: int) -> int:
    _, way = fill(s.words, k.pom, number_of(page), page)
    line = pom_line(k, page) + (way * k.pom_entry_bytes >> LINE_BITS)
    return request(s, k, line, True, POM)[0]


@compiled
def catch_up(s: State, k: Constants) -> int:
    """Do what was put off; cycles taken."""
    cycles = 0
    for i in range(s.n[QUEUED]):
        at = QUEUE + 3 * i
        job, page, line = s.n[at], s.n[at + 1], s.n[at + 2]
        nested = s.virtualised and job >= CONVERT_NESTED
        if job == FILL_POM:
            cycles += _fill_pom(s, k, page)
        elif job in (CONVERT, CONVERT_NESTED):
            _convert(s, k, page, line, nested, INSERTS_ON_MISS)
            cycles += k.convert_cycles
        else:
            cycles += _keep_evicted(s, k, page, nested)
    s.n[QUEUED] = 0
    return cycles
