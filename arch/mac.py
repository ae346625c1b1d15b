"""Multipliers, multiply-accumulate units and block dot products: formats, lanes, widths, latency."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.formats import (
    FORMATS,
    BlockFormat,
    ExponentFormat,
    FloatFormat,
    FormatName,
    IntFormat,
    ScalarFormat,
    format_named,
)
from lockstep.arch.tensor import MacConfig

Element = FloatFormat | IntFormat | ExponentFormat
"""What the multiplier takes; a power of two is a float without sign and fraction."""

Lanes = Annotated[int, Field(ge=1, le=256)]


def float_named(name: str) -> FloatFormat:
    """Look a floating-point format up.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    found = FORMATS.get(name)
    if not isinstance(found, FloatFormat):
        raise ValueError(f"{name!r} is not a floating-point format")
    return found


FP32 = float_named("fp32")
"""What products of floats, and of blocks, are accumulated in."""


def significand_bits(fmt: Element) -> int:
    """Width of an element's significand: hidden bit and fraction, or the whole integer."""
    if isinstance(fmt, FloatFormat):
        return fmt.mantissa_bits + 1
    return fmt.bits if isinstance(fmt, IntFormat) else 1


def max_shift(fmt: Element) -> int:
    """Left shift of the greatest element's significand, in units of the least positive element."""
    if isinstance(fmt, FloatFormat):
        return (fmt.max_code >> fmt.mantissa_bits) - 1
    return 0 if isinstance(fmt, IntFormat) else fmt.max_code


def least_exponent(fmt: Element) -> int:
    """``log2`` of the least positive element."""
    if isinstance(fmt, FloatFormat):
        return fmt.min_exponent - fmt.mantissa_bits
    return -fmt.fraction_bits if isinstance(fmt, IntFormat) else -fmt.bias


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The exact product of two elements: ``significand * 2**(shift + least_exponent)``.

    Integers have shift 0 and a signed significand, floats a sign beside it.

    Parameters
    ----------
    a, b : FloatFormat, IntFormat or ExponentFormat
        Both integers, or neither.
    """

    a: Element
    b: Element

    @property
    def is_float(self) -> bool:
        """Whether the operands are floats."""
        return self.a.is_float

    @property
    def significand_bits(self) -> int:
        """Width of the significand, in bits."""
        return significand_bits(self.a) + significand_bits(self.b)

    @property
    def max_shift(self) -> int:
        """Shift of the product of the two greatest elements."""
        return max_shift(self.a) + max_shift(self.b)

    @property
    def least_exponent(self) -> int:
        """``log2`` of the unit: the product of the two least positive elements."""
        return least_exponent(self.a) + least_exponent(self.b)

    @property
    def fixed_bits(self) -> int:
        """Width of any finite product in two's complement, in bits, counted in units."""
        return self.significand_bits + self.max_shift + (self.is_float or not self._signed)

    @property
    def _signed(self) -> bool:
        return any(isinstance(f, IntFormat) and f.signed for f in (self.a, self.b))


def product_of(a: ScalarFormat, b: ScalarFormat) -> Product:
    """The product of two elements.

    Raises
    ------
    ValueError
        Unless both are floats of 24 significant bits together at most, or both are integers of 16
        bits at most.
    """
    if isinstance(a, IntFormat) and isinstance(b, IntFormat):
        if max(a.bits, b.bits) > 16:
            raise ValueError(f"{a.name} by {b.name}: integers of 17 bits and more only accumulate")
        return Product(a=a, b=b)
    if not (
        isinstance(a, FloatFormat | ExponentFormat) and isinstance(b, FloatFormat | ExponentFormat)
    ):
        raise ValueError(f"cannot multiply {a.name} by {b.name}: use two floats or two integers")
    if significand_bits(a) + significand_bits(b) > significand_bits(FP32):
        raise ValueError(f"the product of {a.name} and {b.name} needs more than FP32's 24 bits")
    return Product(a=a, b=b)


def _scalar(name: str) -> ScalarFormat:
    found = format_named(name)
    if isinstance(found, BlockFormat):
        raise ValueError(f"{name!r} is a block format; name its element format")
    if not isinstance(found, FloatFormat | IntFormat):
        raise ValueError(f"{name!r} is neither a floating-point nor an integer format")
    return found


class MultiplyConfig(Config):
    """``lanes`` multipliers side by side.

    Parameters
    ----------
    kind : "multiply"
    a, b : str
        Operand formats: both floats or both integers.
    result : "exact", "rounded" or "saturated"
        ``exact`` is the whole product, a :class:`Product`. The others round floats to nearest even
        in the operands' format, which must then be the same; an overflow becomes the format's
        infinity, or NaN if it has none, or (``saturated``) its greatest value.
    lanes : int
    """

    kind: Literal["multiply"] = "multiply"
    a: FormatName
    b: FormatName
    result: Literal["exact", "rounded", "saturated"] = "exact"
    lanes: Lanes = 1

    @model_validator(mode="after")
    def _is_buildable(self) -> "MultiplyConfig":
        product = self.product
        if self.result != "exact" and not (product.is_float and self.a == self.b):
            raise ValueError(f"result: {self.result} needs a and b in the same float format")
        return self

    @property
    def product(self) -> Product:
        """The exact product."""
        return product_of(_scalar(self.a), _scalar(self.b))

    @property
    def latency_cycles(self) -> int:
        """Cycles from the edge that accepts operands to the edge that can accept their product."""
        return 1 if self.result == "exact" else 2  # multiply, round


class AccumulateConfig(Config):
    """``lanes`` scalar multiply-accumulate units side by side.

    Parameters
    ----------
    kind : "accumulate"
    mac : MacConfig
        Formats. Integers accumulate in ``acc_bits`` and wrap; floats in FP32, ``acc_bits`` 32.
    lanes : int
    """

    kind: Literal["accumulate"] = "accumulate"
    mac: MacConfig
    lanes: Lanes = 1

    @model_validator(mode="after")
    def _is_buildable(self) -> "AccumulateConfig":
        if self.mac.reduction != "mac":
            raise ValueError(f"reduction: only mac has a scalar unit, not {self.mac.reduction}")
        if self.product.is_float and self.mac.acc_bits != FP32.element_bits:
            raise ValueError(f"floats accumulate in FP32: acc_bits 32, not {self.mac.acc_bits}")
        return self

    @property
    def product(self) -> Product:
        """The exact product that is accumulated."""
        return product_of(_scalar(self.mac.a), _scalar(self.mac.b))

    @property
    def latency_cycles(self) -> int:
        """Cycles from the edge that accepts the last pair to the edge that can accept the sum."""
        return 2  # multiply, add


class FixedSum(Config):
    """A sum in fixed point: a signed integer in units of ``2**lsb_exponent``, without overflow.

    An addend is rounded to nearest even. What is beyond the greatest integer, or below its negative,
    becomes that one; the code that is left, the least, stands for NaN and stays.

    Parameters
    ----------
    bits : int, 8..32
    lsb_exponent : int
    """

    bits: Annotated[int, Field(ge=8, le=32)]
    lsb_exponent: Annotated[int, Field(ge=-300, le=300)]

    @property
    def max_integer(self) -> int:
        """Greatest sum, in units; the least is its negative."""
        return (1 << self.bits - 1) - 1

    @property
    def nan(self) -> int:
        """The integer that stands for NaN."""
        return -(1 << self.bits - 1)


class DotConfig(Config):
    """Dot products of blocks: elements share scales, the sums of blocks add up.

    Parameters
    ----------
    kind : "dot"
    a, b : str
        Block formats, equal in block size and kind of scale: ``mxfp8`` and ``mxfp4`` for instance.
    lanes : int
        Elements of a block per cycle; divides the block.
    accumulate : "fp32" or FixedSum
        What the sums of blocks add up in.
    """

    kind: Literal["dot"] = "dot"
    a: FormatName
    b: FormatName
    lanes: Annotated[int, Field(ge=1, le=4096)]
    accumulate: Literal["fp32"] | FixedSum = "fp32"

    @model_validator(mode="after")
    def _is_buildable(self) -> "DotConfig":
        a, b = self.a_block, self.b_block
        if a.block != b.block or a.scale != b.scale:
            raise ValueError(f"{self.a} and {self.b} differ in block size or scale format")
        if a.block % self.lanes:
            raise ValueError(f"lanes must divide the block of {a.block}, not {self.lanes}")
        product_of(a.element, b.element)
        return self

    @property
    def a_block(self) -> BlockFormat:
        """Format of A."""
        return _block(self.a)

    @property
    def b_block(self) -> BlockFormat:
        """Format of B."""
        return _block(self.b)

    @property
    def product(self) -> Product:
        """The exact product of two elements."""
        return product_of(self.a_block.element, self.b_block.element)

    @property
    def scale_product(self) -> Product:
        """The exact product of two scales."""
        return product_of(self.a_block.scale, self.b_block.scale)

    @property
    def beats_per_block(self) -> int:
        """Cycles that take one block."""
        return self.a_block.block // self.lanes

    @property
    def sum_bits(self) -> int:
        """Width that holds any block's sum exactly, in bits, counted in the product's units."""
        return self.product.fixed_bits + (self.a_block.block - 1).bit_length()

    @property
    def result_bits(self) -> int:
        """Width of a dot product, in bits."""
        return self.accumulate.bits if isinstance(self.accumulate, FixedSum) else FP32.element_bits

    @property
    def tree_levels(self) -> int:
        """Levels of the adder tree over the lanes, one register each."""
        return (self.lanes - 1).bit_length()

    @property
    def latency_cycles(self) -> int:
        """Cycles from the edge that accepts the last beat to the edge that can accept the sum.

        Multiply, tree, sum of the block's beats if it has several, scale, round, accumulate.
        """
        return 1 + self.tree_levels + (self.beats_per_block > 1) + 3


def _block(name: str) -> BlockFormat:
    found = format_named(name)
    if not isinstance(found, BlockFormat):
        raise ValueError(f"{name!r} is not a block format; mxfp8, nvfp4 and bfp4_e8_b32 are")
    return found
