"""Rules between the keys of an mmu file, and what follows from its figures."""

import pytest

from lockstep.arch.error import InputError
from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import PredictorConfig, TlbConfig


def shipped(*overrides):
    return load(MmuConfig, resolve("mmu", "victima"), overrides)


def test_the_shipped_file_has_the_sizes_of_the_paper():
    cfg = shipped()
    assert (cfg.dtlb.sets, cfg.itlb.sets, cfg.l2_tlb.sets) == (16, 16, 128)
    assert [cfg.walk_cache.sets(level) for level in (4, 3, 2)] == [4, 4, 8]
    assert (cfg.l1d.sets, cfg.l2.sets, cfg.llc.sets) == (64, 2048, 2048)
    assert (cfg.l2.insert_rrpv, cfg.l2.max_rrpv) == (2, 3)
    assert cfg.pom_tlb.set_lines == 4
    assert cfg.victima.predictor.limits("frequency") == (1, 7)
    assert cfg.victima.predictor.limits("cost") == (1, 15)


def test_the_mechanism_chooses_the_second_tlb():
    assert shipped().second_tlb == shipped().l2_tlb
    large = shipped("mechanism=large_l2_tlb").second_tlb
    assert large == TlbConfig(entries=65536, ways=16, latency_cycles=39)


@pytest.mark.parametrize(
    ("probe", "tag_cycles", "cycles"), [("parallel", 3, 4), ("parallel", 9, 10), ("serial", 3, 8)]
)
def test_a_walk_starts_beside_the_tags_or_after_them(probe, tag_cycles, cycles):
    cfg = shipped(
        "mechanism=victima", f"victima.probe={probe}", f"l2.tag_cycles={tag_cycles}"
    )  # walk caches take 4 cycles
    assert cfg.first_access_cycles(cfg.walk_cache, probed=True) == cycles
    assert cfg.first_access_cycles(cfg.walk_cache, probed=False) == 4


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("mechanism=victma", "must be one of"),
        ("dtlb.entries=60", "dtlb.entries: must give a power of two of sets, not 15"),
        ("dtlb.ways=17", "too large, value 17"),
        (
            "walk_cache.l3_entries=10",
            "walk_cache.l3_entries: must give a power of two of sets, not 2.5",
        ),
        ("l2.size_bytes=2000000", "l2.size_bytes: must give a power of two of sets"),
        ("l2.tag_cycles=16", "l2.tag_cycles: must be less than latency_cycles, 16, not 16"),
        ("pom_tlb.ways=3", "pom_tlb.entries: must give a power of two of sets"),
        ("pom_tlb={entries: 6, ways: 3, entry_bytes: 16}", "must be a multiple of 64"),
        ("victima.predictor.min_cost=16", "too large, value 16"),
        ("victima.predictor.max_frequency=0", "max_frequency: must lie between min_frequency, 1"),
        ("victima.predictor={frequency_bits: 2, max_frequency: 7}", "and 3, not be 7"),
        ("large_page_share=1.5", "too large, value 1.5"),
        ("core.source=ours", "too short"),
    ],
)
def test_bad_figures_are_told_in_a_line(override, says):
    with pytest.raises(InputError) as told:
        shipped(override)
    assert says in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("l2.replacement=lru", "l2.replacement: must be srrip for mechanism victima"),
        ("victima.hit_cycles=4", "victima.hit_cycles: must be more than 4"),
    ],
)
def test_victima_needs_rrpvs_and_time_for_the_tags(override, says):
    shipped(override)  # the section rests
    with pytest.raises(InputError, match=says):
        shipped(override, "mechanism=victima")


def test_the_box_of_the_predictor_may_have_upper_bounds():
    box = PredictorConfig(max_frequency=3, max_cost=2)
    assert (box.limits("frequency"), box.limits("cost")) == ((1, 3), (1, 2))
