"""What the kernel works on: the shape of every structure, all state in a few arrays, and the counters."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockstep.sim.cycle.translation.words import I64, Sets

MECHANISMS = ("radix", "large_l2_tlb", "l3_tlb", "pom_tlb", "victima")
RADIX, LARGE_L2_TLB, L3_TLB, POM_TLB, VICTIMA = range(5)

SERVERS = ("l1_tlb", "l2_tlb", "l3_tlb", "pom_tlb", "tlb_block", "walk", "shootdown")
"""Who translated; their index is the code in logs."""
BY_L1_TLB, BY_L2_TLB, BY_L3_TLB, BY_POM_TLB, BY_BLOCK, BY_WALK, BY_SHOOTDOWN = range(7)

EVENTS = ("hit", "fill", "probe", "insert", "merge", "drop")
"""What the L2 cache did; their index is the code in logs."""
HIT, FILL, PROBE, INSERT, MERGE, DROP = range(6)

REQUESTERS = ("data", "fetch", "walk", "background_walk", "pom_tlb")
DATA, FETCHED, WALK, BACKGROUND_WALK, POM = range(5)
LEVELS_OF_SERVICE = ("l2", "llc", "dram")

# Places in State.n. The window of both rates and their flags; the last data access's page, ASID and
# physical address; queued work; slabs of the predictor that may still be made, and where the next one
# lies; TLB blocks in the L2 cache; accesses so far; events logged.
(WINDOW, TLB_MISSES, CACHE_MISSES, TLB_HIGH, CACHE_HIGH, LAST_PAGE, LAST_ASID, LAST_WHERE) = range(
    8
)
(QUEUED, SLABS_LEFT, POOL_TOP, BLOCKS, NOW, LOGGED, QUEUE) = range(8, 15)
MAX_QUEUED = 16  # of work for after the response: what, a page, a line
AHEAD = QUEUE + 3 * MAX_QUEUED
MAX_AHEAD = (
    32  # accesses looked ahead: page, physical address, whether the process's own page is large
)
COUNTED = AHEAD + 3 * MAX_AHEAD

COUNTERS = (
    "instructions", "loads", "stores", "fetches", "shootdowns",
    "itlb_misses", "dtlb_misses", "l1d_misses", "l1d_writebacks", "l2_writebacks",
    "demand_walks", "background_walks", "host_walks", "dram_walks",
    "walk_cycles", "longest_walk", "background_cycles",
    "nested_tlb_lookups", "nested_tlb_hits", "nested_block_hits",
    "inserts_on_miss", "inserts_on_eviction", "nested_inserts", "merges", "predictor_refusals",
    "blocks_evicted", "blocks_dropped", "blocks_reused", "lines_lost_to_blocks",
    "block_accesses", "most_blocks",
)  # fmt: skip
(
    INSTRUCTIONS, LOADS, STORES, FETCHES, SHOOTDOWNS,
    ITLB_MISSES, DTLB_MISSES, L1D_MISSES, L1D_WRITEBACKS, L2_WRITEBACKS,
    DEMAND_WALKS, BACKGROUND_WALKS, HOST_WALKS, DRAM_WALKS,
    WALK_CYCLES, LONGEST_WALK, BACKGROUND_CYCLES,
    NESTED_TLB_LOOKUPS, NESTED_TLB_HITS, NESTED_BLOCK_HITS,
    INSERTS_ON_MISS, INSERTS_ON_EVICTION, NESTED_INSERTS, MERGES, PREDICTOR_REFUSALS,
    BLOCKS_EVICTED, BLOCKS_DROPPED, BLOCKS_REUSED, LINES_LOST_TO_BLOCKS,
    BLOCK_ACCESSES, MOST_BLOCKS,
) = range(COUNTED, COUNTED + len(COUNTERS))  # fmt: skip
# Then times served, and translation cycles, by server; accesses to the L2 cache by requester and level;
# demand walks by cycles.
SERVED = COUNTED + len(COUNTERS)
SERVED_CYCLES = SERVED + len(SERVERS)
REQUESTS = SERVED_CYCLES + len(SERVERS)
HISTOGRAM = REQUESTS + len(REQUESTERS) * len(LEVELS_OF_SERVICE)
BINS = 1 << 12

MAX_EVENTS = 512
"""Of one access: 12 queued items of at most 31, 5 probes, 24 accesses of a nested walk, data."""


class Cache(NamedTuple):
    """A cache; the second word of a set's order has dirty ways in bits 0 up, used blocks in 16 up."""

    sets: Sets
    lru: bool
    ones: int  # a 1 in the nibble of each way
    full: int  # the greatest RRPV in each of them, 1 in those of no way
    insert: int  # RRPV that a line starts with
    greatest: int


class Walks(NamedTuple):
    """Page-walk caches of one page table, and when a walk's first access leaves them."""

    l2: Sets
    l3: Sets
    l4: Sets
    first_access_cycles: int
    latency_cycles: int


class Constants(NamedTuple):
    """Shapes, cycles and rules."""

    mechanism: int
    virtualised: bool
    share: int
    itlb: Sets
    dtlb: Sets
    l2_tlb: Sets
    l3_tlb: Sets
    pom: Sets
    nested_tlb: Sets
    guest: Walks
    host: Walks
    l1d: Cache
    l2: Cache
    llc: Cache
    has_l1d: bool
    has_llc: bool
    itlb_cycles: int
    dtlb_cycles: int
    l2_tlb_cycles: int
    l3_tlb_cycles: int
    nested_tlb_cycles: int
    step_cycles: int
    l1d_hit_cycles: int
    l1d_miss_cycles: int  # beyond those of the L2 cache
    l2_cycles: int  # from request to response, by level of service
    llc_cycles: int
    dram_cycles: int
    probe_cycles: int
    convert_cycles: int
    block_hit_cycles: int
    pom_set_lines: int
    pom_entry_bytes: int
    bin_shift: int
    block_ptes: int
    probe_small: bool
    probe_large: bool
    insert_on_miss: bool
    insert_on_eviction: bool
    nested_blocks: bool
    shootdown: bool
    aware_insertion: bool
    aware_victim: bool
    block_step: int  # what a hit takes from a block's RRPV
    window: int
    pressure_misses: int  # high if misses * instructions > this * instructions retired
    pressure_instructions: int
    bypass_misses: int
    bypass_instructions: int  # 0: never high
    predicts: bool
    min_frequency: int
    max_frequency: int
    frequency_limit: int
    min_cost: int
    max_cost: int
    cost_limit: int


class Arrays(NamedTuple):
    """All that changes."""

    words: I64  # keys and orders of all sets
    n: I64  # the places named above
    slab: I64  # (slots, 2), open addressing: a region's key or 0, where its pages begin in what follows
    counter: NDArray[np.uint8]  # PTW-CP of a page: frequency, cost from bit 3 up
    profile: I64  # (pages or 0, 3): demand walks, those that reached DRAM, cycles
    event: I64  # (events or 0, 4): kind, set, way, RRPVs


class State(NamedTuple):
    """What a kernel is compiled for, and all that changes."""

    mechanism: int
    virtualised: bool
    logs: bool
    profiles: bool
    words: I64
    n: I64
    slab: I64
    counter: NDArray[np.uint8]
    profile: I64
    event: I64
