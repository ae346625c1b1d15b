"""The mapper: bounds that no mapping may break, monotony, determinism, and traffic by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.machine import load_machine
from lockstep.sim.cycle.tensor import compute_cycles
from lockstep.sim.mapper import ORDERS, Problem, map_problems

MACHINES = ("edge-os16", "cloud-ws128", "fusemax-cloud")
dims = st.integers(1, 5000)
problems = st.builds(Problem, m=dims, n=dims, k=dims, instances=st.sampled_from([1.0, 2.5, 64.0]))
machines = st.sampled_from(MACHINES)


def best(system, *problem):
    return map_problems(system, problem)


@settings(max_examples=150, deadline=None)
@given(machine=machines, p=problems)
def test_latency_is_above_every_roof(machine, p):
    system = load_machine(machine)
    (found,) = best(system, p)
    macs = p.instances * p.m * p.n * p.k
    least_bytes = p.instances * (p.m * p.k + p.k * p.n + p.m * p.n)
    assert found.latency_cycles >= macs / system.machine.tensor.pes
    assert found.latency_cycles >= least_bytes / system.dram_bytes_per_cycle
    assert found.dram_read_bytes + found.dram_write_bytes >= least_bytes * (1 - 1e-12)
    assert found.latency_cycles >= max(
        found.array_cycles, found.dma_cycles, found.scratchpad_cycles
    )


@settings(max_examples=150, deadline=None)
@given(machine=machines, p=problems)
def test_tiling_never_beats_one_unbroken_job(machine, p):
    system = load_machine(machine)
    (found,) = best(system, p)
    whole = int(compute_cycles(system.machine.tensor, p.m, p.n, p.k))
    assert found.array_cycles >= p.instances * whole


@settings(max_examples=150, deadline=None)
@given(
    machine=machines,
    p=problems,
    key=st.sampled_from(["dram.channels", "clock_mhz"]),
    times=st.integers(2, 5),
)
def test_more_bandwidth_or_clock_is_never_slower(machine, p, key, times):
    slow = load_machine(machine)
    value = slow.machine.dram.channels if key == "dram.channels" else slow.machine.clock_mhz
    fast = load_machine(machine, [f"{key}={value * times}"])
    before = best(slow, p)[0].latency_cycles / slow.machine.clock_hz
    after = best(fast, p)[0].latency_cycles / fast.machine.clock_hz
    assert after <= before * (1 + 1e-12)


@settings(max_examples=300, deadline=None)
@given(machine=machines, p=problems, dim=st.sampled_from("mnk"), more=st.integers(1, 300))
def test_a_larger_product_is_never_faster(machine, p, dim, more):
    system = load_machine(machine)
    sizes = {d: getattr(p, d) for d in "mnk"}
    sizes[dim] += more
    small, large = best(system, p, Problem(**sizes, instances=p.instances))
    # A measured table of bandwidths need not rise with the run at each step.
    noise = 1e-4 if system.dram.spec else 1e-12
    assert large.latency_cycles >= small.latency_cycles * (1 - noise)


@settings(max_examples=100, deadline=None)
@given(machine=machines, p=problems)
def test_tiles_fit_the_scratchpad_and_the_job_counters(machine, p):
    system = load_machine(machine, ["tensor.job_bits=9"])
    (found,) = best(system, p)
    tile = (found.tile_m, found.tile_n, found.tile_k)
    assert max(tile) <= 511
    assert system.machine.tensor.tile_bits(*tile) <= 8 * system.machine.tile_bytes


def test_mapping_is_the_same_alone_and_in_company():
    system = load_machine("edge-os16")
    some = [Problem(m=m, n=300, k=70) for m in (1, 17, 400)]
    together = map_problems(system, some)
    assert together == [map_problems(system, [p])[0] for p in some]


@pytest.mark.parametrize("machine", MACHINES)
def test_one_tile_moves_each_operand_once(machine):
    system = load_machine(machine)
    (found,) = best(system, Problem(m=16, n=12, k=14, c_bits=16))
    assert found.dram_read_bytes == 16 * 14 + 14 * 12
    assert found.dram_write_bytes == 16 * 12 * 2


def walk(order, trips, sizes, bits):
    """DRAM bytes of a loop nest, walked tile by tile with a one-tile buffer per operand."""
    held = {"a": None, "b": None, "c": None}
    visits = {}
    read = written = 0.0
    for index in np.ndindex(*(trips[d] for d in order)):
        at = dict(zip(order, index, strict=True))
        for name, dims_of in (("a", "mk"), ("b", "kn")):
            tile = tuple(at[d] for d in dims_of)
            if held[name] != tile:
                read += math.prod(sizes[d] for d in dims_of) * bits[name] / 8
                held[name] = tile
        tile = (at["m"], at["n"])
        if held["c"] != tile:
            if held["c"] is not None:
                done = visits[held["c"]] == trips["k"]
                written += sizes["m"] * sizes["n"] * bits["c" if done else "acc"] / 8
            if visits.get(tile):
                read += sizes["m"] * sizes["n"] * bits["acc"] / 8
            held["c"] = tile
        visits[tile] = visits.get(tile, 0) + 1
    written += sizes["m"] * sizes["n"] * bits["c"] / 8
    return read, written


@pytest.mark.parametrize("order", ["".join(o) for o in ORDERS])
def test_traffic_equals_a_walk_of_the_loops(order, monkeypatch):
    """Force each loop order in turn; the closed form must equal a tile-by-tile walk."""
    from lockstep.sim import mapper

    system = load_machine("edge-os16")
    trips, sizes = {"m": 3, "n": 4, "k": 5}, {"m": 32, "n": 16, "k": 64}
    row = [*sizes.values(), ["".join(o) for o in ORDERS].index(order)]
    monkeypatch.setattr(mapper, "_tilings", lambda *_: np.array([row]))
    p = Problem(**{d: trips[d] * sizes[d] for d in "mnk"}, a_bits=8, b_bits=4, c_bits=16)
    (found,) = map_problems(system, [p])
    bits = {"a": 8, "b": 4, "c": 16, "acc": system.machine.tensor.mac.acc_bits}
    read, written = walk(order, trips, sizes, bits)
    assert found.dram_read_bytes == pytest.approx(read, rel=1e-12)
    assert found.dram_write_bytes == pytest.approx(written, rel=1e-12)
