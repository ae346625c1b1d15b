"""Exact reals to codes: round to nearest, ties to even; overflow as the format says."""

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.formats import (
    ExponentFormat,
    FloatFormat,
    IntFormat,
    PositFormat,
    ScalarFormat,
)
from lockstep.sim.golden.formats.exact import (
    FINITE,
    INFINITE,
    NAN,
    SIGNIFICAND_BITS,
    Codes,
    Exact,
    Ints,
    bit_length,
    code_dtype,
)


def to_codes(x: Exact, fmt: ScalarFormat, *, saturate: bool | None = None) -> Codes:
    """Codes of the nearest values of ``fmt``; see :func:`.scalar.encode` for the parameters.

    The last bit of a significand of 40 bits or more may be sticky: set if anything nonzero was
    dropped below it. It cannot be mistaken for a tie, since no format keeps more than 33 bits.

    Raises
    ------
    ValueError
        If there is a NaN and the format has none.
    """
    match fmt:
        case FloatFormat():
            code = _float_codes(x, fmt, fmt.saturates if saturate is None else saturate)
        case IntFormat():
            code = _int_codes(x, fmt)
        case ExponentFormat():
            code = _exponent_codes(x, fmt)
        case PositFormat():
            code = _posit_codes(x, fmt)
    return code.astype(code_dtype(fmt))


def reject_nan(nan: NDArray[np.bool_], fmt: ScalarFormat) -> None:
    """Raise ValueError if any is set: ``fmt`` has no code for NaN."""
    if nan.any():
        raise ValueError(f"{fmt.name} has no NaN")


def shift_right_even(x: Ints, shift: Ints) -> Ints:
    """``x / 2**shift``, rounded to nearest even; x below ``2**62``, any shift from 0 up."""
    shift = np.minimum(shift, 63)
    half = 1 << np.maximum(shift - 1, 0)
    # floor((x + half - 1 + lsb) / 2**shift) rounds ties to even; a shift of 0 adds nothing.
    lsb = x >> shift & 1
    return x + np.where(shift > 0, half - 1 + lsb, 0) >> shift


def _float_codes(x: Exact, fmt: FloatFormat, saturate: bool) -> Ints:
    if fmt.nan_code is None:
        reject_nan(x.special == NAN, fmt)
    zero = x.significand == 0
    top = np.where(zero, fmt.min_exponent, x.exponent + bit_length(x.significand) - 1)
    top = np.maximum(top, fmt.min_exponent)
    shift = np.where(zero, 0, top - fmt.mantissa_bits - x.exponent)
    kept = np.where(
        shift >= 0,
        shift_right_even(x.significand, np.maximum(shift, 0)),
        x.significand << np.maximum(-shift, 0),
    )
    # ``kept`` has the hidden bit, so it counts the exponent field up by one, as does a carry.
    code = (top - fmt.min_exponent << fmt.mantissa_bits) + kept
    overflow = fmt.max_code + (0 if saturate or fmt.specials == "none" else 1)
    code = np.where(x.special == INFINITE, overflow, np.minimum(code, overflow))
    code |= x.negative.astype(np.int64) << fmt.element_bits - 1
    return code if fmt.nan_code is None else np.where(x.special == NAN, fmt.nan_code, code)


def _int_codes(x: Exact, fmt: IntFormat) -> Ints:
    reject_nan(x.special == NAN, fmt)
    shift = -fmt.fraction_bits - x.exponent
    # A value this far left of the range saturates whatever its bits are.
    room = SIGNIFICAND_BITS - bit_length(x.significand)
    magnitude = np.where(
        shift >= 0,
        shift_right_even(x.significand, np.maximum(shift, 0)),
        x.significand << np.clip(-shift, 0, room),
    )
    magnitude = np.where(x.special == INFINITE, 1 << SIGNIFICAND_BITS, magnitude)
    value = np.where(x.negative, -magnitude, magnitude)
    return np.clip(value, fmt.min_integer, fmt.max_integer) & (1 << fmt.bits) - 1


def _exponent_codes(x: Exact, fmt: ExponentFormat) -> Ints:
    length = bit_length(x.significand)
    floor = x.exponent + length - 1 + fmt.bias
    # Between two powers of two the middle is 1.5; a tie goes to the even code.
    rest = x.significand - (1 << np.maximum(length - 1, 0))
    half = 1 << np.maximum(length - 2, 0)
    up = (length > 1) & ((rest > half) | ((rest == half) & (floor & 1 == 1)))
    code = np.clip(np.where(length == 0, 0, floor + up), 0, fmt.max_code)
    code = np.where(x.special == INFINITE, fmt.max_code, code)
    below_zero = x.negative & ((x.significand > 0) | (x.special == INFINITE))
    return np.where((x.special == NAN) | below_zero, fmt.nan_code, code)


def _posit_codes(x: Exact, fmt: PositFormat) -> Ints:
    n, es = fmt.n, fmt.es
    length = bit_length(x.significand)
    scale = x.exponent + length - 1
    # 33 fraction bits, the last one sticky: more than any posit keeps.
    aligned = x.significand << SIGNIFICAND_BITS - length
    fraction = aligned & (1 << SIGNIFICAND_BITS - 1) - 1
    dropped = SIGNIFICAND_BITS - 1 - 33
    fraction = fraction >> dropped | (fraction & (1 << dropped) - 1 != 0)
    body_bits = es + 33
    body = (scale & (1 << es) - 1) << 33 | fraction
    regime = np.clip(scale >> es, 2 - n, n - 3)
    run = np.where(regime >= 0, (1 << np.maximum(regime, 0) + 2) - 2, 1)
    run_bits = np.where(regime >= 0, regime + 2, 1 - regime)
    # Ties are between neighbouring codes, not values: the cut may fall inside the exponent. The
    # regime's last bit goes along with the body, as it may be the one that must end up even.
    cut = body_bits - (n - 1 - run_bits)
    code = run >> 1 << n - run_bits
    code += shift_right_even((run & 1) << body_bits | body, cut)
    # Nothing but zero rounds to zero, and nothing real to NaR.
    code = np.where(scale >= fmt.max_exponent, fmt.nar_code - 1, code)
    code = np.where(scale < -fmt.max_exponent, 1, code)
    code = np.where(x.negative, (1 << n) - code, code)
    code = np.where(x.significand == 0, 0, code)
    return np.where(x.special != FINITE, fmt.nar_code, code)
