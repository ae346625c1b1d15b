"""Every rule of Victima (MICRO'23, section 5): its check passes with the rule and fails without it."""

import numpy as np
import pytest

from lockstep.sim.cycle.translation.pages import block_key, page_of
from lockstep.sim.cycle.translation.simulator import simulate, trace
from lockstep.sim.cycle.translation.state import DROP, EVENTS, FILL, INSERT, PROBE, SERVERS
from lockstep.sim.golden.mmu import INVALIDATE, LOAD
from lockstep.sim.page_table import NATIVE, SHARE_BITS, is_large
from lockstep.workloads.streams.catalogue import stream

PAGE, REGION = 4096, 1 << 21
APART = 8 << 39 | 16 << 30 | 24 << 21 | 32 << 12
"""An address whose page-table entries and data lie in different sets of the L2 cache."""
OTHERS = [8 * PAGE * i for i in range(1, 5)]
"""Pages of other blocks, enough to empty the L2 TLB."""


def run(cfg, address, kind=LOAD, asid=0):
    """The log, who served each access, and each access's events as (name, way, RRPVs)."""
    address = np.array(address, np.int64)
    kind = np.broadcast_to(np.array(kind, np.uint8), address.shape).copy()
    log = trace(cfg, address, kind, np.ones(len(address), np.uint16), asid)
    named = [
        (EVENTS[event[0]], int(event[2]), rrpvs.tolist())
        for event, rrpvs in zip(log.events, log.rrpvs(), strict=True)
    ]
    first = [0, *log.event_end[:-1]]
    by_access = [named[a:b] for a, b in zip(first, log.event_end, strict=True)]
    return log, [SERVERS[code] for code in log.served_by], by_access


def inserts(cfg, address, kind=LOAD):
    """Whether each access makes a block."""
    _, _, events = run(cfg, address, kind)
    return [any(name == "insert" for name, _, _ in each) for each in events]


def rrpv_after(cfg, address, name):
    """RRPV of the way of the last such event, after it."""
    _, _, events = run(cfg, address)
    return [rrpvs[way] for each in events for kind, way, rrpvs in each if kind == name][-1]


def regions(cfg, large):
    """Two neighbouring regions of 2 MB of one block that are mapped by large pages, or by small ones."""
    share = round(cfg.large_page_share * (1 << SHARE_BITS))
    for at in range(0, 1 << 30, 8 * REGION):
        if all(is_large(at + i * REGION, 0, NATIVE, share) == large for i in (0, 1)):
            return at
    raise AssertionError("no such regions")


def a_block_has_eight_ptes(cfg):
    assert run(cfg, [0, 7 * PAGE])[1] == ["walk", "tlb_block"]


def blocks_of_small_pages_are_looked_up(cfg):
    at = regions(cfg, large=False)
    assert run(cfg, [at, at + PAGE])[1] == ["walk", "tlb_block"]


def blocks_of_large_pages_are_looked_up(cfg):
    at = regions(cfg, large=True)
    assert run(cfg, [at, at + REGION])[1] == ["walk", "tlb_block"]


def the_probe_runs_beside_the_walk(cfg):
    log, _, _ = run(cfg, [0])
    levels = 4 * (cfg.l2.tag_cycles + cfg.dram_cycles + cfg.l2.fill_cycles + cfg.step_cycles)
    tlbs = cfg.dtlb.latency_cycles + cfg.l2_tlb.latency_cycles
    both = max(cfg.l2.probe_cycles, cfg.walk_cache.latency_cycles)
    assert log.translation_cycles[0] == tlbs + both + levels


def a_hit_ends_the_walk(cfg):
    log, _, events = run(cfg, [0, PAGE])
    tlbs = cfg.dtlb.latency_cycles + cfg.l2_tlb.latency_cycles
    assert log.translation_cycles[1] == tlbs + cfg.victima.hit_cycles
    assert [name for name, _, _ in events[1]] == ["probe", "fill"]  # no access but the data's


def a_walk_makes_a_block_of_its_line(cfg):
    _, _, events = run(cfg, [0])
    assert [name for name, _, _ in events[0]] == ["fill"] * 5 + ["drop", "insert"]


def an_eviction_makes_a_block(cfg):
    log, served_by, _ = run(cfg, [0, *OTHERS, PAGE])
    assert served_by[-1] == "tlb_block"
    assert log.background_cycles[len(OTHERS)] > 0


def the_predictor_decides(cfg):
    assert inserts(cfg, [0, *OTHERS, 0]) == [False] * 5 + [True]  # frequency 2, as the box asks


def a_missing_cache_bypasses_the_predictor(cfg):
    made = inserts(cfg, [PAGE << 3 * i for i in range(8)])
    assert not made[0]
    assert any(made)


def frequency_saturates_at_three_bits(cfg):
    kinds = [LOAD, INVALIDATE] * 10
    assert inserts(cfg, [0] * 20, kinds)[::2] == [False] * 6 + [True] * 4


def cost_saturates_at_four_bits(cfg):
    kinds = [LOAD, INVALIDATE] * 18
    assert inserts(cfg, [0] * 36, kinds)[::2] == [False] * 14 + [True] * 4


def only_walks_to_dram_cost(cfg):
    kinds = [LOAD, INVALIDATE] * 5
    made = inserts(cfg, [APART] * 10, kinds)[::2]
    assert made == [cfg.victima.predictor.min_cost == 1] * 5


def under_pressure_a_block_starts_first(cfg):
    assert rrpv_after(cfg, [0, 8 * PAGE], "insert") == 0


def without_pressure_a_block_starts_last(cfg):
    assert rrpv_after(cfg, [0], "insert") == cfg.l2.max_rrpv


def a_block_is_spared_once(cfg):
    """Follow one set's ways, and predict the victim of every line that comes in."""
    log, _, _ = run(cfg, np.arange(200) % 40 * 8 * PAGE)  # every access misses the L2 TLB
    assert cfg.l2.sets == 1
    rrpvs, blocks, empty, spared = [0] * cfg.l2.ways, set(), set(range(cfg.l2.ways)), 0
    started = False  # the first window has no pressure
    for (kind, _, way, _), after in zip(log.events.tolist(), log.rrpvs().tolist(), strict=True):
        if kind in {FILL, INSERT} and not empty:
            candidates = rrpvs
            for attempt in range(2):
                oldest = max(candidates)
                aged = [rrpv + cfg.l2.max_rrpv - oldest for rrpv in candidates]
                victim = aged.index(cfg.l2.max_rrpv)
                if victim not in blocks or not started or attempt == 1:
                    break
                spared += 1
                candidates = [0 if i == victim else rrpv for i, rrpv in enumerate(aged)]
            assert way == victim
        blocks.discard(way) if kind in {FILL, DROP} else None
        blocks |= {way} if kind == INSERT else set()
        empty = empty | {way} if kind == DROP else empty - {way}
        rrpvs, started = after, started or kind == INSERT
    assert spared > 0


def a_hit_promotes_a_block_by_three(cfg):
    assert rrpv_after(cfg, [0, PAGE], "probe") == cfg.l2.max_rrpv - 3


def nested_walks_find_blocks(cfg):
    _, _, events = run(cfg, [PAGE << i for i in range(12)])
    assert any(name == "probe" for each in events for name, _, _ in each)


def a_shootdown_reaches_blocks(cfg):
    assert run(cfg, [0, 0, 0], [LOAD, INVALIDATE, LOAD])[1] == ["walk", "shootdown", "walk"]


ALWAYS = {"victima__window_instructions": 1, "victima__pressure_mpki": 0.0}
"""Pressure from the second access on, while the L2 TLB misses."""
ONE_SET = {"l2__size_bytes": 64 * 4, "l2__ways": 4}
ONE_LINE = {"l2__size_bytes": 64, "l2__ways": 1}
NEVER_COSTLY = {"min_frequency": 7, "min_cost": 15}

# The check, what it needs, what takes the rule away.
RULES = [
    (a_block_has_eight_ptes, {}, {"victima__block_ptes": 1}),
    (
        blocks_of_small_pages_are_looked_up,
        {"large_page_share": 0.5},
        {"victima__probe_sizes": "2m"},
    ),
    (
        blocks_of_large_pages_are_looked_up,
        {"large_page_share": 0.5},
        {"victima__probe_sizes": "4k"},
    ),
    (the_probe_runs_beside_the_walk, {}, {"victima__probe": "serial"}),
    (a_hit_ends_the_walk, {}, {"victima__probe_sizes": "2m"}),
    (a_walk_makes_a_block_of_its_line, {}, {"victima__insert_on_miss": False}),
    (
        an_eviction_makes_a_block,
        {"victima__insert_on_miss": False},
        {"victima__insert_on_eviction": False},
    ),
    (
        the_predictor_decides,
        {
            "victima__insert_on_eviction": False,
            "victima__predictor": {"min_frequency": 2, "min_cost": 0},
        },
        {"victima__predictor": None},
    ),
    (
        a_missing_cache_bypasses_the_predictor,
        {"victima__predictor": NEVER_COSTLY, "victima__window_instructions": 2},
        {"victima__bypass_mpki": None},
    ),
    (
        frequency_saturates_at_three_bits,
        {"victima__predictor": {"min_frequency": 7, "min_cost": 0}},
        {"victima__predictor": {"frequency_bits": 2, "min_frequency": 3, "min_cost": 0}},
    ),
    (
        cost_saturates_at_four_bits,
        {**ONE_LINE, "victima__predictor": {"min_frequency": 0, "min_cost": 15}},
        {"victima__predictor": {"cost_bits": 3, "min_frequency": 0, "min_cost": 7}},
    ),
    (under_pressure_a_block_starts_first, ALWAYS, {"victima__aware_insertion": False}),
    (without_pressure_a_block_starts_last, {}, {"victima__aware_insertion": False}),
    (
        a_block_is_spared_once,
        {**ALWAYS, **ONE_SET, "victima__aware_insertion": False},
        {"victima__aware_victim": False},
    ),
    (a_hit_promotes_a_block_by_three, {}, {"victima__aware_promotion": False}),
    (
        nested_walks_find_blocks,
        {"virtualised": True, "nested__tlb__entries": 2},
        {"victima__nested_blocks": False},
    ),
    (a_shootdown_reaches_blocks, {}, {"victima__shootdown": False}),
]


@pytest.mark.parametrize(
    ("check", "needs", "without"), RULES, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_rule_shows_and_its_absence_too(mmu, check, needs, without):
    check(mmu(**needs))
    with pytest.raises(AssertionError):
        check(mmu(**{**needs, **without}))


@pytest.mark.parametrize("min_cost", [1, 2])
def test_cost_counts_walks_that_reach_dram(mmu, min_cost):
    predictor = {"min_frequency": 0, "min_cost": min_cost}
    only_walks_to_dram_cost(mmu(victima__predictor=predictor))


def test_a_block_belongs_to_its_address_space(mmu):
    _, served_by, _ = run(mmu(), [APART, APART + PAGE, APART + PAGE], asid=np.array([1, 2, 1]))
    assert served_by == ["walk", "walk", "tlb_block"]


def test_a_blocks_tag_tells_space_size_nesting_and_number():
    tags = {
        block_key(page_of(asid, address, large), nested)
        for asid in (0, 1, 2047)
        for address in (0, 8 * REGION, 1 << 40, (1 << 47) - 8 * REGION)
        for large in (False, True)
        for nested in (False, True)
    }
    assert len(tags) == 3 * 4 * 2 * 2


def test_other_mechanisms_never_look_for_blocks(mmu):
    for mechanism in ("radix", "large_l2_tlb", "l3_tlb", "pom_tlb"):
        log, _, _ = run(mmu(mechanism=mechanism), [0, PAGE, *OTHERS, 0])
        assert not np.isin(log.events[:, 0], [PROBE, INSERT, DROP]).any()


def gups(cfg, table_log2, accesses=300_000):
    """Random updates after a warm-up."""
    chunks = stream("gups", table_log2=table_log2).chunks(2 * accesses)
    return simulate(cfg, chunks, warmup=accesses)


@pytest.mark.parametrize(
    ("table_log2", "kept"),
    [
        (18, (0.0, 1.0)),  # 2 MB, within reach of the L2 TLB: nothing to save
        (23, (0.0, 0.1)),  # 64 MB, within reach of blocks
        (31, (0.5, 1.0)),  # 16 GB, within reach of neither
    ],
)
def test_walks_fall_between_the_reach_of_tlbs_and_of_blocks(shipped, table_log2, kept):
    radix, victima = (
        gups(shipped("victima", mechanism=mechanism, large_page_share=0.0), table_log2)
        for mechanism in ("radix", "victima")
    )
    saved = radix.ptw - victima.ptw
    lost = radix.summary()["l2_data_hits"] - victima.summary()["l2_data_hits"]
    assert kept[0] * radix.ptw <= victima.ptw <= kept[1] * radix.ptw
    assert (saved > lost) == (table_log2 > 18)
