"""What to do next: each bank's plan for its requests, refresh, and the pick among them (numba)."""

from lockstep.sim.cycle.dram.device import PRE, PREA, REFAB, REFPB, compiled
from lockstep.sim.cycle.dram.state import (
    ACCESSES,
    ACT_AT,
    ACT_PLAN,
    ALL_BANK,
    BANK,
    DUE,
    FREED,
    HELD,
    LENGTH,
    NEVER,
    NEXT_DUE,
    NONE,
    OLDEST,
    ORDER,
    PLAN,
    PLAN_AT,
    PRE_AT,
    PRE_PLAN,
    RD_AT,
    RD_PLAN,
    REFPB_AT,
    ROW,
    TURN,
    WAITING,
    WANTED_ROW,
    WRITE,
    WRITING,
    YOUNGER,
    YOUNGEST,
    Constants,
    State,
)


@compiled
def plan(s: State, k: Constants, bank: int) -> None:
    """Settle the bank's next command: row hit if any, else PRE and ACT for the oldest request.

    A hit no longer overtakes an older conflict after ``row_hit_cap`` accesses. A request that has
    opened its row goes first and counts as older than all queued ones.
    """
    action, order, at = NONE, 0, 0
    q = s.bank[bank, WAITING]
    if q >= 0:
        action = RD_PLAN + s.request[q, WRITE]
        order, at = q - k.requests, s.bank[bank, RD_AT + s.request[q, WRITE]]
    elif not s.bank[bank, HELD]:
        d = s.channel[bank >> k.channel_shift, WRITING]
        oldest, row = s.bank[bank, OLDEST + d], s.bank[bank, ROW]
        if oldest >= 0 and row < 0:
            action, order, at = ACT_PLAN, oldest, s.bank[bank, ACT_AT]
        elif oldest >= 0:
            q = oldest
            while q >= 0 and s.request[q, WANTED_ROW] != row:
                q = s.request[q, YOUNGER]
            if q >= 0 and (q == oldest or s.bank[bank, ACCESSES] < k.row_hit_cap):
                action, order, at = RD_PLAN + d, q, s.bank[bank, RD_AT + d]
            else:
                action, order, at = PRE_PLAN, oldest, s.bank[bank, PRE_AT]
    s.bank[bank, PLAN], s.bank[bank, ORDER], s.bank[bank, PLAN_AT] = action, order, at


@compiled
def plan_banks(s: State, k: Constants, first: int, count: int) -> None:
    """:func:`plan` for banks in a row."""
    for bank in range(first, first + count):
        plan(s, k, bank)


@compiled
def choose_direction(s: State, k: Constants, channel: int) -> bool:
    """Switch between reads and writes at the watermarks; returns whether it did."""
    reads, writes = s.channel[channel, LENGTH], s.channel[channel, LENGTH + 1]
    change: bool
    if s.channel[channel, WRITING]:
        change = writes == 0 or (writes <= k.write_low and reads > 0)
    else:
        change = writes >= k.write_high or (reads == 0 and writes > 0)
    if change:
        s.channel[channel, WRITING] ^= 1
        plan_banks(s, k, channel << k.channel_shift, 1 << k.channel_shift)
    return change


@compiled
def enqueue(s: State, k: Constants, q: int) -> None:
    """Make ``q`` the youngest of its bank."""
    bank, d = s.request[q, BANK], s.request[q, WRITE]
    if s.bank[bank, OLDEST + d] < 0:
        s.bank[bank, OLDEST + d] = q
    else:
        s.request[s.bank[bank, YOUNGEST + d], YOUNGER] = q
    s.bank[bank, YOUNGEST + d] = q
    s.channel[bank >> k.channel_shift, LENGTH + d] += 1


@compiled
def dequeue(s: State, k: Constants, q: int) -> None:
    """Take ``q`` out of its bank's list."""
    bank, d = s.request[q, BANK], s.request[q, WRITE]
    younger, before = s.request[q, YOUNGER], s.bank[bank, OLDEST + d]
    if before == q:
        s.bank[bank, OLDEST + d] = younger
        before = -1
    else:
        while s.request[before, YOUNGER] != q:
            before = s.request[before, YOUNGER]
        s.request[before, YOUNGER] = younger
    if s.bank[bank, YOUNGEST + d] == q:
        s.bank[bank, YOUNGEST + d] = before
    s.channel[bank >> k.channel_shift, LENGTH + d] -= 1
    s.scalar[FREED] = 1


@compiled
def ready_at(s: State, k: Constants, bank: int) -> int:
    """First cycle at which the bank's plan is legal."""
    action = s.bank[bank, PLAN]
    if action == NONE:
        return NEVER
    ready: int = max(s.bank[bank, PLAN_AT], s.group[bank >> k.group_shift, action])
    return ready


@compiled
def pick(s: State, k: Constants, channel: int, t: int) -> tuple[int, int, int, int, int, int]:
    """The oldest legal column and row command, and what there is besides.

    Returns ``(bank or -1, bank or -1, legal column commands, ACTs, PREs, when the next is legal)``.
    """
    column, row, columns, acts, pres, soonest = -1, -1, 0, 0, 0, NEVER
    column_order, row_order = NEVER, NEVER
    first = channel << k.channel_shift
    for bank in range(first, first + (1 << k.channel_shift)):
        action = s.bank[bank, PLAN]
        if action == NONE:
            continue
        ready = max(s.bank[bank, PLAN_AT], s.group[bank >> k.group_shift, action])
        if ready > t:
            soonest = min(soonest, ready)
            continue
        order = s.bank[bank, ORDER]
        if action >= RD_PLAN:
            columns += 1
            if order < column_order:
                column, column_order = bank, order
        else:
            acts += action == ACT_PLAN
            pres += action == PRE_PLAN
            if order < row_order:
                row, row_order = bank, order
    return column, row, columns, acts, pres, soonest


@compiled
def pick_refresh(s: State, k: Constants, channel: int, t: int) -> tuple[int, int, int]:
    """``(command, rank or bank, when next)`` towards a refresh that is due; -1: none is legal now."""
    if t < s.channel[channel, NEXT_DUE]:
        return -1, -1, s.channel[channel, NEXT_DUE]
    soonest = NEVER
    for rank in range(channel * k.ranks_per_channel, (channel + 1) * k.ranks_per_channel):
        if t < s.rank[rank, DUE]:
            soonest = min(soonest, s.rank[rank, DUE])
            continue
        first, count = rank << k.rank_shift, k.banks_per_rank
        if k.refresh != ALL_BANK:
            first, count = first + s.rank[rank, TURN], 1
        is_open, is_waiting, ref = False, False, 0
        pre = s.group[first >> k.group_shift, PRE_PLAN]
        for bank in range(first, first + count):
            if not s.bank[bank, HELD]:
                s.bank[bank, HELD] = 1
                plan(s, k, bank)
            is_waiting |= s.bank[bank, WAITING] >= 0
            ref = max(ref, s.bank[bank, ACT_AT] + k.act_to_ref)
            is_open |= s.bank[bank, ROW] >= 0
            pre = max(pre, s.bank[bank, PRE_AT])  # PREA also waits for banks that close themselves
        if is_waiting:
            continue  # its column command comes first, and wakes the channel
        if k.refresh != ALL_BANK:
            ref = max(ref, s.rank[rank, REFPB_AT])
        ready = pre if is_open else ref
        if ready > t:
            soonest = min(soonest, ready)
        elif k.refresh == ALL_BANK:
            return (PREA if is_open else REFAB), rank, soonest
        else:
            return (PRE if is_open else REFPB), (first if is_open else rank), soonest
    return -1, -1, soonest


@compiled
def pick_capped(s: State, k: Constants, channel: int, t: int) -> tuple[int, int, int]:
    """``(PRE, bank, when next)`` for a row that has had its accesses; -1: none is legal now."""
    soonest = NEVER
    first = channel << k.channel_shift
    for bank in range(first, first + (1 << k.channel_shift)):
        is_open = s.bank[bank, ROW] >= 0 and s.bank[bank, WAITING] < 0
        if is_open and s.bank[bank, ACCESSES] >= k.page_cap:
            ready = max(s.bank[bank, PRE_AT], s.group[bank >> k.group_shift, PRE_PLAN])
            if ready <= t:
                return PRE, bank, soonest
            soonest = min(soonest, ready)
    return -1, -1, soonest
