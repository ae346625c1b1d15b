"""Machines with each kind of engine: whole products and models, and what no engine may break."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.machine import load_machine
from lockstep.sim.cycle.tensor import compute_cycles
from lockstep.sim.gemm import simulate_gemm
from lockstep.sim.mapper import Problem, map_problems
from lockstep.sim.operand_formats import default_formats
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model

ENGINES = {
    "edge-os16": ["mac", "opt1"],
    "edge-matrix16": ["mac", "opt1"],
    "edge-cube8": ["mac", "opt1"],
    "edge-tree16": ["mac", "opt1", "opt2"],
}
SYSTEMS = {
    (machine, reduction): load_machine(machine, [f"tensor.mac.reduction={reduction}"])
    for machine, reductions in ENGINES.items()
    for reduction in reductions
}
systems = st.sampled_from(sorted(SYSTEMS)).map(SYSTEMS.__getitem__)
dims = st.integers(1, 2000)


@settings(max_examples=100, deadline=None)
@given(system=systems, m=dims, n=dims, k=dims)
def test_a_product_takes_its_macs_and_no_less_than_the_array_must(system, m, n, k):
    result = simulate_gemm(system, m, n, k)
    tensor = system.machine.tensor
    figures = system.tech.mac_figures(tensor.mac.a, tensor.mac.b)
    assert result.energy_pj["mac"] == pytest.approx(m * n * k * figures.energy_pj, rel=1e-12)
    assert result.compute_cycles >= m * n * k / tensor.pes
    assert result.mapping.latency_cycles >= result.compute_cycles


@settings(max_examples=100, deadline=None)
@given(system=systems, m=dims, n=dims, k=dims)
def test_tiles_never_beat_one_unbroken_job(system, m, n, k):
    (found,) = map_problems(system, [Problem(m=m, n=n, k=k)])
    assert found.array_cycles >= compute_cycles(system.machine.tensor, m, n, k)


@settings(max_examples=60, deadline=None)
@given(system=systems, m=dims, n=dims, k=dims, more=st.integers(1, 300), dim=st.sampled_from("mnk"))
def test_a_larger_product_is_never_faster(system, m, n, k, more, dim):
    sizes = {"m": m, "n": n, "k": k}
    larger = {**sizes, dim: sizes[dim] + more}
    small, large = map_problems(system, [Problem(**sizes), Problem(**larger)])
    assert large.latency_cycles >= small.latency_cycles * (1 - 1e-12)


@pytest.mark.parametrize("machine", ENGINES)
def test_every_engine_does_the_same_work_for_a_model(machine):
    plain, opt1 = (
        simulate(
            SYSTEMS[machine, reduction],
            load_model("gpt2"),
            prefill=64,
            decode=2,
            batch=1,
            formats=default_formats(SYSTEMS[machine, reduction]),
        )
        for reduction in ("mac", "opt1")
    )
    systolic = simulate(
        SYSTEMS["edge-os16", "mac"],
        load_model("gpt2"),
        prefill=64,
        decode=2,
        batch=1,
        formats=default_formats(SYSTEMS["edge-os16", "mac"]),
    )
    assert plain.activity.macs == opt1.activity.macs == systolic.activity.macs
    assert plain.latency_s <= opt1.latency_s <= plain.latency_s * 1.05
