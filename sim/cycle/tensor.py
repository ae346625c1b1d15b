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

    From the cycle that accepts the first operand through the last MAC (weight stationary) or the
    last drained row (output stationary).

    * Output stationary: k steps, skewed over R + C - 2 more, then R cycles of drain; per fold.
    * Weight stationary: R cycles of weight load, then m rows skewed over R + C - 2 more; per fold.
    * ... with double-buffered weights a load hides behind the m rows before it, so a fold follows
      the last after max(m, R) cycles; the first load and the last skew stay exposed.
    """
    rows, cols = cfg.rows, cfg.cols
    count = folds(cfg, m, n, k)
    if cfg.dataflow == "output_stationary":
        return count * (2 * rows + cols + k - 2)
    if not cfg.weight_double_buffer:
        return count * (2 * rows + cols + m - 2)
    return rows + (count - 1) * np.maximum(m, rows) + m + rows + cols - 2


def job_counts(cfg: TensorConfig, m: Int, n: Int, k: Int) -> dict[str, Int]:
    """Elements that one job moves through the stream ports; padding lanes do not count.

    Keys: ``a_reads``, ``b_reads``, ``c_writes``, and ``c_reads`` for partial sums read back.
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
