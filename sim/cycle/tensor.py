"""Cycle model of the tensor engines: closed forms, equal to the RTL to the cycle.

Those of serial engines depend on the operands, see :mod:`lockstep.sim.cycle.serial`; here they are
expected values.

A job multiplies ``m x k`` by ``k x n``. An engine of R rows and C columns runs it in folds; edge folds
are padded, so each fold takes the full R and C. All functions broadcast over NumPy integer arrays.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.roofline import RooflineConfig
from lockstep.arch.serial import SerialBase
from lockstep.arch.tensor import ParallelBase, TensorBase
from lockstep.sim.cycle import serial_expected

Int = TypeVar("Int", int, NDArray[np.int64])


def compute_cycles(cfg: TensorBase, m: Int, n: Int, k: Int) -> Int:
    """Cycles the array is occupied by one job whose operands are always ready.

    From the cycle that accepts the first operand until the array could take another job's. Of serial
    engines the expected value, a float, for operands as the config describes them; of a roofline the
    MACs over its rate, a float too.
    """
    if isinstance(cfg, ParallelBase):
        return occupied_cycles(cfg, m, n, k)
    if isinstance(cfg, RooflineConfig):
        rate: Int = m * n * k / cfg.macs_per_cycle  # type: ignore[assignment]  # as of serial ones
        return rate
    assert isinstance(cfg, SerialBase)
    expected: Int = serial_expected.compute_cycles(cfg, m, n, k)
    return expected


def occupied_cycles(cfg: ParallelBase, m: Int, n: Int, k: Int) -> Int:
    """Those of an engine that takes whole operands.

    * Held outputs: a step per operand pair, of D values of K each in a cube, and the skew after the
      last, per fold. A fold's R cycles of drain overlap the next fold, which is never shorter: one
      without skew and of little K is stretched.
    * Held weights: R cycles of weight load, then m rows and their skew; per fold.
    * ... with double-buffered weights a load hides behind the m rows before it, so a fold follows
      the last after max(m, R) cycles; the first load and the last skew stay exposed.
    """
    rows, skew = cfg.rows, cfg.skew_cycles
    count = -(-(m if cfg.holds_outputs else k) // rows) * -(-n // cfg.cols)
    if cfg.holds_outputs:
        return count * _larger(-(-k // cfg.lanes_per_step) + skew, rows)
    if not cfg.double_buffered:
        return count * (rows + m + skew)
    return rows + (count - 1) * _larger(m, rows) + m + skew


def _larger(x: Int, y: int) -> Int:
    """The maximum, of arrays too."""
    return (x + y + abs(x - y)) // 2


def job_counts(cfg: TensorBase, m: Int, n: Int, k: Int) -> dict[str, Int]:
    """Elements that one job moves through the stream ports; padding lanes do not count.

    Keys: ``a_reads``, ``b_reads``, ``c_writes``, and ``c_reads`` for partial sums read back. A job
    that accumulates reads ``m * n`` more.
    """
    across = -(-n // cfg.cols)
    if cfg.holds_outputs:
        down = -(-m // cfg.rows)
        return {
            "a_reads": m * k * across,
            "b_reads": k * n * down,
            "c_reads": 0 * m,
            "c_writes": m * n,
        }
    deep = -(-k // cfg.rows)
    return {
        "a_reads": m * k * across,
        "b_reads": k * n,
        "c_reads": m * n * (deep - 1),
        "c_writes": m * n * deep,
    }


def stream_vectors(cfg: TensorBase, m: Int, n: Int, k: Int) -> dict[str, Int]:
    """Transfers that one job makes on each stream, edge vectors included.

    Keys: ``a``, ``b``, ``c_in`` (partial sums read back) and ``c_out``. A job that accumulates has
    ``m * ceil(n / C)`` more of ``c_in``.
    """
    across = -(-n // cfg.cols)
    if cfg.holds_outputs:
        steps = -(-m // cfg.rows) * across * -(-k // cfg.lanes_per_step)
        return {"a": steps, "b": steps, "c_in": 0 * m, "c_out": m * across}
    deep = -(-k // cfg.rows)
    return {
        "a": m * deep * across,
        "b": k * across,
        "c_in": m * across * (deep - 1),
        "c_out": m * across * deep,
    }


def job_latency_cycles(cfg: ParallelBase, m: Int, n: Int, k: Int) -> Int:
    """Cycles from the first operand's transfer through the last one of C, both included.

    A drain of held outputs takes R cycles, but the rows that pad the last block are its last.
    """
    padding = -m % cfg.rows if cfg.holds_outputs else 0
    return occupied_cycles(cfg, m, n, k) + cfg.output_latency_cycles - padding


def job_interval_cycles(cfg: TensorBase, m: Int, n: Int, k: Int) -> Int:
    """Cycles from accepting this job to accepting one that waits behind it.

    The next job is accepted in the cycle after the last occupied one, and starts ``dispatch_cycles``
    later; rows of C that are still to leave do so meanwhile.
    """
    return compute_cycles(cfg, m, n, k) + cfg.dispatch_cycles
