"""Posit and SIMD units under Verilator: bits and cycles against the models, and mutants."""

import pytest

from lockstep.arch.posit import OPERATIONS, PositConfig
from lockstep.arch.simd import MODES, SimdConfig
from lockstep.rtl.build import to_verilog
from lockstep.verify.agree_posit import (
    ODD,
    posit_batches,
    posit_cases,
    posit_trial,
    simd_batches,
    simd_trial,
    verify_posit,
)
from lockstep.verify.mac_rows import missed
from lockstep.verify.mac_stream import compare
from lockstep.verify.posit_traffic import dot_sweep
from lockstep.verify.verilator import TOP, lint

pytestmark = pytest.mark.rtl

LANES = {"multiply": 16, "add": 16, "dot": 4}
NAMED = ("posit4_1", "posit8_0", "posit16_1")
WIDE = ("posit24_4", "posit32_5")


def assert_agrees(cfg, batches, least_vectors):
    tally = compare(cfg, to_verilog(cfg, TOP), batches)
    assert tally.mismatches == 0
    assert tally.cycle_error_max == 0
    assert tally.vectors >= least_vectors
    assert tally.stalled_vectors >= 300
    return tally


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("operation", ["multiply", "add"])
def test_lanes_agree_for_every_pair_or_a_sample(operation, name):
    cfg = PositConfig(operation=operation, format=name, lanes=LANES[operation])
    pairs = 1 << 2 * cfg.posit.n if cfg.posit.n <= 8 else 65_536 + 20_000
    assert_agrees(cfg, posit_batches(cfg, quick=True, seed=1), pairs)


@pytest.mark.parametrize("name", NAMED)
def test_dots_agree(name):
    cfg = PositConfig(operation="dot", format=name, lanes=LANES["dot"])
    assert_agrees(cfg, posit_batches(cfg, quick=True, seed=2), 600)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wide_posit_agrees(operation):
    cfg = PositConfig(operation=operation, format="posit32_2", lanes=2)
    assert_agrees(cfg, posit_batches(cfg, quick=True, seed=3), 600)


@pytest.mark.xdist_group("simd")  # one design: it is built once
@pytest.mark.parametrize("mode", [*MODES, None], ids=lambda m: m.format.name if m else "mixed")
def test_simd_agrees_in_every_mode(mode):
    cfg = SimdConfig(dots=16)
    assert_agrees(cfg, simd_batches(cfg, mode, quick=True, seed=4), 1_000)


@pytest.mark.parametrize(
    "unit", ["multiply", pytest.param("add", marks=pytest.mark.slow), "dot", "simd"]
)
def test_mutants_are_caught(unit):
    bugs = simd_trial(seed=1) if unit == "simd" else posit_trial(unit, seed=1)
    assert len(bugs.mutants) >= 4
    assert not missed(bugs)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ODD)
def test_verilog_is_clean(operation, name):
    assert not lint(to_verilog(PositConfig(operation=operation, format=name, lanes=3), TOP))


def test_simd_verilog_is_clean():
    assert not lint(to_verilog(SimdConfig(dots=2), TOP))


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ODD + WIDE)
def test_odd_posits_agree(operation, name):
    cfg = PositConfig(operation=operation, format=name, lanes=3)
    assert_agrees(cfg, posit_batches(cfg, quick=True, seed=5), 300)


def test_every_narrow_posit_is_exhaustive():
    found = {
        (case.unit, case.format) for case in posit_cases(quick=True, seed=1) if case.exhaustive
    }
    narrow = ("posit3_0", "posit4_1", "posit5_2", "posit6_1", "posit8_0")
    assert found == {
        *((f"posit {operation}", name) for operation in OPERATIONS for name in narrow),
        ("simd dot", "posit8_0"), ("simd dot", "posit4_1"), ("simd dot", "fp4_e2m1"),
    }  # fmt: skip


def test_a_sweep_of_dots_has_every_pair_alone():
    cfg = PositConfig(operation="dot", format="posit4_1", lanes=4)
    words = dot_sweep(cfg).words
    assert {word >> 32 for word in words} == {3}  # first and last
    pairs = [[word >> 8 * k & 0xFF for k in range(4)] for word in words]
    assert all(sum(map(bool, row)) <= 1 for row in pairs)
    assert {sum(row) for row in pairs} == set(range(256))


@pytest.mark.slow
def test_every_row_passes_in_full():
    rows = list(verify_posit())
    assert [row.summary() for row in rows if not row.passed] == []
