"""Golden model of the tensor engine: what it computes, bit for bit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.tensor import MacConfig


def gemm(
    cfg: MacConfig, a: ArrayLike, b: ArrayLike, c: ArrayLike | None = None
) -> NDArray[np.int64]:
    """``a @ b``, or ``c + a @ b``, every sum wrapped to ``cfg.acc_bits`` in two's complement.

    Exact for every legal config: NumPy's int64 sums wrap modulo 2**64, of which 2**acc_bits is a
    divisor, so a sum too large for int64 still has the right low bits.

    Parameters
    ----------
    cfg : MacConfig
        Operand ranges and accumulator width.
    a : integers, (..., M, K)
        Activations.
    b : integers, (..., K, N)
        Weights; leading axes broadcast.
    c : integers of ``acc_bits``, (..., M, N), or None
        What the products add to.

    Returns
    -------
    int64 array, (..., M, N)

    Raises
    ------
    ValueError
        If a format is not a plain integer, an operand is out of its range, or shapes do not match.
    """
    left = _checked("a", a, cfg.a_range)
    right = _checked("b", b, cfg.b_range)
    if left.shape[-1] != right.shape[-2]:
        raise ValueError(f"a is {left.shape} but b is {right.shape}: K must be the same")
    sums = left @ right
    if c is not None:
        half = 1 << cfg.acc_bits - 1
        sums = sums + _checked("c", c, (-half, half - 1))
    return wrap(sums, cfg.acc_bits)


def wrap(sums: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """The low ``bits`` of each sum, as a signed number of that width."""
    spare = 64 - bits
    return (sums << spare) >> spare


def _checked(name: str, x: ArrayLike, limits: tuple[int, int]) -> NDArray[np.int64]:
    array = np.asarray(x)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integers, not {array.dtype}")
    if array.ndim < 2:
        raise ValueError(f"{name} must be a matrix, not of shape {array.shape}")
    if array.size and not (limits[0] <= array.min() and array.max() <= limits[1]):
        raise ValueError(
            f"{name} must lie in {limits[0]}..{limits[1]}, not {array.min()}..{array.max()}"
        )
    return array.astype(np.int64)
