"""The banks: what each command does to the state, and to what may follow when (numba)."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from numba import njit

from lockstep.sim.cycle.dram.address import I64
from lockstep.sim.cycle.dram.state import (
    ACCESSES,
    ACT_AT,
    ACT_PLAN,
    ACTIVE,
    ALL_BANK,
    BANK,
    CAPPED_PAGE,
    CLOSED_PAGE,
    DONE,
    DUE,
    FREED,
    HELD,
    IDLE_FROM,
    LAST_ACTS,
    LAST_DONE,
    LOGGED,
    NEXT_DUE,
    OPENED,
    PRE_AT,
    PRE_PLAN,
    RD_AT,
    RD_PLAN,
    REFPB_AT,
    RING,
    ROW,
    SERVED,
    SINCE,
    TURN,
    WAITING,
    WANTED_ROW,
    WCK_UNTIL,
    WRITE,
    Constants,
    State,
)

ACT, PRE, PREA, RD, RDA, REFAB, REFPB, CAS = 0, 1, 2, 3, 5, 7, 8, 9

UNCOUNTED: dict[str, Any] = {"_nrt": False}
"""Option of numba: no reference counts of tables, which took two thirds of the time."""

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """A part of the kernel, compiled into its caller; it must not allocate."""
    part: Callable[P, R] = njit(forceinline=True, **UNCOUNTED)(function)
    return part


@compiled
def later(times: I64, row: int, column: int, t: int) -> None:
    """Move a time to ``t`` if it is sooner."""
    if times[row, column] < t:
        times[row, column] = t


@compiled
def _record(s: State, t: int, command: int, bank: int, row: int) -> None:
    s.issued[command] += 1
    if s.log.shape[0] > 0:
        i = s.scalar[LOGGED]
        s.log[i, 0], s.log[i, 1], s.log[i, 2], s.log[i, 3] = t, command, bank, row
        s.scalar[LOGGED] = i + 1


@compiled
def activate(s: State, k: Constants, t: int, bank: int, row: int) -> None:
    """ACT."""
    rank = bank >> k.rank_shift
    ring = s.rank[rank, RING]
    s.rank[rank, LAST_ACTS + ring] = t
    ring = (ring + 1) & 3
    s.rank[rank, RING] = ring
    soonest = max(t + k.act_act_s, s.rank[rank, LAST_ACTS + ring] + k.four_act)
    for g in range(rank * k.groups_per_rank, (rank + 1) * k.groups_per_rank):
        later(s.group, g, ACT_PLAN, soonest)
    later(s.group, bank >> k.group_shift, ACT_PLAN, t + k.act_act_l)
    later(s.rank, rank, REFPB_AT, t + k.act_refpb_other)
    later(s.bank, bank, ACT_AT, t + k.act_act)
    later(s.bank, bank, PRE_AT, t + k.act_pre)
    s.bank[bank, RD_AT] = t + s.act_column[0]
    s.bank[bank, RD_AT + 1] = t + s.act_column[1]
    s.bank[bank, ROW] = row
    s.bank[bank, ACCESSES] = 0
    if s.rank[rank, OPENED] == 0:
        s.rank[rank, SINCE] = max(t, s.rank[rank, IDLE_FROM])
    s.rank[rank, OPENED] += 1
    _record(s, t, ACT, bank, row)


@compiled
def _close(s: State, k: Constants, t: int, bank: int) -> None:
    """The row is gone from ``t`` on."""
    rank = bank >> k.rank_shift
    s.bank[bank, ROW] = -1
    later(s.rank, rank, IDLE_FROM, t)
    s.rank[rank, OPENED] -= 1
    if s.rank[rank, OPENED] == 0:
        s.rank[rank, ACTIVE] += s.rank[rank, IDLE_FROM] - s.rank[rank, SINCE]


@compiled
def _no_pre_before(s: State, k: Constants, t: int, rank: int) -> None:
    for g in range(rank * k.groups_per_rank, (rank + 1) * k.groups_per_rank):
        later(s.group, g, PRE_PLAN, t)


@compiled
def precharge(s: State, k: Constants, t: int, bank: int) -> None:
    """PRE."""
    _close(s, k, t, bank)
    later(s.bank, bank, ACT_AT, t + k.pre_act)
    _no_pre_before(s, k, t + k.pre_pre, bank >> k.rank_shift)
    _record(s, t, PRE, bank, -1)


@compiled
def precharge_all(s: State, k: Constants, t: int, rank: int) -> None:
    """PREA."""
    first = rank << k.rank_shift
    for bank in range(first, first + k.banks_per_rank):
        if s.bank[bank, ROW] >= 0:
            _close(s, k, t, bank)
        later(s.bank, bank, ACT_AT, t + k.prea_act)
    _no_pre_before(s, k, t + k.pre_pre, rank)
    _record(s, t, PREA, first, -1)


@compiled
def refresh(s: State, k: Constants, t: int, rank: int) -> None:
    """REFab, or REFpb of the bank whose turn it is."""
    first = rank << k.rank_shift
    if k.refresh == ALL_BANK:
        for bank in range(first, first + k.banks_per_rank):
            later(s.bank, bank, ACT_AT, t + k.ref_act)
            s.bank[bank, HELD] = 0
        s.rank[rank, DUE] += k.refi
        _record(s, t, REFAB, first, -1)
    else:
        bank = first + s.rank[rank, TURN]
        s.rank[rank, TURN] = (s.rank[rank, TURN] + 1) & (k.banks_per_rank - 1)
        for g in range(rank * k.groups_per_rank, (rank + 1) * k.groups_per_rank):
            later(s.group, g, ACT_PLAN, t + k.refpb_act_other)
        later(s.bank, bank, ACT_AT, t + k.refpb_act)
        later(s.rank, rank, REFPB_AT, t + k.refpb_refpb)
        s.bank[bank, HELD] = 0
        s.rank[rank, DUE] += k.refi >> k.rank_shift
        _record(s, t, REFPB, bank, -1)
    channel = first >> k.channel_shift
    soonest = s.rank[rank, DUE]
    for r in range(channel * k.ranks_per_channel, (channel + 1) * k.ranks_per_channel):
        soonest = min(soonest, s.rank[r, DUE])
    s.channel[channel, NEXT_DUE] = soonest


@compiled
def access(s: State, k: Constants, t: int, q: int) -> int:
    """RD, WR, RDA or WRA of request ``q``, after CAS if WCK stands; returns when the bus is free."""
    bank, d = s.request[q, BANK], s.request[q, WRITE]
    rank = bank >> k.rank_shift
    if k.wck_post >= 0:
        if t >= s.rank[rank, WCK_UNTIL]:
            _record(s, t, CAS, bank, -1)
            t += 1
        latency = k.write_latency if d else k.read_latency
        s.rank[rank, WCK_UNTIL] = t + latency + k.burst + k.wck_post
    first = rank & -k.ranks_per_bus
    for r in range(first, first + k.ranks_per_bus):
        scope = 1 if r == rank else 2
        for g in range(r * k.groups_per_rank, (r + 1) * k.groups_per_rank):
            later(s.group, g, RD_PLAN, t + s.column_gap[scope, d, 0])
            later(s.group, g, RD_PLAN + 1, t + s.column_gap[scope, d, 1])
    group = bank >> k.group_shift
    later(s.group, group, RD_PLAN, t + s.column_gap[0, d, 0])
    later(s.group, group, RD_PLAN + 1, t + s.column_gap[0, d, 1])
    later(s.bank, bank, PRE_AT, t + s.column_pre[d])
    is_auto = s.bank[bank, WAITING] < 0 and (
        k.page_policy == CLOSED_PAGE
        or (k.page_policy == CAPPED_PAGE and s.bank[bank, ACCESSES] >= k.page_cap)
    )
    s.bank[bank, ACCESSES] += 1
    _record(s, t, (RDA if is_auto else RD) + d, bank, s.request[q, WANTED_ROW])
    if is_auto:  # it precharges itself when a PRE could
        _close(s, k, s.bank[bank, PRE_AT], bank)
        later(s.bank, bank, ACT_AT, s.bank[bank, PRE_AT] + k.pre_act)
    done = t + k.column_cycles - 1 if d else t + k.rd_done
    s.request[q, DONE] = done
    s.scalar[SERVED] += 1
    s.scalar[FREED] = 1
    s.scalar[LAST_DONE] = max(s.scalar[LAST_DONE], done)
    return t + k.column_cycles
