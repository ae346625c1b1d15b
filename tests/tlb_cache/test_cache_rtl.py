"""The RTL of the L2 cache with TLB blocks, held to its golden model under Verilator."""

import pytest

from lockstep.arch.tlb import CacheConfig, VictimaConfig
from lockstep.rtl.build import part_to_verilog, ports
from lockstep.rtl.tlb.cache import TlbCache
from lockstep.rtl.tlb.cache_layout import Op
from lockstep.verify.tb_report import Report
from lockstep.verify.tlb_cache import CASES, verify_tlb_cache
from lockstep.verify.tlb_cache_check import check, operations
from lockstep.verify.tlb_cache_mutants import CACHE_BUGS
from lockstep.verify.tlb_mutants import planted
from lockstep.verify.verilator import lint

pytestmark = pytest.mark.rtl


@pytest.mark.slow
def test_rtl_agrees_with_its_model_and_every_mutant_is_caught():
    (row,) = verify_tlb_cache()
    assert row.unit == "L2 cache with TLB blocks"
    assert row.complaints == ()
    assert row.passed
    assert row.mismatches == row.cycle_error_min == row.cycle_error_max == 0
    assert row.configs == len(CASES) == 7
    assert row.vectors >= 100_000
    assert 0 < row.stalled_vectors < row.vectors
    assert row.mutants_caught == row.mutants == len(CACHE_BUGS)


def _run(case, verilog, *, stalled, count=1500):
    report = Report()
    check(
        verilog,
        case.cache,
        case.victima,
        count=count,
        seed=3,
        stalled=stalled,
        report=report,
        dram_cycles=case.dram,
    )
    return report


@pytest.mark.xdist_group("rtl")
def test_a_cache_agrees_with_its_model_operation_by_operation():
    case = CASES[0]
    for stalled in (False, True):
        report = _run(case, case.emit(), stalled=stalled)
        assert report.complaints == []
        assert report.vectors == 1500
        assert report.mismatches == 0
        assert set(report.cycle_errors) == {0}


@pytest.mark.xdist_group("rtl")
@pytest.mark.parametrize("bug", ["never spares a block", "returns a block of another process"])
def test_a_rule_left_out_is_noticed(bug):
    case = CASES[0]
    with planted(*CACHE_BUGS[bug]):
        verilog = case.emit()
    assert _run(case, verilog, stalled=False).mismatches > 0


@pytest.mark.parametrize("bug", CACHE_BUGS)
def test_bugs_fit_the_source(bug):
    owner, name, good, bad = CACHE_BUGS[bug]
    with planted(owner, name, good, bad):  # raises if the piece is not there once
        assert good != bad


def test_operations_are_of_all_kinds_and_collide():
    case = CASES[0]
    drawn = operations(case.cache, 3000, 1)
    assert {operation.op for operation in drawn} == set(Op)
    assert {operation.pressure for operation in drawn} == {False, True}
    assert {operation.nested for operation in drawn} == {False, True}
    assert len({operation.asid for operation in drawn}) > 2
    assert len({operation.line for operation in drawn}) < 10 * case.sets * case.ways
    assert drawn == operations(case.cache, 3000, 1) != operations(case.cache, 3000, 2)


def test_configs_cover_the_odd_ones():
    assert {1, 3, 11, 16} <= {case.ways for case in CASES}
    assert {1, 2, 4, 8} <= {case.sets for case in CASES}
    assert {1, 2, 3, 4} <= {case.rrpv_bits for case in CASES}
    off = {name for case in CASES for name, value in case.rules.items() if value is False}
    assert off == {"aware_insertion", "aware_victim", "aware_promotion"}


@pytest.mark.parametrize(("sets", "ways", "bits"), [(1, 1, 1), (2, 3, 4), (4, 16, 2), (1, 11, 3)])
def test_verilog_is_clean(sets, ways, bits):
    cfg = CacheConfig(
        size_bytes=64 * sets * ways, ways=ways, latency_cycles=4, tag_cycles=1, rrpv_bits=bits
    )
    assert "%" not in lint(part_to_verilog(TlbCache(cfg, VictimaConfig()), "dut"))


def test_lru_has_no_rtl():
    cfg = CacheConfig(size_bytes=4096, ways=4, latency_cycles=4, tag_cycles=1, replacement="lru")
    with pytest.raises(ValueError, match="replacement lru has no RTL; use srrip"):
        TlbCache(cfg, VictimaConfig())


def test_ports():
    case = CASES[0]
    members = ports(TlbCache(case.cache, case.victima))["interface"]["members"]
    assert members["event"]["width"] == 3 + 2 + 2 + 4 * 2
    assert members["memory"]["members"].keys() == {
        "read", "line_valid", "line", "write_valid", "write"}  # fmt: skip
