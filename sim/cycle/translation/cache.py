"""Caches: lines of data, and in the L2 cache TLB blocks too, under SRRIP or LRU (numba)."""

from lockstep.sim.cycle.translation.pages import (
    BLOCK,
    TAG,
    block_key,
    line_key,
    number_of,
)
from lockstep.sim.cycle.translation.state import (
    BLOCK_ACCESSES,
    BLOCKS,
    BLOCKS_DROPPED,
    BLOCKS_EVICTED,
    BLOCKS_REUSED,
    CACHE_MISSES,
    DROP,
    FILL,
    HIT,
    INSERT,
    L2_WRITEBACKS,
    LINES_LOST_TO_BLOCKS,
    LOGGED,
    MERGE,
    MERGES,
    MOST_BLOCKS,
    NOW,
    PROBE,
    REQUESTS,
    TLB_HIGH,
    Cache,
    Constants,
    State,
)
from lockstep.sim.cycle.translation.words import (
    I64,
    compiled,
    equal,
    first_bit,
    first_nibble,
    plus,
    prefetch,
    row,
    used,
)

USED = 16
"""Where the bits of blocks that were hit begin, in the second word of a set's order."""


@compiled
def _find(words: I64, c: Cache, index: int, key: int) -> int:
    """The way that holds ``key``, PTEs aside, or -1."""
    found = equal(words, c.sets, row(c.sets, index), key, TAG)
    return first_bit(found) if found else -1


@compiled
def _promote(words: I64, c: Cache, index: int, way: int, step: int) -> None:
    at = c.sets.order + 2 * index
    if c.lru:
        words[at] = used(words[at], way)
    else:
        rrpv = (words[at] >> 4 * way) & 15
        words[at] ^= (rrpv ^ max(0, rrpv - step)) << 4 * way


@compiled
def _distant(words: I64, c: Cache, at: int) -> int:
    """4 * the first way with the greatest RRPV; until there is one, all are counted up."""
    rrpvs = words[at]
    found = first_nibble(rrpvs, c.full)
    while found < 0:
        rrpvs = plus(rrpvs, c.ones)
        found = first_nibble(rrpvs, c.full)
    words[at] = rrpvs
    return found


@compiled
def _place(
    words: I64, c: Cache, index: int, key: int, rrpv: int, spares: bool
) -> tuple[int, int, bool]:
    """Put ``key`` in: the first empty way, else the victim's. The way, what was there, if it was dirty."""
    at = row(c.sets, index)
    order = c.sets.order + 2 * index
    empty = equal(words, c.sets, at, 0, -1)
    if empty:
        way = first_bit(empty)
    elif c.lru:
        way = (words[order] >> c.sets.last) & 15
    else:
        nibble = _distant(words, c, order)
        if spares and words[at + (nibble >> 2)] & BLOCK:
            words[order] &= ~(15 << nibble)
            nibble = _distant(words, c, order)
        way = nibble >> 2
    old = words[at + way]
    words[at + way] = key
    if c.lru:
        words[order] = used(words[order], way)
    else:
        words[order] = (words[order] & ~(15 << 4 * way)) | rrpv << 4 * way
    marks = words[order + 1]
    words[order + 1] = marks & ~(((1 << USED) + 1) << way)
    return way, old, (marks >> way) & 1 != 0


@compiled
def access_line(words: I64, c: Cache, line: int, write: bool) -> tuple[bool, bool]:
    """Read or write a line of a cache without TLB blocks: whether it was there, and if one was written back."""
    index = line & c.sets.mask
    key = line_key(line)
    way = _find(words, c, index, key)
    hit = way >= 0
    written_back = False
    if hit:
        _promote(words, c, index, way, 1)
    else:
        way, _, written_back = _place(words, c, index, key, c.insert, False)
    if write:
        words[c.sets.order + 2 * index + 1] |= 1 << way
    return hit, written_back


@compiled
def _note(s: State, k: Constants, kind: int, index: int, way: int) -> None:
    if s.logs:
        i = s.n[LOGGED]
        rrpvs = 0 if k.l2.lru else s.words[k.l2.sets.order + 2 * index]
        s.event[i, 0], s.event[i, 1], s.event[i, 2], s.event[i, 3] = kind, index, way, rrpvs
        s.n[LOGGED] = i + 1


@compiled
def _place_l2(s: State, k: Constants, index: int, key: int, rrpv: int) -> int:
    spares = k.aware_victim and s.n[TLB_HIGH] != 0
    way, old, dirty = _place(s.words, k.l2, index, key, rrpv, spares)
    s.n[L2_WRITEBACKS] += dirty
    if old & BLOCK:
        s.n[BLOCKS_EVICTED] += 1
        _block_left(s)
    elif old and key & BLOCK:
        s.n[LINES_LOST_TO_BLOCKS] += 1
    return way


@compiled
def _block_left(s: State) -> None:
    s.n[BLOCKS] -= 1
    s.n[BLOCK_ACCESSES] += s.n[NOW]


@compiled
def request(s: State, k: Constants, line: int, write: bool, requester: int) -> tuple[int, bool]:
    """An access to the L2 cache: its cycles, and whether it reached DRAM."""
    index = line & k.l2.sets.mask
    key = line_key(line)
    way = _find(s.words, k.l2, index, key)
    if way >= 0:
        _promote(s.words, k.l2, index, way, 1)
        if write:
            s.words[k.l2.sets.order + 2 * index + 1] |= 1 << way
        _note(s, k, HIT, index, way)
        s.n[REQUESTS + 3 * requester] += 1
        return k.l2_cycles, False
    s.n[CACHE_MISSES] += 1
    way = _place_l2(s, k, index, key, k.l2.insert)
    if write:
        s.words[k.l2.sets.order + 2 * index + 1] |= 1 << way
    _note(s, k, FILL, index, way)
    if k.has_llc and access_line(s.words, k.llc, line, False)[0]:
        s.n[REQUESTS + 3 * requester + 1] += 1
        return k.llc_cycles, False
    s.n[REQUESTS + 3 * requester + 2] += 1
    return k.dram_cycles, True


@compiled
def expect_block(s: State, k: Constants, page: int) -> None:
    """A TLB block with ``page`` may soon be looked up."""
    index = (number_of(page) >> 3) & k.l2.sets.mask
    at = row(k.l2.sets, index)
    prefetch(s.words, at)
    prefetch(s.words, at + 8)


@compiled
def _pte(page: int) -> int:
    return 1 << (number_of(page) & 7)


@compiled
def find_block(s: State, k: Constants, page: int, nested: bool) -> int:
    """The way of a TLB block that has ``page``, or -1."""
    index = (number_of(page) >> 3) & k.l2.sets.mask
    way = _find(s.words, k.l2, index, block_key(page, nested))
    if way >= 0 and s.words[row(k.l2.sets, index) + way] & _pte(page):
        return way
    return -1


@compiled
def probe(s: State, k: Constants, page: int, nested: bool) -> bool:
    """Look a TLB block up; a hit counts as use."""
    way = find_block(s, k, page, nested)
    if way < 0:
        return False
    index = (number_of(page) >> 3) & k.l2.sets.mask
    _promote(s.words, k.l2, index, way, k.block_step)
    at = k.l2.sets.order + 2 * index + 1
    mark = 1 << (USED + way)
    if s.words[at] & mark == 0:
        s.words[at] |= mark
        s.n[BLOCKS_REUSED] += 1
    _note(s, k, PROBE, index, way)
    return True


@compiled
def insert_block(s: State, k: Constants, page: int, nested: bool, ptes: int) -> bool:
    """Put the block of ``page`` in, or add PTEs to the one that is there; whether it is new."""
    index = (number_of(page) >> 3) & k.l2.sets.mask
    key = block_key(page, nested)
    way = _find(s.words, k.l2, index, key)
    if way >= 0:
        s.words[row(k.l2.sets, index) + way] |= ptes
        s.n[MERGES] += 1
        _note(s, k, MERGE, index, way)
        return False
    rrpv = k.l2.insert
    if k.aware_insertion:
        rrpv = 0 if s.n[TLB_HIGH] else k.l2.greatest
    way = _place_l2(s, k, index, key | ptes, rrpv)
    s.n[BLOCKS] += 1
    s.n[BLOCK_ACCESSES] -= s.n[NOW]
    s.n[MOST_BLOCKS] = max(s.n[MOST_BLOCKS], s.n[BLOCKS])
    _note(s, k, INSERT, index, way)
    return True


@compiled
def _drop(s: State, k: Constants, index: int, key: int) -> bool:
    way = _find(s.words, k.l2, index, key)
    if way < 0:
        return False
    order = k.l2.sets.order + 2 * index
    s.words[row(k.l2.sets, index) + way] = 0
    if not k.l2.lru:
        s.words[order] &= ~(15 << 4 * way)
    s.words[order + 1] &= ~(((1 << USED) + 1) << way)
    _note(s, k, DROP, index, way)
    return True


@compiled
def drop_line(s: State, k: Constants, line: int) -> None:
    """Invalidate a line of the L2 cache, if it is there."""
    _drop(s, k, line & k.l2.sets.mask, line_key(line))


@compiled
def drop_block(s: State, k: Constants, page: int) -> None:
    """Invalidate the block that has, or would have, ``page``."""
    index = (number_of(page) >> 3) & k.l2.sets.mask
    if _drop(s, k, index, block_key(page, False)):
        s.n[BLOCKS_DROPPED] += 1
        _block_left(s)
