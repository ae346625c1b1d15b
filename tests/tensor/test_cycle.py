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
