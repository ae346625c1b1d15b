"""The closed forms against a schedule counted step by step, and against published formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.tensor import CubeConfig, TreeConfig, tensor_config
from lockstep.sim.cycle import tensor as model

OPT1 = {"mac": {"reduction": "opt1"}}
OPT2 = {"mac": {"reduction": "opt2"}}
SYSTOLIC = {
    "os": {"kind": "systolic", "dataflow": "output_stationary"},
    "ws": {"kind": "systolic", "dataflow": "weight_stationary"},
    "ws2": {"kind": "systolic", "dataflow": "weight_stationary", "weight_double_buffer": True},
}
VARIANTS = {
    **SYSTOLIC,
    "os opt1": {**SYSTOLIC["os"], **OPT1},
    "ws2 opt1": {**SYSTOLIC["ws2"], **OPT1},
    "matrix": {"kind": "matrix"},
    "matrix opt1": {"kind": "matrix", **OPT1},
    "cube": {"kind": "cube", "depth": 3},
    "deep cube": {"kind": "cube", "depth": 8},
    "cube opt1": {"kind": "cube", "depth": 4, **OPT1},
    "tree": {"kind": "tree"},
    "tree2": {"kind": "tree", "weight_double_buffer": True},
    "tree opt1": {"kind": "tree", **OPT1},
    "tree2 opt2": {"kind": "tree", "weight_double_buffer": True, **OPT2},
}


def config(variant, rows, cols):
    return tensor_config({"rows": rows, "cols": cols, **VARIANTS[variant]})


sides = st.integers(1, 9)
sizes = st.integers(1, 40)
configs = st.builds(config, st.sampled_from(sorted(VARIANTS)), sides, sides)


def last_mac_of_a_held_sum(cfg, step):
    """When the farthest PE adds what entered at ``step``."""
    if cfg.kind == "matrix":
        return step
    reached = step + (cfg.rows - 1) + (cfg.cols - 1)
    if isinstance(cfg, CubeConfig):  # down the chain, fused if it is carry-save, then added
        reached += cfg.depth + (cfg.mac.reduction == "opt1")
    return reached


def counted(cfg, m, n, k):
    """Last MAC's cycle plus one, from a list of folds each placed as early as the rules allow."""
    R, C = cfg.rows, cfg.cols
    if cfg.holds_outputs:
        free = 0
        steps = len(range(0, k, cfg.depth if isinstance(cfg, CubeConfig) else 1))
        for _ in range(-(-m // R)):
            for _ in range(-(-n // C)):
                end = last_mac_of_a_held_sum(cfg, free + steps - 1) + 1
                free = max(end, free + R)  # the drain registers are in use for R cycles
        return free
    crossing = 0 if isinstance(cfg, TreeConfig) else R - 1 + C - 1
    load_from = stream_end = last_mac = 0
    for fold in range(-(-n // C) * -(-k // R)):
        if not cfg.weight_double_buffer:
            load_from = last_mac + 1 if fold else 0
        start = max(load_from + R, stream_end)
        stream_end = start + m
        load_from = start  # a second register: the next load follows the wavefront
        last_mac = start + m - 1 + crossing
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
    cfg = config(variant, 128, 128)
    assert model.compute_cycles(cfg, 512, 512, 512) == cycles
    assert cycles - 1 == {"ws": 14303, "os": 12255}[variant]


@given(cfg=configs, m=sizes, n=sizes, k=sizes)
def test_latency_and_interval_follow_from_occupancy(cfg, m, n, k):
    busy = model.compute_cycles(cfg, m, n, k)
    assert model.job_interval_cycles(cfg, m, n, k) == busy + cfg.dispatch_cycles
    assert busy < model.job_latency_cycles(cfg, m, n, k) <= busy + cfg.output_latency_cycles


@pytest.mark.parametrize(
    ("variant", "cycles"),
    [
        ("os", 16),  # a row per cycle
        ("os opt1", 17),  # and the adder
        ("ws", 1),
        ("ws2 opt1", 2),
        ("matrix", 16),
        ("cube opt1", 17),
        ("tree", 1 + 2),  # products, then 16 to 4 to 1
        ("tree opt1", 1 + 2 + 1),  # and the adder
        ("tree2 opt2", 1 + 4 + 1 + 2 + 1),  # encoders, hops, multiples, levels, bit-weights
    ],
)
def test_output_latency_counts_the_registers_on_the_way(variant, cycles):
    assert config(variant, 16, 5).output_latency_cycles == cycles


@given(rows=sides, cols=sides, m=sizes, n=sizes, k=sizes)
def test_opt1_keeps_the_pace_of_the_plain_mac(rows, cols, m, n, k):
    """II = 1: only a chain's extra register, and the way out, take longer."""
    for plain, fast in (("os", "os opt1"), ("ws2", "ws2 opt1"), ("tree", "tree opt1")):
        before, after = (config(name, rows, cols) for name in (plain, fast))
        assert model.compute_cycles(before, m, n, k) == model.compute_cycles(after, m, n, k)
        assert after.output_latency_cycles == before.output_latency_cycles + 1


def cuts(size, part):
    return [min(part, size - start) for start in range(0, size, part)]


@given(cfg=configs, m=sizes, n=sizes, k=sizes)
def test_counts_equal_a_list_of_all_transfers(cfg, m, n, k):
    lanes = {"a": [], "b": [], "c_in": [], "c_out": []}
    if cfg.holds_outputs:
        steps = cuts(k, cfg.lanes_per_step)
        for rows in cuts(m, cfg.rows):
            for cols in cuts(n, cfg.cols):
                lanes["a"] += [rows * deep for deep in steps]
                lanes["b"] += [cols * deep for deep in steps]
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

    count = 2 * rows + cols + streamed - 2
    assert model.job_latency_cycles(config("os", rows, cols), rows, cols, streamed) == count
    assert model.compute_cycles(config("ws", rows, cols), streamed, cols, rows) == count
    assert model.compute_cycles(config("ws2", rows, cols), streamed, cols, rows) == count
