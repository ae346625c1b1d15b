"""What the DRAM kernel works on: command gaps, and the state of banks, queues and requests."""

from typing import NamedTuple

import numpy as np

from lockstep.arch.dram import DramSpec, DramTiming
from lockstep.sim.cycle.dram.address import I64, Location
from lockstep.sim.cycle.dram.trace import Trace

NEVER = 1 << 62
"""Later than any cycle."""

LONG_AGO = -(1 << 40)
"""Before any cycle, by more than any gap."""

COMMANDS = ("ACT", "PRE", "PREA", "RD", "WR", "RDA", "WRA", "REFab", "REFpb", "CAS")
"""Command names; their index is the code in logs and counters."""

OPEN_PAGE, CLOSED_PAGE, CAPPED_PAGE = 0, 1, 2
NO_REFRESH, ALL_BANK, PER_BANK = 0, 1, 2
PAGE_POLICIES = {"open": OPEN_PAGE, "closed": CLOSED_PAGE, "capped": CAPPED_PAGE}
REFRESHES = {"none": NO_REFRESH, "all_bank": ALL_BANK, "per_bank": PER_BANK}
MAX, SERIAL, PERIODIC = 0, 1, 2

HIT, MISS, CONFLICT, FORWARDED = 1, 2, 3, 4
"""How a request met its bank: its row open, none open, another open; or served by a queued write."""

# Columns of the arrays of State.
# scalar: cycle, requests taken and served, log entries, end of the last one, whether a request was
# served or left its queue since the last look.
NOW, NEXT, SERVED, LOGGED, LAST_DONE, FREED, SCALARS = range(7)
# group: earliest cycle for a command of each plan, as far as other banks decide it.
NONE, ACT_PLAN, PRE_PLAN, RD_PLAN, WR_PLAN, PLANS = range(6)
# bank: open row or -1; earliest ACT, PRE, RD, WR by its own past; accesses since ACT; whether a
# refresh is due; the request that opened the row for itself or -1; the next command for requests,
# their order and its earliest cycle; the oldest and youngest queued read and write or -1.
(ROW, ACT_AT, PRE_AT, RD_AT, WR_AT, ACCESSES, HELD, WAITING, PLAN, ORDER, PLAN_AT) = range(11)
OLDEST, YOUNGEST, BANK_COLUMNS = 11, 13, 15
# rank: earliest REFpb; ring of the last four ACTs; open banks, since when, and the end of the last
# time any was; cycles with one open; next refresh and its bank; when WCK stops.
REFPB_AT, RING, OPENED, SINCE, IDLE_FROM, ACTIVE, DUE, TURN, WCK_UNTIL, LAST_ACTS = range(10)
RANK_COLUMNS = LAST_ACTS + 4
# channel: when each bus is free; 1 while writes are served; next look; next refresh; queue lengths.
BUS, WRITING, WAKE, NEXT_DUE, LENGTH, CHANNEL_COLUMNS = 0, 2, 3, 4, 5, 7
# request: place; burst number; write or read; times; how it met its row; next younger of its bank.
BANK, WANTED_ROW, ADDRESS, WRITE, ARRIVAL, DONE, KIND, YOUNGER, REQUEST_COLUMNS = range(9)


class Constants(NamedTuple):
    """Sizes and gaps. A gap is from the first cycle of one command to the first of the next."""

    requests: int
    channels: int
    group_shift: int  # bank >> group_shift is its bank group; likewise rank and channel
    rank_shift: int
    channel_shift: int
    banks_per_rank: int
    groups_per_rank: int
    ranks_per_channel: int
    ranks_per_bus: int  # ranks that share a data bus: those of one pseudo-channel
    act_act: int
    act_pre: int
    act_act_s: int
    act_act_l: int
    four_act: int
    pre_act: int
    prea_act: int
    pre_pre: int
    column_column: int
    rd_done: int
    ref_act: int
    refi: int
    refpb_act: int
    refpb_act_other: int
    act_refpb_other: int
    refpb_refpb: int
    act_to_ref: int  # how much sooner or later REF may start than ACT, for lengths differ
    act_cycles: int
    column_cycles: int
    wck_post: int  # -1: no WCK
    read_latency: int
    write_latency: int
    burst: int
    dual_bus: int
    page_policy: int
    page_cap: int
    row_hit_cap: int
    write_high: int
    write_low: int
    read_queue: int
    write_queue: int
    refresh: int
    injection: int
    period: int


class State(NamedTuple):
    """Tables, all int64, with a row per thing and the columns named above.

    Banks are numbered through: channel, pseudo-channel, rank, bank group, bank. Times are the
    earliest first cycle at which a command may issue.
    """

    scalar: I64
    issued: I64  # commands, by code
    bank: I64
    group: I64
    rank: I64
    channel: I64
    request: I64
    # Gaps between column commands by scope (same group, other group, other rank), write or read,
    # next write or read; then from ACT, and to PRE, of the same bank.
    column_gap: I64
    act_column: I64
    column_pre: I64
    log: I64  # (cycle, command, bank, row); no rows: nothing is logged


def constants(spec: DramSpec, requests: int, injection: int, period: int) -> Constants:
    """Sizes of ``spec`` and its gaps between first cycles."""
    g, t, c = spec.geometry, spec.timing, spec.controller
    act, column = t.act_cycles - 1, t.column_cycles - 1
    return Constants(
        requests=requests,
        channels=g.channels,
        group_shift=g.banks.bit_length() - 1,
        rank_shift=g.banks_per_rank.bit_length() - 1,
        channel_shift=g.banks_per_channel.bit_length() - 1,
        banks_per_rank=g.banks_per_rank,
        groups_per_rank=g.bank_groups,
        ranks_per_channel=g.ranks_per_channel,
        ranks_per_bus=g.ranks,
        act_act=t.rc,
        act_pre=t.ras + act,
        act_act_s=t.rrd_s,
        act_act_l=t.rrd_l,
        four_act=t.faw,
        pre_act=t.rp - act,
        prea_act=t.rp_all - act,
        pre_pre=t.ppd,
        column_column=max(1, min(t.burst, t.rtw)),
        rd_done=t.cl + t.burst + column,
        ref_act=t.rfc - act,
        refi=t.refi,
        refpb_act=(t.rfc_pb or 0) - act,
        refpb_act_other=(t.rrefd or 0) - act,
        act_refpb_other=t.rrd_s + act,
        refpb_refpb=t.rrefd or 0,
        act_to_ref=act,
        act_cycles=t.act_cycles,
        column_cycles=t.column_cycles,
        wck_post=-1 if t.wck_post is None else t.wck_post,
        read_latency=t.cl,
        write_latency=t.cwl,
        burst=t.burst,
        dual_bus=int(c.dual_command_bus),
        page_policy=PAGE_POLICIES[c.page_policy],
        page_cap=c.page_cap,
        row_hit_cap=c.row_hit_cap,
        write_high=c.write_high,
        write_low=c.write_low,
        read_queue=c.read_queue,
        write_queue=c.write_queue,
        refresh=REFRESHES[c.refresh],
        injection=injection,
        period=period,
    )


def _column_gaps(t: DramTiming) -> I64:
    """Gaps between column commands: same bank group, other group, other rank of the same bus."""
    turn = t.cl + t.burst - t.cwl  # write data right behind read data; and the other way round
    back = t.cwl + t.burst - t.cl
    written = t.cwl + t.burst
    bus = np.array([[t.burst, turn], [back, t.burst]], np.int64)
    rules = [
        [[t.ccd_l, t.rtw], [written + t.wtr_l, t.ccd_l_wr]],
        [[t.ccd_s, t.rtw], [written + t.wtr_s, t.ccd_s_wr]],
    ]
    same_rank = np.maximum(np.array(rules, np.int64), bus)
    return np.concatenate([same_rank, [bus + t.cs]])


def new_state(spec: DramSpec, place: Location, trace: Trace, log_rows: int) -> State:
    """Idle memory, empty queues, and the requests yet to come."""
    g, t, c = spec.geometry, spec.timing, spec.controller
    banks = g.channels * g.banks_per_channel
    column = t.column_cycles - 1
    due = t.refi // g.banks_per_rank if c.refresh == "per_bank" else t.refi

    bank = np.zeros((banks, BANK_COLUMNS), np.int64)
    bank[:, [ROW, WAITING, OLDEST, OLDEST + 1, YOUNGEST, YOUNGEST + 1]] = -1
    rank = np.zeros((banks // g.banks_per_rank, RANK_COLUMNS), np.int64)
    rank[:, LAST_ACTS:] = LONG_AGO
    rank[:, WCK_UNTIL] = LONG_AGO
    rank[:, DUE] = due
    channel = np.zeros((g.channels, CHANNEL_COLUMNS), np.int64)
    channel[:, [WAKE, NEXT_DUE]] = NEVER if c.refresh == "none" else due
    request = np.full((trace.address.size, REQUEST_COLUMNS), -1, np.int64)
    request[:, BANK], request[:, WANTED_ROW] = place.bank, place.row
    request[:, ADDRESS] = trace.address // g.burst_bytes
    request[:, WRITE], request[:, KIND] = trace.is_write, 0
    return State(
        scalar=np.zeros(SCALARS, np.int64),
        issued=np.zeros(len(COMMANDS), np.int64),
        bank=bank,
        group=np.zeros((banks // g.banks, PLANS), np.int64),
        rank=rank,
        channel=channel,
        request=request,
        column_gap=_column_gaps(t),
        act_column=np.array([t.rcd_rd, t.rcd_wr], np.int64) + (t.act_cycles - 1) - column,
        column_pre=np.array([t.rtp, t.cwl + t.burst + t.wr], np.int64) + column,
        log=np.zeros((log_rows, 4), np.int64),
    )
