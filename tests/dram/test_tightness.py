"""Each rule from both sides: the engine issues at the first legal cycle, one sooner is refused.

One timing is long and all others are as short as can be, so that it alone decides when a command
issues. The engine's commands must pass the checker, and must fail it when the timing is one cycle
longer: they came exactly at the limit.
"""

from pathlib import Path

import pytest

from lockstep.sim.cycle.dram.checker import check, rules
from lockstep.sim.cycle.dram.engine import simulate

R, W = "R", "W"
SAME_BANK = [(R, {"row": 0}), (R, {"row": 1})]
SAME_BANK_WRITES = [(W, {"row": 0}), (W, {"row": 1})]
SAME_GROUP = [(R, {"bank": 0}), (R, {"bank": 1})]
OTHER_GROUP = [(R, {"bank_group": 0}), (R, {"bank_group": 1})]
ROW_READS = [(R, {"column": 0}), (R, {"column": 1})]
GROUP_WRITES = [(W, {"bank_group": 0}), (W, {"bank_group": 1})]
ROW_WRITES = [(W, {"column": 0}), (W, {"column": 1})]
FIVE_BANKS = [(R, {"bank_group": i & 1, "bank": i >> 1}) for i in range(5)]
CLOSED = {"page_policy": "closed"}
REFRESH = {"refresh": "all_bank"}
PER_BANK = {"refresh": "per_bank"}
PB = {"rfc_pb": 2, "rrefd": 1}
SOON = {"refi": 20}  # a refresh becomes due while the requests are served
# Enough reads that the run outlasts some refreshes: one each period, always another row.
LONG = [(R, {"row": i}) for i in range(12)]
LONG_WRITES = [(W, {"row": i}) for i in range(12)]
ALL_BANKS = [(R, {"row": i // 8, "bank_group": i & 1, "bank": i >> 1 & 3}) for i in range(48)]

# rule: timing made long, its cycles, requests, mode, other timings, controller, geometry
EDGES = {
    "tRC": ("rc", 80, SAME_BANK, "max", {}, {}, {}),
    "tRCD_RD": ("rcd_rd", 50, [(R, {})], "max", {}, {}, {}),
    "tRCD_WR": ("rcd_wr", 50, [(W, {})], "max", {}, {}, {}),
    "tRAS": ("ras", 50, SAME_BANK, "max", {"rc": 51}, {}, {}),
    "tRAS to PREA": ("ras", 50, LONG, "max", {"rc": 51} | SOON, REFRESH, {}),
    "tRP": ("rp", 50, SAME_BANK, "max", {}, {}, {}),
    "tRTP": ("rtp", 50, SAME_BANK, "max", {}, {}, {}),
    "tRTP to PREA": ("rtp", 50, LONG, "max", SOON, REFRESH, {}),
    "tWR": ("wr", 50, SAME_BANK_WRITES, "max", {}, {}, {}),
    "tWR to PREA": ("wr", 50, LONG_WRITES, "max", SOON, REFRESH, {}),
    "RDA to ACT": ("rtp", 50, SAME_BANK, "max", {}, CLOSED, {}),
    "WRA to ACT": ("wr", 50, SAME_BANK_WRITES, "max", {}, CLOSED, {}),
    "tRRD_S": ("rrd_s", 50, OTHER_GROUP, "max", {}, {}, {}),
    "tRRD_L": ("rrd_l", 50, SAME_GROUP, "max", {}, {}, {}),
    "tFAW": ("faw", 50, FIVE_BANKS, "max", {}, {}, {}),
    "tCCD_S": ("ccd_s", 50, OTHER_GROUP, "max", {}, {}, {}),
    "tCCD_L": ("ccd_l", 50, ROW_READS, "max", {}, {}, {}),
    "tCCD_S_WR": ("ccd_s_wr", 50, GROUP_WRITES, "max", {}, {}, {}),
    "tCCD_L_WR": ("ccd_l_wr", 50, ROW_WRITES, "max", {}, {}, {}),
    "tRTW": ("rtw", 50, [(R, {}), (W, {"column": 1})], "max", {}, {}, {}),
    "tWTR_S": ("wtr_s", 50, [(W, {}), (R, {"bank_group": 1})], "period9", {}, {}, {}),
    "tWTR_L": ("wtr_l", 50, [(W, {}), (R, {"column": 1})], "period9", {}, {}, {}),
    "tPPD": ("ppd", 50, [*SAME_GROUP, (R, {"row": 1}), (R, {"row": 1, "bank": 1})], "max", {}, {}, {}),
    "tRFC": ("rfc", 15, LONG, "max", SOON, REFRESH, {}),
    "tRC to REFab": ("rc", 50, LONG, "period9", {"ras": 1} | SOON, REFRESH, {}),
    "tRP to REFab": ("rp", 30, LONG, "period9", SOON, REFRESH | {"page_policy": "capped", "page_cap": 1}, {}),
    "tRP of PREA to REFab": ("rp_all", 50, LONG, "period3", SOON, REFRESH, {}),
    "RDA to REFab": ("rtp", 50, LONG, "period9", SOON, REFRESH | CLOSED, {}),
    "WRA to REFab": ("wr", 50, LONG_WRITES, "period9", SOON, REFRESH | CLOSED, {}),
    "tRFCpb": ("rfc_pb", 60, ALL_BANKS, "period3", PB, PER_BANK, {}),
    "tRREFD": ("rrefd", 5, ALL_BANKS, "max", PB, PER_BANK, {}),
    "tRRD to REFpb": ("rrd_s", 9, ALL_BANKS, "period3", PB, PER_BANK, {}),
    "tRC to REFpb": ("rc", 60, ALL_BANKS, "period9", PB, PER_BANK, {}),
    "tRP to REFpb": ("rp", 60, ALL_BANKS, "period9", PB, PER_BANK, {}),
    "RDA to REFpb": ("rtp", 60, ALL_BANKS, "period9", PB, PER_BANK | CLOSED, {}),
    "WRA to REFpb": ("wr", 20, [(W, f) for _, f in ALL_BANKS], "period3", PB, PER_BANK | CLOSED, {}),
    "data bus": ("cs", 50, [(R, {"rank": 0}), (R, {"rank": 1})], "max", {}, {}, {"ranks": 2}),
    "command bus": ("act_cycles", 3, OTHER_GROUP, "max", {"rcd_rd": 50}, {}, {}),
    "WCK": ("wck_post", 5, ROW_READS, "period9", {}, {}, {}),
}  # fmt: skip

# What no run of the engine can come close to: it refreshes on time, always after a PREA, and never
# mixes REFab with REFpb. test_checker.py has these on streams written by hand.
BY_HAND = {"tRP after PREA", "tRFCpb to REFab", "tRP of PREA to REFpb", "tREFI"}
STATE_RULES = {"row not open", "bank not closed"}


@pytest.mark.parametrize("rule", EDGES)
def test_engine_issues_at_the_limit_and_not_before(rule, memory, trace):
    key, cycles, accesses, mode, timing, controller, geometry = EDGES[rule]
    spec = memory(geometry, controller, **(timing | {key: cycles}))
    run = simulate(spec, trace(spec, *accesses), mode=mode)
    assert check(spec, run.log, run.cycles) == []
    # A clock that stops sooner is harder to catch; any other timing is harder if it is longer.
    limit = cycles - 1 if rule == "WCK" else cycles + 1
    stricter = memory(geometry, controller, **(timing | {key: limit}))
    assert rule in {each.rule for each in check(stricter, run.log, run.cycles)}


def test_every_rule_has_its_edge(memory):
    known = {rule.name for rule in rules(memory(**PB))}
    others = {"command bus", "data bus", "WCK", "tREFI"}
    assert known | others == set(EDGES) | BY_HAND


def test_every_rule_is_in_the_document():
    text = (Path(__file__).parents[2] / "docs" / "dram.md").read_text()
    for rule in {*EDGES, *BY_HAND, *STATE_RULES}:
        assert f"| {rule} |" in text, rule
