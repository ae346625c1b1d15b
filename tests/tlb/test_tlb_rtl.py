"""The RTL of TLB, page walker and predictor, held to its models under Verilator."""

import pytest

from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import PredictorConfig, TlbConfig, VictimaConfig, WalkCacheConfig
from lockstep.rtl.build import part_to_verilog, to_verilog
from lockstep.rtl.tlb.tlb import EVICTED, Tlb
from lockstep.rtl.tlb.walker import Walker
from lockstep.verify.cosim import SimulationError, simulate
from lockstep.verify.tlb import predictor_cases, tlb_cases, verify_units, walker_cases
from lockstep.verify.tlb_mutants import TLB_BUGS, WALKER_BUGS, planted
from lockstep.verify.verilator import TOP, lint

pytestmark = pytest.mark.rtl
TESTBENCHES = {
    "lockstep.verify.tb_tlb": tlb_cases,
    "lockstep.verify.tb_walker": walker_cases,
    "lockstep.verify.tb_predictor": predictor_cases,
}


@pytest.mark.slow
def test_all_units_agree_with_their_models_and_every_mutant_is_caught():
    rows = verify_units()
    assert [row.complaints for row in rows] == [()] * len(rows)
    for row in rows:
        assert row.passed
        assert row.mismatches == row.cycle_error_min == row.cycle_error_max == 0
        assert 0 < row.stalled_vectors < row.vectors
        assert row.vectors >= 100_000


@pytest.mark.xdist_group("rtl")
@pytest.mark.parametrize("testbench", TESTBENCHES)
def test_a_unit_agrees_with_its_model(testbench):
    for case in TESTBENCHES[testbench]()[::3][:2]:
        report = simulate(case.verilog(), testbench, case.planned(case.quick))
        assert report["complaints"] == []
        assert report["mismatches"] == 0
        assert set(report["cycle_errors"]) <= {0}
        assert report["vectors"] >= sum(case.quick)


@pytest.mark.xdist_group("rtl")
@pytest.mark.parametrize(
    ("testbench", "bugs", "name"),
    [
        ("lockstep.verify.tb_tlb", TLB_BUGS, "does not count a hit as use"),
        ("lockstep.verify.tb_walker", WALKER_BUGS, "counts background walks"),
    ],
)
def test_a_bug_is_noticed(testbench, bugs, name):
    case = TESTBENCHES[testbench]()[0]
    with planted(*bugs[name]):
        verilog = case.verilog()
    with pytest.raises(SimulationError) as caught:
        simulate(verilog, testbench, case.planned(case.mutant))
    assert caught.value.report["complaints"]


@pytest.mark.parametrize(
    "cfg",
    [
        *(
            TlbConfig(entries=entries, ways=ways, latency_cycles=latency)
            for entries, ways, latency in (
                (1, 1, 1),
                (8, 1, 3),
                (6, 3, 1),
                (16, 16, 2),
                (1536, 12, 12),
            )
        ),
        WalkCacheConfig(l4_entries=1, l3_entries=2, l2_entries=4, ways=1, latency_cycles=1),
        WalkCacheConfig(l4_entries=3072, l3_entries=3, l2_entries=6, ways=3, latency_cycles=4),
        WalkCacheConfig(l4_entries=16, l3_entries=16, l2_entries=32, ways=16, latency_cycles=4),
        PredictorConfig(),
        PredictorConfig(frequency_bits=1, cost_bits=1, min_frequency=0, min_cost=0),
        VictimaConfig(),
        VictimaConfig(window_instructions=1, bypass_mpki=None, pressure_mpki=0),
    ],
    ids=str,
)
def test_verilog_is_clean(cfg):
    assert "%" not in lint(to_verilog(cfg, TOP))


@pytest.mark.parametrize("mechanism", ["radix", "victima"])
def test_verilog_of_the_walker_is_clean(mechanism):
    cfg = load(MmuConfig, resolve("mmu", "victima"), [f"mechanism={mechanism}"])
    assert "%" not in lint(part_to_verilog(Walker(cfg), TOP))


def test_an_entry_has_tag_frame_and_counters():
    """A tag of page number without the set's bits, size and ASID; 40 bits of frame; 7 of counters."""
    verilog = to_verilog(TlbConfig(entries=12, ways=3, latency_cycles=1), TOP)
    bits = 36 - 2 + 1 + 11 + 40 + 7
    assert f"[{3 * bits - 1}:0] entries [3:0]" in verilog
    assert EVICTED.size == 1 + 1 + 11 + 36 + 7


def test_bugs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="is 0 times in elaborate, not once"):
        planted(Tlb, "elaborate", "no such code", "")
