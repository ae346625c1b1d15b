"""Codes as exact reals: sign, integer significand and exponent, read field by field."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import (
    ExponentFormat,
    FloatFormat,
    IntFormat,
    PositFormat,
    ScalarFormat,
)

Codes = NDArray[np.unsignedinteger[Any]]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FINITE, INFINITE, NAN = 0, 1, 2
SIGNIFICAND_BITS = 62
"""Widest significand: two of them still add in an int64."""


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """Reals ``(-1)**negative * significand * 2**exponent``, or specials; arrays of one shape.

    ``significand`` is 0 to ``2**62 - 1``; ``special`` is FINITE, INFINITE or NAN (NaR included),
    and the significand of a special is 0.
    """

    negative: Bools
    significand: Ints
    exponent: Ints
    special: Ints

    def mapped(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> "Exact":
        """The same change of shape, or choice of elements, to every array."""
        return Exact(
            change(self.negative),
            change(self.significand),
            change(self.exponent),
            change(self.special),
        )


def bit_length(x: Ints) -> Ints:
    """``int.bit_length`` of each element, 0 to ``2**63 - 1``."""
    length = np.frexp(x.astype(np.float64))[1].astype(np.int64)
    # The conversion rounds above 2**53, up to the next power of two at worst.
    too_long: Bools = (x >> np.maximum(length - 1, 0) == 0) & (x > 0)
    return length - too_long


def code_dtype(fmt: ScalarFormat) -> type[np.unsignedinteger[Any]]:
    """The smallest unsigned type that holds a code."""
    bits = fmt.element_bits
    return np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32


def checked(codes: ArrayLike, fmt: ScalarFormat) -> Codes:
    """``codes`` as an array.

    Raises
    ------
    ValueError
        If an element is not a code of ``fmt``: not an unsigned integer, or too wide.
    """
    given = np.asarray(codes)
    if given.dtype.kind not in "ui" or (given.size and int(given.min()) < 0):
        raise ValueError(f"codes of {fmt.name} must be unsigned integers, not {given.dtype}")
    if given.size and int(given.max()) >> fmt.element_bits:
        raise ValueError(f"{fmt.name} has {fmt.element_bits} bits, too few for {given.max():#x}")
    return given


def from_codes(codes: ArrayLike, fmt: ScalarFormat) -> Exact:
    """Read codes of ``fmt``, any shape; ValueError as in :func:`checked`."""
    given = checked(codes, fmt)
    if fmt.element_bits > 16:
        return _read(given.astype(np.int64), fmt)
    return _every_code(fmt).mapped(lambda table: table[given])


@functools.cache
def _every_code(fmt: ScalarFormat) -> Exact:
    return _read(np.arange(1 << fmt.element_bits), fmt)


def _read(code: Ints, fmt: ScalarFormat) -> Exact:
    match fmt:
        case FloatFormat():
            return _read_float(code, fmt)
        case IntFormat():
            return _read_int(code, fmt)
        case ExponentFormat():
            special = np.where(code == fmt.nan_code, NAN, FINITE)
            return Exact(code < 0, (special == FINITE).astype(np.int64), code - fmt.bias, special)
        case PositFormat():
            return _read_posit(code, fmt)


def to_floats(x: Exact) -> NDArray[np.float64]:
    """The reals as float64, rounded to nearest even where 53 bits are not enough."""
    magnitude = np.ldexp(x.significand.astype(np.float64), x.exponent.astype(np.int32))
    magnitude = np.where(x.special == INFINITE, np.inf, magnitude)
    # A NaN has no sign here: platforms differ in the one they would give it.
    return np.where(x.special == NAN, np.nan, np.where(x.negative, -magnitude, magnitude))


def from_floats(x: NDArray[np.float64]) -> Exact:
    """Every float64 as it is."""
    finite = np.isfinite(x)
    fraction, exponent = np.frexp(np.where(finite, np.abs(x), 0.0))
    special = np.where(finite, FINITE, np.where(np.isnan(x), NAN, INFINITE))
    significand = np.ldexp(fraction, 53).astype(np.int64)
    return Exact(np.signbit(x), significand, exponent.astype(np.int64) - 53, special)


def _read_float(code: Ints, fmt: FloatFormat) -> Exact:
    magnitude = code & (1 << fmt.element_bits - 1) - 1
    field = magnitude >> fmt.mantissa_bits
    fraction = magnitude & (1 << fmt.mantissa_bits) - 1
    special = np.where(magnitude > fmt.max_code, NAN, FINITE)
    if fmt.inf_code is not None:
        special = np.where(magnitude == fmt.inf_code, INFINITE, special)
    hidden = (field > 0).astype(np.int64) << fmt.mantissa_bits
    return Exact(
        code >> fmt.element_bits - 1 == 1,
        np.where(special == FINITE, hidden | fraction, 0),
        np.maximum(field, 1) - fmt.bias - fmt.mantissa_bits,
        special,
    )


def _read_int(code: Ints, fmt: IntFormat) -> Exact:
    value = code - ((code >> fmt.bits - 1) << fmt.bits) if fmt.signed else code
    exponent = np.full_like(code, -fmt.fraction_bits)
    return Exact(value < 0, np.abs(value), exponent, np.zeros_like(code))


def _read_posit(code: Ints, fmt: PositFormat) -> Exact:
    n, es = fmt.n, fmt.es
    negative = (code >> n - 1 == 1) & (code != fmt.nar_code)
    body = np.where(negative, (1 << n) - code, code) & (1 << n - 1) - 1
    # The regime is a run of equal bits, ended by the other one or by the end of the code.
    leading = body >> n - 2
    inverted = np.where(leading == 1, ~body, body) & (1 << n - 1) - 1
    run = n - 1 - bit_length(inverted)
    regime = np.where(leading == 1, run - 1, -run)
    rest_bits = np.maximum(n - 2 - run, 0)
    rest = body & (1 << rest_bits) - 1
    # Exponent bits that the end of the code cuts off are zeros.
    fraction_bits = np.maximum(rest_bits - es, 0)
    exponent = rest >> fraction_bits << np.maximum(es - rest_bits, 0)
    significand = 1 << fraction_bits | rest & (1 << fraction_bits) - 1
    return Exact(
        negative,
        np.where(body == 0, 0, significand),
        (regime << es) + exponent - fraction_bits,
        np.where(code == fmt.nar_code, NAN, FINITE),
    )
