"""The controller, stepped from one legal command to the next (numba)."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from numba import njit

from lockstep.sim.cycle.dram.device import (
    PRE,
    PREA,
    UNCOUNTED,
    access,
    activate,
    compiled,
    precharge,
    precharge_all,
    refresh,
)
from lockstep.sim.cycle.dram.scheduler import (
    choose_direction,
    dequeue,
    enqueue,
    pick,
    pick_capped,
    pick_refresh,
    plan,
    plan_banks,
    ready_at,
)
from lockstep.sim.cycle.dram.state import (
    ACT_PLAN,
    ADDRESS,
    ARRIVAL,
    BANK,
    BUS,
    CAPPED_PAGE,
    CONFLICT,
    DONE,
    FORWARDED,
    FREED,
    HIT,
    KIND,
    LAST_DONE,
    LENGTH,
    LOGGED,
    MISS,
    NEVER,
    NEXT,
    NEXT_DUE,
    NO_REFRESH,
    NONE,
    NOW,
    OLDEST,
    ORDER,
    PERIODIC,
    PLAN,
    PRE_PLAN,
    ROW,
    SERIAL,
    SERVED,
    WAITING,
    WAKE,
    WANTED_ROW,
    WRITE,
    WRITING,
    YOUNGER,
    YOUNGEST,
    Constants,
    State,
)

LOG_ROWS_PER_STEP = 4  # CAS and RD, and a row command on the other bus; rounded up


@compiled
def _is_being_written(s: State, bank: int, address: int) -> bool:
    """Whether a write to ``address`` waits in its bank."""
    q: int = s.bank[bank, WAITING]
    if q >= 0 and s.request[q, WRITE] and s.request[q, ADDRESS] == address:
        return True
    q = s.bank[bank, OLDEST + 1]
    while q >= 0 and s.request[q, ADDRESS] != address:
        q = s.request[q, YOUNGER]
    return q >= 0


@compiled
def _replan_for(s: State, k: Constants, bank: int, d: int) -> None:
    """A request has come; it matters to an idle bank, and to one about to close its row."""
    if s.bank[bank, PLAN] == NONE:
        plan(s, k, bank)
    elif s.bank[bank, PLAN] == PRE_PLAN:
        youngest = s.bank[bank, YOUNGEST + d]
        if s.request[youngest, WANTED_ROW] == s.bank[bank, ROW]:
            plan(s, k, bank)


@compiled
def _admit(s: State, k: Constants, t: int) -> int:
    """Take requests in order while there is room; returns when to try again."""
    while s.scalar[NEXT] < k.requests:
        q: int = s.scalar[NEXT]
        last_done: int = s.scalar[LAST_DONE]
        if k.injection == PERIODIC and t < q * k.period:
            return q * k.period
        if k.injection == SERIAL:
            if s.scalar[SERVED] < q:
                return NEVER
            if q > 0 and t <= last_done:
                return last_done + 1
        bank, d = s.request[q, BANK], s.request[q, WRITE]
        channel = bank >> k.channel_shift
        if _is_being_written(s, bank, s.request[q, ADDRESS]):
            s.request[q, DONE], s.request[q, KIND] = t + 1, FORWARDED
            s.scalar[SERVED] += 1
            s.scalar[LAST_DONE] = max(last_done, t + 1)
        else:
            if s.channel[channel, LENGTH + d] == (k.write_queue if d else k.read_queue):
                return NEVER  # the command that makes room wakes the channel
            enqueue(s, k, q)
            _replan_for(s, k, bank, d)
            may_turn = d != s.channel[channel, WRITING]
            ready = t if may_turn else ready_at(s, k, bank)
            s.channel[channel, WAKE] = min(s.channel[channel, WAKE], max(ready, t))
        s.request[q, ARRIVAL] = t
        s.scalar[NEXT] = q + 1
    return NEVER


@compiled
def _issue_column(s: State, k: Constants, channel: int, t: int, bank: int) -> None:
    q = s.bank[bank, ORDER]
    if q < 0:
        q += k.requests
        s.bank[bank, WAITING] = -1
    else:
        dequeue(s, k, q)
        if s.request[q, KIND] == 0:
            s.request[q, KIND] = HIT
    s.channel[channel, BUS + k.dual_bus] = access(s, k, t, q)
    plan(s, k, bank)


@compiled
def _issue_row(s: State, k: Constants, channel: int, t: int, bank: int) -> None:
    """ACT or PRE. A request that gets its row then waits in the bank and leaves the queue."""
    q = s.bank[bank, ORDER]
    if s.bank[bank, PLAN] == PRE_PLAN:
        if s.request[q, KIND] == 0:
            s.request[q, KIND] = CONFLICT
        precharge(s, k, t, bank)
        s.channel[channel, BUS] = t + 1
    else:
        if s.request[q, KIND] == 0:
            s.request[q, KIND] = MISS
        dequeue(s, k, q)
        s.bank[bank, WAITING] = q
        activate(s, k, t, bank, s.request[q, WANTED_ROW])
        s.channel[channel, BUS] = t + k.act_cycles
    plan(s, k, bank)


@compiled
def _maintain(s: State, k: Constants, channel: int, t: int, command: int, where: int) -> None:
    if command == PRE:
        precharge(s, k, t, where)
        plan(s, k, where)
    else:
        if command == PREA:
            precharge_all(s, k, t, where)
        else:
            refresh(s, k, t, where)
        plan_banks(s, k, where << k.rank_shift, k.banks_per_rank)
    s.channel[channel, BUS] = t + 1


@compiled
def _step(s: State, k: Constants, channel: int, t: int) -> int:
    """Issue what is legal at ``t``; returns when the channel needs another look.

    Order: the column command a row was opened for, refresh, row hits, ACT and PRE; with two
    command buses the first of each kind.
    """
    column_free: int = max(t, s.channel[channel, BUS + k.dual_bus])
    row_free: int = max(t, s.channel[channel, BUS])
    if min(column_free, row_free) > t:
        return min(column_free, row_free)
    choose_direction(s, k, channel)
    command, where, wake = -1, -1, NEVER
    if k.refresh != NO_REFRESH:
        command, where, wake = pick_refresh(s, k, channel, t)
    if command < 0 and k.page_policy == CAPPED_PAGE:
        command, where, soonest = pick_capped(s, k, channel, t)
        wake = min(wake, soonest)
    column, row, columns, acts, pres, soonest = pick(s, k, channel, t)
    wake = min(wake, soonest)

    # Legal commands that stay behind wait for the gap to one of their kind, if that is what issued.
    is_alone = k.ranks_per_channel == 1
    # A refresh that waits for column commands, or a capped row, may follow on any command.
    look_again = t >= s.channel[channel, NEXT_DUE] or k.page_policy == CAPPED_PAGE
    column_next, act_next, pre_next = t + 1, t + 1, t + 1
    issued = -1
    if columns > 0 and (k.dual_bus or command < 0 or s.bank[column, ORDER] < 0):
        if column_free <= t:
            issued = column
            _issue_column(s, k, channel, t, column)
            wake = min(wake, ready_at(s, k, column))
            columns -= 1
            wake = t + 1 if look_again else wake
            column_next = t + (k.column_column if is_alone else 1)
        else:
            column_next = column_free
    if command >= 0:
        if row_free <= t and (k.dual_bus or issued < 0) and (command != PRE or where != issued):
            _maintain(s, k, channel, t, command, where)
        return max(t + 1, row_free)
    if row >= 0 and row_free <= t and (k.dual_bus or issued < 0):
        is_act = s.bank[row, PLAN] == ACT_PLAN
        _issue_row(s, k, channel, t, row)
        wake = min(wake, ready_at(s, k, row))
        if is_act:
            acts -= 1
            act_next = t + (max(1, k.act_act_s) if is_alone else 1)
        else:
            pres -= 1
            pre_next = t + (max(1, k.pre_pre) if is_alone else 1)
    if choose_direction(s, k, channel):
        return t + 1
    if columns > 0:
        wake = min(wake, column_next)
    if acts > 0:
        wake = min(wake, act_next)
    if pres > 0:
        wake = min(wake, pre_next)
    return max(t + 1, wake)


def _compile(sources: str) -> Callable[[State, Constants], bool]:
    """The entry point. Numba's cache compares its closure, so it notices an edit of any source."""

    @njit(cache=True, **UNCOUNTED)  # type: ignore[untyped-decorator]
    def run(s: State, k: Constants) -> bool:
        """Step until every request is done (True) or the log may run over (False; call again)."""
        assert sources
        t = s.scalar[NOW]
        room = s.log.shape[0] - LOG_ROWS_PER_STEP * k.channels
        while s.scalar[SERVED] < k.requests:
            if t >= NEVER:  # nothing will ever be legal; unreachable, better than an endless loop
                raise RuntimeError("the DRAM controller is stuck")
            if s.log.shape[0] > 0 and s.scalar[LOGGED] > room:
                s.scalar[NOW] = t
                return False
            soonest = _admit(s, k, t)
            for channel in range(k.channels):
                if s.channel[channel, WAKE] <= t:
                    s.channel[channel, WAKE] = _step(s, k, channel, t)
                soonest = min(soonest, s.channel[channel, WAKE])
            if s.scalar[FREED] and s.scalar[NEXT] < k.requests:
                soonest = t + 1
            s.scalar[FREED] = 0
            t = max(t + 1, soonest)
        s.scalar[NOW] = t
        return True

    entry: Callable[[State, Constants], bool] = run
    return entry


def _digest() -> str:
    files = ("state.py", "device.py", "scheduler.py", "kernel.py")
    texts = [Path(__file__).with_name(name).read_bytes() for name in files]
    return hashlib.sha256(b"".join(texts)).hexdigest()


run = _compile(_digest())
