"""Replay a PIM channel's command log and report every breach of the protocol.

Written from the meaning of each timing, with the rows and the data bus tracked as such, and not from
the gap table that sequencer and cycle model share.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.pim_isa import Command

_C = Command
READS = (_C.RD, _C.MAC, _C.RDCP)
"""Commands that read a row's columns."""
WRITES = (_C.WR, _C.WRCP)
"""Commands that write them; EWMUL does both."""


@dataclass(frozen=True, slots=True)
class PimViolation:
    """A command that breaks ``rule``."""

    rule: str
    cycle: int
    command: str
    bank: int


@dataclass(frozen=True, slots=True)
class _Rule:
    """``cycles`` at least from any of ``before`` to any of ``after``, of one bank or at all."""

    name: str
    before: tuple[Command, ...]
    after: tuple[Command, ...]
    cycles: int
    same_bank: bool = False


def check_pim(
    cfg: PimChannelConfig, log: npt.NDArray[np.int64], cycles: int | None = None
) -> list[PimViolation]:
    """Breaches of the protocol by a command log.

    Parameters
    ----------
    cfg : PimChannelConfig
        Whose rules hold.
    log : (commands, 6)
        As of :class:`lockstep.sim.cycle.pim.PimRun`, in order of time.
    cycles : int or None
        Length of the run; with it, missing refreshes are found.
    """
    rows = [tuple(int(x) for x in line) for line in log]
    found = [
        *_gaps(cfg, rows),
        *_row_state(cfg, rows),
        *_data_bus(cfg, rows),
        *_refreshes(cfg, rows, cycles),
    ]
    return sorted(found, key=lambda each: each.cycle)


def _rules(cfg: PimChannelConfig) -> tuple[_Rule, ...]:
    t = cfg.timing
    recovered = t.cwl + t.burst + t.wr  # from a write command until its cells are restored
    visible = t.cwl + t.burst + t.wtr_l
    registers = t.burst * cfg.result_bursts
    read_paths = (*READS, _C.RDMAC, _C.EWMUL)
    write_paths = (*WRITES, _C.WRGB, _C.WRMAC, _C.EWMUL)
    return (
        _Rule("tRC", (_C.ACT,), (_C.ACT,), t.rc, same_bank=True),
        _Rule("tRAS", (_C.ACT,), (_C.PRE,), t.ras, same_bank=True),
        _Rule("tRCDRD", (_C.ACT,), (_C.RD,), t.rcd_rd, same_bank=True),
        _Rule("tRCDWR", (_C.ACT,), (_C.WR,), t.rcd_wr, same_bank=True),
        _Rule("tRCDRDMAC", (_C.ACT,), (_C.MAC,), t.rcd_mac, same_bank=True),
        _Rule("tRCDRDCP", (_C.ACT,), (_C.RDCP,), t.rcd_copy_rd, same_bank=True),
        _Rule("tRCDWRCP", (_C.ACT,), (_C.WRCP,), t.rcd_copy_wr, same_bank=True),
        _Rule("tRCDEWMUL", (_C.ACT,), (_C.EWMUL,), t.rcd_ewmul or 0, same_bank=True),
        _Rule("tRP", (_C.PRE,), (_C.ACT,), t.rp, same_bank=True),
        _Rule("tRTP", READS, (_C.PRE,), t.rtp, same_bank=True),
        _Rule("tWR", WRITES, (_C.PRE,), recovered, same_bank=True),
        _Rule("tRTP of EWMUL", (_C.EWMUL,), (_C.PRE,), t.rtp, same_bank=True),
        _Rule("tWR of EWMUL", (_C.EWMUL,), (_C.PRE,), t.cwl + t.wr, same_bank=True),
        _Rule("tRRD", (_C.ACT,), (_C.ACT,), t.rrd),
        _Rule("tCCD of reads", read_paths, read_paths, t.ccd),
        _Rule("tCCD of writes", write_paths, write_paths, t.ccd),
        _Rule("tWTR", WRITES, (*READS, _C.EWMUL), visible),
        _Rule("tWTR", (_C.EWMUL,), READS, visible),
        _Rule("tWTR to RDMAC", (_C.WR,), (_C.RDMAC,), visible),
        _Rule("tWTR of buffer", (_C.WRGB,), (_C.RD, _C.RDMAC), t.cwl_buffer + t.burst + t.wtr_s),
        _Rule("tWTR of sums", (_C.WRMAC,), (_C.RD, _C.RDMAC), t.cwl_register + registers + t.wtr_l),
        _Rule("buffer not written", (_C.WRGB,), (_C.MAC, _C.WRCP), t.cwl_buffer + t.burst),
        _Rule("buffer not copied", (_C.RDCP,), (_C.MAC, _C.WRCP), 2),
        _Rule("sums not written", (_C.WRMAC,), (_C.MAC,), t.cwl_register + registers),
        _Rule("sums not complete", (_C.MAC,), (_C.RDMAC, _C.WRMAC), cfg.mac_cycles),
        _Rule("tRFC", (_C.REF,), (_C.ACT, _C.REF), t.rfc),
        _Rule("tRP to REF", (_C.PRE,), (_C.REF,), t.rp),
        _Rule("tRC to REF", (_C.ACT,), (_C.REF,), t.rc),
    )


Log = list[tuple[int, ...]]


def _banks(cfg: PimChannelConfig, bank: int) -> range:
    return range(cfg.banks) if bank < 0 else range(bank, bank + 1)


def _violation(rule: str, line: tuple[int, ...]) -> PimViolation:
    return PimViolation(rule, line[0], Command(line[1]).name, line[2])


def _gaps(cfg: PimChannelConfig, log: Log) -> Iterator[PimViolation]:
    """Cycles between commands; one command at a time."""
    by_command = {c: [r for r in _rules(cfg) if c in r.after] for c in Command}
    never = -(1 << 40)
    last = [[never] * cfg.banks for _ in Command]
    last_anywhere = [never] * len(Command)
    before = never
    for line in log:
        cycle, command, bank = line[:3]
        if cycle <= before:
            yield _violation("command bus", line)
        before = cycle
        banks = _banks(cfg, bank)
        for rule in by_command[Command(command)]:
            latest = max(
                max((last[c][b] for b in banks), default=never)
                if rule.same_bank
                else last_anywhere[c]
                for c in rule.before
            )
            if cycle - latest < rule.cycles:
                yield _violation(rule.name, line)
        for b in banks:
            last[command][b] = cycle
        last_anywhere[command] = cycle


def _row_state(cfg: PimChannelConfig, log: Log) -> Iterator[PimViolation]:
    """Columns need their row open; ACT and REF need closed banks."""
    rows: list[int | None] = [None] * cfg.banks
    for line in log:
        _, command, bank, row = line[:4]
        banks = _banks(cfg, bank)
        if command == _C.ACT:
            if any(rows[b] is not None for b in banks):
                yield _violation("bank not closed", line)
            for b in banks:
                rows[b] = row
        elif command == _C.PRE:
            for b in banks:
                rows[b] = None
        elif command == _C.REF:
            if any(open_row is not None for open_row in rows):
                yield _violation("bank not closed", line)
        elif command in (*READS, *WRITES, _C.EWMUL) and any(rows[b] != row for b in banks):
            yield _violation("row not open", line)


def _data_bus(cfg: PimChannelConfig, log: Log) -> Iterator[PimViolation]:
    """Bursts follow each other in the order of their commands, and pause where the bus turns."""
    t = cfg.timing
    registers = t.burst * cfg.result_bursts
    latency_and_length = {
        _C.RD: (t.cl, t.burst),
        _C.RDMAC: (t.cl_register, registers),
        _C.WR: (t.cwl, t.burst),
        _C.WRGB: (t.cwl_buffer, t.burst),
        _C.WRMAC: (t.cwl_register, registers),
    }
    read_ends = write_ends = -(1 << 40)
    for line in log:
        command = Command(line[1])
        if command not in latency_and_length:
            continue
        latency, length = latency_and_length[command]
        start = line[0] + latency
        if command in (_C.RD, _C.RDMAC):
            if start < max(read_ends, write_ends):
                yield _violation("data bus", line)
            read_ends = start + length
        else:
            if start < write_ends:
                yield _violation("data bus", line)
            if start < read_ends + t.turnaround:
                yield _violation("data bus turnaround", line)
            write_ends = start + length


def _refreshes(cfg: PimChannelConfig, log: Log, cycles: int | None) -> Iterator[PimViolation]:
    """A refresh that is due is done before the next one is."""
    if not cfg.refresh or cycles is None:
        return
    times = [line[0] for line in log if line[1] == _C.REF]
    for done, time in enumerate([*times, cycles]):
        if time // cfg.timing.refi - done > 1:
            yield PimViolation("tREFI", time, "REF", -1)
            return
