"""LRU caches against an outside simulator, pycachesim, and TLBs against hand-made sequences."""

import numpy as np
import pytest

from lockstep.sim.cycle.translation.simulator import trace
from lockstep.sim.cycle.translation.state import SERVERS

ACCESSES = 3000


@pytest.mark.parametrize(("sets", "ways"), [(1, 1), (1, 16), (4, 2), (16, 4), (8, 11)])
@pytest.mark.parametrize("level", ["l1d", "l2"])
def test_hits_are_pycachesims(mmu, sets, ways, level):
    cachesim = pytest.importorskip("cachesim")
    cache = {
        "size_bytes": 64 * sets * ways,
        "ways": ways,
        "latency_cycles": 4,
        "tag_cycles": 1,
        "replacement": "lru",
    }
    # One large page: but for the first access, only data uses the caches.
    tlb = {"entries": 64, "ways": 16, "latency_cycles": 1}
    cfg = mmu(mechanism="radix", large_page_share=1.0, dtlb=tlb, **{level: cache})
    rng = np.random.default_rng(sets * ways)
    address = rng.integers(0, 96 * sets * ways, ACCESSES)
    kind = rng.integers(0, 2, ACCESSES).astype(np.uint8)
    log = trace(cfg, address, kind, np.ones(ACCESSES, np.uint16))
    hits = log.data_cycles == cache["latency_cycles"]

    memory = cachesim.MainMemory()
    theirs = cachesim.Cache("L", sets, ways, 64, "LRU")
    memory.load_to(theirs)
    memory.store_from(theirs)
    simulator = cachesim.CacheSimulator(theirs, memory)
    expected = np.zeros(ACCESSES, bool)
    for i, (where, write) in enumerate(zip(log.physical.tolist(), kind.tolist(), strict=True)):
        before = theirs.stats()["HIT_count"]
        simulator.load(where & ~63, 64)
        expected[i] = theirs.stats()["HIT_count"] > before
        if write:
            simulator.store(where & ~63, 64)
    warm = ACCESSES // 2  # the walk's own lines have long left the L2 cache
    assert 0 < expected[warm:].sum() < ACCESSES - warm or sets * ways == 1
    np.testing.assert_array_equal(hits[warm:], expected[warm:])


def test_a_tlbs_oldest_entry_leaves(mmu):
    cfg = mmu(mechanism="radix")  # 2 entries, then 4, in one set each
    pages = np.array([0, 1, 0, 2, 0, 1, 3, 4, 5, 1, 0])
    log = trace(cfg, pages * 4096, np.zeros(11, np.uint8), np.ones(11, np.uint16))
    served_by = [SERVERS[code] for code in log.served_by]
    walk, l1, l2 = "walk", "l1_tlb", "l2_tlb"
    assert served_by == [walk, walk, l1, walk, l1, l2, walk, walk, walk, l2, walk]
