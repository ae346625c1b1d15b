"""The protocol checker on streams written by hand, and on good streams with seeded faults."""

import numpy as np
import pytest

from lockstep.arch.dram import load_dram
from lockstep.sim.cycle.dram.checker import POSTPONED_AT_MOST, check
from lockstep.sim.cycle.dram.engine import simulate
from lockstep.sim.cycle.dram.patterns import PATTERNS
from lockstep.sim.cycle.dram.state import COMMANDS


def stream(*commands):
    """A log of ``(cycle, command, bank, row)``."""
    rows = [(cycle, COMMANDS.index(name), bank, row) for cycle, name, bank, row in commands]
    return np.array(rows, np.int64).reshape(-1, 4)


def broken(spec, log, cycles=None):
    return {violation.rule for violation in check(spec, log, cycles)}


def test_an_empty_stream_breaks_nothing(memory):
    assert check(memory(), stream(), 10) == []


def test_prea_to_act(memory):
    spec = memory(rp_all=9)
    begin = [(0, "ACT", 0, 1), (1, "RD", 0, 1), (5, "PREA", 0, -1)]
    assert broken(spec, stream(*begin, (14, "ACT", 0, 1))) == set()
    assert broken(spec, stream(*begin, (13, "ACT", 0, 1))) == {"tRP after PREA"}


def test_prea_to_refpb(memory):
    spec = memory(rp_all=9, rfc_pb=2, rrefd=1)
    begin = [(0, "ACT", 0, 1), (5, "PREA", 0, -1)]
    assert broken(spec, stream(*begin, (14, "REFpb", 0, -1))) == set()
    assert broken(spec, stream(*begin, (13, "REFpb", 0, -1))) == {"tRP of PREA to REFpb"}


def test_refpb_to_refab(memory):
    spec = memory(rfc_pb=9, rrefd=1)
    assert broken(spec, stream((0, "REFpb", 0, -1), (9, "REFab", 0, -1))) == set()
    late = broken(spec, stream((0, "REFpb", 0, -1), (8, "REFab", 0, -1)))
    assert late == {"tRFCpb to REFab"}


def test_eight_refreshes_may_be_owed_but_not_nine(memory):
    spec = memory(controller={"refresh": "all_bank"}, refi=100)
    assert POSTPONED_AT_MOST == 8
    assert broken(spec, stream(), 899) == set()
    assert broken(spec, stream(), 900) == {"tREFI"}
    assert broken(spec, stream((890, "REFab", 0, -1)), 999) == set()
    assert broken(spec, stream((910, "REFab", 0, -1)), 999) == {"tREFI"}


def test_the_first_legal_cycle_is_named(memory):
    spec = memory(rcd_rd=7)
    (violation,) = check(spec, stream((3, "ACT", 2, 1), (8, "RD", 2, 1)))
    assert (violation.rule, violation.cycle, violation.legal_cycle) == ("tRCD_RD", 8, 10)
    assert (violation.command, violation.bank) == ("RD", 2)


@pytest.mark.parametrize("open_bank", range(8))
def test_refab_with_any_bank_open(open_bank, memory):
    log = stream((0, "ACT", open_bank, 1), (9, "REFab", 0, -1))
    assert broken(memory(), log) == {"bank not closed"}


@pytest.fixture(scope="module")
def good():
    """A real stream: random reads and writes on DDR4-3200 over several refreshes."""
    spec = load_dram("ddr4-3200")
    run = simulate(spec, PATTERNS["mix70"](spec, 14_000))
    assert check(spec, run.log, run.cycles) == []
    return spec, run


def first(run, *names, after=1000):
    """Index of the first command of one of ``names`` past the start."""
    codes = [COMMANDS.index(name) for name in names]
    return int(np.flatnonzero((run.log[:, 0] > after) & np.isin(run.log[:, 1], codes))[0])


def drop(log, index):
    return np.delete(log, index, axis=0)


def change(log, index, column, value):
    log = log.copy()
    log[index, column] = value
    return log


def pull(log, run, name, cycles):
    """Every command of one kind ``cycles`` sooner, in order of time."""
    log = log.copy()
    log[log[:, 1] == COMMANDS.index(name), 0] -= cycles
    return log[np.argsort(log[:, 0], kind="stable")]


FAULTS = {
    "ACT left out": (lambda log, run: drop(log, first(run, "ACT")), "row not open"),
    "PRE left out": (lambda log, run: drop(log, first(run, "PRE")), "bank not closed"),
    "PREA left out": (lambda log, run: drop(log, first(run, "PREA")), "bank not closed"),
    "refreshes left out": (lambda log, run: log[log[:, 1] != COMMANDS.index("REFab")], "tREFI"),
    "another row read": (lambda log, run: change(log, first(run, "RD"), 3, 65535), "row not open"),
    "RD of another bank": (
        lambda log, run: change(log, first(run, "RD"), 2, (log[first(run, "RD"), 2] + 5) % 16),
        "row not open",
    ),
    "a command twice": (
        lambda log, run: np.insert(log, first(run, "RD"), log[first(run, "RD")], axis=0),
        "command bus",
    ),
    "RDs a cycle soon": (lambda log, run: pull(log, run, "RD", 1), "tRCD_RD"),
    "WRs a cycle soon": (lambda log, run: pull(log, run, "WR", 1), "tRCD_WR"),
    "ACTs a cycle soon": (lambda log, run: pull(log, run, "ACT", 1), "tRP"),
    "PREs 30 cycles soon": (lambda log, run: pull(log, run, "PRE", 30), "tRAS"),
    "REFabs a cycle soon": (lambda log, run: pull(log, run, "REFab", 1), "tRP of PREA to REFab"),
    "PREAs 60 cycles soon": (lambda log, run: pull(log, run, "PREA", 60), "tRAS to PREA"),
}
PARAMETERS = {
    "rrd_s": "tRRD_S", "rrd_l": "tRRD_L", "faw": "tFAW", "ras": "tRAS", "rfc": "tRFC",
    "ccd_l": "tCCD_L", "ccd_l_wr": "tCCD_L_WR", "rtw": "tRTW", "wtr_s": "tWTR_S",
    "rtp": "tRTP", "wr": "tWR", "rp": "tRP", "rcd_rd": "tRCD_RD",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_seeded_fault_is_found(fault, good):
    spec, run = good
    edit, rule = FAULTS[fault]
    assert rule in broken(spec, edit(run.log, run), run.cycles)


@pytest.mark.parametrize("key", PARAMETERS)
def test_stream_made_for_a_faster_memory_is_refused(key, good):
    """The engine is given a timing one cycle too short: one seeded bug per constraint."""
    spec, _ = good
    faster = load_dram("ddr4-3200", [f"timing.{key}={getattr(spec.timing, key) - 1}"])
    found = set()
    for name in ("mix70", "bank_rr_hits", "conflict_alt2", "seq_wr", "seq_rd"):
        run = simulate(faster, PATTERNS[name](spec, 2000))
        assert check(faster, run.log, run.cycles) == []
        found |= broken(spec, run.log, run.cycles)
    assert PARAMETERS[key] in found
