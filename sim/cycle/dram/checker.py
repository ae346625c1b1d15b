"""Replay a command stream and report every breach of the protocol.

Written from the standards' rules, not from the engine: each rule names two sets of commands, the
set of banks they share, and the cycles that must lie between. All are checked with numpy over the
whole stream; nothing is simulated.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockstep.arch.dram import DramSpec
from lockstep.sim.cycle.dram.address import I64
from lockstep.sim.cycle.dram.state import COMMANDS

Flags = npt.NDArray[np.bool_]

COLUMN_COMMANDS = ("RD", "WR", "RDA", "WRA")
POSTPONED_AT_MOST = 8
"""Refreshes that may be owed (JESD79-4, 4.26; DDR5 and LPDDR5 allow as many or fewer)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``cycles`` from the ``nth`` last command of ``before`` to one of ``after``, in one ``scope``."""

    name: str
    scope: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    cycles: int
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Violation:
    """A command at ``cycle`` (its first) that ``rule`` forbids until ``legal_cycle``, if ever."""

    rule: str
    cycle: int
    command: str
    bank: int
    legal_cycle: int | None = None


def rules(spec: DramSpec) -> tuple[Rule, ...]:
    """Every gap between two commands that ``spec`` asks for, counted between last cycles."""
    t = spec.timing
    rd, wr, pre = ("RD", "RDA"), ("WR", "WRA"), ("PRE", "PREA")
    written = t.cwl + t.burst
    found = [
        Rule("tRC", "bank", ("ACT",), ("ACT",), t.rc),
        Rule("tRCD_RD", "bank", ("ACT",), rd, t.rcd_rd),
        Rule("tRCD_WR", "bank", ("ACT",), wr, t.rcd_wr),
        Rule("tRAS", "bank", ("ACT",), ("PRE",), t.ras),
        Rule("tRAS to PREA", "rank", ("ACT",), ("PREA",), t.ras),
        Rule("tRP", "bank", ("PRE",), ("ACT",), t.rp),
        Rule("tRP after PREA", "rank", ("PREA",), ("ACT",), t.rp_all),
        Rule("tRTP", "bank", ("RD",), ("PRE",), t.rtp),
        Rule("tRTP to PREA", "rank", rd, ("PREA",), t.rtp),
        Rule("tWR", "bank", ("WR",), ("PRE",), written + t.wr),
        Rule("tWR to PREA", "rank", wr, ("PREA",), written + t.wr),
        Rule("RDA to ACT", "bank", ("RDA",), ("ACT",), t.rtp + t.rp),
        Rule("WRA to ACT", "bank", ("WRA",), ("ACT",), written + t.wr + t.rp),
        Rule("tRRD_S", "rank", ("ACT",), ("ACT",), t.rrd_s),
        Rule("tRRD_L", "group", ("ACT",), ("ACT",), t.rrd_l),
        Rule("tFAW", "rank", ("ACT",), ("ACT",), t.faw, nth=4),
        Rule("tCCD_S", "rank", rd, rd, t.ccd_s),
        Rule("tCCD_L", "group", rd, rd, t.ccd_l),
        Rule("tCCD_S_WR", "rank", wr, wr, t.ccd_s_wr),
        Rule("tCCD_L_WR", "group", wr, wr, t.ccd_l_wr),
        Rule("tRTW", "rank", rd, wr, t.rtw),
        Rule("tWTR_S", "rank", wr, rd, written + t.wtr_s),
        Rule("tWTR_L", "group", wr, rd, written + t.wtr_l),
        Rule("tPPD", "rank", pre, pre, t.ppd),
        Rule("tRFC", "rank", ("REFab",), ("ACT", "REFab", "REFpb", *pre), t.rfc),
        Rule("tRC to REFab", "rank", ("ACT",), ("REFab",), t.rc),
        Rule("tRP to REFab", "rank", ("PRE",), ("REFab",), t.rp),
        Rule("tRP of PREA to REFab", "rank", ("PREA",), ("REFab",), t.rp_all),
        Rule("RDA to REFab", "rank", ("RDA",), ("REFab",), t.rtp + t.rp),
        Rule("WRA to REFab", "rank", ("WRA",), ("REFab",), written + t.wr + t.rp),
    ]
    if t.rfc_pb is not None and t.rrefd is not None:
        found += [
            Rule("tRFCpb", "bank", ("REFpb",), ("ACT", "REFpb"), t.rfc_pb),
            Rule("tRFCpb to REFab", "rank", ("REFpb",), ("REFab",), t.rfc_pb),
            Rule("tRREFD", "rank", ("REFpb",), ("ACT", "REFpb"), t.rrefd),
            Rule("tRRD to REFpb", "rank", ("ACT",), ("REFpb",), t.rrd_s),
            Rule("tRC to REFpb", "bank", ("ACT",), ("REFpb",), t.rc),
            Rule("tRP to REFpb", "bank", ("PRE",), ("REFpb",), t.rp),
            Rule("tRP of PREA to REFpb", "rank", ("PREA",), ("REFpb",), t.rp_all),
            Rule("RDA to REFpb", "bank", ("RDA",), ("REFpb",), t.rtp + t.rp),
            Rule("WRA to REFpb", "bank", ("WRA",), ("REFpb",), written + t.wr + t.rp),
        ]
    return tuple(found)


class _Stream:
    """A command log as columns, and the look-back that all checks share."""

    def __init__(self, spec: DramSpec, log: I64) -> None:
        self.spec, g, t = spec, spec.geometry, spec.timing
        self.cycle, self.code, self.bank, self.row = log.T
        length = np.ones(len(COMMANDS), np.int64)
        length[COMMANDS.index("ACT")] = t.act_cycles
        length[[COMMANDS.index(name) for name in COLUMN_COMMANDS]] = t.column_cycles
        self.length = length[self.code]
        self.last_cycle = self.cycle + self.length - 1
        self.scopes = {
            "bank": self.bank,
            "group": self.bank // g.banks,
            "rank": self.bank // g.banks_per_rank,
            "bus": self.bank // (g.banks_per_rank * g.ranks),
            "channel": self.bank // g.banks_per_channel,
        }

    def are(self, *names: str) -> Flags:
        """Which commands have one of the names."""
        return np.isin(self.code, [COMMANDS.index(name) for name in names])

    def before(self, these: Flags, at: I64, scope: str, nth: int = 1) -> I64:
        """Index of the ``nth`` last of ``these`` before each of ``at`` in its scope, or -1."""
        keys, own = self._keys(these, scope), self._keys_of(at, scope)
        found = np.append(-1, keys)[np.maximum(np.searchsorted(keys, own) - nth + 1, 0)]
        is_same = (found >= 0) & (found // self.code.size == own // self.code.size)
        index: I64 = np.where(is_same, found % self.code.size, -1)
        return index

    def after(self, these: Flags, at: I64, scope: str) -> I64:
        """Index of the first of ``these`` after each of ``at`` in its scope, or the log's length."""
        keys, own = self._keys(these, scope), self._keys_of(at, scope)
        found = np.append(keys, -1)[np.searchsorted(keys, own, side="right")]
        is_same = (found >= 0) & (found // self.code.size == own // self.code.size)
        index: I64 = np.where(is_same, found % self.code.size, self.code.size)
        return index

    def _keys_of(self, at: I64, scope: str) -> I64:
        """Numbers that sort by scope, then by place in the log."""
        keys: I64 = self.scopes[scope][at] * self.code.size + at
        return keys

    def _keys(self, these: Flags, scope: str) -> I64:
        return np.sort(self._keys_of(np.flatnonzero(these), scope))

    def report(self, rule: str, at: I64, legal_cycle: I64 | None = None) -> Iterator[Violation]:
        """A violation per command index of ``at``."""
        for i, index in enumerate(at.tolist()):
            legal = None if legal_cycle is None else int(legal_cycle[i])
            name = COMMANDS[int(self.code[index])]
            yield Violation(rule, int(self.cycle[index]), name, int(self.bank[index]), legal)


def check(spec: DramSpec, log: I64, cycles: int | None = None) -> list[Violation]:
    """Breaches of the protocol by a command stream.

    Parameters
    ----------
    spec : DramSpec
        Whose rules hold.
    log : (commands, 4)
        Cycle, code, bank and row, in order of time, as in ``DramRun.log``.
    cycles : int or None
        Length of the run; with it, missing refreshes are found.
    """
    stream = _Stream(spec, log)
    found = [breach for rule in rules(spec) for breach in _gap(stream, rule)]
    for part in (_bus, _data_bus, _rows, _wck):
        found += part(stream)
    if cycles is not None:
        found += _refreshes(stream, cycles)
    return sorted(found, key=lambda each: each.cycle)


def _gap(stream: _Stream, rule: Rule) -> Iterator[Violation]:
    at = np.flatnonzero(stream.are(*rule.after))
    last = stream.before(stream.are(*rule.before), at, rule.scope, rule.nth)
    at, last = at[last >= 0], last[last >= 0]
    legal = stream.last_cycle[last] + rule.cycles
    early = stream.last_cycle[at] < legal
    first_legal = legal[early] - (stream.length[at[early]] - 1)
    yield from stream.report(rule.name, at[early], first_legal)


def _bus(stream: _Stream) -> Iterator[Violation]:
    """Commands of one bus must not overlap."""
    column = stream.are(*COLUMN_COMMANDS, "CAS")
    everything = np.ones_like(column)
    dual = stream.spec.controller.dual_command_bus
    for these in (column, ~column) if dual else (everything,):
        at = np.flatnonzero(these)
        last = stream.before(these, at, "channel")
        at, last = at[last >= 0], last[last >= 0]
        free = stream.last_cycle[last] + 1
        busy = stream.cycle[at] < free
        yield from stream.report("command bus", at[busy], free[busy])


def _data_bus(stream: _Stream) -> Iterator[Violation]:
    """Bursts must not overlap, and need ``cs`` idle cycles between ranks."""
    t, is_column = stream.spec.timing, stream.are(*COLUMN_COMMANDS)
    at = np.flatnonzero(is_column)
    last = stream.before(is_column, at, "bus")
    at, last = at[last >= 0], last[last >= 0]
    latency = np.where(stream.are("WR", "WRA"), t.cwl, t.cl)
    start = stream.last_cycle + latency
    rank = stream.scopes["rank"]
    free = start[last] + t.burst + t.cs * (rank[at] != rank[last])
    early = start[at] < free
    legal = stream.cycle[at] + free - start[at]
    yield from stream.report("data bus", at[early], legal[early])


def _rows(stream: _Stream) -> Iterator[Violation]:
    """Columns need their row open; ACT and refresh need closed banks."""
    act, shut = stream.are("ACT"), stream.are("PRE", "RDA", "WRA")
    prea, refab = stream.are("PREA"), stream.are("REFab")

    def opener(at: I64) -> I64:
        """Index of the ACT whose row the bank has open, or -1."""
        opened = stream.before(act, at, "bank")
        closed = np.maximum(stream.before(shut, at, "bank"), stream.before(prea, at, "rank"))
        return np.where(opened > closed, opened, -1)

    at = np.flatnonzero(stream.are(*COLUMN_COMMANDS))
    opened = opener(at)
    wrong = (opened < 0) | (stream.row[at] != stream.row[opened])
    yield from stream.report("row not open", at[wrong])
    at = np.flatnonzero(stream.are("ACT", "REFpb"))
    yield from stream.report("bank not closed", at[opener(at) >= 0])
    at = np.flatnonzero(act)
    closed = np.minimum(stream.after(shut, at, "bank"), stream.after(prea, at, "rank"))
    refreshed = stream.after(refab, at, "rank")
    yield from stream.report("bank not closed", np.unique(refreshed[refreshed < closed]))


def _wck(stream: _Stream) -> Iterator[Violation]:
    """A column command needs a running data clock: an earlier burst's, or CAS just before it."""
    t = stream.spec.timing
    if t.wck_post is None:
        return
    is_column = stream.are(*COLUMN_COMMANDS)
    at = np.flatnonzero(is_column)
    last, cas = stream.before(is_column, at, "rank"), stream.before(stream.are("CAS"), at, "rank")
    latency = np.where(stream.are("WR", "WRA"), t.cwl, t.cl)
    runs_until = stream.cycle + latency + t.burst + t.wck_post
    running = (last >= 0) & (stream.cycle[at] < runs_until[last])
    synced = (cas >= 0) & (stream.cycle[cas] == stream.cycle[at] - 1)
    yield from stream.report("WCK", at[~running & ~synced])


def _refreshes(stream: _Stream, cycles: int) -> Iterator[Violation]:
    """No rank may owe more than eight refreshes, at any time and at the end."""
    g, t, policy = stream.spec.geometry, stream.spec.timing, stream.spec.controller.refresh
    if policy == "none":
        return
    name, scope = ("REFab", "rank") if policy == "all_bank" else ("REFpb", "bank")
    is_refresh = stream.are(name)
    per_channel = g.ranks_per_channel if scope == "rank" else g.banks_per_channel
    for unit in range(g.channels * per_channel):
        times = stream.cycle[is_refresh & (stream.scopes[scope] == unit)]
        times = np.append(times, cycles)
        done = np.arange(times.size)
        if np.any(times // t.refi - done > POSTPONED_AT_MOST):
            bank = unit * (g.banks_per_rank if scope == "rank" else 1)
            late = int(times[np.argmax(times // t.refi - done > POSTPONED_AT_MOST)])
            yield Violation("tREFI", late, name, bank)
