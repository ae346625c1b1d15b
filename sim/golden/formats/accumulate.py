"""Sums of products without rounding: the quire, or any other wide fixed-point accumulator."""

import numpy as np
from numpy.typing import NDArray

from lockstep.sim.golden.formats.arithmetic import exact_product
from lockstep.sim.golden.formats.exact import (
    FINITE,
    INFINITE,
    NAN,
    SIGNIFICAND_BITS,
    Bools,
    Exact,
    Ints,
    bit_length,
)


def sum_of_products(a: Exact, b: Exact) -> Exact:
    """Sum of ``a * b`` along the last axis, exact but for a sticky last bit.

    Significands are cut into digits of few enough bits that float64 sums their products without
    rounding, so each pair of digits costs one pass at the speed of a float64 dot product.
    """
    terms = a.significand.shape[-1]
    digit_bits = min(22, (52 - terms.bit_length()) // 2)
    a_digits, a_base = _digits(a, digit_bits)
    b_digits, b_base = _digits(b, digit_bits)
    shape = a.significand.shape[:-1]
    spill = -(-63 // digit_bits)  # digits that the carries of the top one may reach
    columns = np.zeros((len(a_digits) + len(b_digits) + spill, *shape), np.int64)
    for i, a_digit in enumerate(a_digits):
        for j, b_digit in enumerate(b_digits):
            columns[i + j] += np.einsum("...k,...k->...", a_digit, b_digit).astype(np.int64)
    _, negative = _carried(columns, digit_bits)
    digits, _ = _carried(np.where(negative, -columns, columns), digit_bits)
    significand, exponent = np.zeros(shape, np.int64), a_base + b_base
    exponent = exponent + digit_bits * len(digits)
    for digit in digits[::-1]:
        full = significand >> SIGNIFICAND_BITS - digit_bits > 0
        significand = np.where(full, significand, significand << digit_bits) | np.where(
            full, digit != 0, digit
        )
        exponent = np.where(full, exponent, exponent - digit_bits)
    special = _special_sum(a, b)
    negative = np.where(special == FINITE, negative, special < 0)
    significand = np.where(special == FINITE, significand, 0)
    return Exact(negative, significand, exponent, np.abs(special))


def _digits(x: Exact, digit_bits: int) -> tuple[list[NDArray[np.float64]], Ints]:
    """Signed digits, least first, each (..., K); and the exponent of the least, (...)."""
    far = 1 << 30
    used = x.significand != 0
    base = np.where(used, x.exponent, far).min(axis=-1, initial=far)
    base = np.where(base == far, 0, base)
    offset = np.where(used, x.exponent - base[..., None], 0)
    width = int((offset + bit_length(x.significand)).max(initial=0))
    mask = (1 << digit_bits) - 1
    sign = np.where(x.negative, -1.0, 1.0)
    digits = []
    for low in range(0, width, digit_bits):
        right = low - offset  # a digit starts this far up the significand, or below its end
        bits = np.where(
            right >= 0,
            x.significand >> np.clip(right, 0, 63),
            # Only the last digit_bits can reach this digit: the rest would be shifted out.
            (x.significand & mask) << np.clip(-right, 0, digit_bits),
        )
        digits.append((bits & mask) * sign)
    return digits, base


def _carried(columns: Ints, digit_bits: int) -> tuple[Ints, Bools]:
    """Digits of 0 to ``2**digit_bits - 1``, and whether the whole is negative."""
    digits = np.empty_like(columns)
    carry = np.zeros(columns.shape[1:], np.int64)
    for index, column in enumerate(columns):
        total = column + carry
        digits[index] = total & (1 << digit_bits) - 1
        carry = total >> digit_bits
    return digits, carry < 0


def _special_sum(a: Exact, b: Exact) -> Ints:
    """FINITE, NAN, or INFINITE with the sign of the sum, over the last axis."""
    if not (a.special.any() or b.special.any()):
        return np.zeros(a.significand.shape[:-1], np.int64)
    product = exact_product(a, b)
    infinite = product.special == INFINITE
    up = (infinite & ~product.negative).any(axis=-1)
    down = (infinite & product.negative).any(axis=-1)
    nan = (product.special == NAN).any(axis=-1) | up & down
    return np.where(nan, NAN, np.where(up, INFINITE, np.where(down, -INFINITE, FINITE)))
