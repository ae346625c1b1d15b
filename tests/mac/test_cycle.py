import pytest

from lockstep.arch.mac import AccumulateConfig, DotConfig, FixedSum, MultiplyConfig
from lockstep.arch.tensor import MacConfig
from lockstep.sim.cycle import mac as model


def test_one_beat_takes_the_latency():
    multiply = MultiplyConfig(a="int8", b="int8", lanes=4)
    accumulate = AccumulateConfig(mac=MacConfig(a="int8", b="int8"), lanes=4)
    dot = DotConfig(a="mxfp8", b="mxfp8", lanes=32)
    assert model.multiply(multiply, 4).cycles == multiply.latency_cycles
    assert model.accumulate(accumulate, 1).cycles == accumulate.latency_cycles
    assert model.dot(dot, 1).cycles == dot.latency_cycles


@pytest.mark.parametrize("lanes", [1, 3, 8])
def test_every_further_beat_takes_one_cycle(lanes):
    cfg = MultiplyConfig(a="int8", b="int8", lanes=lanes)
    cycles = [model.multiply(cfg, pairs).cycles for pairs in range(1, 50)]
    for pairs, cost in enumerate(cycles, start=1):
        assert cost - cycles[0] == (pairs - 1) // lanes


@pytest.mark.parametrize("lanes", [1, 4, 16, 32])
def test_a_block_takes_a_cycle_per_group_of_lanes(lanes):
    cfg = DotConfig(a="mxint8", b="mxint8", lanes=lanes)
    assert model.dot(cfg, 11).cycles - model.dot(cfg, 1).cycles == 10 * 32 // lanes
    assert model.dot(cfg, 11).multiplies == 11 * 32


def test_floats_round_at_every_step_and_blocks_once_each():
    floats = AccumulateConfig(mac=MacConfig(a="bf16", b="bf16"), lanes=2)
    integers = AccumulateConfig(mac=MacConfig(a="int8", b="int8"), lanes=2)
    assert model.accumulate(floats, 5).fp32_adds == 10
    assert model.accumulate(integers, 5).integer_adds == 10
    cost = model.dot(DotConfig(a="nvfp4", b="nvfp4", lanes=4), 3)
    assert (cost.fp32_adds, cost.integer_adds) == (3, 3 * 15)
    of = FixedSum(bits=32, lsb_exponent=-12)
    fixed = model.dot(DotConfig(a="nvfp4", b="nvfp4", lanes=4, accumulate=of), 3)
    assert (fixed.fp32_adds, fixed.integer_adds, fixed.cycles) == (0, 3 * 16, cost.cycles)
