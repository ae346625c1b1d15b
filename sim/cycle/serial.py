"""Cycle model of the serial engines: exact on given operands, equal to the RTL to the cycle.

A job is a row of rounds. The bit-slice engine works through one pass in a round, at most ``k_max``
elements of K of one fold, while the operands of the next pass come in, and while the rows of C of the
fold before leave. A round ends when the slowest of these is done. The Laconic engine has no passes:
its rounds are folds, and their operands come in group by group as they are needed.

:mod:`lockstep.sim.cycle.serial_expected` has the same where only the distribution of operands is known.
"""

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.serial import BitSliceConfig, LaconicConfig, SerialBase
from lockstep.sim.golden.encode import booth_digits, en_t_digits

I64 = NDArray[np.int64]


def digits_of(x: I64, bits: int, encoder: str, *, signed: bool) -> NDArray[np.int8]:
    """Radix-4 digits of each operand, the least significant first; shape (..., digits)."""
    return (booth_digits if encoder == "booth" else en_t_digits)(x, bits, signed=signed)


def row_cycles(cfg: BitSliceConfig, a: I64) -> I64:
    """Cycles in which a row of PEs issues digits, in one pass.

    Per bit-weight each digit lane takes its groups in turn, one cycle per nonzero digit and one for a
    group without any (unless ``skip_empty_groups``); the slowest lane decides.

    ``a`` is (..., k), the operands of the pass; the result (...).
    """
    nonzero = digits_of(a, cfg.mac.a_bits, cfg.mac.encoder, signed=cfg.mac.a_range[0] < 0) != 0
    *leading, k, digits = nonzero.shape
    chunks = -(-k // cfg.chunk)
    padding = [(0, 0)] * len(leading) + [(0, chunks * cfg.chunk - k), (0, 0)]
    groups = np.pad(nonzero, padding).reshape(*leading, chunks, cfg.digit_lanes, cfg.group, digits)
    cycles = np.maximum(groups.sum(axis=-2), 0 if cfg.skip_empty_groups else 1)
    slowest: I64 = cycles.sum(axis=-3).max(axis=-2).sum(axis=-1)
    return slowest


def pass_cycles(cfg: BitSliceConfig, a: I64) -> int:
    """Cycles of one pass, drain included: ``a`` is (rows, k), and the slowest row decides."""
    return int(row_cycles(cfg, a).max()) + cfg.drain_cycles


def group_cycles(cfg: LaconicConfig, a: I64, b: I64) -> I64:
    """Cycles that the Laconic engine takes for each group along K.

    In each lane, every nonzero digit of A meets every nonzero digit of B. All rows see the same digits
    of B and all columns those of A, so a lane takes the most digits of any row times the most of any
    column; the slowest lane decides, and a group without a pair takes one cycle.

    ``a`` is (rows, k), ``b`` is (k, cols); the result (groups,).
    """
    mac = cfg.mac
    of_a = digits_of(a, mac.a_bits, mac.encoder, signed=mac.a_range[0] < 0)
    of_b = digits_of(b, mac.b_bits, mac.encoder, signed=mac.b_range[0] < 0)
    a_terms = np.count_nonzero(of_a, axis=-1).max(axis=0)
    b_terms = np.count_nonzero(of_b, axis=-1).max(axis=1)
    pairs = np.pad(a_terms * b_terms, (0, -len(a_terms) % cfg.pairs))
    cycles: I64 = np.maximum(pairs.reshape(-1, cfg.pairs).max(axis=1), 1)
    return cycles


def job_cycles(cfg: SerialBase, a: I64, b: I64) -> int:
    """Cycles from the first one that can take an operand through that of the last row of C.

    Of a job of ``C = A @ B`` whose operands are always ready; ``a`` is (m, k), ``b`` is (k, n).
    """
    folds = [
        (a[m : m + cfg.rows], b[:, n : n + cfg.cols])
        for m in range(0, len(a), cfg.rows)
        for n in range(0, b.shape[1], cfg.cols)
    ]
    if isinstance(cfg, LaconicConfig):
        times = [int(group_cycles(cfg, *fold).sum()) for fold in folds]
        # The drain of a fold must be over before the next fold may end.
        working = times[0] + sum(max(time, cfg.rows) for time in times[1:])
        return 1 + working + cfg.drain_cycles + cfg.emptying_cycles
    assert isinstance(cfg, BitSliceConfig)
    k = a.shape[1]
    # (operands, whether they start a fold) of each pass
    passes = [
        (left[:, at : at + cfg.k_max], at == 0)
        for left, _ in folds
        for at in range(0, k, cfg.k_max)
    ]
    loads = [transfers(cfg, left.shape[1]) for left, _ in passes]
    cycles = loads[0] + cfg.emptying_cycles
    for i, (left, starts) in enumerate(passes):
        loading = loads[i + 1] if i + 1 < len(loads) else 0
        emptying = cfg.emptying_cycles if starts and i else 0
        cycles += max(pass_cycles(cfg, left), loading, emptying)
    return cycles


def transfers(cfg: SerialBase, k: int) -> int:
    """Transfers that bring ``k`` elements of K, for a fold or a pass."""
    return -(-k // cfg.lanes_per_step)
