"""The protocol checker: a command is legal in cycle t and not in t - 1, for every rule."""

import numpy as np
import pytest

from lockstep.arch.pim import load_pim
from lockstep.arch.pim_isa import Command, Instruction, Op
from lockstep.sim.cycle.pim import run
from lockstep.sim.cycle.pim_checker import check_pim
from lockstep.sim.cycle.pim_map import KvLayout, append_program, gemv_program

AIM = load_pim("gddr6-aim", ["refresh=false"])
C = Command
OPEN = [(0, C.ACT, -1)]
LATE = 1000  # long after anything that happened at 0


def log_of(commands):
    lines = [(cycle, command, bank, 0, 0, 0) for cycle, command, bank in commands]
    return np.array(sorted(lines), np.int64)


# Rule, the commands before, and the first cycle in which the last one is legal.
EDGES = [
    ("tRCDRDMAC", OPEN, C.MAC, -1, 56),
    ("tRCDRD", OPEN, C.RD, 2, 36),
    ("tRCDWR", OPEN, C.WR, 2, 28),
    ("tRCDRDCP", OPEN, C.RDCP, 2, 66),
    ("tRCDWRCP", OPEN, C.WRCP, 2, 48),
    ("tRCDEWMUL", OPEN, C.EWMUL, -1, 25),
    ("tWR of EWMUL", [*OPEN, (LATE, C.EWMUL, -1)], C.PRE, -1, LATE + 6 + 33),
    ("tRAS", OPEN, C.PRE, -1, 54),
    ("tRC", [(0, C.ACT, 1), (54, C.PRE, 1)], C.ACT, 1, 89),
    ("tRP", [(0, C.ACT, 1), (LATE, C.PRE, 1)], C.ACT, 1, LATE + 32),
    ("tRP", [(0, C.ACT, 1), (LATE, C.PRE, -1)], C.ACT, -1, LATE + 32),
    ("tRRD", [(0, C.ACT, 1)], C.ACT, 2, 11),
    ("tRTP", [*OPEN, (LATE, C.MAC, -1)], C.PRE, -1, LATE + 12),
    ("tWR", [*OPEN, (LATE, C.WR, 3)], C.PRE, 3, LATE + 6 + 2 + 33),
    ("tWR", [*OPEN, (LATE, C.WRCP, 3)], C.PRE, -1, LATE + 6 + 2 + 33),
    ("tCCD of reads", [*OPEN, (LATE, C.MAC, -1)], C.MAC, -1, LATE + 2),
    ("tCCD of writes", [*OPEN, (LATE, C.WR, 1)], C.WR, 2, LATE + 2),
    ("tWTR", [*OPEN, (LATE, C.WR, 1)], C.MAC, -1, LATE + 6 + 2 + 11),
    ("tWTR of buffer", [*OPEN, (LATE, C.WRGB, 0)], C.RD, 1, LATE + 1 + 2 + 9),
    ("tWTR of sums", [(LATE, C.WRMAC, 0)], C.RDMAC, 0, LATE + 1 + 4 + 11),
    ("buffer not written", [*OPEN, (LATE, C.WRGB, 0)], C.MAC, -1, LATE + 1 + 2),
    ("buffer not copied", [*OPEN, (LATE, C.RDCP, 1)], C.WRCP, 2, LATE + 2),
    ("sums not written", [*OPEN, (LATE, C.WRMAC, 0)], C.MAC, -1, LATE + 1 + 4),
    ("sums not complete", [*OPEN, (LATE, C.MAC, -1)], C.RDMAC, 0, LATE + 7),
    ("sums not complete", [*OPEN, (LATE, C.MAC, -1)], C.WRMAC, 0, LATE + 7),
    ("data bus", [*OPEN, (LATE, C.RD, 1)], C.RDMAC, 0, LATE + 50 + 2),
    ("data bus", [*OPEN, (LATE, C.WR, 1)], C.WRGB, 0, LATE + 6 + 2 - 1),
    ("data bus turnaround", [*OPEN, (LATE, C.RD, 1)], C.WR, 2, LATE + 50 + 2 + 4 - 6),
    ("data bus turnaround", [(LATE, C.RDMAC, 0)], C.WRGB, 0, LATE + 4 + 4 - 1),
    ("tRFC", [(LATE, C.REF, -1)], C.ACT, -1, LATE + 210),
    ("tRP to REF", [(0, C.ACT, 1), (LATE, C.PRE, 1)], C.REF, -1, LATE + 32),
    ("tRC to REF", [(0, C.ACT, 1), (54, C.PRE, 1)], C.REF, -1, 89),
    ("command bus", [(LATE, C.WRGB, 0)], C.REF, -1, LATE + 1),
]


@pytest.mark.parametrize(("rule", "before", "command", "bank", "legal"), EDGES)
def test_each_rule_is_tight(rule, before, command, bank, legal):
    assert check_pim(AIM, log_of([*before, (legal, command, bank)])) == []
    found = check_pim(AIM, log_of([*before, (legal - 1, command, bank)]))
    assert rule in {each.rule for each in found}
    assert {(each.command, each.cycle) for each in found} >= {(command.name, legal - 1)}


@pytest.mark.parametrize(
    ("rule", "commands"),
    [
        ("row not open", [(0, C.MAC, -1)]),
        ("row not open", [(0, C.ACT, 1), (LATE, C.MAC, -1)]),
        ("row not open", [*OPEN, (LATE, C.PRE, 2), (2 * LATE, C.RD, 2)]),
        ("bank not closed", [*OPEN, (LATE, C.ACT, 2)]),
        ("bank not closed", [(0, C.ACT, 1), (LATE, C.ACT, -1)]),
        ("bank not closed", [(0, C.ACT, 1), (LATE, C.REF, -1)]),
    ],
)
def test_rows_are_followed(rule, commands):
    assert [each.rule for each in check_pim(AIM, log_of(commands))] == [rule]


def test_a_column_of_another_row_is_found():
    log = log_of([*OPEN, (LATE, C.MAC, -1)])
    log[1, 3] = 7
    assert [each.rule for each in check_pim(AIM, log)] == ["row not open"]


def test_a_missing_refresh_is_found():
    cfg = load_pim("gddr6-aim")
    refreshes = [(3333 * k, C.REF, -1) for k in range(1, 6)]
    assert check_pim(cfg, log_of(refreshes), 3333 * 6) == []
    for missing in range(5):
        kept = refreshes[:missing] + refreshes[missing + 1 :]
        assert [each.rule for each in check_pim(cfg, log_of(kept), 3333 * 6)] == ["tREFI"]
    assert check_pim(AIM, log_of(refreshes[:1]), 3333 * 6) == []  # this one has none to do


def test_any_command_a_cycle_too_early_is_found():
    """In a real log every command is as early as it may be, but for those after an instruction."""
    layout = KvLayout(cfg=AIM, capacity=64, kv_heads=1, head_dim=32)
    program = [*gemv_program(AIM, 33, 1100)[:-1], *append_program(layout, 3)]
    program.insert(5, Instruction(Op.RD_SBK, bank=2, row=1, count=3))
    log = run(AIM, program, log=True).log
    assert check_pim(AIM, log) == []
    found = 0
    for index in range(1, len(log)):
        early = log.copy()
        early[index, 0] -= 1
        found += bool(check_pim(AIM, early))
    assert found >= len(log) - 1 - len(program)
