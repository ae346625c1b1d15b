"""What a run reports."""

import json

import numpy as np
import pytest

from lockstep.sim.cycle.translation.simulator import TranslationSimulator, simulate, simulate_all
from lockstep.sim.golden.mmu import LOAD, Mmu
from lockstep.sim.page_table import NATIVE, is_large

MECHANISMS = ("radix", "large_l2_tlb", "l3_tlb", "pom_tlb", "victima")


def mixed(chunk, n=4000, bits=26):
    rng = np.random.default_rng(1)
    return chunk(rng.integers(0, 1 << bits, n), rng.integers(0, 2, n), rng.integers(1, 9, n))


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("virtualised", [False, True])
def test_sums_agree(mmu, chunk, mechanism, virtualised):
    accesses = mixed(chunk)
    run = simulate(mmu(mechanism=mechanism, virtualised=virtualised), [accesses])
    summary = run.summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert sum(run.served.values()) == run.accesses == len(accesses.address)
    assert run.instructions == accesses.gap.sum()
    assert run.ptw == run.served["walk"] == run.walk_histogram.sum() > 0
    assert summary["dtlb_mpki"] * run.instructions / 1000 == pytest.approx(
        run.accesses - run.served["l1_tlb"]
    )
    bins = np.flatnonzero(run.walk_histogram) * run.bin_cycles
    assert bins[-1] <= summary["ptw_max_cycles"] < bins[-1] + run.bin_cycles
    assert bins[0] <= run.ptw_mean_cycles < bins[-1] + run.bin_cycles
    core = run.cfg.core
    assert run.cycles == (
        run.instructions * core.cycles_per_instruction
        + core.translation_exposed * summary["translation_cycles"]
        + core.data_exposed * summary["data_cycles"]
    )


def test_percentiles_are_of_the_walks(mmu, chunk):
    run = simulate(mmu(), [mixed(chunk)])
    cycles = np.repeat(np.arange(run.walk_histogram.size) * run.bin_cycles, run.walk_histogram)
    for name, value in run.ptw_percentiles.items():
        exact = np.percentile(cycles, int(name[1:]), method="inverted_cdf")
        assert exact <= value < exact + run.bin_cycles


def test_a_warm_up_is_not_counted(mmu, chunk):
    accesses = mixed(chunk)
    whole, part = (simulate(mmu(), [accesses], warmup=n) for n in (0, 1500))
    first = simulate(mmu(), [chunk(accesses.address[:1500], accesses.kind[:1500])])
    assert part.accesses == 2500
    assert part.ptw == whole.ptw - first.ptw
    assert part.blocks == whole.blocks
    assert (part.walk_histogram == whole.walk_histogram - first.walk_histogram).all()


def test_mmus_side_by_side_are_as_alone(mmu, chunk):
    configs = [mmu(mechanism=mechanism) for mechanism in MECHANISMS]
    seen = []
    runs = simulate_all(configs, [mixed(chunk), mixed(chunk)], progress=seen.append)
    alone = [simulate(cfg, [mixed(chunk), mixed(chunk)]) for cfg in configs]
    assert [run.summary() for run in runs] == [run.summary() for run in alone]
    assert seen == [4000, 4000]


def test_blocks_are_counted_over_time(mmu, chunk):
    simulator = TranslationSimulator(mmu())
    model, live = Mmu(mmu()), []
    accesses = mixed(chunk, 400, bits=20)
    for address, kind, gap in zip(accesses.address, accesses.kind, accesses.gap, strict=True):
        live.append(len(model.l2.blocks()))
        model.access(int(address), int(kind), int(gap))
    simulator.run(accesses)
    run = simulator.result()
    assert run.blocks == len(model.l2.blocks())
    assert run.mean_blocks == pytest.approx(np.mean([*live[1:], run.blocks]), abs=0.05 * run.blocks)
    assert run.counts["most_blocks"] >= max(live)
    assert 0 < run.unused_block_share < 1


def test_reach_is_what_is_held(mmu, chunk):
    cfg = mmu(large_page_share=0.4)
    accesses = mixed(chunk, 300, bits=27)
    run, model = simulate(cfg, [accesses]), Mmu(cfg)
    for address, kind in zip(accesses.address, accesses.kind, strict=True):
        model.access(int(address), int(kind))
    size = {False: 4096, True: 2 << 20}
    entries = [way for ways in model.l2_tlb.sets for way in ways if way]
    assert run.reach.tlb_bytes == sum(size[way.page.large] for way in entries)
    blocks = model.l2.blocks()
    assert run.reach.block_bytes == sum(mask.bit_count() * size[tag.large] for tag, mask in blocks)
    assert {tag.large for tag, _ in blocks} == {False, True}


def test_a_page_profile_is_of_every_page(mmu, chunk):
    accesses = mixed(chunk, 1000)
    asid = 5
    profile = simulate(mmu(), [accesses], asid=asid, page_profile=True).pages
    run = simulate(mmu(), [accesses], asid=asid)
    assert profile.walks.sum() == run.ptw
    assert profile.dram_walks.sum() == run.counts["dram_walks"]
    assert profile.walk_cycles.sum() == run.ptw_cycles
    assert (profile.asid == asid).all()
    assert len(np.unique(profile.address)) == len(profile.address)
    assert set(profile.address) <= set(accesses.address & -4096)


def test_a_profile_tells_large_pages_and_spaces_apart(mmu, chunk):
    cfg = mmu(large_page_share=0.5, mechanism="radix")
    address = np.arange(64) << 21 | 5 << 12
    simulator = TranslationSimulator(cfg, page_profile=True)
    for asid in (0, 2047):
        simulator.run(chunk(address), asid=asid)
    pages = simulator.result().pages
    share = 1 << 15
    expected = {
        (asid, at & (-(2 << 20) if is_large(at, asid, NATIVE, share) else -4096))
        for asid in (0, 2047)
        for at in address.tolist()
    }
    assert set(zip(pages.asid.tolist(), pages.address.tolist(), strict=True)) == expected


def test_counters_of_many_regions_are_kept_apart(mmu, chunk):
    """More slabs than there is room for at first; every page is walked for twice."""
    address = np.tile(np.arange(3000) << 26, 2)
    run = simulate(mmu(mechanism="radix"), [chunk(address)], page_profile=True)
    assert (run.pages.walks == 2).all()
    assert len(run.pages.walks) == 3000


def test_asids_are_one_or_as_many_as_accesses(mmu, chunk):
    with pytest.raises(ValueError, match="asid must be one or 3"):
        TranslationSimulator(mmu()).run(chunk([0, 1, 2], LOAD), asid=np.zeros(2, np.int64))
