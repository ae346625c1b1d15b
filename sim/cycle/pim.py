"""Cycles and commands of a PIM channel that runs a program; equal to the RTL, command by command.

Time advances from command to command; a run of columns in an open row is one step of arithmetic.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.pim_isa import (
    BUFFER_COMMANDS,
    RESULT_COMMANDS,
    ROW_COMMANDS,
    Command,
    Instruction,
    Program,
    check_program,
    gaps,
)

LOG_COLUMNS = ("cycle", "command", "bank", "row", "column", "entry")
"""Of a log; the bank is -1 for all of them, and what a command does not use is 0."""

_FAR = 1 << 62
_CLOSED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PimRun:
    """What a program took on one channel.

    Parameters
    ----------
    cycles : int
        From the one that accepts the first instruction to the one that ends the last, both counted.
        The channel comes out of reset in the first; whoever sends and takes data never pauses.
    commands : dict of str to int
        By name; those to all banks at once end in ``ab``: ACTab, PREab, MACab, REFab. Each counts once.
    row_accesses, row_misses : int
        Commands to a column of a row, and those of them that had to open the row first.
    log : (commands, 6) of int64, or None
        :data:`LOG_COLUMNS` of every DRAM command in order of time.
    """

    cycles: int
    commands: dict[str, int]
    row_accesses: int
    row_misses: int
    log: npt.NDArray[np.int64] | None = None

    @property
    def row_hit_share(self) -> float:
        """Share of row accesses that found their row open; 1 if there were none."""
        return 1 - self.row_misses / self.row_accesses if self.row_accesses else 1.0


def run(cfg: PimChannelConfig, program: Program, *, log: bool = False) -> PimRun:
    """Run a program on one channel.

    Parameters
    ----------
    cfg : PimChannelConfig
        The channel.
    program : sequence of Instruction
        Data do not matter: no command depends on them.
    log : bool
        Whether to keep every command.

    Raises
    ------
    ValueError
        If an instruction does not fit the channel.
    """
    check_program(cfg, program)
    channel = _Channel(cfg, keep_log=log)
    for instruction in program:
        channel.execute(instruction)
    return PimRun(
        cycles=channel.now,
        commands=dict(channel.counts),
        row_accesses=channel.row_accesses,
        row_misses=channel.row_misses,
        log=np.array(channel.log, np.int64).reshape(-1, len(LOG_COLUMNS)) if log else None,
    )


def command_name(command: Command, *, all_banks: bool) -> str:
    """Name of a command in a run's counts."""
    return command.name + "ab" * (all_banks or command == Command.REF)


class _Channel:
    """When each command may come: ``everyone`` holds for any bank, ``single`` for one of them."""

    def __init__(self, cfg: PimChannelConfig, *, keep_log: bool) -> None:
        self.cfg = cfg
        self.now = 0  # earliest cycle of the next command; instructions are accepted a cycle before
        self.due = cfg.timing.refi if cfg.refresh else _FAR
        self.open_rows = [_CLOSED] * cfg.banks
        self.counts: Counter[str] = Counter()
        self.row_accesses = self.row_misses = 0
        self.log: list[tuple[int, ...]] = []
        self._keep_log = keep_log
        found = gaps(cfg)
        self._bank_gaps = {c: [(y, g) for x, y, g in found.bank if x == c] for c in Command}
        self._gaps = {c: [(y, g) for x, y, g in found.channel if x == c] for c in Command}
        self._spacing = {x: g for x, y, g in found.channel if x == y}
        self._everyone = [0] * len(Command)
        self._single = [[0] * len(Command) for _ in range(cfg.banks)]
        self._single_max = [0] * len(Command)
        self._left: list[int] = []  # cycles in which results left

    def execute(self, i: Instruction) -> None:
        """All commands of an instruction."""
        self.now = max(self.now, 1)  # the first is accepted in cycle 0
        command, bank = i.op.command, None if i.op.all_banks else i.bank
        done, misses = 0, self.counts["ACT"] + self.counts["ACTab"]
        while done < i.count:
            if command in ROW_COMMANDS:
                self._open(i.row, bank)
            start = max(self._legal(command, bank), self._room(command))
            if start >= self.due:
                self._refresh()
                continue
            steps = 1
            spacing = self._spacing.get(command, 1)
            if command not in RESULT_COMMANDS:
                steps = min(i.count - done, (self.due - start - 1) // spacing + 1)
            for k in range(steps if self._keep_log else 0):
                self._note(start + k * spacing, command, bank, i, done + k)
            self._issue(command, bank, start + (steps - 1) * spacing, steps)
            done += steps
        if command in ROW_COMMANDS:
            self.row_accesses += i.count
            self.row_misses += self.counts["ACT"] + self.counts["ACTab"] - misses

    def _open(self, row: int, bank: int | None) -> None:
        """Have ``row`` open in one bank, or in all."""
        while True:
            rows = self.open_rows if bank is None else self.open_rows[bank : bank + 1]
            if rows.count(row) == len(rows):
                return
            shut = rows.count(_CLOSED) == len(rows)
            command = Command.ACT if shut else Command.PRE
            cycle = self._legal(command, bank)
            if cycle >= self.due:
                self._refresh()
                continue
            self._row_command(command, bank, cycle, row)

    def _refresh(self) -> None:
        """The refresh that is due, with all rows closed before it."""
        if self.open_rows.count(_CLOSED) < self.cfg.banks:
            cycle = max(self._legal(Command.PRE, None), self.due)
            self._row_command(Command.PRE, None, cycle, 0)
        cycle = max(self._legal(Command.REF, None), self.due)
        self._row_command(Command.REF, None, cycle, 0)
        self.due += self.cfg.timing.refi

    def _row_command(self, command: Command, bank: int | None, cycle: int, row: int) -> None:
        banks = range(self.cfg.banks) if bank is None else (bank,)
        for b in banks:
            self.open_rows[b] = row if command == Command.ACT else _CLOSED
        if self._keep_log:
            shown = row if command == Command.ACT else 0
            self.log.append((cycle, command, -1 if bank is None else bank, shown, 0, 0))
        self._issue(command, bank, cycle, 1)

    def _legal(self, command: Command, bank: int | None) -> int:
        """First cycle that all gaps, and the command before, leave free."""
        single = self._single_max if bank is None else self._single[bank]
        return max(self.now, self._everyone[command], single[command])

    def _room(self, command: Command) -> int:
        """First cycle in which the queue of results has room; for EOC, in which it is empty."""
        depth = self.cfg.result_queue if command in RESULT_COMMANDS else 1
        waits = command in RESULT_COMMANDS or command == Command.EOC
        return self._left[-depth] + 1 if waits and len(self._left) >= depth else 0

    def _issue(self, command: Command, bank: int | None, cycle: int, count: int) -> None:
        """``count`` commands, the last in ``cycle``."""
        self.now = cycle + 1
        if command == Command.EOC:
            return
        self.counts[command_name(command, all_banks=bank is None)] += count
        # Comparing takes a third of the time of max(), and this is where the time goes.
        everyone, most = self._everyone, self._single_max
        for after, gap in self._gaps[command]:
            if everyone[after] < cycle + gap:
                everyone[after] = cycle + gap
        held = everyone if bank is None else self._single[bank]
        for after, gap in self._bank_gaps[command]:
            if held[after] < cycle + gap:
                held[after] = cycle + gap
            if most[after] < cycle + gap:
                most[after] = cycle + gap
        if command in RESULT_COMMANDS:
            t = self.cfg.timing
            latency = t.read_latency if command == Command.RD else t.register_latency
            self._left.append(cycle + latency)

    def _note(
        self, cycle: int, command: Command, bank: int | None, i: Instruction, step: int
    ) -> None:
        """Log a column command; EOC is none."""
        if command == Command.EOC:
            return
        is_row = command in ROW_COMMANDS
        self.log.append((
            cycle,
            command,
            -1 if bank is None else bank,
            i.row,
            i.column + step if is_row else 0,
            i.entry + step if command in BUFFER_COMMANDS else 0,
        ))
