"""The gate-count model of arXiv 2510.25602 (table 6, appendix C): area of one lane of a block's dot product.

Multiplier, exponent adder, subtractor and comparator, barrel aligner, adder and a normaliser that all
lanes share; accumulator and dequantiser are left out, as they are the same for every format.

The paper counts cells of a foundry library that it does not publish. The factors here are NAND2
equivalents that are usual for standard cells (from memory), so ratios come out different from the paper's
table 5: chiefly by the weight of the multiplexers in the aligner.
"""

import math

from lockstep.arch.formats import BlockFormat, FloatFormat, format_named

FULL_ADDER, XOR, MUX, AND, OR = 14 / 3, 2.0, 2.0, 4 / 3, 4 / 3
"""NAND2 equivalents."""

SUM_BITS = 24
"""Partial sums, and so the aligner, are never wider than this."""


def aligner_bits(exponent_bits: int, mantissa_bits: int) -> int:
    """Width of the aligned products, in bits."""
    return int(min(2 ** (exponent_bits + 1) + 2 * mantissa_bits, SUM_BITS))


def format_aligner_bits(name: str) -> int:
    """Width of the aligned products of a block format with floating-point elements, in bits."""
    element = _block(name).element
    assert isinstance(element, FloatFormat)
    return aligner_bits(element.exponent_bits, element.mantissa_bits)


def _block(name: str) -> BlockFormat:
    fmt = format_named(name)
    if not isinstance(fmt, BlockFormat):
        raise ValueError(f"{name} is not a block format")
    return fmt


def lane_nand2(name: str) -> float:
    """NAND2 equivalents of one lane of a block format.

    Raises
    ------
    ValueError
        If it is no block format.
    """
    fmt = _block(name)
    if not isinstance(fmt.element, FloatFormat):
        bits = fmt.element_bits
        return bits**2 * (AND + FULL_ADDER) + 2 * bits * FULL_ADDER
    exponent, significand = fmt.element.exponent_bits, fmt.element.mantissa_bits + 1
    n = format_aligner_bits(name)
    levels = math.log2(n)
    return (
        significand**2 * (AND + FULL_ADDER)
        + n * FULL_ADDER
        + exponent * (FULL_ADDER + (XOR + FULL_ADDER) + (XOR + AND + OR))
        + n * levels * MUX
        + n * levels * (MUX + OR) / fmt.block
    )
