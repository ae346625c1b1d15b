"""The closed forms against a walk through the array, PE by PE, that knows only who waits for whom."""

import numpy as np
import pytest

from lockstep.sim.cycle.tensor import (
    compute_cycles,
    folds,
    job_counts,
    job_interval_cycles,
    job_latency_cycles,
    stream_vectors,
)

ARRAYS = [(1, 1), (1, 6), (6, 1), (3, 5), (4, 4), (7, 2)]
SHAPES = [(1, 1, 1), (1, 9, 2), (4, 4, 4), (5, 3, 17), (13, 8, 7), (20, 1, 6)]
DATAFLOWS = ["os", "ws", "ws2"]


def cuts(size, part):
    return [min(part, size - start) for start in range(0, size, part)]


def walk(cfg, m, n, k):
    """Cycle of the last MAC and of the last row of C, counted from the first operand's."""
    far = cfg.rows + cfg.cols - 2  # hops to the last PE
    if cfg.dataflow == "output_stationary":
        start = last_mac = drained = 0
        for block_rows in cuts(m, cfg.rows):
            for _ in cuts(n, cfg.cols):
                last_mac = start + k - 1 + far
                assert drained <= last_mac + 1, "a drain would run into the next one"
                last_row = last_mac + block_rows
                drained = last_mac + 1 + cfg.rows
                start = last_mac + 1
        return last_mac, last_row
    load, stream_end, last_mac = 0, 0, -1
    for _ in cuts(n, cfg.cols):
        for _ in cuts(k, cfg.rows):
            if not cfg.weight_double_buffer:
                load = last_mac + 1
            stream = max(load + cfg.rows, stream_end)
            stream_end = stream + m
            last_mac = stream_end - 1 + far
            load = stream  # the second register is free once the first row of A has swapped it
    return last_mac, last_mac + 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", ARRAYS)
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_closed_forms_equal_the_walk(engine, dataflow, size, shape):
    cfg = engine(dataflow, *size)
    last_mac, last_row = walk(cfg, *shape)
    assert compute_cycles(cfg, *shape) == last_mac + 1
    assert job_latency_cycles(cfg, *shape) == last_row + 1
    assert job_interval_cycles(cfg, *shape) == last_mac + 2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", ARRAYS)
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_counts_equal_a_list_of_all_transfers(engine, dataflow, size, shape):
    cfg = engine(dataflow, *size)
    m, n, k = shape
    lanes = {"a": [], "b": [], "c_in": [], "c_out": []}
    if dataflow == "os":
        for block_rows in cuts(m, cfg.rows):
            for block_cols in cuts(n, cfg.cols):
                lanes["a"] += [block_rows] * k
                lanes["b"] += [block_cols] * k
                lanes["c_out"] += [block_cols] * block_rows
    else:
        for block_cols in cuts(n, cfg.cols):
            for index, depth in enumerate(cuts(k, cfg.rows)):
                lanes["b"] += [block_cols] * depth
                lanes["a"] += [depth] * m
                lanes["c_out"] += [block_cols] * m
                lanes["c_in"] += [block_cols] * (m if index else 0)
    assert stream_vectors(cfg, *shape) == {name: len(each) for name, each in lanes.items()}
    assert job_counts(cfg, *shape) == {
        "a_reads": sum(lanes["a"]),
        "b_reads": sum(lanes["b"]),
        "c_reads": sum(lanes["c_in"]),
        "c_writes": sum(lanes["c_out"]),
    }


@pytest.mark.parametrize(("rows", "cols", "streamed"), [(8, 8, 64), (32, 16, 100), (1, 4, 7)])
def test_one_full_fold_takes_what_scale_sim_says(engine, rows, cols, streamed):
    # SCALE-Sim (ISPASS 2020), equation for one fold: 2R + C + T - 2, T the streamed dimension. It
    # ends with the last row out of an output-stationary array, and the last MAC of a weight one.
    wanted = 2 * rows + cols + streamed - 2
    assert job_latency_cycles(engine("os", rows, cols), rows, cols, streamed) == wanted
    assert compute_cycles(engine("ws", rows, cols), streamed, cols, rows) == wanted
    assert compute_cycles(engine("ws2", rows, cols), streamed, cols, rows) == wanted


def test_double_buffering_hides_loads_behind_long_streams(engine):
    shape = (512, 64, 64)
    single, double = (compute_cycles(engine(d, 8, 8), *shape) for d in ("ws", "ws2"))
    assert single - double == (folds(engine("ws", 8, 8), *shape) - 1) * (2 * 8 + 8 - 2)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_arrays_of_shapes_give_what_each_shape_gives(engine, dataflow):
    cfg = engine(dataflow, 4, 3)
    m, n, k = np.array(SHAPES).T
    functions = (folds, compute_cycles, job_latency_cycles, job_interval_cycles)
    for function in functions:
        np.testing.assert_array_equal(function(cfg, m, n, k), [function(cfg, *s) for s in SHAPES])
        assert type(function(cfg, 5, 6, 7)) is int
    for function in (job_counts, stream_vectors):
        for name, values in function(cfg, m, n, k).items():
            np.testing.assert_array_equal(values, [function(cfg, *s)[name] for s in SHAPES])
