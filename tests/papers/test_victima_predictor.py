"""Predictors of costly pages: boxes against brute force, scores by hand, and a network that learns."""

import numpy as np
import pytest

from lockstep.arch.tlb import PredictorConfig
from lockstep.papers.victima_net import Network
from lockstep.papers.victima_pages import (
    Box,
    Pages,
    best_box,
    best_table,
    box_of,
    counters_network,
    profile_network,
    sampled,
    scores,
)
from lockstep.sim.cycle.translation.run import PageProfile
from lockstep.sim.golden.predictor import costly, counted


def made_up(n=2000, seed=3):
    random = np.random.default_rng(seed)
    walks = random.geometric(0.3, n)
    dram = random.binomial(walks, 0.6)
    cycles = 20 * walks + 120 * dram + random.integers(0, 40, n)
    return Pages(
        workload=np.zeros(n, int),
        walks=walks,
        dram_walks=dram,
        cycles=cycles,
        neighbours=random.integers(1, 9, n),
    )


def f1(said, label):
    return 2 * (said & label).sum() / (said.sum() + label.sum())


def test_the_label_is_the_costliest_share():
    pages = made_up()
    for share in (0.3, 0.4):
        label = pages.costly(share)
        assert label.mean() == pytest.approx(share, abs=0.02)
        assert pages.cycles[label].min() > pages.cycles[~label].max() - 1


def test_counters_are_those_of_the_golden_model():
    predictor = PredictorConfig(min_frequency=2, max_frequency=5, min_cost=1, max_cost=3)
    for walks, dram in ((0, 0), (1, 1), (3, 2), (6, 2), (9, 9), (40, 20)):
        counters = (0, 0)
        for walk in range(walks):
            counters = counted(predictor, counters, walk < dram)
        pages = Pages(
            workload=np.zeros(1, int),
            walks=np.array([walks]),
            dram_walks=np.array([dram]),
            cycles=np.ones(1, int),
            neighbours=np.ones(1, int),
        )
        assert (pages.frequency[0], pages.cost[0]) == counters
        assert box_of(predictor).holds(pages)[0] == costly(predictor, counters)


def test_the_artifacts_rule_is_the_shipped_box():
    """It asks for cost >= 1 and frequency >= 2, or both 1; a walk counts no more than one cost."""
    shipped = PredictorConfig()
    for frequency in range(8):
        for cost in range(16):
            if cost > frequency and frequency < 7:
                continue  # cannot be
            artifact = (cost >= 1 and frequency >= 2) or (cost, frequency) == (1, 1)
            assert costly(shipped, (frequency, cost)) == artifact


def test_the_best_box_is_the_best_of_all():
    pages = made_up(300)
    label = pages.costly(0.3)
    best = f1(best_box(pages, label).holds(pages), label)
    spans = [(a, b) for a in range(8) for b in range(a, 8)]
    costs = [(a, b) for a in range(16) for b in range(a, 16)]
    found = max(f1(Box(*f, *c).holds(pages), label) for f in spans for c in costs[::3])
    assert best >= found > 0.5
    alone = best_box(pages, label, cost=False)
    assert (alone.min_cost, alone.max_cost) == (0, 15)
    assert f1(alone.holds(pages), label) <= best


def test_no_rule_of_the_counters_beats_the_table():
    pages = made_up()
    label = pages.costly(0.3)
    table = (best_table(pages, label)(pages) == label).mean()
    box = (best_box(pages, label).holds(pages) == label).mean()
    net = (counters_network(pages, label)(pages) == label).mean()
    assert table >= max(box, net)
    assert net > 0.9
    # Counts that do not saturate tell more.
    assert (profile_network(pages, label)(pages) == label).mean() > 0.9


def test_scores_by_hand():
    said = np.array([True, True, False, False, True])
    label = np.array([True, False, True, False, True])
    assert scores(said, label) == {
        "recall": 0.667,
        "accuracy": 0.6,
        "precision": 0.667,
        "f1": 0.667,
    }
    nothing = np.zeros(5, bool)
    assert scores(nothing, nothing) == {"recall": 0.0, "accuracy": 1.0, "precision": 0.0, "f1": 0.0}


def test_a_network_learns_what_no_line_divides():
    corners = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    label = np.array([False, True, True, False])
    net = Network(corners, label, np.ones(4))
    assert ((net.chance(corners) > 0.5) == label).all()


def test_sampling_takes_no_more_than_asked_of_each_workload():
    def profile(n):
        one = np.ones(n, int)
        return PageProfile(asid=0 * one, address=np.arange(n) << 12, walks=one, dram_walks=one,
                           walk_cycles=100 * one)  # fmt: skip

    pages = sampled({"large": profile(1000), "small": profile(10)}, most=100)
    assert np.bincount(pages.workload).tolist() == [100, 10]
    assert pages.neighbours[pages.workload == 0].max() == 8
    assert sorted(pages.neighbours[pages.workload == 1].tolist()) == [2] * 2 + [8] * 8
