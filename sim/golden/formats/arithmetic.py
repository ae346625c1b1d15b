"""Add, multiply and fused multiply-add on codes of a scalar format: exact, then rounded once."""

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import Format, ScalarFormat
from lockstep.sim.golden.formats.exact import (
    FINITE,
    INFINITE,
    NAN,
    SIGNIFICAND_BITS,
    Codes,
    Exact,
    Ints,
    bit_length,
    checked,
    code_dtype,
    from_codes,
)
from lockstep.sim.golden.formats.rounding import to_codes
from lockstep.sim.golden.formats.scalar import scalar_format


def add(a: ArrayLike, b: ArrayLike, fmt: str | Format, *, saturate: bool | None = None) -> Codes:
    """``a + b`` on codes.

    Parameters
    ----------
    a, b : array_like of uint
        Codes of ``fmt``; they broadcast.
    fmt : str or Format
        A scalar format.
    saturate : bool, optional
        As in :func:`lockstep.sim.golden.formats.encode`. The result is encoded like any number, so
        where overflow saturates an infinite result does too.

    Returns
    -------
    ndarray of uint
        Codes of ``fmt``.

    Raises
    ------
    ValueError
        If an operand is not a code of ``fmt``, or ``fmt`` is a block format.
    """
    return _binary(exact_sum, a, b, scalar_format(fmt), saturate)


def multiply(
    a: ArrayLike, b: ArrayLike, fmt: str | Format, *, saturate: bool | None = None
) -> Codes:
    """``a * b`` on codes; parameters, result and errors as :func:`add`."""
    return _binary(exact_product, a, b, scalar_format(fmt), saturate)


def fma(
    a: ArrayLike,
    b: ArrayLike,
    c: ArrayLike,
    fmt: str | Format,
    *,
    saturate: bool | None = None,
) -> Codes:
    """``a * b + c`` on codes, rounded once; parameters, result and errors as :func:`add`."""
    f = scalar_format(fmt)
    product = exact_product(from_codes(a, f), from_codes(b, f))
    return to_codes(exact_sum(product, from_codes(c, f)), f, saturate=saturate)


def exact_product(a: Exact, b: Exact) -> Exact:
    """The product; significands together of 60 bits at most."""
    infinite = (a.special == INFINITE) | (b.special == INFINITE)
    # An infinity has significand 0 too; only a finite zero makes it NaN.
    zero = (a.special == FINITE) & (a.significand == 0) | (b.special == FINITE) & (
        b.significand == 0
    )
    nan = (a.special == NAN) | (b.special == NAN) | infinite & zero
    return Exact(
        a.negative ^ b.negative,
        a.significand * b.significand,
        a.exponent + b.exponent,
        np.where(nan, NAN, np.where(infinite, INFINITE, FINITE)),
    )


def exact_sum(a: Exact, b: Exact) -> Exact:
    """The sum, with a sticky last bit; significands of 60 bits at most."""
    (a_aligned, a_top), (b_aligned, b_top) = _normalised(a), _normalised(b)
    swap = b_top > a_top
    high, low = np.where(swap, b_aligned, a_aligned), np.where(swap, a_aligned, b_aligned)
    top = np.maximum(a_top, b_top)
    # 60 bits aligned to 62 lose nothing in a shift by 1, and beyond that no more than one leading
    # bit cancels: the sticky bit stays far below any rounding position.
    gap = np.minimum(np.abs(a_top - b_top), SIGNIFICAND_BITS)
    low = low >> gap | (low & (1 << gap) - 1 != 0)
    negative = np.where(swap, b.negative, a.negative)
    total = high + np.where(a.negative == b.negative, low, -low)
    # Round to nearest: an exact zero is positive unless both addends are negative.
    negative = np.where(total == 0, a.negative & b.negative, negative ^ (total < 0))
    # The significand may take a 63rd bit: drop one, sticky again.
    total = np.abs(total)
    total = total >> 1 | total & 1
    return _special_sum(
        a, b, Exact(negative, total, top - SIGNIFICAND_BITS + 1, np.zeros_like(top))
    )


def _normalised(x: Exact) -> tuple[Ints, Ints]:
    """Significand shifted up to 62 bits, and the exponent past its top bit (tiny for zero)."""
    length = bit_length(x.significand)
    top = np.where(x.significand == 0, -(1 << 20), x.exponent + length)
    return x.significand << SIGNIFICAND_BITS - length, top


def _special_sum(a: Exact, b: Exact, total: Exact) -> Exact:
    a_infinite, b_infinite = a.special == INFINITE, b.special == INFINITE
    nan = (a.special == NAN) | (b.special == NAN)
    nan |= a_infinite & b_infinite & (a.negative != b.negative)
    special = np.where(nan, NAN, np.where(a_infinite | b_infinite, INFINITE, FINITE))
    sign = np.where(b_infinite, b.negative, np.where(a_infinite, a.negative, total.negative))
    significand = np.where(special == FINITE, total.significand, 0)
    return Exact(sign, significand, total.exponent, special)


Operation = Callable[[Exact, Exact], Exact]


def _binary(
    operation: Operation, a: ArrayLike, b: ArrayLike, fmt: ScalarFormat, saturate: bool | None
) -> Codes:
    if fmt.element_bits > 8:
        return to_codes(operation(from_codes(a, fmt), from_codes(b, fmt)), fmt, saturate=saturate)
    row, column = checked(a, fmt).astype(np.intp), checked(b, fmt).astype(np.intp)
    result: Codes = _all_pairs(operation, fmt, saturate)[row << fmt.element_bits | column]
    return result


@functools.cache
def _all_pairs(operation: Operation, fmt: ScalarFormat, saturate: bool | None) -> NDArray[np.uint8]:
    """Results for every pair of codes, ``a`` in the high bits of the index."""
    codes = np.arange(1 << fmt.element_bits, dtype=code_dtype(fmt))
    a, b = from_codes(codes[:, None], fmt), from_codes(codes[None, :], fmt)
    return to_codes(operation(a, b), fmt, saturate=saturate).reshape(-1).astype(np.uint8)
