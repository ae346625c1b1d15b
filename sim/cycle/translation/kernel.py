"""One access after the other (numba)."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lockstep.arch.tlb import LINE_BITS, PAGE_BITS
from lockstep.sim import page_table
from lockstep.sim.cycle.translation.ahead import look_ahead
from lockstep.sim.cycle.translation.blocks import catch_up, pom_line
from lockstep.sim.cycle.translation.cache import (
    access_line,
    drop_block,
    probe,
    request,
)
from lockstep.sim.cycle.translation.pages import HELD, PAGE_OFFSET, locate, number_of, page_of
from lockstep.sim.cycle.translation.predictor import (
    MOST_SLABS,
    allows,
    expect,
    has_blocks,
    learn,
    retire,
)
from lockstep.sim.cycle.translation.state import (
    AHEAD,
    BACKGROUND_CYCLES,
    BINS,
    BY_BLOCK,
    BY_L1_TLB,
    BY_L2_TLB,
    BY_L3_TLB,
    BY_POM_TLB,
    BY_SHOOTDOWN,
    BY_WALK,
    DATA,
    DRAM_WALKS,
    DTLB_MISSES,
    FETCHED,
    HISTOGRAM,
    ITLB_MISSES,
    L1D_MISSES,
    L1D_WRITEBACKS,
    L3_TLB,
    LAST_ASID,
    LAST_PAGE,
    LAST_WHERE,
    LOGGED,
    LONGEST_WALK,
    MAX_AHEAD,
    MAX_EVENTS,
    NOW,
    POM,
    POM_TLB,
    PREDICTOR_REFUSALS,
    SERVED,
    SERVED_CYCLES,
    SLABS_LEFT,
    TLB_MISSES,
    VICTIMA,
    WALK,
    WALK_CYCLES,
    Arrays,
    Constants,
    State,
)
from lockstep.sim.cycle.translation.tlb import fill, invalidate, look_up
from lockstep.sim.cycle.translation.walker import (
    CONVERT,
    FILL_POM,
    KEEP_EVICTED,
    forget_walk,
    leaf_line,
    put_off,
    walk,
)
from lockstep.sim.cycle.translation.words import I64, UNCOUNTED, compiled

STORE, FETCH, INVALIDATE = 1, 2, 3

Run = Callable[
    [Arrays, Constants, I64, NDArray[np.uint8], NDArray[np.uint16], I64, I64, int, int], int
]


@compiled
def _walk(s: State, k: Constants, asid: int, address: int, page: int, large: bool) -> int:
    """A demand walk and what it teaches: cycles from the miss to the translation."""
    took, from_dram = walk(s, k, asid, address, large, WALK)
    cycles = k.guest.first_access_cycles + took
    s.n[DRAM_WALKS] += from_dram
    s.n[WALK_CYCLES] += cycles
    s.n[LONGEST_WALK] = max(s.n[LONGEST_WALK], cycles)
    s.n[HISTOGRAM + min(cycles >> k.bin_shift, BINS - 1)] += 1
    victima = s.mechanism == VICTIMA
    if (victima and k.predicts) or s.profiles:
        at = learn(s, k, page, False, from_dram)
        if s.profiles:
            s.profile[at, 0] += 1
            s.profile[at, 1] += from_dram
            s.profile[at, 2] += cycles
    if victima and k.insert_on_miss:
        if allows(s, k, page, False):
            put_off(s, CONVERT, page, leaf_line(s, k, asid, address, large))
        else:
            s.n[PREDICTOR_REFUSALS] += 1
    return cycles


@compiled
def _beyond(
    s: State, k: Constants, asid: int, address: int, page: int, large: bool
) -> tuple[int, int]:
    """Behind the L2 TLB: who served it, and in how many cycles."""
    cycles = 0
    if s.mechanism == L3_TLB:
        cycles = k.l3_tlb_cycles
        if look_up(s.words, k.l3_tlb, number_of(page), page):
            return BY_L3_TLB, cycles
        fill(s.words, k.l3_tlb, number_of(page), page)
    elif s.mechanism == POM_TLB:
        line = pom_line(k, page)
        for i in range(k.pom_set_lines):
            cycles = max(cycles, request(s, k, line + i, False, POM)[0])
        if look_up(s.words, k.pom, number_of(page), page):
            return BY_POM_TLB, cycles
        put_off(s, FILL_POM, page, 0)
    elif s.mechanism == VICTIMA and has_blocks(k, page) and probe(s, k, page, False):
        return BY_BLOCK, k.block_hit_cycles
    return BY_WALK, cycles + _walk(s, k, asid, address, page, large)


@compiled
def _translate(
    s: State, k: Constants, asid: int, address: int, page: int, large: bool, fetch: bool
) -> tuple[int, int]:
    """Who served it, and in how many cycles."""
    number = number_of(page)
    l1 = k.itlb if fetch else k.dtlb
    cycles = k.itlb_cycles if fetch else k.dtlb_cycles
    if look_up(s.words, l1, number, page):
        return BY_L1_TLB, cycles
    s.n[ITLB_MISSES if fetch else DTLB_MISSES] += 1
    served_by, more = BY_L2_TLB, k.l2_tlb_cycles
    if not look_up(s.words, k.l2_tlb, number, page):
        s.n[TLB_MISSES] += 1
        served_by, took = _beyond(s, k, asid, address, page, large)
        more += took
        evicted, _ = fill(s.words, k.l2_tlb, number, page)
        if evicted and s.mechanism == VICTIMA and k.insert_on_eviction:
            put_off(s, KEEP_EVICTED, evicted & (HELD - 1), 0)
            if k.predicts:
                expect(s, evicted & (HELD - 1), False)
    fill(s.words, l1, number, page)
    s.n[SERVED + served_by] += 1
    s.n[SERVED_CYCLES + served_by] += more
    return served_by, cycles + more


@compiled
def _data(s: State, k: Constants, where: int, write: bool, fetch: bool) -> int:
    """Cycles from the physical address to the data; fetches go to the L2 cache."""
    line = where >> LINE_BITS
    if fetch or not k.has_l1d:
        return request(s, k, line, write, FETCHED if fetch else DATA)[0]
    hit, written_back = access_line(s.words, k.l1d, line, write)
    if hit:
        return k.l1d_hit_cycles
    s.n[L1D_MISSES] += 1
    s.n[L1D_WRITEBACKS] += written_back
    return k.l1d_miss_cycles + request(s, k, line, write, DATA)[0]


@compiled
def _shoot_down(s: State, k: Constants, asid: int, address: int) -> int:
    """Take an address's translation out of everything; cycles."""
    page, _, _ = locate(asid, address, s.virtualised, k.share)
    number = number_of(page)
    for t in (k.itlb, k.dtlb, k.l2_tlb, k.l3_tlb, k.pom):
        invalidate(s.words, t, number, page)
    forget_walk(s.words, k.guest, asid, address)
    if s.mechanism == VICTIMA and k.shootdown:
        drop_block(s, k, page_of(asid, address, False))
        drop_block(s, k, page_of(asid, address, True))
    s.n[LAST_PAGE] = -1
    s.n[SERVED + BY_SHOOTDOWN] += 1
    s.n[SERVED_CYCLES + BY_SHOOTDOWN] += k.probe_cycles + 1
    return k.probe_cycles + 1


def _compile(sources: str, only: int) -> Run:
    """The entry point. Numba's cache compares its closure, so it notices an edit of any source."""

    @njit(cache=True, nogil=True, **UNCOUNTED)  # type: ignore[untyped-decorator]
    def run(
        arrays: Arrays,
        k: Constants,
        address: I64,
        kind: NDArray[np.uint8],
        gap: NDArray[np.uint16],
        asid: I64,
        access: I64,
        first: int,
        begun: int,
    ) -> int:
        """Step from access ``first`` on; returns where it stopped: at the end, or for want of room."""
        assert sources
        words, n, slab, counter, profile, event = arrays
        logs = only < 0 and access.shape[0] > 0
        mechanism = only if only >= 0 else k.mechanism
        virtualised = only < 0 and k.virtualised != 0
        profiles = only < 0 and profile.shape[0] > 0
        s = State(mechanism, virtualised, logs, profiles, words, n, slab, counter, profile, event)
        room = s.event.shape[0] - MAX_EVENTS
        several, ahead = asid.shape[0] > 1, 0
        # The last data access leaves its page and its line the most recently used of their sets.
        repeats = k.has_l1d and k.l1d.lru
        looked = first
        for i in range(first, address.shape[0]):
            if s.n[SLABS_LEFT] < MOST_SLABS or (logs and s.n[LOGGED] > room):
                return i
            if i == looked:
                looked = min(i + MAX_AHEAD, address.shape[0])
                look_ahead(s, k, address, asid, i, looked)
                ahead = AHEAD - 3 * i
            retire(s, k, int(gap[i]))
            at, what = address[i], int(kind[i])
            space = asid[i if several else 0]
            served_by, cycles, background = BY_L1_TLB, k.dtlb_cycles, 0
            last = s.n[LAST_WHERE]
            if what < FETCH and at >> PAGE_BITS == s.n[LAST_PAGE] and space == s.n[LAST_ASID]:
                where = (last & ~PAGE_OFFSET) | (at & PAGE_OFFSET)
                data = k.l1d_hit_cycles
                if not repeats or (where ^ last) >> LINE_BITS or what == STORE:
                    data = _data(s, k, where, what == STORE, False)
                s.n[LAST_WHERE] = where
            elif what == INVALIDATE:
                served_by, where, data = BY_SHOOTDOWN, 0, 0
                cycles = _shoot_down(s, k, space, at)
            else:
                s.n[NOW] = begun + i
                fetch = what == FETCH
                j = ahead + 3 * i
                page, where, large = s.n[j], s.n[j + 1], s.n[j + 2] != 0
                served_by, cycles = _translate(s, k, space, at, page, large, fetch)
                data = _data(s, k, where, what == STORE, fetch)
                if not fetch:
                    s.n[LAST_PAGE], s.n[LAST_ASID] = at >> PAGE_BITS, space
                    s.n[LAST_WHERE] = where
                if served_by > BY_L2_TLB:
                    background = catch_up(s, k)
                    s.n[BACKGROUND_CYCLES] += background
            if logs:
                access[i, 0], access[i, 1], access[i, 2] = served_by, where, cycles
                access[i, 3], access[i, 4], access[i, 5] = data, background, s.n[LOGGED]
        return len(address)

    entry: Run = run
    return entry


def _digest() -> str:
    files = (
        "words",
        "pages",
        "state",
        "tlb",
        "cache",
        "predictor",
        "walker",
        "blocks",
        "ahead",
        "kernel",
    )
    paths = [Path(__file__).with_name(f"{name}.py") for name in files]
    texts = [path.read_bytes() for path in (*paths, Path(str(page_table.__file__)))]
    return hashlib.sha256(b"".join(texts)).hexdigest()


ANY = -1
"""A kernel for all there is; one for a single mechanism knows no virtual machine, log or profile."""


@lru_cache
def kernel(only: int) -> Run:
    """The kernel for a mechanism, or for ``ANY``; the first time, compiling one takes a minute."""
    return _compile(_digest(), only)
