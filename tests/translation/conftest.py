"""MMUs small enough that everything in them happens within a few hundred accesses."""

from types import SimpleNamespace

import numpy as np
import pytest

from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig

SOURCE = "made up for a test"


def changed(cfg, **changes):
    """``cfg`` with other keys; ``l2__ways`` is inside ``l2``."""
    data = cfg.model_dump()
    for key, value in changes.items():
        *path, last = key.split("__")
        node = data
        for part in path:
            node = node[part]
        node[last] = value
    return MmuConfig.model_validate(data)


def tiny():
    """Two-way TLBs of a few entries and small caches, all pages small, mechanism victima."""
    cache = {"latency_cycles": 10, "tag_cycles": 3, "replacement": "srrip", "rrpv_bits": 2}
    tlb = {"entries": 2, "ways": 2, "latency_cycles": 1}
    walk_cache = {"l4_entries": 2, "l3_entries": 2, "l2_entries": 2, "ways": 2, "latency_cycles": 2}
    return MmuConfig.model_validate({
        "kind": "mmu",
        "name": "tiny",
        "clock_mhz": 1000.0,
        "mechanism": "victima",
        "large_page_share": 0.0,
        "itlb": tlb,
        "dtlb": tlb,
        "l2_tlb": {"entries": 4, "ways": 4, "latency_cycles": 5},
        "walk_cache": walk_cache,
        "l1d": None,
        "l2": cache | {"size_bytes": 64 * 16 * 4, "ways": 4},
        "llc": None,
        "dram_cycles": 100,
        "large_l2_tlb": {"entries": 16, "ways": 4, "latency_cycles": 9},
        "l3_tlb": {"entries": 16, "ways": 4, "latency_cycles": 7},
        "pom_tlb": {"entries": 32, "ways": 8, "entry_bytes": 16},
        "victima": {"predictor": None, "window_instructions": 1 << 30},
        "nested": {"tlb": tlb, "walk_cache": walk_cache},
        "core": {
            "cycles_per_instruction": 0.5,
            "translation_exposed": 1.0,
            "data_exposed": 0.5,
            "source": SOURCE,
        },
        "source": SOURCE,
    })


def piece(address, kind=0, gap=1):
    """A chunk of accesses; ``kind`` and ``gap`` of all, or of each."""
    address = np.asarray(address, np.int64)
    kind = np.broadcast_to(np.asarray(kind, np.uint8), address.shape).copy()
    gap = np.broadcast_to(np.asarray(gap, np.uint16), address.shape).copy()
    return SimpleNamespace(address=address, kind=kind, gap=gap)


def random_cfg(rng):
    """Any MMU: odd ways, one set, every mechanism, every rule on or off."""

    def one_of(*choices):
        return choices[rng.integers(len(choices))]

    def number(low, high):
        return int(rng.integers(low, high + 1))

    def tlb(sets):
        ways = one_of(1, 2, 3, 4, 5, 11, 16)
        return {"entries": ways << number(0, sets), "ways": ways, "latency_cycles": number(1, 20)}

    def walk_cache():
        ways = one_of(1, 2, 3)
        entries = {f"l{level}_entries": ways << number(0, 2) for level in (4, 3, 2)}
        return entries | {"ways": ways, "latency_cycles": number(1, 20)}

    def cache(sets, replacement=None):
        ways, tag = one_of(1, 2, 3, 4, 8, 11, 16), number(1, 9)
        return {
            "size_bytes": 64 * ways << number(0, sets),
            "ways": ways,
            "latency_cycles": tag + number(1, 11),
            "tag_cycles": tag,
            "replacement": replacement or one_of("lru", "srrip"),
            "rrpv_bits": number(1, 4),
        }

    def rule():
        return bool(rng.random() < 0.75)

    mechanism = one_of("radix", "large_l2_tlb", "l3_tlb", "pom_tlb", *["victima"] * 4)
    l2 = cache(6, "srrip" if mechanism == "victima" else None)
    bits = number(1, 3), number(1, 4)
    predictor = {
        "frequency_bits": bits[0],
        "cost_bits": bits[1],
        "min_frequency": number(0, 1),
        "min_cost": number(0, 1),
        "max_frequency": one_of(None, (1 << bits[0]) - 1, 1),
        "max_cost": one_of(None, (1 << bits[1]) - 1, 1),
    }
    return changed(
        tiny(),
        mechanism=mechanism,
        virtualised=bool(rng.random() < 0.4),
        large_page_share=one_of(0.0, 0.3, 0.5, 1.0),
        itlb=tlb(1),
        dtlb=tlb(1),
        l2_tlb=tlb(3),
        walk_cache=walk_cache(),
        l1d=one_of(None, cache(2)),
        l2=l2,
        llc=one_of(None, cache(6)),
        dram_cycles=number(1, 200),
        large_l2_tlb=tlb(4),
        l3_tlb=tlb(4),
        pom_tlb={
            "entries": 16 << number(0, 3),
            "ways": one_of(8, 16),
            "entry_bytes": one_of(8, 16, 64),
        },
        victima={
            "hit_cycles": l2["tag_cycles"] + 1 + number(1, 9),
            "block_ptes": one_of(8, 8, 1),
            "probe": one_of("parallel", "serial"),
            "probe_sizes": one_of("both", "both", "4k", "2m"),
            "insert_on_miss": rule(),
            "insert_on_eviction": rule(),
            "predictor": one_of(None, *[predictor] * 4),
            "bypass_mpki": one_of(None, 0.0, 5.0, 100.0, 400.0),
            "pressure_mpki": one_of(0.0, 5.0, 100.0, 300.0, 900.0),
            "window_instructions": one_of(1, 64, 200, 1000),
            "aware_insertion": rule(),
            "aware_victim": rule(),
            "aware_promotion": rule(),
            "nested_blocks": rule(),
            "shootdown": rule(),
        },
        nested={"tlb": tlb(2), "walk_cache": walk_cache()},
    )


def random_accesses(rng, n):
    """Addresses of one of several patterns, of all kinds; and their address spaces."""
    pattern = rng.integers(6)
    if pattern == 0:
        address = rng.integers(0, 1 << rng.choice([16, 20, 24, 30]), n)
    elif pattern == 1:
        address = rng.integers(0, 1 << 47, n)
    elif pattern == 2:  # a loop
        stride, size = rng.choice([8, 64, 4096, 40000, 2 << 20]), 1 << rng.choice([18, 22, 27])
        address = np.arange(n) * stride % size
    elif pattern == 3:  # a pointer chase
        address = rng.permutation(256)[np.arange(n) % 256] * 4096 * rng.choice([1, 9, 513])
    elif pattern == 4:  # hot and cold
        hot = rng.random(n) < 0.5
        address = np.where(hot, rng.integers(0, 1 << 15, n), rng.integers(0, 1 << 28, n))
    else:  # load and store of random words
        address = np.repeat(rng.integers(0, 1 << 33, n // 2 + 1) & -8, 2)[:n]
    kind = rng.choice(4, n, p=[0.6, 0.25, 0.1, 0.05])
    asid = rng.choice([0, 1, 3, 8, 2047], n) if rng.random() < 0.4 else np.full(n, rng.integers(9))
    return piece(address, kind, rng.integers(0, 9, n)), asid.astype(np.int64)


@pytest.fixture
def shipped():
    """A shipped MMU by name, with changes."""
    return lambda name, **changes: changed(load(MmuConfig, resolve("mmu", name)), **changes)


@pytest.fixture
def mmu():
    """The tiny MMU with changes."""
    return lambda **changes: changed(tiny(), **changes)


@pytest.fixture
def chunk():
    return piece


@pytest.fixture
def any_case():
    """A random MMU and accesses for it, by seed."""

    def case(seed, n):
        rng = np.random.default_rng(seed)
        return random_cfg(rng), *random_accesses(rng, n)

    return case
