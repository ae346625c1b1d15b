"""Golden model of a PIM channel: what a program leaves in banks, buffer and sums, bit for bit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import IntFormat
from lockstep.arch.mac import FP32
from lockstep.arch.pim import GROUP_BANKS, PimChannelConfig, PimMacConfig
from lockstep.arch.pim_isa import Instruction, Op, Program, check_program
from lockstep.sim.golden.formats import decode, multiply
from lockstep.sim.golden.formats.exact import Codes, checked
from lockstep.sim.golden.formats.scalar import Floats

I64 = NDArray[np.int64]


def mac_step(cfg: PimMacConfig, sums: ArrayLike, a: ArrayLike, b: ArrayLike) -> I64:
    """``sums + dot(a, b)`` as the unit rounds it, see :class:`PimMacConfig`.

    Parameters
    ----------
    cfg : PimMacConfig
        Formats and lanes.
    sums : array_like of int, (...)
        FP32 codes, or integers of ``acc_bits``.
    a, b : array_like of uint, (..., lanes)
        Codes of the element format.

    Returns
    -------
    ndarray of int64, (...)
        As ``sums``; any NaN is FP32's quiet one.

    Raises
    ------
    ValueError
        If there are not ``lanes`` codes of the format.
    """
    left, right = checked(a, cfg.format), checked(b, cfg.format)
    if not left.shape[-1] == right.shape[-1] == cfg.lanes:
        raise ValueError(f"operands must have {cfg.lanes} lanes")
    before = np.asarray(sums, np.int64)
    if isinstance(cfg.format, IntFormat):
        total = (_integers(left, cfg.format) * _integers(right, cfg.format)).sum(axis=-1)
        spare = 64 - cfg.acc_bits
        with np.errstate(over="ignore"):
            return np.asarray((before + total) << spare >> spare)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        level = _floats(decode(left, cfg.format)) * _floats(decode(right, cfg.format))
        while level.shape[-1] > 1:
            pairs = level.shape[-1] & ~1
            odd = level[..., pairs:]
            added = level[..., 0:pairs:2] + level[..., 1:pairs:2]
            level = np.concatenate([added, odd], axis=-1)
        after = before.astype(np.uint32).view(np.float32) + level[..., 0]
    assert FP32.nan_code is not None
    return np.where(np.isnan(after), FP32.nan_code, after.view(np.uint32)).astype(np.int64)


def _floats(values: Floats) -> NDArray[np.float32]:
    return values.astype(np.float32)  # exact: no element format has more bits


def _integers(codes: Codes, fmt: IntFormat) -> I64:
    value = codes.astype(np.int64)
    return value - ((value >> fmt.bits - 1) << fmt.bits) if fmt.signed else value


@dataclass(slots=True, eq=False)
class PimState:
    """What a channel holds.

    Parameters
    ----------
    cells : (banks, rows, columns, lanes) of int64
        Codes in the DRAM.
    buffer : (buffer_entries, lanes) of int64
        Codes in the global buffer.
    sums : (banks, accumulators) of int64
        FP32 codes, or integers.
    """

    cells: I64
    buffer: I64
    sums: I64

    @classmethod
    def zero(cls, cfg: PimChannelConfig) -> "PimState":
        """Nothing but zeros."""
        return cls(
            cells=np.zeros((cfg.banks, cfg.rows, cfg.columns, cfg.mac.lanes), np.int64),
            buffer=np.zeros((cfg.buffer_entries, cfg.mac.lanes), np.int64),
            sums=np.zeros((cfg.banks, cfg.mac.accumulators), np.int64),
        )


def execute(
    cfg: PimChannelConfig, state: PimState, program: Program, words: Sequence[ArrayLike]
) -> list[I64]:
    """Run a program on ``state``, which it changes.

    Parameters
    ----------
    cfg : PimChannelConfig
        The channel.
    state : PimState
        What it holds.
    program : sequence of Instruction
        Timing does not matter.
    words : sequence of array_like
        The data stream: (lanes,) codes for each burst of WR_GB and WR_SBK, (banks,) sums for each
        WR_BIAS.

    Returns
    -------
    list of ndarray of int64
        The results: (lanes,) codes for each burst of RD_SBK, (banks,) sums for each RD_MAC.

    Raises
    ------
    ValueError
        If an instruction does not fit the channel, or there are more or fewer words than it takes.
    """
    check_program(cfg, program)
    data = iter([np.asarray(word, np.int64) for word in words])
    results: list[I64] = []
    try:
        for instruction in program:
            results += _step(cfg, state, instruction, data)
    except StopIteration:
        raise ValueError(f"the program takes more than {len(words)} words of data") from None
    if left := len(list(data)):
        raise ValueError(f"the program leaves {left} of {len(words)} words of data")
    return results


def _step(cfg: PimChannelConfig, state: PimState, i: Instruction, data: Iterator[I64]) -> list[I64]:
    entries = state.buffer[i.entry : i.entry + i.count]
    bursts = state.cells[i.bank, i.row, i.column : i.column + i.count]
    sums = state.sums[:, i.accumulator]
    match i.op:
        case Op.WR_GB:
            entries[:] = [next(data) for _ in range(i.count)]
        case Op.WR_SBK:
            bursts[:] = [next(data) for _ in range(i.count)]
        case Op.WR_BIAS:
            sums[:] = next(data)
        case Op.COPY_BKGB:
            entries[:] = bursts
        case Op.COPY_GBBK:
            bursts[:] = entries
        case Op.MAC_SBK:
            for a, b in zip(bursts, entries, strict=True):
                sums[i.bank] = mac_step(cfg.mac, sums[i.bank], a, b)
        case Op.MAC_ABK:
            for k in range(i.count):
                sums[:] = mac_step(cfg.mac, sums, state.cells[:, i.row, i.column + k], entries[k])
        case Op.EWMUL:
            groups = state.cells[:, i.row, i.column : i.column + i.count]
            groups = groups.reshape(-1, GROUP_BANKS, i.count, cfg.mac.lanes)
            groups[:, 2] = multiply(groups[:, 0], groups[:, 1], cfg.mac.format, saturate=False)
        case Op.RD_SBK:
            return list(bursts.copy())
        case Op.RD_MAC:
            return [sums.copy()]
    return []
