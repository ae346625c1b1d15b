"""Kinds of scalar number formats: fields, biases, special codes and ranges.

A code is an unsigned integer of ``element_bits`` bits. RTL, golden models and tests read every
width from these classes; :mod:`lockstep.arch.formats` holds the table of instances.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Format(ABC):
    """A number format.

    Parameters
    ----------
    name : str
        The key used in YAML files and on the command line.
    """

    kind: ClassVar[str]
    name: str

    @property
    def is_float(self) -> bool:
        """Whether multiplying it needs more than an integer multiplier."""
        return True

    @property
    @abstractmethod
    def element_bits(self) -> int:
        """Stored width of one element, in bits."""

    @property
    @abstractmethod
    def max_value(self) -> Fraction:
        """Greatest finite value."""

    @property
    @abstractmethod
    def min_normal(self) -> Fraction:
        """Least positive value of full precision."""

    @property
    def min_positive(self) -> Fraction:
        """Least positive value, subnormals included."""
        return self.min_normal

    @property
    def block(self) -> int:
        """Elements that share one scale; 1 means no scale."""
        return 1

    @property
    def scale_bits(self) -> int:
        """Width of that scale, in bits."""
        return 0

    @property
    def bits_per_element(self) -> Fraction:
        """Stored bits per element, block scales included and tensor scales not."""
        return self.element_bits + Fraction(self.scale_bits, self.block)

    def size_bytes(self, elements: int) -> int:
        """Bytes of ``elements`` back to back, a scale per block begun; rounded up to a byte."""
        blocks = -(-elements // self.block)
        return -(-(elements * self.element_bits + blocks * self.scale_bits) // 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntFormat(Format):
    """Two's complement (or unsigned) fixed point: ``value = integer / 2**fraction_bits``."""

    kind = "int"
    bits: int
    signed: bool = True
    fraction_bits: int = 0

    @property
    def is_float(self) -> bool:
        """Whether multiplying it needs more than an integer multiplier."""
        return False

    @property
    def element_bits(self) -> int:
        """Stored width of one element, in bits."""
        return self.bits

    @property
    def max_integer(self) -> int:
        """Greatest integer; the least is its negative minus one, or 0."""
        return (1 << self.bits - self.signed) - 1

    @property
    def min_integer(self) -> int:
        """Least integer."""
        return -(1 << self.bits - 1) if self.signed else 0

    @property
    def max_exponent(self) -> int:
        """``floor(log2(max_value))``: OCP's emax of the element."""
        return self.bits - self.signed - 1 - self.fraction_bits

    @property
    def max_value(self) -> Fraction:
        """Greatest finite value."""
        return Fraction(self.max_integer, 1 << self.fraction_bits)

    @property
    def min_normal(self) -> Fraction:
        """Least positive value of full precision."""
        return Fraction(1, 1 << self.fraction_bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatFormat(Format):
    """Sign, biased exponent, mantissa; exponent field 0 is zero and the subnormals.

    ``specials`` says which codes are not finite. "ieee": exponent field all ones is infinity and
    NaN. "fn": the all-ones code alone is NaN, there is no infinity. "none": every code is finite.
    In the first two, the code after ``max_code`` is where an overflow goes.
    """

    kind = "float"
    exponent_bits: int
    mantissa_bits: int
    specials: Literal["ieee", "fn", "none"]

    @property
    def element_bits(self) -> int:
        """Stored width of one element, in bits."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def bias(self) -> int:
        """Exponent field minus exponent, of a normal number."""
        return (1 << self.exponent_bits - 1) - 1

    @property
    def saturates(self) -> bool:
        """Whether overflow clamps unless told otherwise: wider formats go to infinity."""
        return self.element_bits <= 8

    @property
    def max_code(self) -> int:
        """Code of the greatest finite value."""
        top = (1 << self.element_bits - 1) - 1
        return {"ieee": top - (1 << self.mantissa_bits), "fn": top - 1, "none": top}[self.specials]

    @property
    def inf_code(self) -> int | None:
        """Code of plus infinity, if there is one."""
        return self.max_code + 1 if self.specials == "ieee" else None

    @property
    def nan_code(self) -> int | None:
        """Code of the NaN that results of operations carry: positive, quiet."""
        if self.specials == "ieee":
            return self.max_code + 1 + (1 << self.mantissa_bits - 1)
        return self.max_code + 1 if self.specials == "fn" else None

    @property
    def min_exponent(self) -> int:
        """Exponent of the least normal number, and of every subnormal."""
        return 1 - self.bias

    @property
    def max_exponent(self) -> int:
        """``floor(log2(max_value))``: OCP's emax of the element."""
        return (self.max_code >> self.mantissa_bits) - self.bias

    @property
    def max_value(self) -> Fraction:
        """Greatest finite value."""
        fraction = self.max_code & (1 << self.mantissa_bits) - 1
        return (1 + Fraction(fraction, 1 << self.mantissa_bits)) * Fraction(2) ** self.max_exponent

    @property
    def min_normal(self) -> Fraction:
        """Least positive value of full precision."""
        return Fraction(2) ** self.min_exponent

    @property
    def min_positive(self) -> Fraction:
        """Least positive value, subnormals included."""
        return Fraction(2) ** (self.min_exponent - self.mantissa_bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExponentFormat(Format):
    """Unsigned power of two, ``2**(code - bias)``: a scale. No zero; the all-ones code is NaN."""

    kind = "exponent"
    exponent_bits: int

    @property
    def element_bits(self) -> int:
        """Stored width of one element, in bits."""
        return self.exponent_bits

    @property
    def bias(self) -> int:
        """Code minus exponent."""
        return (1 << self.exponent_bits - 1) - 1

    @property
    def max_code(self) -> int:
        """Code of the greatest finite value."""
        return (1 << self.exponent_bits) - 2

    @property
    def nan_code(self) -> int:
        """Code of NaN."""
        return self.max_code + 1

    @property
    def max_value(self) -> Fraction:
        """Greatest finite value."""
        return Fraction(2) ** (self.max_code - self.bias)

    @property
    def min_normal(self) -> Fraction:
        """Least positive value of full precision."""
        return Fraction(2) ** -self.bias


@dataclass(frozen=True, slots=True, kw_only=True)
class PositFormat(Format):
    """posit(n, es): sign, regime run, ``es`` exponent bits, fraction; 0 and NaR have no sign."""

    kind = "posit"
    n: int
    es: int

    @property
    def element_bits(self) -> int:
        """Stored width of one element, in bits."""
        return self.n

    @property
    def nar_code(self) -> int:
        """Code of NaR (not a real); the greatest value is the code before it."""
        return 1 << self.n - 1

    @property
    def max_exponent(self) -> int:
        """Exponent of the greatest value; the least positive value has its negative."""
        return (self.n - 2) << self.es

    @property
    def significand_bits(self) -> int:
        """Widest significand, hidden bit included: a regime of two bits leaves the most."""
        return max(1, self.n - 2 - self.es)

    @property
    def quire_bits(self) -> int:
        """Width of the exact accumulator, in bits: products, sign, 6 or more carry guard bits.

        The next power of two: 32 for posit(8,0), 128 for posit(16,1), 16n for es = 2, as published.
        """
        return 1 << (4 * self.max_exponent + 8 - 1).bit_length()

    @property
    def quire_fraction_bits(self) -> int:
        """Bits of the quire below the binary point: the square of the least value is its LSB."""
        return 2 * self.max_exponent

    @property
    def max_value(self) -> Fraction:
        """Greatest finite value."""
        return Fraction(2) ** self.max_exponent

    @property
    def min_normal(self) -> Fraction:
        """Least positive value of full precision."""
        return Fraction(2) ** -self.max_exponent
