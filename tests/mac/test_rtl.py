from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator

from lockstep.arch.mac import AccumulateConfig, DotConfig, FixedSum, MultiplyConfig
from lockstep.arch.tensor import MacConfig
from lockstep.rtl.build import component, ports, to_verilog
from lockstep.verify.agree_mac import (
    FULL,
    MUTATED,
    QUICK,
    batches,
    cases,
    name_of,
    trial,
    units,
)
from lockstep.verify.mac_blocks import sweep_elements, sweep_scales
from lockstep.verify.mac_mutants import SLOW
from lockstep.verify.mac_rows import missed, mutated, verify_cases
from lockstep.verify.mac_stream import compare
from lockstep.verify.mac_traffic import is_swept, unpack
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
    DotConfig(a="mxfp8", b="mxfp6", lanes=32, accumulate=FixedSum(bits=24, lsb_exponent=-8)),
    DotConfig(a="nvint4", b="nvint4", lanes=4, accumulate=FixedSum(bits=32, lsb_exponent=-18)),
    DotConfig(a="mxint4", b="mxint4", lanes=8, accumulate=FixedSum(bits=9, lsb_exponent=40)),
]

FAST_MUTATED = {("multiply, rounded", "fp8_e4m3"), ("dot, 16 lanes, fixed point", "nvfp4")}


def name(cfg):
    return "-".join(name_of(cfg)).replace(", ", "-").replace(" ", "-")


def assert_agrees(cfg, effort):
    outcome = compare(cfg, to_verilog(cfg, TOP), batches(cfg, effort, seed=1))
    assert outcome.mismatches == 0
    assert outcome.cycle_error_max == 0
    assert outcome.stalled_vectors > 50
    return outcome


@pytest.mark.parametrize("cfg", SAMPLE, ids=name)
def test_bits_and_cycles_agree(cfg):
    assert_agrees(cfg, replace(QUICK, elements=False))


@pytest.mark.slow
@pytest.mark.parametrize("cfg", units(), ids=name)
def test_every_unit_agrees(cfg):
    outcome = assert_agrees(cfg, FULL)
    if isinstance(cfg, DotConfig) or is_swept(cfg.product):
        return
    # A vector of accumulations takes many operands, one of products only one.
    assert outcome.vectors > (400_000 if isinstance(cfg, AccumulateConfig) else 1_000_000)


@pytest.mark.parametrize(
    "cfg",
    [
        pytest.param(c, marks=() if name_of(c) in FAST_MUTATED else pytest.mark.slow, id=name(c))
        for c in units()
        if name_of(c) in MUTATED
    ],
)
def test_every_mutant_is_caught(cfg):
    assert not missed(trial(cfg, seed=1))


def test_rows_are_distinct_and_exhaustive_up_to_8_bits():
    rows = {(case.unit, case.format): case for case in cases(QUICK, seed=1)}
    assert len(rows) == len(units())
    assert set(MUTATED) == {key for key, case in rows.items() if case.trial}
    assert rows["multiply, exact", "int8"].exhaustive
    assert rows["dot, 8 lanes", "mxfp8"].exhaustive
    assert not rows["multiply, rounded", "bf16"].exhaustive
    assert not rows["dot, 6 lanes", "bfp16_e8_b6"].exhaustive


@pytest.mark.parametrize(("a", "b", "lanes"), [("mxfp4", "mxfp4", 8), ("mxfp8", "mxfp4", 32)])
def test_a_sweep_has_every_pair_alone_and_uses_every_lane(a, b, lanes):
    cfg = DotConfig(a=a, b=b, lanes=lanes)
    a_bits, b_bits = cfg.a_block.element_bits, cfg.b_block.element_bits
    words = sweep_elements(cfg, np.random.default_rng(1)).words
    part = (1 << lanes * a_bits) - 1
    (x,) = unpack([word & part for word in words], lanes, a_bits)
    part = (1 << lanes * b_bits) - 1
    (y,) = unpack([word >> lanes * a_bits & part for word in words], lanes, b_bits)
    x, y = x.reshape(-1, cfg.a_block.block), y.reshape(-1, cfg.a_block.block)
    assert (np.count_nonzero((x != 0) | (y != 0), axis=1) <= 1).all()
    found = set(zip(x.sum(axis=1).tolist(), y.sum(axis=1).tolist(), strict=True))
    assert len(found) == 1 << a_bits + b_bits
    assert (x.any(axis=0) & y.any(axis=0)).all()


def test_a_sweep_has_every_pair_of_scales():
    cfg = DotConfig(a="nvfp4", b="nvfp4", lanes=16)
    words = sweep_scales(cfg, np.random.default_rng(1)).words
    assert len({word >> 2 * 16 * 4 & 0xFFFF for word in words}) == 1 << 16


def test_only_the_cycle_count_tells_the_slow_mutant():
    bugs = trial(SAMPLE[0], seed=1)
    outcome = compare(bugs.cfg, mutated(bugs, SLOW), bugs.batches())
    assert (outcome.mismatches, outcome.cycle_error_max) == (0, 1)


def test_a_quick_run_has_the_rows_with_mutants_and_counts_what_it_simulates():
    chosen = [
        case
        for case in cases(replace(QUICK, elements=False), seed=1)
        if name_of(case.cfg) in FAST_MUTATED or case.format == "uint4"
    ]
    told = []
    rows = verify_cases(chosen, quick=True, progress=lambda *what: told.append(what), seed=1)
    found = {(row.unit, row.format): row for row in rows}
    assert set(found) == FAST_MUTATED
    assert all(row.passed and row.mutants == 2 for row in found.values())
    assert len(told) == 6
    assert {total for _, total in told} == {6}


def test_a_mutant_must_differ():
    harmless = replace(trial(SAMPLE[0], seed=1), mutants={"nothing": nullcontext})
    with pytest.raises(ValueError, match="unchanged"):
        mutated(harmless, "nothing")


@pytest.mark.parametrize("cfg", [SAMPLE[0], SAMPLE[5], SAMPLE[9], SAMPLE[-3], SAMPLE[-1]], ids=name)
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
