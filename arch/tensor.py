"""Tensor engines: arrays of multiply-accumulate units that multiply matrices."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

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
    if name == f"int{bits}":
        return -(1 << bits - 1), (1 << bits - 1) - 1
    if name == f"uint{bits}":
        return 0, (1 << bits) - 1
    raise ValueError(f"mac format {name!r} has no RTL yet; plain integers like int8 have")


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
    def format(self) -> str:
        """The wider operand format: the one a technology table prices the MAC by."""
        return self.a if self.a_bits >= self.b_bits else self.b

    @property
    def is_float(self) -> bool:
        """Whether either operand is a floating-point format."""
        return format_named(self.a).is_float or format_named(self.b).is_float


class TensorBase(Config):
    """What every tensor engine has: a grid of ``rows`` x ``cols`` PEs, a MAC, jobs {m, n, k}.

    The engine always runs its full ``rows`` and ``cols``; edge folds are padded with zeros inside.

    Parameters
    ----------
    rows, cols : int
        PEs down and across; any size, 1 x N included.
    mac : MacConfig
    job_bits : int
        Width of each of the m, n and k counters of a tile job, in bits.
    """

    rows: Annotated[int, Field(ge=1, le=1024)]
    cols: Annotated[int, Field(ge=1, le=1024)]
    mac: MacConfig = MacConfig()
    job_bits: Annotated[int, Field(ge=4, le=32)] = 24

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


class SystolicConfig(TensorBase):
    """A systolic array: operands hop from PE to PE.

    Output stationary keeps one ``C[i, j]`` in each PE while K streams through; weight stationary
    keeps one ``B[k, n]`` in each PE while M streams through.

    Parameters
    ----------
    kind : "systolic"
    dataflow : "output_stationary" or "weight_stationary"
    weight_double_buffer : bool
        Weight stationary only: a second weight register per PE, loaded while the first computes.
    """

    kind: Literal["systolic"]
    dataflow: Literal["output_stationary", "weight_stationary"]
    weight_double_buffer: bool = False

    @model_validator(mode="after")
    def _weights_are_stationary(self) -> "SystolicConfig":
        if self.weight_double_buffer and self.dataflow != "weight_stationary":
            raise ValueError(
                "weight_double_buffer needs dataflow: weight_stationary; "
                "an output-stationary PE holds no weight"
            )
        return self

    @property
    def smallest_tile(self) -> tuple[int, int, int]:
        """(m, n, k) of the smallest tile worth a job: one fold, 16 steps of the streamed dimension."""
        if self.dataflow == "output_stationary":
            return self.rows, self.cols, 16
        return 16, self.cols, self.rows

    @property
    def output_latency_cycles(self) -> int:
        """Cycles from the last MAC's cycle to the one that offers the last row of a full fold.

        Output stationary drains its rows one by one; weight stationary has the bottom row's
        partial-sum register.
        """
        return self.rows if self.dataflow == "output_stationary" else 1


TensorConfig = SystolicConfig
"""Any tensor engine."""
