"""Cycle model of the LUT slice: by hand, and its expectation against its exact counts."""

import numpy as np
import pytest

from lockstep.arch.lut import LutConfig
from lockstep.sim.cycle.lut import (
    builds,
    expected_builds,
    job_activity,
    job_cycles,
    transfers,
)

CFG = LutConfig(group=4, batch=2, ports=2, adders=1)


def test_a_job_adds_up_groups_builds_and_bit_planes():
    """5 outputs by 10 inputs of 3 bits: 3 groups, each of 1 + 11 + 3 blocks of 3 planes; a drain of 2."""
    assert job_cycles(CFG, 5, 10, weight_bits=3, n_builds=3) == 3 * (1 + 11 + 3 * 3) + 2
    assert job_cycles(CFG, 5, 10, weight_bits=3, n_builds=1) == 3 * (1 + 3 * 3) + 11 + 2
    assert transfers(CFG, 5, 10, 3) == {"a": 3, "w": 27, "o": 3}


def test_weights_cost_look_ups_in_proportion_to_their_bits():
    cycles = [job_cycles(CFG, 64, 64, weight_bits=bits, n_builds=16) for bits in range(1, 9)]
    assert set(np.diff(cycles)) == {16 * 32}


def test_a_slow_stream_stretches_look_ups_only():
    pace = 2.5
    assert job_cycles(CFG, 5, 10, weight_bits=3, n_builds=3, pace=pace) == 3 * 12 + 27 * pace + 2


def test_a_group_like_the_one_before_needs_no_build_if_it_is_so_in_every_vector():
    a = np.array([[1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 5], [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]])
    assert builds(CFG, a) == 2
    a[1, 4] = 8
    assert builds(CFG, a) == 3
    assert builds(CFG.model_copy(update={"pattern_aware": False}), a * 0) == 3


def test_a_short_last_group_ends_in_zeros():
    of_eight = np.array([[1, 2, 0, 0, 1, 2, 0, 0]] * 2)
    assert builds(CFG, of_eight) == builds(CFG, of_eight[:, :6]) == 1
    assert builds(CFG, of_eight + 1) == 1
    assert builds(CFG, (of_eight + 1)[:, :6]) == 2


@pytest.mark.parametrize("hit_rate", [0.0, 0.25, 0.9, 1.0])
def test_the_expectation_is_the_mean_over_random_repetitions(hit_rate):
    """Within 4.5 standard errors."""
    rng = np.random.default_rng(3)
    n_groups, count = 20, 400
    exact = []
    for _ in range(count):
        # Neighbours that are drawn anew always differ: the number of the draw is in them.
        number = np.cumsum(rng.random(n_groups) >= hit_rate)
        a = np.repeat(number, CFG.group)[None].repeat(2, axis=0)
        exact.append(builds(CFG, a))
    slack = 4.5 * np.std(exact) / np.sqrt(count)
    assert expected_builds(CFG, n_groups * CFG.group, hit_rate) == pytest.approx(
        np.mean(exact), abs=slack + 1e-9
    )


def test_hit_rates_are_rates():
    with pytest.raises(ValueError, match=r"hit_rate must lie in 0\.\.1, not 1\.5"):
        expected_builds(CFG, 8, 1.5)


def test_activity_counts_what_a_plain_walk_does():
    """Count event by event for 5 outputs, 10 inputs, 3 bits, 2 vectors."""
    n, k, bits, b = 5, 10, 3, 2
    lut_reads = shift_adds = acc_adds = acc_writes = 0
    groups = range(-(-k // 4))
    for group in groups:
        for _ in range(n * b):
            for plane in range(bits):
                lut_reads += 1
                shift_adds += plane > 0
            acc_adds += group > 0
            acc_writes += group < groups[-1]
    done = job_activity(CFG, n, k, weight_bits=bits, n_builds=2)
    assert (done.lut_reads, done.shift_adds) == (lut_reads, shift_adds)
    assert (done.acc_adds, done.acc_writes) == (acc_adds, acc_writes)
    assert done.lut_adds == 2 * 11 * b
    assert done.activation_bits == 12 * 8 * b
    assert done.index_bits == 12 * n * bits
    assert done.result_bits == n * b * 32
    assert (
        job_activity(CFG, n, k, weight_bits=bits, n_builds=2, vectors=1).lut_reads == lut_reads / 2
    )
    assert (done + done) == done * 2
