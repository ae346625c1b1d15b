"""GEMMs beside the DRAM: a roofline, chosen operator by operator."""

import pytest

from lockstep.arch.error import InputError
from lockstep.arch.load import read_yaml, resolve, validate
from lockstep.arch.machine import Machine, load_machine
from lockstep.sim.energy import components
from lockstep.sim.near_memory import cost_gemm
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm

GPT2 = load_model("gpt2")
ROOFLINE = (
    "pim={kind: roofline, format: int8, bandwidth_multiple: 4.0, macs: 64, clock_mhz: 500.0, "
    "energy: {mac: {energy_pj: 1.0, source: of this test}, "
    "read_byte: {energy_pj: 2.0, source: of this test}, "
    "write_byte: {energy_pj: 4.0, source: of this test}}}"
)


@pytest.fixture(scope="module")
def system():
    return load_machine("edge-os16", [ROOFLINE])


def test_roofline_of_one_gemm(system):
    op = Gemm(name="x", m=1, n=4096, k=4096, a="stream", c="stream")
    cost = cost_gemm(system, system.machine.pim, op)
    bytes_moved = 4096 * 4096 + 2 * 4096
    by_reads = bytes_moved / (4 * system.dram_bytes_per_cycle)
    by_macs = 4096 * 4096 / (64 * 2 * 500e6) * system.machine.clock_hz
    assert cost.pim_cycles == pytest.approx(max(by_reads, by_macs))
    assert cost.dma_cycles == 0
    assert cost.activity.pim == {"mac": 4096 * 4096, "read_byte": bytes_moved - 4096,
                                 "write_byte": 4096}  # fmt: skip


def test_operands_that_do_not_stream_cross_the_pins(system):
    op = Gemm(name="x", m=3, n=100, k=50)
    cost = cost_gemm(system, system.machine.pim, op)
    assert cost.activity.dram_write_bytes == 150
    assert cost.activity.dram_read_bytes == 300
    assert cost.dma_cycles == pytest.approx(450 / system.dram_bytes_per_cycle)


def test_each_operator_runs_where_it_is_done_sooner(system):
    with_pim = simulate(system, GPT2, prefill=128, decode=4)
    without = simulate(load_machine("edge-os16"), GPT2, prefill=128, decode=4)
    assert with_pim.decode.cycles < without.decode.cycles
    assert with_pim.prefill.cycles <= without.prefill.cycles
    for phase in with_pim.phases:
        for op in phase.ops:
            assert not (op.tensor_cycles and op.pim_cycles), op.name
    assert any(op.tensor_cycles for op in with_pim.prefill.ops)
    assert any(op.pim_cycles for op in with_pim.decode.ops)


def test_energy_of_events(system):
    result = simulate(system, GPT2, prefill=16, decode=2)
    assert set(result.energy_pj()) == set(components(system))
    pim = result.activity.pim
    expected = pim["mac"] + 2 * pim["read_byte"] + 4 * pim["write_byte"]
    assert result.energy_pj()["pim"] == pytest.approx(expected)
    on_engine = result.activity.macs - pim["mac"]
    assert result.energy_pj()["mac"] == pytest.approx(on_engine * system.mac.energy_pj)


def without_tensor(*overrides):
    document = read_yaml(resolve("machines", "edge-os16")).overridden([ROOFLINE, *overrides])
    del document.data["tensor"]
    return validate(Machine, document)


def test_a_machine_without_a_tensor_engine_runs_all_beside_the_memory(system):
    alone = type(system)(machine=without_tensor(), tech=system.tech, dram=system.dram)
    result = simulate(alone, GPT2, prefill=16, decode=2)
    assert not any(op.tensor_cycles for phase in result.phases for op in phase.ops)
    assert result.activity.pim["mac"] == result.activity.macs
    assert 0 < result.utilization <= 1
    assert result.summary()["mac_energy_pj"] == 1.0
    with pytest.raises(InputError, match="has no tensor engine"):
        _ = alone.machine.engine


def test_a_machine_needs_one_of_them():
    document = read_yaml(resolve("machines", "edge-os16"))
    del document.data["tensor"]
    with pytest.raises(InputError, match=r"tensor: is missing; add 'tensor: \.\.\.', or 'pim"):
        validate(Machine, document)


def test_every_event_has_a_price():
    two = "mac: {energy_pj: 1.0, source: of this test}, read_byte: {energy_pj: 2.0, source: of this test}"
    with pytest.raises(InputError, match=r"must price every event; write_byte missing"):
        load_machine("edge-os16", [ROOFLINE, f"pim.energy={{{two}}}"])
