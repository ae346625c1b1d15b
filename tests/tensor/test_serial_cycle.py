"""Cycle models of the serial engines: by hand, against each other, and against published averages."""

from itertools import product

import numpy as np
import pytest

from lockstep.arch.serial import BitSliceConfig, LaconicConfig
from lockstep.sim.cycle import serial_expected as expected
from lockstep.sim.cycle.serial import group_cycles, job_cycles, pass_cycles, row_cycles
from lockstep.sim.cycle.tensor import compute_cycles
from lockstep.verify.serial_traffic import normal, transformer, uniform


def bit_slice(rows=1, cols=1, reduction="opt4c", encoder="en_t", **more):
    mac = {"reduction": reduction, "encoder": encoder}
    return BitSliceConfig(kind="bit_slice", rows=rows, cols=cols, **{"mac": mac, **more})


def laconic(rows=1, cols=1, **more):
    return LaconicConfig(kind="laconic", rows=rows, cols=cols, **more)


def operands(sigma, shape, rng):
    return (normal(sigma) if sigma else uniform)((-128, 127), shape, rng)


# 0 has no digit, 1 has one, 127 = 2*64 - 1 has two, 85 = 64+16+4+1 has four.
@pytest.mark.parametrize(
    ("a", "cycles"),
    [
        ([0, 0, 0, 0], 4),
        ([1, 1, 1, 1], 4 + 3),
        ([85, 85, 85, 85], 16),
        ([127, 0, 0, 0], 4),
        ([127, 127, 0, 0], 2 + 1 + 1 + 2),
        ([1], 4),
        ([85] * 5, 16 + 4),
    ],
)
def test_a_group_takes_a_cycle_per_digit_and_at_least_one_per_bit_weight(a, cycles):
    assert row_cycles(bit_slice(), np.array(a)) == cycles
    assert pass_cycles(bit_slice(), np.array([a])) == cycles + 4
    ideal = bit_slice(skip_empty_groups=True)
    digits = {0: 0, 1: 1, 127: 2, 85: 4}
    assert row_cycles(ideal, np.array(a)) == sum(digits[x] for x in a)


def test_four_lanes_wait_for_the_slowest_at_each_bit_weight():
    a = np.zeros(16, dtype=int)
    a[:4] = 85  # the first lane has four digits of each bit-weight
    cfg = bit_slice(reduction="opt4e")
    assert row_cycles(cfg, a) == 16
    a[4:8] = 1  # the second lane catches up at the lowest
    assert row_cycles(cfg, a) == 16
    a[:4] = 84  # which the first lane no longer has
    assert row_cycles(cfg, a) == 16
    a[4:8] = 0
    assert row_cycles(cfg, a) == 13


def test_the_slowest_row_decides():
    a = np.array([[0] * 4, [85] * 4])
    assert pass_cycles(bit_slice(rows=2), a) == 16 + 4


def test_laconic_takes_the_most_pairs_of_digits_of_any_lane():
    cfg = laconic(rows=2, cols=2, pairs=2)
    a = np.array([[1, 0], [0, 127]])  # at most 1 and 2 digits
    b = np.array([[85, 0], [0, 5]])  # 4 and 2
    assert group_cycles(cfg, a, b).tolist() == [4]
    assert group_cycles(cfg, 0 * a, b).tolist() == [1]


def test_a_job_adds_up_load_passes_and_rows():
    cfg = bit_slice(rows=2, cols=3, k_max=8)
    a, b = np.ones((2, 8), dtype=int), np.ones((8, 3), dtype=int)
    one_pass = 2 * (4 + 3) + 4
    assert job_cycles(cfg, a, b) == 2 + one_pass + (1 + 2)
    twice = np.ones((2, 16), dtype=int), np.ones((16, 3), dtype=int)
    assert job_cycles(cfg, *twice) == 2 + 2 * one_pass + (1 + 2)


@pytest.mark.parametrize(("encoder", "average"), [("en_t", 2.918), ("booth", 3.000)])
def test_uniform_operands_have_the_published_average_of_digits(encoder, average):
    cfg = bit_slice(encoder=encoder, a_sigma=None)
    assert expected.digit_probabilities(cfg).sum() == pytest.approx(average, abs=5e-4)
    every = np.arange(-128, 128)[:, None]  # alone in a group with zeros, which are free here
    ideal = bit_slice(encoder=encoder, skip_empty_groups=True)
    assert row_cycles(ideal, every).mean() == pytest.approx(average, abs=5e-4)


# Of 16 columns in lockstep at sigma 30, from a run of the authors' RTL: busy cycles are those with a
# nonzero digit, so this is the count that skips empty groups. With them, rows differ less.
@pytest.mark.parametrize(("k", "share"), [(32, 0.900), (128, 0.947), (512, 0.973), (2048, 0.986)])
def test_sixteen_in_lockstep_lose_what_the_authors_rtl_loses(k, share):
    def busy(skip):
        cfg = bit_slice(rows=16, k_max=2048, skip_empty_groups=skip)
        mean, most = (expected.pass_cycles(cfg, k, rows) - cfg.drain_cycles for rows in (1, 16))
        return mean / most

    assert busy(True) == pytest.approx(share, abs=0.002)
    assert busy(True) < busy(False) < 1


JOBS = [(7, 11, 22), (3, 5, 16), (9, 5, 50), (3, 12, 3), (1, 1, 1)]
CONFIGS = [
    bit_slice(3, 5, k_max=16),
    bit_slice(3, 5, "opt3", "booth", k_max=16, a_sigma=10),
    bit_slice(3, 5, k_max=16, skip_empty_groups=True),
    bit_slice(3, 5, k_max=16, a_sigma=None, group=2),
    bit_slice(9, 2, k_max=12),  # rows that take longer to leave than the next fold takes
    bit_slice(3, 5, "opt4e", k_max=16),
    laconic(3, 5, pairs=4),
    laconic(2, 3, pairs=3, a_sigma=10, b_sigma=None),
]


@pytest.mark.parametrize("cfg", CONFIGS, ids=str)
def test_the_expectation_is_the_mean_of_exact_counts(cfg):
    """Within 4.5 standard errors: a right model fails one comparison in 150 000."""
    rng = np.random.default_rng(5)
    b_sigma = cfg.b_sigma if isinstance(cfg, LaconicConfig) else None
    for m, n, k in JOBS:
        exact = [
            job_cycles(cfg, operands(cfg.a_sigma, (m, k), rng), operands(b_sigma, (k, n), rng))
            for _ in range(150)
        ]
        slack = 4.5 * np.std(exact) / np.sqrt(len(exact)) + 1e-6
        if isinstance(cfg, BitSliceConfig) and cfg.mac.reduction == "opt4e":
            slack += 0.002 * np.mean(exact)  # its bit-weights are taken as independent
        assert expected.compute_cycles(cfg, m, n, k) == pytest.approx(np.mean(exact), abs=slack)


@pytest.mark.parametrize("cfg", CONFIGS, ids=str)
def test_the_expectation_is_exact_where_nothing_is_left_to_chance(cfg):
    """All operands are zero: every fold, pass and edge, with no slack."""
    narrow = {name: 1e-3 for name in ("a_sigma", "b_sigma") if name in type(cfg).model_fields}
    certain = cfg.model_copy(update=narrow)
    for m, n, k in product((1, 2, 9, 20, 40), (1, 3, 7), (1, 4, 5, 16, 17, 40, 97)):
        zeros = np.zeros((m, k), dtype=int), np.zeros((k, n), dtype=int)
        cycles = expected.compute_cycles(certain, m, n, k)
        assert cycles == pytest.approx(job_cycles(certain, *zeros), abs=1e-6)


@pytest.mark.parametrize("reduction", ["opt4c", "opt4e"])
def test_the_expectation_holds_over_long_passes(reduction):
    rng = np.random.default_rng(6)
    cfg = bit_slice(16, 1, reduction)
    for k in (32, 100, 256):
        exact = row_cycles(cfg, operands(30.0, (300, 16, k), rng)).max(axis=1) + 4
        slack = 4.5 * exact.std() / np.sqrt(len(exact)) + 0.001 * exact.mean()
        assert expected.pass_cycles(cfg, k, 16) == pytest.approx(exact.mean(), abs=slack)


def test_expectations_broadcast():
    cfg = bit_slice(4, 4, k_max=64)
    m, k = np.array([4, 9])[:, None], np.array([1, 64, 200])
    table = compute_cycles(cfg, m, 7, k)
    assert table.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        assert table[i, j] == compute_cycles(cfg, int(m[i, 0]), 7, int(k[j]))
    assert (np.diff(table, axis=0) > 0).all()
    assert (np.diff(table, axis=1) > 0).all()


def test_sparser_operands_take_fewer_cycles():
    cycles = [
        compute_cycles(bit_slice(8, 8, a_sigma=sigma), 64, 64, 512) for sigma in (5, 10, 30, 100)
    ]
    assert cycles == sorted(cycles)
    assert cycles[0] < 0.8 * cycles[-1]


def test_wide_operands_have_expectations_too():
    mac = {"a": "int16", "acc_bits": 40}
    cfg = bit_slice(2, 2, mac=mac, a_sigma=1000.0)
    assert 8 * 64 / 4 < expected.pass_cycles(cfg, 64, 2) < 8 * 64


def test_transformer_tensors_are_sparser_than_uniform_ones():
    cfg = bit_slice(16, 16)
    rng = np.random.default_rng(7)
    tensors = [transformer(cfg, (16, 16, 64), rng)[0] for _ in range(20)]
    dense = uniform((-128, 127), (16, 64), rng)
    assert np.mean([row_cycles(cfg, a).mean() for a in tensors]) < row_cycles(cfg, dense).mean()
