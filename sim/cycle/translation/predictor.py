"""PTW-CP's counters of every page walked for, a byte each, in slabs made on demand; and both rates (numba)."""

import numpy as np

from lockstep.arch.tlb import ASID_BITS, PAGE_BITS
from lockstep.sim.cycle.translation.pages import address_of, asid_of, is_large_page
from lockstep.sim.cycle.translation.state import (
    CACHE_HIGH,
    CACHE_MISSES,
    POOL_TOP,
    SLABS_LEFT,
    TLB_HIGH,
    TLB_MISSES,
    WINDOW,
    Arrays,
    Constants,
    State,
)
from lockstep.sim.cycle.translation.words import I64, compiled, prefetch

SLAB_BITS = 14, 9
"""Pages of 4 KB in a slab: a process's memory is contiguous, a host's scattered by 2 MB."""
MOST_SLABS = 8
"""Made by one access: one of the process, up to six of the host."""
_SPARE_SLABS = 64
_COST_AT = 3
_FREQUENCY = (1 << _COST_AT) - 1
_SPACE_AT = 37 - SLAB_BITS[1]  # of a slab's key; above it bit 0 is the space, then the ASID
_HASHED, _ODD = (1 << 30) - 1, 0x1E3779B1


@compiled
def retire(s: State, k: Constants, instructions: int) -> None:
    """Count instructions; at the end of a window, decide both flags and start anew."""
    n = s.n[WINDOW] + instructions
    if n < k.window:
        s.n[WINDOW] = n
        return
    s.n[TLB_HIGH] = s.n[TLB_MISSES] * k.pressure_instructions > k.pressure_misses * n
    s.n[CACHE_HIGH] = s.n[CACHE_MISSES] * k.bypass_instructions > k.bypass_misses * n
    s.n[WINDOW] = s.n[TLB_MISSES] = s.n[CACHE_MISSES] = 0


def _slot_of(s: State | Arrays, key: int) -> int:
    """The slab's slot, or the empty one where it belongs."""
    last = s.slab.shape[0] - 1
    slot: int = (((key ^ key >> 20) & _HASHED) * _ODD >> 20) & last
    while s.slab[slot, 0] != key and s.slab[slot, 0] != 0:
        slot = (slot + 1) & last
    return slot


_slot = compiled(_slot_of)


@compiled
def _slab_key(page: int, host: bool) -> int:
    bits = SLAB_BITS[1] if host else SLAB_BITS[0]
    number = address_of(page) >> PAGE_BITS
    return 1 << 50 | (asid_of(page) << 1 | host) << _SPACE_AT | number >> bits


@compiled
def _offset(page: int, host: bool) -> int:
    bits = SLAB_BITS[1] if host else SLAB_BITS[0]
    return (address_of(page) >> PAGE_BITS) & ((1 << bits) - 1)


@compiled
def expect(s: State, page: int, host: bool) -> None:
    """The page's counters are wanted soon: they may be far away in the host's memory."""
    slot = _slot(s, _slab_key(page, host))
    prefetch(s.counter, s.slab[slot, 1] + _offset(page, host))


@compiled
def learn(s: State, k: Constants, page: int, host: bool, from_dram: bool) -> int:
    """Count a demand walk in the page's PTE; where that is."""
    key = _slab_key(page, host)
    slot = _slot(s, key)
    if s.slab[slot, 0] == 0:
        s.slab[slot, 0] = key
        s.slab[slot, 1] = s.n[POOL_TOP]
        s.n[POOL_TOP] += 1 << (SLAB_BITS[1] if host else SLAB_BITS[0])
        s.n[SLABS_LEFT] -= 1
    at: int = s.slab[slot, 1] + _offset(page, host)
    counters = int(s.counter[at])
    frequency = min((counters & _FREQUENCY) + 1, k.frequency_limit)
    cost = min((counters >> _COST_AT) + int(from_dram), k.cost_limit)
    s.counter[at] = cost << _COST_AT | frequency
    return at


@compiled
def _is_costly(k: Constants, counters: int) -> bool:
    frequency, cost = counters & _FREQUENCY, counters >> _COST_AT
    return (
        (frequency >= k.min_frequency)
        & (frequency <= k.max_frequency)
        & (cost >= k.min_cost)
        & (cost <= k.max_cost)
    )


@compiled
def has_blocks(k: Constants, page: int) -> bool:
    """Whether blocks for pages of its size are looked up and made."""
    return k.probe_large if is_large_page(page) else k.probe_small


@compiled
def allows(s: State, k: Constants, page: int, host: bool) -> bool:
    """Whether a block of the page may be made: PTW-CP, unless the L2 cache misses anyway."""
    if not has_blocks(k, page):
        return False
    if not k.predicts or s.n[CACHE_HIGH]:
        return True
    slot = _slot(s, _slab_key(page, host))
    if s.slab[slot, 0] == 0:
        return _is_costly(k, 0)
    return _is_costly(k, int(s.counter[s.slab[slot, 1] + _offset(page, host)]))


def more_slabs(s: Arrays) -> Arrays:
    """The same state with room for more slabs, in their table or in the arrays they share."""
    held = s.slab[s.slab[:, 0] != 0]
    if len(s.slab) // 2 - len(held) < _SPARE_SLABS:
        s = s._replace(slab=np.zeros((max(4 * _SPARE_SLABS, 2 * len(s.slab)), 2), np.int64))
        for key, at in held.tolist():
            s.slab[_slot_of(s, key)] = key, at
    top = int(s.n[POOL_TOP])
    if s.counter.size - top < _SPARE_SLABS << SLAB_BITS[0]:
        size = 2 * top + (2 * _SPARE_SLABS << SLAB_BITS[0])
        counter = np.zeros(size, np.uint8)  # takes memory only where it is used
        counter[:top] = s.counter[:top]
        profile = np.zeros((size if len(s.profile) else 0, 3), np.int64)
        profile[:top] = s.profile[:top]
        s = s._replace(counter=counter, profile=profile)
    free = (s.counter.size - top) >> SLAB_BITS[0]
    s.n[SLABS_LEFT] = min(len(s.slab) // 2 - len(held), free)
    return s


def profiled_pages(s: Arrays) -> tuple[I64, I64, I64, I64, I64]:
    """ASID, address, walks, walks that reached DRAM and their cycles, of pages with a demand walk."""
    slabs = s.slab[s.slab[:, 0] != 0]
    slabs = slabs[np.argsort(slabs[:, 1])]
    at = np.flatnonzero(s.profile[: s.n[POOL_TOP], 0])
    key, first = slabs[np.searchsorted(slabs[:, 1], at, side="right") - 1].T
    region = key & ((1 << _SPACE_AT) - 1)
    address = ((region << SLAB_BITS[0]) + at - first) << PAGE_BITS
    asid = (key >> (_SPACE_AT + 1)) & ((1 << ASID_BITS) - 1)
    return asid, address, *s.profile[at].T
