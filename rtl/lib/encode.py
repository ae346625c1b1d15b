"""Radix-4 recoding of an operand, and the partial products it selects; combinational.

``x == sum(digit[i] * 4**i)``, every digit of -2, -1, 0, 1, 2. Source: EN-T and the encoders of TPE
(HPCA'25, arXiv 2503.06342) as in the authors' published RTL; modified Booth is textbook.
"""

from typing import Literal

from amaranth.hdl import *
from amaranth.lib import data

from lockstep.arch.encode import digit_count

DIGIT = data.StructLayout({"nonzero": 1, "two": 1, "negative": 1})
"""One digit. ``two`` and ``negative`` are 0 where ``nonzero`` is."""


def digits_layout(shape: ShapeLike) -> data.ArrayLayout:
    """The digits of an operand of ``shape``, the least significant first."""
    shape = Shape.cast(shape)
    return data.ArrayLayout(DIGIT, digit_count(shape.width, signed=shape.signed))


def digits_of(
    m: Module, value: Value, encoder: Literal["booth", "en_t"], *, name: str
) -> data.View:
    """The digits of ``value`` by the encoder of that name."""
    return {"booth": booth_digits, "en_t": en_t_digits}[encoder](m, value, name=name)


def booth_digits(m: Module, value: Value, *, name: str) -> data.View:
    """Modified Booth: digit ``i`` is ``-2 * x[2i+1] + x[2i] + x[2i-1]``.

    Parameters
    ----------
    m : Module
        Holds the logic.
    value : Value
        Signed or unsigned; the digits are exact for its whole range.
    name : str
        Of the one signal that holds the digits.

    Returns
    -------
    View
        Of layout ``digits_layout(value.shape())``.
    """
    digits = _digits(value, name)
    count = len(digits)
    bits = Signal(2 * count + 1, name=f"{name}_bits")
    m.d.comb += bits.eq(Cat(C(0, 1), value, _sign(value)))
    for i in range(count):
        low, middle, high = bits[2 * i : 2 * i + 3]
        m.d.comb += [
            digits[i].nonzero.eq((high ^ middle) | (middle ^ low)),
            digits[i].two.eq((high ^ middle) & ~(middle ^ low)),
            digits[i].negative.eq(high & ~(middle & low)),
        ]
    return digits


def en_t_digits(m: Module, value: Value, *, name: str) -> data.View:
    """EN-T: the magnitude in radix 4, a 3 as -1 with a carry; the sign of ``value`` flips the digits.

    A digit of the magnitude is -1, 0, 1 or 2. The most negative value has a magnitude too, for that is
    unsigned. Parameters and result as of :func:`booth_digits`.
    """
    digits = _digits(value, name)
    count = len(digits)
    sign = _sign(value)
    magnitude = Signal(2 * count, name=f"{name}_magnitude")
    m.d.comb += magnitude.eq(Mux(sign, -value, value)[: len(value)])
    carries = Signal(count + 1, name=f"{name}_carries")
    for i in range(count):
        low, high, carry = magnitude[2 * i], magnitude[2 * i + 1], carries[i]
        one = low ^ carry  # 1 or 3
        minus = one & high
        m.d.comb += [
            carries[i + 1].eq(high & (low | carry)),
            digits[i].nonzero.eq(one | (high ^ (low & carry))),
            digits[i].two.eq(~one & (high ^ (low & carry))),
            digits[i].negative.eq(digits[i].nonzero & (minus ^ sign)),
        ]
    return digits


def partial_product(digit: data.View, multiplicand: Value, negated: Value | None = None) -> Value:
    """``digit * multiplicand``, exact and signed, for every digit and every multiplicand.

    Parameters
    ----------
    digit : View
        Of layout DIGIT.
    multiplicand : Value
        Signed or unsigned.
    negated : Value, optional
        ``-multiplicand``, exact, where several digits share the one negation.
    """
    minus = -multiplicand if negated is None else negated
    once = Mux(digit.negative, minus, multiplicand)
    twice = Mux(digit.two, once << 1, once)
    product: Value = twice & digit.nonzero.replicate(len(twice)).as_signed()
    return product


def partial_products(
    m: Module, digits: data.View, multiplicand: Value, *, name: str
) -> list[Value]:
    """``digits[i] * multiplicand << 2 * i``, signed words whose sum is the product.

    The multiplicand is negated once, for all digits.
    """
    negated = Signal((-multiplicand).shape(), name=f"{name}_negated")
    m.d.comb += negated.eq(-multiplicand)
    words: list[Value] = []
    for i in range(len(digits)):
        product = partial_product(digits[i], multiplicand, negated)
        word = Signal(product.shape(), name=f"{name}_{i}")
        m.d.comb += word.eq(product)
        words.append(word << 2 * i)
    return words


def _digits(value: Value, name: str) -> data.View:
    layout = digits_layout(value.shape())
    return data.View(layout, Signal(layout.size, name=name))


def _sign(value: Value) -> Value:
    """1 if negative."""
    return value[-1] if value.shape().signed else C(0, 1)
