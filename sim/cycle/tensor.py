"""Cycle model of the systolic engine: closed forms, equal to the RTL to the cycle.

A job multiplies ``m x k`` by ``k x n``. The array of R rows and C columns runs it in folds; edge folds
are padded, so each fold takes the full R and C. All functions broadcast over NumPy integer arrays.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.tensor import TensorConfig

Int = TypeVar("Int", int, NDArray[np.int64])


def folds(cfg: TensorConfig, m: Int, n: Int, k: Int) -> Int:
    """Folds of a job: output tiles for output stationary, weight tiles for weight stationary."""
    if cfg.dataflow == "output_stationary":
        return -(-m // cfg.rows) * -(-n // cfg.cols)
    return -(-k // cfg.rows) * -(-n // cfg.cols)


def compute_cycles(cfg: TensorConfig, m: Int, n: Int, k: Int) -> Int:
    """Cycles the array is occupied by one job whose operands are always ready.

    From the cycle that accepts the first operand through that of the last MAC.

    * Output stationary: k steps, skewed over R + C - 2 more, per fold; a fold's R cycles of drain
      overlap the next fold, which is never shorter.
    * Weight stationary: R cycles of weight load, then m rows skewed over R + C - 2 more; per fold.
    * ... with double-buffered weights a load hides behind the m rows before it, so a fold follows
      the last after max(m, R) cycles; the first load and the last skew stay exposed.
    """
    rows, cols = cfg.rows, cfg.cols
    count = folds(cfg, m, n, k)
    if cfg.dataflow == "output_stationary":
        return count * (rows + cols + k - 2)
    if not cfg.weight_double_buffer:
        return count * (2 * rows + cols + m - 2)
    longer = (m + rows + abs(m - rows)) // 2  # the maximum, of arrays too
    return rows + (count - 1) * longer + m + rows + cols - 2


def job_counts(cfg: TensorConfig, m: Int, n: Int, k: Int) -> dict[str, Int]:
    """Elements that one job moves through the stream ports; padding lanes do not count.

    Keys: ``a_reads``, ``b_reads``, ``c_writes``, and ``c_reads`` for partial sums read back. A job
    that accumulates reads ``m * n`` more.
    """
    across = -(-n // cfg.cols)
    if cfg.dataflow == "output_stationary":
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


def stream_vectors(cfg: TensorConfig, m: Int, n: Int, k: Int) -> dict[str, Int]:
    """Transfers that one job makes on each stream, edge vectors included.

    Keys: ``a``, ``b``, ``c_in`` (partial sums read back) and ``c_out``. A job that accumulates has
    ``m * ceil(n / C)`` more of ``c_in``.
    """
    across = -(-n // cfg.cols)
    if cfg.dataflow == "output_stationary":
        steps = -(-m // cfg.rows) * across * k
        return {"a": steps, "b": steps, "c_in": 0 * m, "c_out": m * across}
    deep = -(-k // cfg.rows)
    return {
        "a": m * deep * across,
        "b": k * across,
        "c_in": m * across * (deep - 1),
        "c_out": m * across * deep,
    }


def job_latency_cycles(cfg: TensorConfig, m: Int, n: Int, k: Int) -> Int:
    """Cycles from the first operand's transfer through the last one of C, both included.

    An output-stationary drain takes R cycles, but the rows that pad the last block are its last.
    """
    padding = -m % cfg.rows if cfg.dataflow == "output_stationary" else 0
    return compute_cycles(cfg, m, n, k) + cfg.output_latency_cycles - padding


def job_interval_cycles(cfg: TensorConfig, m: Int, n: Int, k: Int) -> Int:
    """Cycles from accepting this job to accepting one that waits behind it.

    The next job is accepted in the cycle after the last occupied one, and starts ``dispatch_cycles``
    later; rows of C that are still to leave do so meanwhile.
    """
    return compute_cycles(cfg, m, n, k) + cfg.dispatch_cycles
