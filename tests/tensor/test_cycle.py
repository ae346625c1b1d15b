"""The closed forms against a schedule counted step by step, and against published formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.tensor import TensorConfig
from lockstep.sim.cycle import tensor as model

VARIANTS = {
    "os": {"dataflow": "output_stationary"},
    "ws": {"dataflow": "weight_stationary"},
    "ws2": {"dataflow": "weight_stationary", "weight_double_buffer": True},
}
sides = st.integers(1, 9)
sizes = st.integers(1, 40)
configs = st.builds(
    lambda variant, rows, cols: TensorConfig(
        kind="systolic", rows=rows, cols=cols, **VARIANTS[variant]
    ),
    st.sampled_from(sorted(VARIANTS)),
    sides,
    sides,
)


def counted(cfg, m, n, k):
    """Last MAC's cycle plus one, from a list of folds each placed as early as the rules allow."""
    R, C = cfg.rows, cfg.cols
    if cfg.dataflow == "output_stationary":
        free = 0
        for _ in range(-(-m // R)):
            for _ in range(-(-n // C)):
                last_mac = (free + k - 1) + (R - 1) + (C - 1)  # step k - 1 in PE(R - 1, C - 1)
                free = last_mac + 1
        return free
    load_from = stream_end = last_mac = 0
    for fold in range(-(-n // C) * -(-k // R)):
        if not cfg.weight_double_buffer:
            load_from = last_mac + 1 if fold else 0
        start = max(load_from + R, stream_end)
        stream_end = start + m
        load_from = start  # a second register: the next load follows the wavefront
        last_mac = start + m - 1 + R - 1 + C - 1
    return last_mac + 1


@settings(max_examples=300)
@given(cfg=configs, m=sizes, n=sizes, k=sizes)
def test_occupancy_equals_a_counted_schedule(cfg, m, n, k):
    assert model.compute_cycles(cfg, m, n, k) == counted(cfg, m, n, k)


@given(cfg=configs, m=sizes, n=sizes, k=sizes)
def test_array_is_never_overbooked(cfg, m, n, k):
    assert m * n * k <= cfg.pes * model.compute_cycles(cfg, m, n, k)


@given(cfg=configs, shapes=st.lists(st.tuples(sizes, sizes, sizes), min_size=1, max_size=6))
def test_arrays_broadcast(cfg, shapes):
    m, n, k = np.array(shapes).T
    single = [model.compute_cycles(cfg, *shape) for shape in shapes]
    assert model.compute_cycles(cfg, m, n, k).tolist() == single
    for name, values in model.job_counts(cfg, m, n, k).items():
        assert values.tolist() == [model.job_counts(cfg, *shape)[name] for shape in shapes]


@pytest.mark.parametrize(
    ("variant", "cycles"),
    [("ws", 16 * (2 * 128 + 128 + 512 - 2)), ("os", 16 * (128 + 128 + 512 - 2))],
)
def test_512_cubed_on_128x128_is_scale_sim_plus_one(variant, cycles):
    """SCALE-Sim 3.0.0 reports 14303 (WS) and 12255 (OS): one less than it counts."""
    cfg = TensorConfig(kind="systolic", rows=128, cols=128, **VARIANTS[variant])
    assert model.compute_cycles(cfg, 512, 512, 512) == cycles
    assert cycles - 1 == {"ws": 14303, "os": 12255}[variant]


@given(cfg=configs, m=sizes, n=sizes, k=sizes)
def test_latency_and_interval_follow_from_occupancy(cfg, m, n, k):
    busy = model.compute_cycles(cfg, m, n, k)
    assert model.job_interval_cycles(cfg, m, n, k) == busy + cfg.dispatch_cycles
    assert busy < model.job_latency_cycles(cfg, m, n, k) <= busy + cfg.output_latency_cycles


def cuts(size, part):
    return [min(part, size - start) for start in range(0, size, part)]


@given(cfg=configs, m=sizes, n=sizes, k=sizes)
def test_counts_equal_a_list_of_all_transfers(cfg, m, n, k):
    lanes = {"a": [], "b": [], "c_in": [], "c_out": []}
    if cfg.dataflow == "output_stationary":
        for rows in cuts(m, cfg.rows):
            for cols in cuts(n, cfg.cols):
                lanes["a"] += [rows] * k
                lanes["b"] += [cols] * k
                lanes["c_out"] += [cols] * rows
    else:
        for cols in cuts(n, cfg.cols):
            for fold, depth in enumerate(cuts(k, cfg.rows)):
                lanes["b"] += [cols] * depth
                lanes["a"] += [depth] * m
                lanes["c_in"] += [cols] * m if fold else []
                lanes["c_out"] += [cols] * m
    vectors = {name: len(each) for name, each in lanes.items()}
    assert model.stream_vectors(cfg, m, n, k) == vectors
    counts = model.job_counts(cfg, m, n, k)
    names = {"a": "a_reads", "b": "b_reads", "c_in": "c_reads", "c_out": "c_writes"}
    assert counts == {names[name]: sum(each) for name, each in lanes.items()}


@given(rows=sides, cols=sides, streamed=sizes)
def test_one_full_fold_takes_the_published_count(rows, cols, streamed):
    """2R + C + T - 2 (SCALE-Sim, ISPASS 2020), T the streamed dimension.

    Output stationary that is up to the last row out, weight stationary up to the last MAC.
    """

    def config(variant):
        return TensorConfig(kind="systolic", rows=rows, cols=cols, **VARIANTS[variant])

    count = 2 * rows + cols + streamed - 2
    assert model.job_latency_cycles(config("os"), rows, cols, streamed) == count
    assert model.compute_cycles(config("ws"), streamed, cols, rows) == count
    assert model.compute_cycles(config("ws2"), streamed, cols, rows) == count
