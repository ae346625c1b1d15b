"""What every tensor engine is made of: its MAC, its grid of PEs, its jobs."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeVar

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.formats import FormatName, format_named

if TYPE_CHECKING:  # arch needs no NumPy, its callers may bring arrays
    import numpy as np
    from numpy.typing import NDArray

Size = TypeVar("Size", int, "NDArray[np.int64]")


def integer_range(name: str) -> tuple[int, int]:
    """Least and greatest value of a plain integer format, ``int8`` or ``uint4`` for instance.

    Raises
    ------
    ValueError
        If the format is anything else: only plain integers have RTL and a golden model so far.
    """
    bits = format_named(name).element_bits
    if not _is_plain_integer(name):
        raise ValueError(f"mac format {name!r} has no RTL yet; plain integers like int8 have")
    if name.startswith("u"):
        return 0, (1 << bits) - 1
    return -(1 << bits - 1), (1 << bits - 1) - 1


def _is_plain_integer(name: str) -> bool:
    bits = format_named(name).element_bits
    return name in (f"int{bits}", f"uint{bits}")


Reduction = Literal["mac", "opt1", "opt2", "opt3", "opt4c", "opt4e"]
"""How products become a sum: the plain MAC, or a variant of TPE (HPCA'25, arXiv 2503.06342)."""

Encoder = Literal["booth", "en_t"]
"""Radix-4 recoding of an operand into digits: modified Booth, or EN-T of TPE."""


class MacConfig(Config):
    """One multiply-accumulate unit: ``acc += a * b``.

    Parameters
    ----------
    a, b : str
        Operand formats: activations and weights.
    acc_bits : int, 8..64
        Accumulator width, in bits. Integer sums wrap modulo ``2**acc_bits``.
    reduction : Reduction
        ``mac`` multiplies and adds; the others recode A and sum its partial products without carrying.
    encoder : Encoder
        How A is recoded; ``mac`` has no encoder and takes ``booth`` only.
    """

    a: FormatName = "int8"
    b: FormatName = "int8"
    acc_bits: Annotated[int, Field(ge=8, le=64)] = 32
    reduction: Reduction = "mac"
    encoder: Encoder = "booth"

    @model_validator(mode="after")
    def _holds_a_product(self) -> "MacConfig":
        product = self.a_bits + self.b_bits
        if not (self.is_float or self.acc_bits >= product):
            raise ValueError(
                f"acc_bits must hold a product, {product} bits or more, not {self.acc_bits}"
            )
        return self

    @model_validator(mode="after")
    def _recodes_integers(self) -> "MacConfig":
        if self.reduction == "mac":
            if self.encoder != "booth":
                raise ValueError(
                    f"encoder {self.encoder!r} needs a reduction that recodes A; mac does not"
                )
            return self
        for name, operand in (("a", self.a), ("b", self.b)):
            if not _is_plain_integer(operand):
                raise ValueError(
                    f"{name} {operand!r} is no plain integer, such as int8, which is all that "
                    f"reduction: {self.reduction} recodes; reduction: mac takes it"
                )
        return self

    @property
    def a_bits(self) -> int:
        """Width of one activation, in bits."""
        return format_named(self.a).element_bits

    @property
    def b_bits(self) -> int:
        """Width of one weight, in bits."""
        return format_named(self.b).element_bits

    @property
    def a_range(self) -> tuple[int, int]:
        """Least and greatest activation; ValueError if not a plain integer format."""
        return integer_range(self.a)

    @property
    def b_range(self) -> tuple[int, int]:
        """Least and greatest weight; ValueError if not a plain integer format."""
        return integer_range(self.b)

    @property
    def sum_words(self) -> int:
        """Words of ``acc_bits`` that hold a running sum: one, or sum and carry in carry-save form."""
        return 1 if self.reduction in ("mac", "opt2") else 2

    def dot_bits(self, length: int) -> int:
        """Bits of a signed sum of ``length`` products, no more than ``acc_bits``."""
        both_unsigned = self.a_range[0] == self.b_range[0] == 0
        exact = self.a_bits + self.b_bits + (length - 1).bit_length() + both_unsigned
        return min(self.acc_bits, exact)

    @property
    def format(self) -> str:
        """The wider operand format: the one a technology table prices the MAC by."""
        return self.a if self.a_bits >= self.b_bits else self.b

    @property
    def is_float(self) -> bool:
        """Whether either operand is a floating-point format."""
        return format_named(self.a).is_float or format_named(self.b).is_float


_NATURE: dict[Reduction, str] = {
    "mac": "takes whole operands at once",
    "opt1": "takes whole operands at once",
    "opt2": "sums each bit-weight in a tree over K",
    "opt3": "is serial, one digit of A at a time",
    "opt4c": "is serial, one digit of A at a time",
    "opt4e": "is serial, four digits of A at a time",
}


class TensorBase(Config):
    """What every tensor engine has: a grid of ``rows`` x ``cols`` PEs, a MAC, jobs {m, n, k}.

    The engine always runs its full ``rows`` and ``cols``; edge folds are padded with zeros inside.

    Parameters
    ----------
    kind : str
        Which engine.
    rows, cols : int
        PEs down and across; any size, 1 x N included.
    mac : MacConfig
    job_bits : int
        Width of each of the m, n and k counters of a tile job, in bits.
    """

    kind: str
    rows: Annotated[int, Field(ge=1, le=1024)]
    cols: Annotated[int, Field(ge=1, le=1024)]
    mac: MacConfig = MacConfig()
    job_bits: Annotated[int, Field(ge=4, le=32)] = 24

    reductions: ClassVar[tuple[Reduction, ...]]
    """What ``mac.reduction`` may be."""

    @model_validator(mode="after")
    def _can_reduce(self) -> "TensorBase":
        if (reduction := self.mac.reduction) not in self.reductions:
            raise ValueError(
                f"mac.reduction {reduction!r} {_NATURE[reduction]}; "
                f"kind: {self.kind} takes {' or '.join(self.reductions)}"
            )
        return self

    @property
    def holds_outputs(self) -> bool:
        """Output stationary: each PE keeps one sum while K streams. If not, each keeps a weight."""
        return True

    @property
    def lanes_per_step(self) -> int:
        """Elements of K that one transfer of A, and one of B, has for each row and column."""
        return 1

    @property
    def architecture(self) -> str:
        """The engine's name in prose."""
        return self.kind.replace("_", " ")

    @property
    def shape(self) -> str:
        """Its sides, ``16x16`` for instance."""
        return f"{self.rows}x{self.cols}"

    @property
    def pes(self) -> int:
        """Processing elements, each one MAC per cycle."""
        return self.rows * self.cols

    def tile_bits(self, m: Size, n: Size, k: Size) -> Size:
        """Scratchpad bits of double-buffered A, B and C tiles; NumPy arrays broadcast."""
        a, b, c = m * k * self.mac.a_bits, k * n * self.mac.b_bits, m * n * self.mac.acc_bits
        bits: Size = 2 * (a + b + c)
        return bits

    @property
    def job_max(self) -> int:
        """Largest m, n or k of one tile job."""
        return (1 << self.job_bits) - 1

    @property
    def dispatch_cycles(self) -> int:
        """Cycles from the edge that accepts a job to the first cycle that can accept an operand."""
        return 1
