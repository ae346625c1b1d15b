"""The RTL of the serial engines, held to its models under Verilator."""

import re

import pytest

from lockstep.arch.tensor import tensor_config
from lockstep.rtl.build import component, ports, to_verilog
from lockstep.verify.serial import TESTBENCH, plan, verify_machine_serial, verify_serial
from lockstep.verify.verilator import lint

pytestmark = pytest.mark.rtl

VARIANTS = [
    *({"kind": "bit_slice", "mac": {"reduction": r}} for r in ("opt3", "opt4c", "opt4e")),
    {"kind": "bit_slice", "skip_empty_groups": True, "k_max": 32},
    {"kind": "laconic", "pairs": 2},
]


def config(variant, rows, cols, **changes):
    return tensor_config({"rows": rows, "cols": cols, **variant, **changes})


def check(row, *, jobs):
    assert row.complaints == ()
    assert row.passed
    assert row.mismatches == row.cycle_error_min == row.cycle_error_max == 0
    assert row.jobs >= jobs
    assert 0 < row.stalled_vectors < row.vectors
    assert row.mutants_caught == row.mutants >= 2


@pytest.mark.slow
def test_rtl_agrees_with_its_models_on_every_kind_of_data():
    rows = verify_serial()
    assert [row.unit for row in rows] == [
        "tensor, bit slice, opt3",
        "tensor, bit slice, opt4c",
        "tensor, bit slice, opt4e",
        "tensor, laconic",
    ]
    for row in rows:
        assert row.configs >= 5
        check(row, jobs=800)


@pytest.mark.slow
def test_a_machines_engine_is_verified_scaled_down():
    row = verify_machine_serial(config(VARIANTS[1], 16, 12), quick=True)
    assert row.scaled_from == "16x12"
    check(row, jobs=20)


@pytest.mark.xdist_group("rtl")
def test_empty_groups_can_be_skipped(cosim):
    """The paper's ideal count, in RTL; the default spends a cycle on each."""
    cfg = config(VARIANTS[3], 2, 2)
    report = cosim(cfg, TESTBENCH, plan(cfg, (21, 14), 3))
    assert report["jobs"] == 35
    assert report["mismatches"] == 0
    assert set(report["cycle_errors"]) == {0}


@pytest.mark.parametrize("variant", VARIANTS)
def test_verilog_is_clean_and_has_one_pe(variant):
    verilog = to_verilog(config(variant, 3, 5), "dut")
    assert "%" not in lint(verilog)
    assert len(re.findall(r"^module \S*PE_\d+\(", verilog, re.MULTILINE)) == 1


@pytest.mark.parametrize(("reduction", "encoders"), [("opt3", 3 * 4), ("opt4c", 3), ("opt4e", 12)])
def test_sparse_encoders_are_as_many_as_the_reduction_says(reduction, encoders):
    """One in each PE, one for a row of PEs, four for a row of PEs."""
    cfg = config({"kind": "bit_slice", "mac": {"reduction": reduction}}, 3, 4)
    verilog = to_verilog(cfg, "dut")

    def instances(name):
        return len(re.findall(rf"^  dut_{name}_\d+ ", verilog, re.MULTILINE))

    in_a_row = instances("SparseEncoder") + instances("EncodingPE")  # of which each has one
    assert instances("BitSliceRow") * in_a_row == encoders


def test_ports_are_streams_of_groups():
    members = ports(component(config(VARIANTS[4], 3, 5)))["interface"]["members"]
    assert {"i_job", "i_a", "i_b", "i_c", "o_c", "busy", "stalled"} <= members.keys()
