"""The RTL of the MMU, held to the golden model and to the fast simulator under Verilator."""

import numpy as np
import pytest

from lockstep.arch.machine import load_machine
from lockstep.arch.tlb import PAGE_BITS
from lockstep.rtl.build import component, ports, to_verilog
from lockstep.rtl.tlb.mmu_layout import OUTCOME, ServedBy
from lockstep.sim.golden.mmu import INVALIDATE, LOAD
from lockstep.verify.mmu import configs, program_accesses, verify_machine_mmu, verify_mmu
from lockstep.verify.mmu_check import (
    ASIDS,
    Accesses,
    GoldenRun,
    check,
    drive,
    page_tables,
    random_accesses,
)
from lockstep.verify.mmu_harness import field
from lockstep.verify.mmu_mutants import MMU_BUGS
from lockstep.verify.tb_report import Report
from lockstep.verify.tlb_mutants import planted
from lockstep.verify.verilator import lint

pytestmark = pytest.mark.rtl
CONFIGS = configs()
ALL_RULES = CONFIGS["all rules"]


@pytest.mark.slow
def test_rtl_agrees_with_its_models_and_every_mutant_is_caught():
    (row,) = verify_mmu()
    assert row.unit == "MMU"
    assert row.complaints == ()
    assert row.passed
    assert row.mismatches == row.cycle_error_min == row.cycle_error_max == 0
    assert row.configs == len(CONFIGS) == 10
    assert row.vectors >= 100_000
    assert 0 < row.stalled_vectors < row.vectors
    assert row.mutants_caught == row.mutants == len(MMU_BUGS)


@pytest.mark.xdist_group("rtl")
def test_a_machines_own_mmu_agrees_in_fewer_sets():
    mmu = load_machine("cloud-iommu", ["mmu.mechanism=victima"]).mmu
    (row,) = verify_machine_mmu(mmu, quick=True)
    assert row.passed
    assert row.vectors == row.jobs > 2000
    assert row.scaled_from == "npu-iommu"
    assert verify_machine_mmu(mmu.model_copy(update={"virtualised": True})) == []


@pytest.mark.xdist_group("rtl")
@pytest.mark.parametrize("stalled", [False, True])
def test_an_mmu_agrees_with_its_models_access_by_access(stalled):
    report = Report()
    verilog = to_verilog(ALL_RULES, "dut")
    golden = check(
        verilog, ALL_RULES, random_accesses(2000, 5), seed=5, stalled=stalled, report=report
    )
    assert report.complaints == []
    assert report.vectors == 2000
    assert report.mismatches == 0
    assert set(report.cycle_errors) == {0}
    served = {outcome.served_by for outcome in golden.outcomes}
    assert served == {"l1_tlb", "l2_tlb", "tlb_block", "walk", "shootdown"}


@pytest.mark.xdist_group("rtl")
def test_a_rule_left_out_is_noticed():
    with planted(*MMU_BUGS["keeps the line that a block is made of"]):
        verilog = to_verilog(ALL_RULES, "dut")
    report = Report()
    check(verilog, ALL_RULES, random_accesses(1500, 5), seed=5, stalled=False, report=report)
    assert report.mismatches > 0


@pytest.mark.xdist_group("rtl")
def test_a_page_that_is_not_mapped_faults_and_leaves_nothing_behind():
    accesses = random_accesses(1200, 9)
    lines = page_tables(ALL_RULES, accesses)
    gone = {  # every fifth page of the last level
        number: [0 if i % 5 == number % 5 else entry for i, entry in enumerate(entries)]
        for number, entries in lines.items()
        if _is_last_level(entries)
    }
    verilog = to_verilog(ALL_RULES, "dut")
    record, _ = drive(verilog, ALL_RULES, accesses, seed=9, stalled=True, lines={**lines, **gone})
    assert record.finished
    mapped = GoldenRun(ALL_RULES, accesses).outcomes
    entries = {
        entry >> PAGE_BITS & (1 << 40) - 1
        for number, line in lines.items()
        for entry, kept in zip(line, gone.get(number, line), strict=True)
        if not kept
    }
    faults = 0
    for word, outcome, kind in zip(record.responses, mapped, accesses.kind.tolist(), strict=True):
        if kind == INVALIDATE:
            continue
        is_gone = outcome.physical >> PAGE_BITS in entries
        assert field(OUTCOME, "fault", word) == is_gone
        faults += is_gone
        if is_gone:
            assert field(OUTCOME, "served_by", word) == ServedBy.WALK.value
        else:
            assert field(OUTCOME, "physical", word) == outcome.physical
    assert 20 < faults < 600


def _is_last_level(entries):
    """Leaves of small pages: neighbours differ in the low bits of the frame only."""
    frames = {entry >> PAGE_BITS + 9 for entry in entries}
    return len(frames) == 1 and not entries[0] >> 7 & 1


@pytest.mark.parametrize("bug", MMU_BUGS)
def test_bugs_fit_the_source(bug):
    owner, name, good, bad = MMU_BUGS[bug]
    with planted(owner, name, good, bad):  # raises if the piece is not there once
        assert good != bad


def test_configs_cover_every_rule_on_and_off():
    rules = [cfg.victima for cfg in CONFIGS.values() if cfg.mechanism == "victima"]
    for name in ("insert_on_miss", "insert_on_eviction", "aware_insertion", "aware_victim",
                 "aware_promotion", "shootdown"):  # fmt: skip
        assert {getattr(rule, name) for rule in rules} == {False, True}
    assert {rule.probe for rule in rules} == {"parallel", "serial"}
    assert {rule.probe_sizes for rule in rules} == {"both", "4k", "2m"}
    assert {rule.block_ptes for rule in rules} == {1, 8}
    assert None in {rule.bypass_mpki for rule in rules}
    assert None in [rule.predictor for rule in rules]
    assert {cfg.mechanism for cfg in CONFIGS.values()} == {"radix", "victima"}


def test_accesses_are_of_all_kinds():
    accesses = random_accesses(5000, 1)
    assert set(accesses.kind.tolist()) == {0, 1, 2, 3}
    assert set(accesses.asid.tolist()) == set(ASIDS)
    assert len({asid & 7 for asid in ASIDS}) == len(ASIDS)
    gups = program_accesses("gups", 1)
    assert len(gups) == 4000
    assert len(np.unique(gups.address >> PAGE_BITS)) > 500


def test_page_tables_map_what_the_model_maps():
    address = np.array([0x1234567, 0x7654321], dtype=np.int64)
    accesses = Accesses(
        address=address,
        kind=np.full(2, LOAD, np.uint8),
        gap=np.ones(2, np.uint16),
        asid=np.array(ASIDS[:2]),
    )
    lines = page_tables(ALL_RULES, accesses)
    frames = {entry >> PAGE_BITS & (1 << 40) - 1 for line in lines.values() for entry in line}
    for outcome in GoldenRun(ALL_RULES, accesses).outcomes:
        page = outcome.physical >> PAGE_BITS
        assert page in frames or page & ~0x1FF in frames


@pytest.mark.parametrize("name", list(CONFIGS)[1:4])
def test_verilog_is_clean(name):
    assert "%" not in lint(to_verilog(CONFIGS[name], "dut"))


@pytest.mark.parametrize(
    "change", [{"mechanism": "pom_tlb"}, {"virtualised": True}, {"l1d": ALL_RULES.l2}]
)
def test_what_has_no_rtl_is_refused(change):
    with pytest.raises(ValueError, match="RTL of an MMU is for mechanism radix or victima"):
        component(ALL_RULES.model_copy(update=change))


def test_ports():
    members = ports(component(ALL_RULES))["interface"]["members"]
    assert members["request"]["members"]["payload"]["width"] == 48 + 11 + 2 + 16 + 64
    assert members["response"]["width"] == 52 + 3 + 1 + 64
