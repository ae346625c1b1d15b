"""Dot products on codes: exact, or with the FP32 accumulator of the RTL."""

from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import (
    BlockFormat,
    FloatFormat,
    Format,
    IntFormat,
    PositFormat,
    format_named,
)
from lockstep.sim.golden.formats.accumulate import sum_of_products
from lockstep.sim.golden.formats.arithmetic import exact_product
from lockstep.sim.golden.formats.block import Blocks
from lockstep.sim.golden.formats.exact import Codes, Exact, bit_length, from_codes
from lockstep.sim.golden.formats.rounding import to_codes
from lockstep.sim.golden.formats.scalar import scalar_format

Accumulate = Literal["exact", "fp32"]
"""How products are summed.

``exact``  wide fixed point (the quire of a posit); rounded once, at the end.
``fp32``   groups of products are summed exactly and rounded to FP32; FP32 additions take the groups
           in order, from +0. A group is a block, scales included, or ``lanes`` scalar products.
"""

_FP32 = cast(FloatFormat, format_named("fp32"))


def dot(
    a: ArrayLike | Blocks,
    b: ArrayLike | Blocks,
    fmt: str | Format,
    *,
    accumulate: Accumulate = "exact",
    lanes: int = 1,
) -> NDArray[np.float32] | NDArray[np.int64] | Codes:
    """Dot product of codes along the last axis; leading axes broadcast.

    Parameters
    ----------
    a, b : array_like of uint, (..., K); or Blocks of (..., K) along the last axis
        Operands in ``fmt``.
    fmt : str or Format
        A format or its name.
    accumulate : "exact" or "fp32"
        See :data:`Accumulate`. Rounding is to nearest even everywhere.
    lanes : int
        Scalar formats and "fp32" only: products per group; K is filled up with zero products.

    Returns
    -------
    ndarray, (...)
        Exact: int64 for integers, codes of ``fmt`` for posits, else float32. "fp32": float32.
        The tensor scales of NV formats multiply the float32 result: one more rounding for their
        product and one for the result, neither of which happens if both are 1.

    Raises
    ------
    ValueError
        If an option is out of range; if operands are not codes of ``fmt``, or their shapes do not
        match; if an integer sum might not fit int64; if a posit sum does not fit the quire
        (``fmt.quire_bits``).
    """
    if accumulate not in get_args(Accumulate) or lanes < 1:
        raise ValueError(f"accumulate must be one of {get_args(Accumulate)} and lanes 1 or more")
    found = format_named(fmt) if isinstance(fmt, str) else fmt
    if isinstance(found, BlockFormat):
        return _dot_blocks(a, b, found, accumulate)
    f = scalar_format(found)
    left, right = (from_codes(cast(ArrayLike, x), f) for x in (a, b))
    if not left.significand.shape[-1:] == right.significand.shape[-1:] != ():
        raise ValueError("operands must have a last axis of one length")
    left, right = _broadcast(left, right)
    if accumulate == "fp32":
        return _accumulate_fp32(*(_grouped(x, lanes) for x in (left, right)))
    if isinstance(f, IntFormat):
        return _integer_dot(left, right, f)
    total = sum_of_products(left, right)
    if isinstance(f, PositFormat):
        _check_quire(total, f)
        return to_codes(total, f)
    return _to_fp32(total)


def _dot_blocks(
    a: ArrayLike | Blocks, b: ArrayLike | Blocks, fmt: BlockFormat, accumulate: Accumulate
) -> NDArray[np.float32]:
    if not isinstance(a, Blocks) or not isinstance(b, Blocks):
        raise ValueError(f"operands in {fmt.name} must be Blocks")
    if a.length != b.length or not a.axis == b.axis == -1:
        raise ValueError(f"{fmt.name} operands must have blocks along a last axis of one length")
    left, right = _broadcast(_scaled(a, fmt), _scaled(b, fmt))
    if accumulate == "fp32":
        result = _accumulate_fp32(left, right)
    else:
        result = _to_fp32(sum_of_products(left.mapped(_flat), right.mapped(_flat)))
    return result * (np.float32(a.tensor_scale) * np.float32(b.tensor_scale))


def _scaled(x: Blocks, fmt: BlockFormat) -> Exact:
    """Elements times their scale, exact, (..., n_blocks, block)."""
    scales = from_codes(x.scales[..., None], fmt.scale)
    return exact_product(from_codes(x.codes, fmt.element), scales)


def _flat(part: NDArray[Any]) -> NDArray[Any]:
    return part.reshape(*part.shape[:-2], -1)


def _broadcast(a: Exact, b: Exact) -> tuple[Exact, Exact]:
    shape = np.broadcast_shapes(a.significand.shape, b.significand.shape)

    def spread(part: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(part, shape)

    return a.mapped(spread), b.mapped(spread)


def _grouped(x: Exact, lanes: int) -> Exact:
    """(..., K) to (..., groups, lanes), filled up with zeros."""
    groups = -(-x.significand.shape[-1] // lanes)

    def cut(part: NDArray[Any]) -> NDArray[Any]:
        fill = [(0, 0)] * (part.ndim - 1) + [(0, groups * lanes - part.shape[-1])]
        return np.pad(part, fill).reshape(*part.shape[:-1], groups, lanes)

    return x.mapped(cut)


def _to_fp32(x: Exact) -> NDArray[np.float32]:
    return to_codes(x, _FP32).view(np.float32)


def _accumulate_fp32(a: Exact, b: Exact) -> NDArray[np.float32]:
    """Operands of (..., groups, lanes)."""
    terms = _to_fp32(sum_of_products(a, b))
    total = np.zeros(terms.shape[:-1], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for group in range(terms.shape[-1]):
            total = total + terms[..., group]
    return total


def _integer_dot(a: Exact, b: Exact, fmt: IntFormat) -> NDArray[np.int64]:
    terms = a.significand.shape[-1]
    if terms << 2 * fmt.bits - 2 * fmt.signed >= 1 << 63:
        raise ValueError(f"a sum of {terms} products of {fmt.name} may not fit int64")
    left = np.where(a.negative, -a.significand, a.significand)
    right = np.where(b.negative, -b.significand, b.significand)
    return np.asarray(np.einsum("...k,...k->...", left, right))


def _check_quire(total: Exact, fmt: PositFormat) -> None:
    top = total.exponent + bit_length(total.significand) + fmt.quire_fraction_bits
    if np.any((total.significand > 0) & (top >= fmt.quire_bits)):
        raise ValueError(f"a sum does not fit the quire of {fmt.name}, {fmt.quire_bits} bits")
