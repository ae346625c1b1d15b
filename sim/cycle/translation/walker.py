"""Page walks through the L2 cache: of a process, and of a virtual machine's host (numba)."""

from lockstep.arch.tlb import LEVEL_BITS, LINE_BITS, PAGE_BITS
from lockstep.sim.cycle.translation.cache import probe, request
from lockstep.sim.cycle.translation.pages import HELD, HOST_SPACE, page_of
from lockstep.sim.cycle.translation.predictor import allows, has_blocks, learn
from lockstep.sim.cycle.translation.state import (
    BACKGROUND_WALK,
    BACKGROUND_WALKS,
    DEMAND_WALKS,
    HOST_WALKS,
    NESTED_BLOCK_HITS,
    NESTED_TLB_HITS,
    NESTED_TLB_LOOKUPS,
    PREDICTOR_REFUSALS,
    QUEUE,
    QUEUED,
    VICTIMA,
    WALK,
    Constants,
    State,
    Walks,
)
from lockstep.sim.cycle.translation.tlb import fill, invalidate, look_up
from lockstep.sim.cycle.translation.words import I64, compiled
from lockstep.sim.page_table import HOST, NATIVE, entry_address, is_large, physical

CONVERT, KEEP_EVICTED, CONVERT_NESTED, KEEP_EVICTED_NESTED, FILL_POM = range(5)
"""Work for after the response."""
_JOB_AT = 56
_ASID_AT = 40


@compiled
def put_off(s: State, job: int, page: int, line: int) -> None:
    """Queue work for after the response."""
    at = QUEUE + 3 * s.n[QUEUED]
    s.n[at], s.n[at + 1], s.n[at + 2] = job, page, line
    s.n[QUEUED] += 1


@compiled
def _prefix(level: int, address: int) -> int:
    return address >> (PAGE_BITS + LEVEL_BITS * (level - 1))


@compiled
def _first_level(words: I64, w: Walks, asid: int, address: int) -> int:
    """Level of the first table still to be read; of the entries held only the lowest counts as used."""
    key = asid << _ASID_AT
    if look_up(words, w.l2, _prefix(2, address), key | _prefix(2, address)):
        return 1
    if look_up(words, w.l3, _prefix(3, address), key | _prefix(3, address)):
        return 2
    if look_up(words, w.l4, _prefix(4, address), key | _prefix(4, address)):
        return 3
    return 4


@compiled
def _keep(words: I64, w: Walks, level: int, asid: int, address: int) -> None:
    """Keep the entry of ``level``, which was not held, in its page-walk cache."""
    sets = w.l2 if level == 2 else w.l3 if level == 3 else w.l4
    fill(words, sets, _prefix(level, address), asid << _ASID_AT | _prefix(level, address))


@compiled
def forget_walk(words: I64, w: Walks, asid: int, address: int) -> None:
    """Drop all entries on the way to ``address`` from the page-walk caches."""
    key = asid << _ASID_AT
    invalidate(words, w.l2, _prefix(2, address), key | _prefix(2, address))
    invalidate(words, w.l3, _prefix(3, address), key | _prefix(3, address))
    invalidate(words, w.l4, _prefix(4, address), key | _prefix(4, address))


@compiled
def host_walk(s: State, k: Constants, guest: int, large: bool, requester: int) -> tuple[int, bool]:
    """Memory accesses of a host's walk: their cycles, and whether one reached DRAM."""
    level = _first_level(s.words, k.host, 0, guest)
    last = 2 if large else 1
    cycles, from_dram = 0, False
    while True:
        line = entry_address(level, guest, 0, HOST) >> LINE_BITS
        took, dram = request(s, k, line, False, requester)
        cycles += took + k.step_cycles
        from_dram |= dram
        if level == last:
            break
        _keep(s.words, k.host, level, 0, guest)
        level -= 1
    s.n[HOST_WALKS] += 1
    return cycles, from_dram


@compiled
def leaf_line(s: State, k: Constants, asid: int, address: int, large: bool) -> int:
    """Line of memory with the last page-table entry of a process's walk."""
    entry = entry_address(2 if large else 1, address, asid, NATIVE)
    if s.virtualised:
        entry &= HOST_SPACE
        entry = physical(entry, 0, HOST, is_large(entry, 0, HOST, k.share))
    return entry >> LINE_BITS


@compiled
def host_leaf_line(guest: int, large: bool) -> int:
    """Line of memory with the last page-table entry of a host's walk."""
    return entry_address(2 if large else 1, guest, 0, HOST) >> LINE_BITS


@compiled
def _nested(s: State, k: Constants, guest: int, requester: int) -> tuple[int, int, bool]:
    """Guest-physical to host-physical: the address, cycles, and whether an access reached DRAM."""
    large = is_large(guest, 0, HOST, k.share)
    page = page_of(0, guest, large)
    number = guest >> (21 if large else PAGE_BITS)
    host = physical(guest, 0, HOST, large)
    cycles, from_dram = k.nested_tlb_cycles, False
    s.n[NESTED_TLB_LOOKUPS] += 1
    if look_up(s.words, k.nested_tlb, number, page):
        s.n[NESTED_TLB_HITS] += 1
        return host, cycles, False
    probed = s.mechanism == VICTIMA and k.nested_blocks
    if probed and has_blocks(k, page) and probe(s, k, page, True):
        s.n[NESTED_BLOCK_HITS] += 1
        cycles += k.block_hit_cycles
    else:
        took, from_dram = host_walk(s, k, guest, large, requester)
        cycles += k.host.first_access_cycles + took
        if requester == WALK and s.mechanism == VICTIMA:
            if k.predicts:
                learn(s, k, page, True, from_dram)
            if probed and k.insert_on_miss:
                if allows(s, k, page, True):
                    put_off(s, CONVERT_NESTED, page, host_leaf_line(guest, large))
                else:
                    s.n[PREDICTOR_REFUSALS] += 1
    if requester == WALK:
        evicted, _ = fill(s.words, k.nested_tlb, number, page)
        if evicted and probed and k.insert_on_eviction:
            put_off(s, KEEP_EVICTED_NESTED, evicted & (HELD - 1), 0)
    return host, cycles, from_dram


@compiled
def walk(
    s: State, k: Constants, asid: int, address: int, large: bool, requester: int
) -> tuple[int, bool]:
    """Memory accesses of a process's walk: their cycles, and whether one reached DRAM."""
    level = _first_level(s.words, k.guest, asid, address)
    last = 2 if large else 1
    cycles, from_dram = 0, False
    where = 0
    while True:
        if level < last:  # where the page itself lies in the host
            guest = physical(address, asid, NATIVE, large) & HOST_SPACE
        else:
            guest = entry_address(level, address, asid, NATIVE)
        where = guest
        if s.virtualised:
            where, took, dram = _nested(s, k, guest & HOST_SPACE, requester)
            cycles += took
            from_dram |= dram
        if level >= last:
            took, dram = request(s, k, where >> LINE_BITS, False, requester)
            cycles += took + k.step_cycles
            from_dram |= dram
        if level > last:
            _keep(s.words, k.guest, level, asid, address)
        level -= 1
        if level < last and (level < last - 1 or not s.virtualised):
            break
    s.n[BACKGROUND_WALKS if requester == BACKGROUND_WALK else DEMAND_WALKS] += 1
    return cycles, from_dram
