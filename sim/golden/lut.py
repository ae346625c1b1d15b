"""Golden model of the LUT-GEMV slice: the integer product itself, which knows nothing of LUTs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.lut import LutConfig

I64 = NDArray[np.int64]


def gemv(
    cfg: LutConfig,
    activations: ArrayLike,
    weights: ArrayLike,
    *,
    weight_bits: int,
    signed: bool = True,
) -> I64:
    """``activations @ weights.T``, exact.

    Parameters
    ----------
    cfg : LutConfig
        Operand ranges and limits.
    activations : integers, (B, K)
        One row for each vector of the batch, ``cfg.batch`` of them.
    weights : integers, (N, K)
        One row for each output.
    weight_bits : int
        Their width, in bits.
    signed : bool
        Whether they are two's complement.

    Returns
    -------
    int64 array, (B, N)

    Raises
    ------
    ValueError
        If an operand is out of its range, or a shape or width is not one the slice takes.
    """
    if not 1 <= weight_bits <= cfg.weight_bits:
        raise ValueError(f"weight_bits must lie in 1..{cfg.weight_bits}, not {weight_bits}")
    a = _checked("activations", activations, cfg.activation_range)
    w = _checked("weights", weights, cfg.weight_range(weight_bits, signed=signed))
    if a.shape != (cfg.batch, w.shape[1]):
        raise ValueError(f"activations must be {(cfg.batch, w.shape[1])}, not {a.shape}")
    if not (1 <= w.shape[0] <= cfg.n_max and 1 <= w.shape[1] <= cfg.k_max):
        raise ValueError(f"weights must be 1..{cfg.n_max} by 1..{cfg.k_max}, not {w.shape}")
    return np.asarray(a @ w.T)


def _checked(name: str, x: ArrayLike, limits: tuple[int, int]) -> I64:
    array = np.asarray(x)
    if not np.issubdtype(array.dtype, np.integer) or array.ndim != 2:
        raise ValueError(f"{name} must be a matrix of integers, not {array.dtype} {array.shape}")
    if array.size and not (limits[0] <= array.min() and array.max() <= limits[1]):
        raise ValueError(
            f"{name} must lie in {limits[0]}..{limits[1]}, not {array.min()}..{array.max()}"
        )
    return array.astype(np.int64)
