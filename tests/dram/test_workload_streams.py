"""Tiles to requests: every byte once per visit, in order, on the right channel."""

import numpy as np
import pytest

from lockstep.arch.machine import load_machine
from lockstep.sim import dram_streams
from lockstep.sim.cycle.dram.checker import check
from lockstep.sim.cycle.dram.engine import simulate
from lockstep.sim.cycle.dram.trace import Trace
from lockstep.sim.dram_interleaving import interleaved
from lockstep.sim.dram_streams import (
    RowTraffic,
    Turns,
    gemm_stream,
    vector_stream,
)
from lockstep.sim.mapper import ORDERS
from lockstep.sim.tiling import Costs, Problem

BURST, CHANNELS = 64, 2


def mapped(problem, tile, order, machine="edge-os16"):
    """The mapping with this tile and order."""
    system = load_machine(machine)
    row = np.array([[*tile, ORDERS.index(tuple(order))]])
    return Costs(system, [problem], np.zeros(1, np.int64), row).mapping(0, 1)


def walk(p, tile, order):
    """Loads and stores of one instance as ``(matrix, row, column, rows, columns)``, step by step."""
    sizes = {"m": p.m, "n": p.n, "k": p.k}
    tiles = dict(zip("mnk", tile, strict=True))
    trips = {d: -(-sizes[d] // tiles[d]) for d in "mnk"}
    held, loads, stores = {}, [], []

    def box(name, rows, columns, at):
        low = [at[d] * tiles[d] for d in (rows, columns)]
        size = [min(tiles[d], sizes[d] - x) for d, x in zip((rows, columns), low, strict=True)]
        return (name, *low, *size)

    def leave():
        done = held["k"] == trips["k"] - 1
        stores.append(box("c" if done else "partial", "m", "n", held["at"]))

    for index in np.ndindex(*(trips[d] for d in order)):
        at = dict(zip(order, index, strict=True))
        for name, row in (("a", "m"), ("b", "n")):
            if held.get(name) != (at[row], at["k"]):
                loads.append(box(name, row, "k", at))
                held[name] = (at[row], at["k"])
        if held.get("c") != (at["m"], at["n"]):
            if "c" in held:
                leave()
            if at["k"]:
                loads.append(box("partial", "m", "n", at))
            held["c"] = (at["m"], at["n"])
        held["at"], held["k"] = at, at["k"]
    leave()
    return loads, stores


def requests_of(p, tile, boxes):
    """Burst addresses of the walk's boxes, by the layout that the docs state."""
    page = lambda size: -(-size // 4096) * 4096  # noqa: E731
    base_b = page(p.m * p.k)
    base_c = base_b + page(p.n * p.k)
    base_partial = base_c + page(p.m * p.n)
    per_row = -(-p.n // tile[1])
    found = []
    for name, row, column, rows, columns in boxes:
        width = {"a": p.k, "b": p.k, "c": p.n}.get(name)
        base = {"a": 0, "b": base_b, "c": base_c}.get(name)
        runs = [(base + (row + r) * width + column, columns) for r in range(rows)] if width else []
        if name == "partial":
            slot = (row // tile[0]) * per_row + column // tile[1]
            runs = [(base_partial + slot * tile[0] * tile[1] * 4, rows * columns * 4)]
        elif columns == width:
            runs = [(runs[0][0], rows * columns)]
        for start, size in runs:
            found += range(start // BURST * BURST, start + size, BURST)
    return found


@pytest.mark.parametrize("order", ["".join(o) for o in ORDERS])
def test_a_gemm_asks_for_its_tiles_in_order(order):
    p, tile = Problem(m=96, n=192, k=256), (32, 64, 64)
    stream = gemm_stream(
        p, mapped(p, tile, order), acc_bits=32, burst_bytes=BURST, channels=CHANNELS
    )
    is_write, address = stream.at(np.arange(stream.requests))
    loads, stores = walk(p, tile, order)
    assert address[is_write == 0].tolist() == requests_of(p, tile, loads)
    assert address[is_write == 1].tolist() == requests_of(p, tile, stores)


@pytest.mark.parametrize("order", ["mnk", "knm", "nkm"])
def test_a_stream_moves_the_bytes_that_the_mapper_counts(order):
    p = Problem(m=100, n=72, k=200, instances=3.0)
    mapping = mapped(p, (32, 16, 64), order)
    stream = gemm_stream(p, mapping, acc_bits=32, burst_bytes=BURST, channels=CHANNELS)
    assert stream.size_bytes == pytest.approx(mapping.dram_read_bytes + mapping.dram_write_bytes)


def test_operands_that_stay_on_chip_are_not_asked_for():
    p = Problem(m=64, n=64, k=64, a_in_dram=False, c_in_dram=False)
    mapping = mapped(p, (64, 64, 64), "mnk")
    stream = gemm_stream(p, mapping, acc_bits=32, burst_bytes=BURST, channels=CHANNELS)
    is_write, address = stream.at(np.arange(stream.requests))
    assert not is_write.any()
    assert sorted(set(address.tolist())) == list(range(4096, 8192, BURST))


def test_instances_have_addresses_of_their_own():
    one, three = (
        gemm_stream(
            p, mapped(p, (32, 32, 64), "mnk"), acc_bits=32, burst_bytes=BURST, channels=CHANNELS
        )
        for p in (Problem(m=64, n=64, k=64, instances=i) for i in (1.0, 3.0))
    )
    assert three.requests == 3 * one.requests
    _, address = three.at(np.arange(three.requests))
    assert len(set(address.tolist())) == 3 * len(set(one.at(np.arange(one.requests))[1].tolist()))


def test_any_window_of_a_stream_is_a_cut_of_the_whole():
    p = Problem(m=96, n=192, k=256, instances=2.0)
    stream = gemm_stream(
        p, mapped(p, (32, 64, 64), "knm"), acc_bits=32, burst_bytes=BURST, channels=CHANNELS
    )
    whole = np.stack(stream.at(np.arange(stream.requests)))
    for start in (0, 1234, stream.requests - 500):
        window = np.stack(stream.at(np.arange(start, start + 500)))
        np.testing.assert_array_equal(window, whole[:, start : start + 500])


def test_a_walk_too_long_to_lay_out_is_cut(monkeypatch):
    p = Problem(m=96, n=192, k=256)
    mapping = mapped(p, (32, 64, 64), "mnk")
    whole = gemm_stream(p, mapping, acc_bits=32, burst_bytes=BURST, channels=CHANNELS)
    monkeypatch.setattr(dram_streams, "MOST_STEPS", 12)
    part = gemm_stream(p, mapping, acc_bits=32, burst_bytes=BURST, channels=CHANNELS)
    assert 0 < part.requests < whole.requests
    assert part.size_bytes / part.requests == pytest.approx(whole.size_bytes / whole.requests)


@pytest.mark.parametrize(("loads", "stores"), [(1000, 0), (0, 7), (1000, 300), (5, 999)])
def test_turns_take_every_request_once_and_in_order(loads, stores):
    is_store, index = Turns(loads, stores, 16).at(np.arange(loads + stores))
    assert index[is_store == 0].tolist() == list(range(loads))
    assert index[is_store == 1].tolist() == list(range(stores))
    assert np.abs(np.diff(is_store)).sum() <= 2 * -(-min(loads, stores) // 16)


@pytest.mark.parametrize("preset", ["ddr4-3200", "hbm3", "lpddr5-6400"])
def test_mixing_banks_loses_no_address(preset):
    spec = load_machine("edge-os16", [f"dram.preset={preset}"]).dram.spec
    burst = spec.geometry.burst_bytes
    address = np.arange(1 << 16, dtype=np.int64) * burst
    assert sorted(interleaved(spec, address).tolist()) == address.tolist()


def test_a_vector_operator_reads_its_rows_in_turn():
    traffic = RowTraffic(
        rows=3, in_row_bytes=64.0, out_row_bytes=128.0, sources=2, gathers=False, stores=True
    )
    stream = vector_stream(traffic, burst_bytes=BURST, channels=1)
    is_write, address = stream.at(np.arange(stream.requests))
    assert address[is_write == 0].tolist() == [0, 4096, 64, 4160, 128, 4224]
    assert address[is_write == 1].tolist() == list(range(8192, 8192 + 384, BURST))
    assert stream.size_bytes == traffic.read_bytes + traffic.written_bytes


def test_the_commands_of_a_stream_keep_the_protocol():
    from lockstep.arch.dram_preset import with_channels

    p = Problem(m=96, n=512, k=256)
    spec = with_channels(load_machine("edge-os16").dram.spec, CHANNELS)
    stream = gemm_stream(
        p, mapped(p, (32, 64, 128), "knm"), acc_bits=32, burst_bytes=BURST, channels=CHANNELS
    )
    is_write, address = stream.at(np.arange(stream.requests))
    assert is_write.any()
    run = simulate(spec, Trace(is_write, interleaved(spec, address)))
    assert check(spec, run.log, run.cycles) == []
