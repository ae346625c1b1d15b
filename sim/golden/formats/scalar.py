"""Scalar formats: numbers to codes and back, fast."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import FloatFormat, Format, IntFormat, ScalarFormat, format_named
from lockstep.sim.golden.formats.exact import (
    Codes,
    checked,
    code_dtype,
    from_codes,
    from_floats,
    to_floats,
)
from lockstep.sim.golden.formats.rounding import reject_nan, to_codes

Floats = NDArray[np.floating[Any]]

CHUNK = 1 << 15
"""Elements worked on at a time: the temporaries of a chunk stay in the L2 cache."""


def scalar_format(fmt: str | Format) -> ScalarFormat:
    """The scalar format of that name.

    Raises
    ------
    ValueError
        If the name is unknown or the format is a block format.
    """
    found = format_named(fmt) if isinstance(fmt, str) else fmt
    if not isinstance(found, ScalarFormat):
        raise ValueError(f"{found.name} is not a scalar format")
    return found


def as_floats(x: ArrayLike) -> Floats:
    """``x`` as float32 if it holds nothing wider, else as float64."""
    given = np.asarray(x)
    narrow = given.dtype.kind == "f" and given.dtype.itemsize <= 4
    return given.astype(np.float32 if narrow else np.float64, copy=False)


def encode_scalar(x: ArrayLike, fmt: ScalarFormat, *, saturate: bool | None = None) -> Codes:
    """Codes of the values nearest to ``x``; see :func:`lockstep.sim.golden.formats.encode`."""
    given = as_floats(x)
    flat = np.ascontiguousarray(given).reshape(-1)
    code = np.empty(flat.shape, code_dtype(fmt))
    kernel = _kernel(fmt, saturate)
    for start in range(0, flat.size, CHUNK):
        part = slice(start, start + CHUNK)
        code[part] = kernel(flat[part])
    return code.reshape(given.shape)


def decode_scalar(codes: ArrayLike, fmt: ScalarFormat) -> Floats:
    """Values of codes: float32 if that holds every value of ``fmt``, else float64."""
    if fmt.element_bits > 16:
        return to_floats(from_codes(codes, fmt)).astype(value_dtype(fmt))
    value: Floats = _values(fmt)[checked(codes, fmt)]
    return value


@functools.cache
def value_dtype(fmt: ScalarFormat) -> type[np.float32] | type[np.float64]:
    """The smaller float type that holds every value of ``fmt`` exactly."""
    if isinstance(fmt, FloatFormat):
        return np.float32
    significand_bits = getattr(fmt, "significand_bits", fmt.element_bits)
    narrow = significand_bits <= 24 and fmt.max_value < 2**128 and fmt.min_positive >= 2.0**-149
    return np.float32 if narrow else np.float64


@functools.cache
def _values(fmt: ScalarFormat) -> Floats:
    codes = np.arange(1 << fmt.element_bits, dtype=code_dtype(fmt))
    return to_floats(from_codes(codes, fmt)).astype(value_dtype(fmt))


def _kernel(fmt: ScalarFormat, saturate: bool | None) -> Callable[[Floats], Codes]:
    if isinstance(fmt, FloatFormat):
        keep = fmt.saturates if saturate is None else saturate
        return functools.partial(_encode_float, fmt=fmt, saturate=keep)
    if isinstance(fmt, IntFormat):
        return functools.partial(_encode_int, fmt=fmt)
    return lambda x: to_codes(from_floats(x.astype(np.float64)), fmt)


def _encode_float(x: Floats, *, fmt: FloatFormat, saturate: bool) -> Codes:
    """Let the FPU round: adding ``2**23`` units in the last place leaves the count of units.

    The anchor is a power of two whose ulp, in the type of ``x``, is the wanted unit in the last
    place of ``fmt`` at the exponent of ``x``; the sum's mantissa field then counts those units, to
    nearest even. The count has the hidden bit, so it also steps the exponent field of the code.
    """
    # The anchor must be a finite, normal number of the working type.
    if x.dtype == np.float32 and fmt.max_exponent - fmt.mantissa_bits > 127 - 24:
        x = x.astype(np.float64)
    uint, mantissa, bias = (np.uint32, 23, 127) if x.dtype == np.float32 else (np.uint64, 52, 1023)
    nan = np.isnan(x)
    any_nan = nan.any()
    if any_nan:
        if fmt.nan_code is None:
            reject_nan(nan, fmt)
        x = np.where(nan, x.dtype.type(0), x)
    magnitude: Floats = np.minimum(np.abs(x), x.dtype.type(2.0 ** (fmt.max_exponent + 1)))
    least = uint(fmt.min_exponent + bias << mantissa)
    bits: Codes = magnitude.view(uint)
    field = bits & uint(2 * bias + 1 << mantissa)
    np.maximum(field, least, out=field)
    anchor = field + uint(mantissa - fmt.mantissa_bits << mantissa)
    magnitude += anchor.view(x.dtype)
    units: Codes = magnitude.view(uint)
    units -= anchor
    field -= least
    field >>= uint(mantissa - fmt.mantissa_bits)
    units += field
    overflow = fmt.max_code + (0 if saturate or fmt.specials == "none" else 1)
    code: Codes = np.minimum(units, uint(overflow), out=units).astype(code_dtype(fmt))
    code |= np.signbit(x).astype(code.dtype) << (fmt.element_bits - 1)
    if any_nan and fmt.nan_code is not None:
        code[nan] = fmt.nan_code
    return code


def _encode_int(x: Floats, *, fmt: IntFormat) -> Codes:
    reject_nan(np.isnan(x), fmt)
    if fmt.bits > 24:
        x = x.astype(np.float64)
    scaled = np.clip(x, -(2.0 ** (fmt.max_exponent + 1)), 2.0 ** (fmt.max_exponent + 1))
    scaled = np.rint(scaled * x.dtype.type(1 << fmt.fraction_bits))
    value = np.clip(scaled, fmt.min_integer, fmt.max_integer).astype(np.int64)
    return (value & (1 << fmt.bits) - 1).astype(code_dtype(fmt))
