"""Cycles against two published simulators, run on the same traces.

The figures are of Ramulator 2.1 (commit c5b1c3a, DDR4_3200AA 8 Gb x8 and HBM2_2000 8 Gb) and
DRAMsim3 (commit 2981759, DDR4_8Gb_x8_3200): one channel, one rank, 100,000 requests (10,000 one by
one), queues of 32. docs/dram.md explains what differs.
"""

import pytest

from lockstep.arch.dram import load_dram
from lockstep.sim.cycle.dram.checker import check
from lockstep.sim.cycle.dram.engine import simulate
from lockstep.sim.cycle.dram.patterns import PATTERNS

MAX, SERIAL = 100_000, 10_000
RAMULATOR = {  # DDR4-3200 without refresh
    ("seq_rd", "max"): 634_920, ("seq_rd", "serial"): 273_124,
    ("rand_rd", "max"): 858_102, ("rand_rd", "serial"): 711_492,
    ("conflict_walk", "max"): 7_399_975, ("conflict_walk", "serial"): 739_975,
    ("bank_rr_hits", "max"): 402_157, ("bank_rr_hits", "serial"): 273_168,
}  # fmt: skip
DRAMSIM3 = {
    ("seq_rd", "max"): 585_738, ("seq_rd", "serial"): 283_124,
    ("rand_rd", "max"): 851_842, ("rand_rd", "serial"): 720_848,
    ("conflict_walk", "max"): 7_399_976, ("conflict_walk", "serial"): 739_976,
    ("bank_rr_hits", "max"): 400_095, ("bank_rr_hits", "serial"): 283_168,
}  # fmt: skip
RAMULATOR_HBM2 = {
    ("seq_rd", "max"): 197_963, ("seq_rd", "serial"): 193_441,
    ("rand_rd", "max"): 332_494, ("rand_rd", "serial"): 448_283,
    ("conflict_walk", "max"): 5_273_184, ("conflict_walk", "serial"): 527_234,
    ("bank_rr_hits", "max"): 114_227, ("bank_rr_hits", "serial"): 226_626,
}  # fmt: skip
RAMULATOR_REFRESH = {  # its tRFC is 360 ns, 576 cycles
    ("seq_rd", "max"): 650_714, ("rand_rd", "max"): 920_917,
    ("conflict_walk", "max"): 7_757_671, ("bank_rr_hits", "max"): 422_849,
}  # fmt: skip


def cycles(spec, pattern, mode):
    """Cycles of a run whose every command was checked."""
    run = simulate(spec, PATTERNS[pattern](spec, MAX if mode == "max" else SERIAL), mode=mode)
    assert check(spec, run.log, run.cycles) == []
    return run.cycles


@pytest.fixture(scope="module")
def ddr4():
    return load_dram("ddr4-3200", ["controller.refresh=none"])


def test_one_bank_is_bound_by_trc(ddr4):
    first_access = 22 + 22 + 4 + 1  # ACT, RD, burst; cycles are counted, not numbered from 0
    ours = cycles(ddr4, "conflict_walk", "max")
    assert ours == RAMULATOR["conflict_walk", "max"] == (MAX - 1) * 74 + first_access


@pytest.mark.parametrize("pattern", ["rand_rd", "bank_rr_hits"])
def test_within_three_percent_of_a_reference(pattern, ddr4):
    ours = cycles(ddr4, pattern, "max")
    references = RAMULATOR[pattern, "max"], DRAMSIM3[pattern, "max"]
    assert min(abs(ours / each - 1) for each in references) < 0.03


def test_sequential_lies_between_the_references(ddr4):
    ours = cycles(ddr4, "seq_rd", "max")
    assert DRAMSIM3["seq_rd", "max"] * 0.95 < ours < RAMULATOR["seq_rd", "max"] * 1.05


@pytest.mark.parametrize("pattern", ["seq_rd", "rand_rd", "conflict_walk", "bank_rr_hits"])
def test_serial_within_a_percent_of_ramulator(pattern, ddr4):
    assert cycles(ddr4, pattern, "serial") == pytest.approx(RAMULATOR[pattern, "serial"], rel=0.01)


@pytest.mark.parametrize("pattern", ["seq_rd", "rand_rd", "conflict_walk", "bank_rr_hits"])
def test_refresh_costs_what_it_costs_ramulator(pattern):
    spec = load_dram("ddr4-3200", ["timing.rfc=576"])
    # Ramulator closes rows that are still wanted when bank_rr_hits changes rows: 2 % more cycles.
    assert cycles(spec, pattern, "max") == pytest.approx(
        RAMULATOR_REFRESH[pattern, "max"], rel=0.03
    )


@pytest.mark.parametrize(("pattern", "mode"), RAMULATOR_HBM2)
def test_hbm2_within_three_percent_of_ramulator(pattern, mode):
    reference = RAMULATOR_HBM2[pattern, mode]
    assert cycles(load_dram("hbm2-2000"), pattern, mode) == pytest.approx(reference, rel=0.03)


def test_latency_of_one_access(trace):
    spec = load_dram("ddr4-3200", ["controller.refresh=none"])
    t = spec.timing
    run = simulate(
        spec, trace(spec, ("R", {"row": 3}), ("R", {"row": 3, "column": 1}), ("R", {"row": 4})),
        mode="serial",
    )  # fmt: skip
    closed, hit, conflict = run.latency_cycles.tolist()
    assert (closed, hit) == (t.rcd_rd + t.cl + t.burst, t.cl + t.burst) == (48, 26)
    # The row of the first two must stay open for tRAS before it closes.
    assert conflict == max(t.ras - run.arrival[2], 0) + t.rp + t.rcd_rd + t.cl + t.burst
