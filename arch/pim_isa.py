"""Instructions of a PIM channel, the DRAM commands they become, and the gaps those must keep.

Instructions are those of AiM's table that concern one channel. AF (and its WR_AFLUT and RD_AF) and
WR_ABK are not modelled, nor is the switch to ordinary memory mode; EWADD works on the host's registers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, unique

from lockstep.arch.pim import ARRAY_CYCLES, PimChannelConfig


@unique
class Command(IntEnum):
    """What the sequencer issues. ACT, PRE and MAC go to one bank or to all; EOC is not for the DRAM."""

    ACT = 0
    PRE = 1
    RD = 2
    WR = 3
    MAC = 4
    RDCP = 5  # bank to global buffer
    WRCP = 6  # global buffer to bank
    WRGB = 7  # data to global buffer
    RDMAC = 8  # accumulators to host
    WRMAC = 9  # host to accumulators
    REF = 10
    EOC = 11
    EWMUL = 12


@unique
class Op(IntEnum):
    """An instruction's code: that of its column command, and 16 if it goes to all banks."""

    RD_SBK = Command.RD
    WR_SBK = Command.WR
    MAC_SBK = Command.MAC
    COPY_BKGB = Command.RDCP
    COPY_GBBK = Command.WRCP
    WR_GB = Command.WRGB
    RD_MAC = Command.RDMAC
    WR_BIAS = Command.WRMAC
    EOC = Command.EOC
    MAC_ABK = Command.MAC | 16
    EWMUL = Command.EWMUL | 16

    @property
    def command(self) -> Command:
        """The column command it repeats."""
        return _COMMANDS[self]

    @property
    def all_banks(self) -> bool:
        """Whether that goes to all banks."""
        return self >= 16


_COMMANDS = {op: Command(op & 15) for op in Op}


ROW_COMMANDS = (
    Command.RD,
    Command.WR,
    Command.MAC,
    Command.RDCP,
    Command.WRCP,
    Command.EWMUL,
)
"""Column commands that need their row open."""

BUFFER_COMMANDS = (Command.MAC, Command.RDCP, Command.WRCP, Command.WRGB)
"""Those that name an entry of the global buffer."""

DATA_COMMANDS = (Command.WR, Command.WRGB, Command.WRMAC)
"""Those that take a word of the channel's data stream each."""

RESULT_COMMANDS = (Command.RD, Command.RDMAC)
"""Those that send a word out each."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """``count`` column commands: to ``column``, ``column + 1``, ... and ``entry``, ``entry + 1``, ...

    Parameters
    ----------
    op : Op
        MAC_ABK, MAC_SBK: multiply a row's bursts by global buffer entries, add to an accumulator, in
        all banks or one. WR_GB: data to the global buffer. WR_BIAS, RD_MAC: one accumulator of every
        bank, from and to the host. WR_SBK, RD_SBK: bursts of one bank's row. COPY_BKGB, COPY_GBBK: from
        one bank's row to the global buffer and back. EWMUL: in every group of four banks, the first
        bank's bursts times the second's, rounded to the element format, to the third's, in one row.
        EOC: wait until all is done.
    bank, row, column, entry, count, accumulator : int
        Those the instruction does not use stay 0, ``count`` 1.
    """

    op: Op
    bank: int = 0
    row: int = 0
    column: int = 0
    entry: int = 0
    count: int = 1
    accumulator: int = 0


Program = Sequence[Instruction]


def check_program(cfg: PimChannelConfig, program: Program) -> None:
    """Refuse what the channel cannot do.

    Raises
    ------
    ValueError
        If an instruction reaches beyond a bank, a row, the global buffer, the accumulators.
    """
    for index, i in enumerate(program):
        command = i.op.command
        is_row, is_buffer = command in ROW_COMMANDS, command in BUFFER_COMMANDS
        repeats = is_row or is_buffer
        fits = (
            0 <= i.bank < (cfg.banks if is_row and not i.op.all_banks else 1)
            and 0 <= i.row < (cfg.rows if is_row else 1)
            and 0 <= i.column <= (cfg.columns - i.count if is_row else 0)
            and 0 <= i.entry <= (cfg.buffer_entries - i.count if is_buffer else 0)
            and 0 <= i.accumulator < cfg.mac.accumulators
            and 1 <= i.count <= (cfg.columns + cfg.buffer_entries if repeats else 1)
            and (i.op != Op.EWMUL or cfg.has_ewmul)
        )
        if not fits:
            raise ValueError(f"instruction {index} does not fit the channel {cfg.name}: {i}")


@dataclass(frozen=True, slots=True)
class Gaps:
    """``(before, after, cycles)``: ``after`` may follow ``cycles`` after ``before``, 2 or more each.

    One command per cycle keeps smaller gaps by itself. ``bank`` gaps hold between commands to one
    bank, ``channel`` gaps between any.
    """

    bank: tuple[tuple[Command, Command, int], ...]
    channel: tuple[tuple[Command, Command, int], ...]


_C = Command


def gaps(cfg: PimChannelConfig) -> Gaps:
    """All gaps of a channel; where several bind a pair of commands, the longest.

    Those between DRAM commands are aim_simulator's (GDDR6.cpp), of one bank group. Ours are those
    that keep results right: data written are in before they are used (here ``settle``), sums are
    complete before they are read or overwritten, the data bus keeps the order of commands. A write, a copy included,
    reaches the array or the global buffer in the cycle after its command.
    """
    t = cfg.timing
    written, settle = t.cwl + t.burst, ARRAY_CYCLES + 1
    bank = {
        (_C.ACT, _C.ACT): t.rc,
        (_C.ACT, _C.PRE): t.ras,
        (_C.ACT, _C.RD): t.rcd_rd,
        (_C.ACT, _C.WR): t.rcd_wr,
        (_C.ACT, _C.MAC): t.rcd_mac,
        (_C.ACT, _C.RDCP): t.rcd_copy_rd,
        (_C.ACT, _C.WRCP): t.rcd_copy_wr,
        (_C.ACT, _C.EWMUL): t.rcd_ewmul or 0,
        (_C.PRE, _C.ACT): t.rp,
        **{(read, _C.PRE): t.rtp for read in (_C.RD, _C.MAC, _C.RDCP)},
        **{(write, _C.PRE): written + t.wr for write in (_C.WR, _C.WRCP)},
        (_C.EWMUL, _C.PRE): max(t.rtp, t.cwl + t.wr),
    }
    channel: dict[tuple[Command, Command], int] = {}

    def gap(before: Sequence[Command], after: Sequence[Command], cycles: int) -> None:
        for pair in ((x, y) for x in before for y in after):
            channel[pair] = max(channel.get(pair, 0), cycles)

    reads = (_C.RD, _C.MAC, _C.RDCP, _C.RDMAC)
    writes = (_C.WR, _C.WRCP, _C.WRGB, _C.WRMAC)
    gap((_C.ACT,), (_C.ACT,), t.rrd)
    gap((_C.ACT,), (_C.REF,), t.rc)
    gap((_C.PRE,), (_C.REF,), t.rp)
    gap((_C.REF,), (_C.ACT,), t.rfc)
    gap((*reads, _C.EWMUL), (*reads, _C.EWMUL), t.ccd)
    gap((*writes, _C.EWMUL), (*writes, _C.EWMUL), t.ccd)
    gap(RESULT_COMMANDS, RESULT_COMMANDS, t.burst)
    # Data stay in order on their bus, and it takes its time to turn round.
    registers = t.burst * cfg.result_bursts
    write_data = {
        _C.WR: (t.cwl, t.burst),
        _C.WRGB: (t.cwl_buffer, t.burst),
        _C.WRMAC: (t.cwl_register, registers),
    }
    gap((_C.RDMAC,), RESULT_COMMANDS, registers)
    for write, (latency, length) in write_data.items():
        gap((_C.RD,), (write,), t.cl + t.burst + t.turnaround - latency)
        gap((_C.RDMAC,), (write,), t.cl_register + registers + t.turnaround - latency)
        for later, (later_latency, _) in write_data.items():
            gap((write,), (later,), latency + length - later_latency)
        wtr = t.wtr_s if write == _C.WRGB else t.wtr_l
        gap((write,), RESULT_COMMANDS, latency + length + wtr)
        gap((write,), (_C.EOC,), latency + length)
    # Ours.
    gap((_C.RD,), (_C.RDMAC,), t.cl - t.cl_register + t.burst)
    gap((_C.MAC,), (_C.RDMAC, _C.WRMAC, _C.EOC), cfg.mac_cycles)
    cell_reads = (_C.RD, _C.MAC, _C.RDCP)
    gap((_C.WR, _C.WRCP), (*cell_reads, _C.EWMUL), max(settle, written + t.wtr_l))
    gap((_C.EWMUL,), cell_reads, max(settle, written + t.wtr_l))
    gap((_C.WRGB,), (_C.MAC, _C.WRCP), max(settle, t.cwl_buffer + t.burst))
    gap((_C.WRMAC,), (_C.MAC,), t.cwl_register + t.burst * cfg.result_bursts)
    gap((_C.RDCP,), (_C.MAC, _C.WRCP), settle)
    gap((_C.WRCP, _C.EWMUL), (_C.EOC,), written)
    gap((*writes, _C.RDCP, _C.EWMUL), (_C.EOC,), settle)
    return Gaps(_listed(bank), _listed(channel))


def _listed(
    found: dict[tuple[Command, Command], int],
) -> tuple[tuple[Command, Command, int], ...]:
    return tuple((*pair, cycles) for pair, cycles in sorted(found.items()) if cycles > 1)
