import numpy as np
import pytest
from amaranth.sim import Simulator

from lockstep.arch.mac import AccumulateConfig, DotConfig, MultiplyConfig
from lockstep.arch.tensor import MacConfig
from lockstep.rtl.build import component, ports, to_verilog
from lockstep.verify.agree_mac import (
    FULL,
    MUTANT,
    MUTATED,
    QUICK,
    compare,
    mutated,
    name_of,
    notices,
    units,
)
from lockstep.verify.mac_mutants import mutants
from lockstep.verify.verilator import TOP, lint

pytestmark = pytest.mark.rtl

SAMPLE = [
    MultiplyConfig(a="fp8_e4m3", b="fp8_e4m3", result="rounded", lanes=16),
    MultiplyConfig(a="fp8_e5m2", b="fp8_e5m2", result="saturated", lanes=16),
    MultiplyConfig(a="fp6_e2m3", b="fp6_e3m2", lanes=5),
    MultiplyConfig(a="fp16", b="fp16", result="rounded", lanes=16),
    MultiplyConfig(a="int8", b="uint4", lanes=16),
    AccumulateConfig(mac=MacConfig(a="fp8_e4m3", b="fp8_e4m3"), lanes=16),
    AccumulateConfig(mac=MacConfig(a="bf16", b="bf16"), lanes=8),
    AccumulateConfig(mac=MacConfig(a="tf32", b="tf32"), lanes=1),
    AccumulateConfig(mac=MacConfig(a="int8", b="int8", acc_bits=18), lanes=16),
    DotConfig(a="mxfp8", b="mxfp4", lanes=8),
    DotConfig(a="mxfp8_e5m2", b="mxfp8_e5m2", lanes=32),
    DotConfig(a="mxint8", b="mxint8", lanes=1),
    DotConfig(a="nvfp4", b="nvfp4", lanes=16),
    DotConfig(a="bfp7_e5_b15", b="bfp3_e5_b15", lanes=5),
]


FAST_MUTATED = 3  # the others are of the same kinds


def name(cfg):
    return "-".join(name_of(cfg)).replace(", ", "-").replace(" ", "-")


def assert_agrees(cfg, effort):
    outcome = compare(cfg, to_verilog(cfg, TOP), effort)
    assert outcome.mismatches == 0
    assert outcome.cycle_error_max == 0
    assert outcome.stalled_vectors > 50
    return outcome


@pytest.mark.parametrize("cfg", SAMPLE, ids=name)
def test_bits_and_cycles_agree(cfg):
    assert_agrees(cfg, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("cfg", units(), ids=name)
def test_every_unit_agrees(cfg):
    outcome = assert_agrees(cfg, FULL)
    if isinstance(cfg, DotConfig):
        return
    widest = max(cfg.product.a.element_bits, cfg.product.b.element_bits)
    assert outcome.exhaustive == (widest <= 8)
    assert outcome.exhaustive or outcome.vectors > 400_000


@pytest.mark.parametrize(
    "cfg",
    [
        *MUTATED[:FAST_MUTATED],
        *(pytest.param(c, marks=pytest.mark.slow) for c in MUTATED[FAST_MUTATED:]),
    ],
    ids=name,
)
def test_every_mutant_is_caught(cfg):
    missed = [bug for bug, text in mutants(cfg).items() if not notices(cfg, text)]
    assert not missed


def test_mutants_stand_for_rows_of_the_table():
    assert {mutated(cfg) for cfg in units()} - {None} == set(MUTATED)


def test_only_the_cycle_count_tells_the_slow_mutant():
    cfg = MUTATED[0]
    outcome = compare(cfg, mutants(cfg)["takes a cycle longer, with the same values"], MUTANT)
    assert (outcome.mismatches, outcome.cycle_error_max) == (0, 1)


@pytest.mark.parametrize("cfg", [SAMPLE[0], SAMPLE[5], SAMPLE[9]], ids=name)
def test_verilog_is_clean(cfg):
    assert lint(to_verilog(cfg, TOP)) == ""


def test_ports_are_two_streams():
    assert set(ports(component(SAMPLE[0]))["interface"]["members"]) == {"i", "o"}


@pytest.mark.parametrize("lanes", [4, 16])
def test_dot_runs_in_amaranths_own_simulator(lanes):
    """Without Verilog: 16 ones times 16 halves, scaled by 2 and by -1, is -16; twice."""
    cfg = DotConfig(a="nvfp4", b="nvfp4", lanes=lanes)
    unit = component(cfg)
    results = []

    async def bench(ctx):
        ctx.set(unit.o.ready, 1)
        ctx.set(unit.i.valid, 1)
        word = {"a": [0x2] * lanes, "b": [0x1] * lanes, "a_scale": 0x40, "b_scale": 0xB8}
        ctx.set(unit.i.payload, word | {"last": 1})
        for _ in range(cfg.latency_cycles + 2 * cfg.beats_per_block):
            await ctx.tick()
            if ctx.get(unit.o.valid):
                results.append(ctx.get(unit.o.payload))

    simulator = Simulator(unit)
    simulator.add_clock(1e-9)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(results) >= 2
    assert (np.array(results[:2], np.uint32).view(np.float32) == -16).all()
