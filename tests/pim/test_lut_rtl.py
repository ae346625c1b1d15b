"""The RTL of the LUT slice, held to its models under Verilator."""

import re

import pytest

from lockstep.arch.lut import LutConfig
from lockstep.rtl.build import component, ports, to_verilog
from lockstep.verify.lut import TESTBENCH, configs, plan, verify_lut
from lockstep.verify.lut_mutants import mutants
from lockstep.verify.verilator import lint

pytestmark = pytest.mark.rtl
CONFIGS = configs()


@pytest.mark.slow
def test_rtl_agrees_with_its_models_and_every_mutant_is_caught():
    (row,) = verify_lut()
    assert row.unit == "LUT slice"
    assert row.complaints == ()
    assert row.passed
    assert row.mismatches == row.cycle_error_min == row.cycle_error_max == 0
    assert row.configs == len(CONFIGS) == 6
    assert row.jobs == 6 * 400
    assert 0 < row.stalled_vectors < row.vectors
    assert row.mutants_caught == row.mutants == 17


@pytest.mark.xdist_group("rtl")
def test_a_slice_agrees_with_its_models(cosim):
    report = cosim(CONFIGS[0], TESTBENCH, plan(CONFIGS[0], (24, 24)))
    assert report["jobs"] == 48
    assert report["mismatches"] == 0
    assert report["complaints"] == []
    assert set(report["cycle_errors"]) == {0}
    assert 0 < report["stalled_vectors"] < report["vectors"]


def test_configs_cover_the_odd_ones():
    assert {1, 3} <= {cfg.group for cfg in CONFIGS}
    assert {1, 3} <= {cfg.batch for cfg in CONFIGS}
    assert {1, 8} <= {cfg.weight_bits for cfg in CONFIGS}
    assert any(cfg.k_max % cfg.group for cfg in CONFIGS)
    assert any(cfg.n_max % cfg.ports for cfg in CONFIGS)
    assert {True, False} == {cfg.pattern_aware for cfg in CONFIGS}


@pytest.mark.parametrize(
    "values",
    [
        {"group": 1, "n_max": 1, "k_max": 1, "weight_bits": 1},
        {"group": 3, "adders": 3, "k_max": 3, "n_max": 3, "ports": 3},
        {"group": 2, "ports": 7, "batch": 2, "k_max": 3, "n_max": 7},
        {"group": 4, "k_max": 15, "n_max": 2, "pattern_aware": False},
        {"group": 6, "adders": 5, "n_max": 9, "ports": 4, "activation_bits": 4},
    ],
)
def test_verilog_is_clean_and_has_one_table(values):
    cfg = LutConfig.model_validate(values)
    verilog = to_verilog(cfg, "dut")
    assert "%" not in lint(verilog)
    assert len(re.findall(r"^module \S*LutVector_\d+\(", verilog, re.MULTILINE)) == 1
    vectors = re.findall(r"^  dut_LutVector_\d+ ", verilog, re.MULTILINE)
    assert len(vectors) == cfg.batch


def test_a_sample_of_mutants_is_every_eighth():
    assert len(mutants(CONFIGS[0], every=8)) == 3  # each of which differs, or it raises


def test_ports_are_streams():
    members = ports(component(CONFIGS[0]))["interface"]["members"]
    assert members.keys() == {"i_job", "i_a", "i_w", "o", "busy", "building", "stalled"}
    assert members["i_a"]["members"]["payload"]["width"] == 3 * 3 * 8
    assert members["i_w"]["members"]["payload"]["width"] == 2 * 3
    assert members["o"]["members"]["payload"]["width"] == 2 * 3 * 18
