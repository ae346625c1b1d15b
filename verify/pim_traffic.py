"""Random programs for a PIM channel, their data, and the words its streams carry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.formats import IntFormat
from lockstep.arch.pim import PimChannelConfig, PimMacConfig
from lockstep.arch.pim_isa import (
    BUFFER_COMMANDS,
    DATA_COMMANDS,
    ROW_COMMANDS,
    Command,
    Instruction,
    Op,
)
from lockstep.sim.golden.formats import encode
from lockstep.sim.golden.pim import I64

KINDS = ("any", "moderate", "wide")
"""Of codes: any at all, infinities and NaN included; numbers around one; of very different sizes."""


@dataclass(frozen=True, slots=True)
class Job:
    """A program and its data stream, each word as an array of codes or sums."""

    program: tuple[Instruction, ...]
    words: tuple[I64, ...]


def random_codes(
    cfg: PimMacConfig, kind: str, size: tuple[int, ...], rng: np.random.Generator
) -> I64:
    """Codes of the element format, of one of :data:`KINDS`."""
    fmt = cfg.format
    if kind == "any" or (kind == "moderate" and isinstance(fmt, IntFormat)):
        return rng.integers(0, 1 << fmt.element_bits, size, dtype=np.int64)
    if isinstance(fmt, IntFormat):
        few = (0, 1, (1 << fmt.bits) - 1, 1 << fmt.bits - 1)
        return rng.choice(np.array(few, np.int64), size)
    values = rng.normal(size=size)
    if kind == "wide":
        values *= np.exp2(rng.integers(-12, 13, size))
    return np.asarray(encode(values.astype(np.float32), fmt), np.int64)


def random_sums(
    cfg: PimMacConfig, kind: str, size: tuple[int, ...], rng: np.random.Generator
) -> I64:
    """FP32 codes, or integers of ``acc_bits``."""
    if not cfg.product.is_float:
        half = 1 << cfg.acc_bits - 1
        return rng.integers(-half, half - 1, size, endpoint=True)
    if kind == "any":
        return rng.integers(0, 1 << 32, size, dtype=np.int64)
    return np.asarray(rng.normal(size=size).astype(np.float32).view(np.uint32), np.int64)


def random_job(cfg: PimChannelConfig, count: int, kind: str, rng: np.random.Generator) -> Job:
    """A program of ``count`` instructions and EOC, with data of one kind; rows are often reused."""
    program, row = [], 0
    ops = [op for op in Op if op != Op.EOC and (op != Op.EWMUL or cfg.has_ewmul)]
    for _ in range(count):
        if rng.random() < 0.5:
            row = int(rng.integers(cfg.rows))
        program.append(random_instruction(cfg, ops[rng.integers(len(ops))], row, rng))
    return job_of(cfg, [*program, Instruction(Op.EOC)], kind, rng)


def random_instruction(
    cfg: PimChannelConfig, op: Op, row: int, rng: np.random.Generator
) -> Instruction:
    """One of ``op``, anywhere it fits."""
    is_row, is_buffer = op.command in ROW_COMMANDS, op.command in BUFFER_COMMANDS
    sizes = [cfg.columns] * is_row + [cfg.buffer_entries] * is_buffer
    count = int(rng.integers(1, min(sizes) + 1)) if sizes else 1
    uses_sums = op.command in (Command.MAC, Command.RDMAC, Command.WRMAC)
    return Instruction(
        op,
        bank=int(rng.integers(cfg.banks)) if is_row and not op.all_banks else 0,
        row=row if is_row else 0,
        column=int(rng.integers(cfg.columns - count + 1)) if is_row else 0,
        entry=int(rng.integers(cfg.buffer_entries - count + 1)) if is_buffer else 0,
        count=count,
        accumulator=int(rng.integers(cfg.mac.accumulators)) if uses_sums else 0,
    )


def job_of(
    cfg: PimChannelConfig, program: Sequence[Instruction], kind: str, rng: np.random.Generator
) -> Job:
    """A given program with random data."""
    words: list[I64] = []
    for i in program:
        if i.op == Op.WR_BIAS:
            words.append(random_sums(cfg.mac, kind, (cfg.banks,), rng))
        elif i.op.command in DATA_COMMANDS:
            words += list(random_codes(cfg.mac, kind, (i.count, cfg.mac.lanes), rng))
    return Job(tuple(program), tuple(words))


def instruction_word(cfg: PimChannelConfig, i: Instruction) -> int:
    """The instruction as its stream carries it."""
    fields = (*command_fields(cfg), ("count", max(cfg.columns, cfg.buffer_entries).bit_length()))
    values = {
        "command": i.op.command,
        "all_banks": int(i.op.all_banks),
        **{name: getattr(i, name) for name in ("bank", "row", "column", "entry", "accumulator")},
        "count": i.count,
    }
    word = at = 0
    for name, bits in fields:
        word |= values[name] << at
        at += bits
    return word


def log_line(cfg: PimChannelConfig, cycle: int, word: int) -> tuple[int, ...]:
    """A command as a line of a log; what the command does not use becomes 0."""
    found = {}
    for name, bits in command_fields(cfg):
        found[name] = word & (1 << bits) - 1
        word >>= bits
    command = Command(found["command"])
    is_row, is_buffer = command in ROW_COMMANDS, command in BUFFER_COMMANDS
    everywhere = found["all_banks"] and (is_row or command <= Command.PRE)
    return (
        cycle,
        command,
        -1 if everywhere or command == Command.REF else found["bank"],
        found["row"] if is_row or command == Command.ACT else 0,
        found["column"] if is_row else 0,
        found["entry"] if is_buffer else 0,
    )


def command_fields(cfg: PimChannelConfig) -> tuple[tuple[str, int], ...]:
    """Names and widths of a command's fields, from the least significant bit."""

    def bits(count: int) -> int:
        return (max(2, count) - 1).bit_length()

    return (
        ("command", (len(Command) - 1).bit_length()),
        ("all_banks", 1),
        ("bank", bits(cfg.banks)),
        ("row", bits(cfg.rows)),
        ("column", bits(cfg.columns)),
        ("entry", bits(cfg.buffer_entries)),
        ("accumulator", bits(cfg.mac.accumulators)),
    )


def packed(values: NDArray[np.int64], bits: int) -> int:
    """Codes or sums side by side, the first in the least significant bits."""
    mask = (1 << bits) - 1
    return sum((int(value) & mask) << k * bits for k, value in enumerate(values))


def data_words(
    cfg: PimChannelConfig, program: Sequence[Instruction], words: Sequence[I64]
) -> list[int]:
    """The data stream's words."""
    widths: list[int] = []
    for i in program:
        if i.op.command in DATA_COMMANDS:
            is_sums = i.op == Op.WR_BIAS
            bits = cfg.mac.acc_bits if is_sums else cfg.mac.format.element_bits
            widths += [bits] * i.count
    return [packed(word, bits) for word, bits in zip(words, widths, strict=True)]


def result_widths(cfg: PimChannelConfig, program: Sequence[Instruction]) -> list[tuple[int, int]]:
    """Of each result: bits of an element, and how many."""
    widths: list[tuple[int, int]] = []
    for i in program:
        if i.op == Op.RD_SBK:
            widths += [(cfg.mac.format.element_bits, cfg.mac.lanes)] * i.count
        elif i.op == Op.RD_MAC:
            widths.append((cfg.mac.acc_bits, cfg.banks))
    return widths
