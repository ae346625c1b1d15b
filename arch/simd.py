"""The multi-precision SIMD unit: one significand multiplier that splits between number formats."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lockstep.arch.config import Config
from lockstep.arch.formats import FloatFormat, PositFormat, format_named
from lockstep.arch.posit import QUIRE_LATENCY_CYCLES, posit_named

WORD_BITS = 16
"""Width of an operand word: one, two or four elements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimdMode:
    """How a word is split, selected at run time by its index in :data:`MODES`.

    Parameters
    ----------
    format : PositFormat or FloatFormat
        Of every element.
    """

    format: PositFormat | FloatFormat

    @property
    def lanes(self) -> int:
        """Elements per word."""
        return WORD_BITS // self.format.element_bits

    @property
    def fraction_bits(self) -> int:
        """Widest fraction of an element; the significand has one bit more."""
        if isinstance(self.format, PositFormat):
            return self.format.significand_bits - 1
        return self.format.mantissa_bits

    @property
    def min_scale(self) -> int:
        """Exponent of the least normal element, and of any that is less."""
        if isinstance(self.format, PositFormat):
            return -self.format.max_exponent
        return self.format.min_exponent

    def slot(self, lane: int) -> int:
        """Which quarter of the multiplier a lane's part begins at."""
        return lane * SLOTS // self.lanes


def _mode(name: str) -> SimdMode:
    found = format_named(name)
    if not isinstance(found, PositFormat | FloatFormat):
        raise ValueError(f"a SIMD mode needs a posit or a float, not {name!r}")
    return SimdMode(format=found)


MODES = tuple(_mode(name) for name in ("posit16_1", "posit8_0", "posit4_1", "fp4_e2m1"))
"""The formats of XR-NPE (arXiv 2508.13049), widest first. FP4 is OCP's E2M1."""

SLOTS = max(mode.lanes for mode in MODES)
"""Parts that the multiplier splits into, and numbers that leave it in a cycle, at most."""


def modes_of_slot(slot: int) -> tuple[SimdMode, ...]:
    """The modes in which a lane begins at this quarter of the multiplier."""
    return tuple(mode for mode in MODES if slot in {mode.slot(lane) for lane in range(mode.lanes)})


class SimdConfig(Config):
    """Dot products of 16-bit words in any of :data:`MODES`, summed exactly and rounded once.

    Parameters
    ----------
    kind : "simd"
    dots : int
        Independent dot products side by side, each with a multiplier and a quire of its own.
    """

    kind: Literal["simd"] = "simd"
    dots: Annotated[int, Field(ge=1, le=64)] = 1

    @property
    def result(self) -> PositFormat:
        """Format of the quire and of its rounded sum: the widest, whatever the mode."""
        return posit_named(MODES[0].format.name)

    @property
    def mode_bits(self) -> int:
        """Width of the mode input, in bits."""
        return (len(MODES) - 1).bit_length()

    @property
    def latency_cycles(self) -> int:
        """Cycles from the edge that accepts the last word to the edge that can accept its result."""
        return 3 + QUIRE_LATENCY_CYCLES  # decode, multiply, align and sum
