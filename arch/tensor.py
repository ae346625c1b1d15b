"""Tensor engines: arrays of multiply-accumulate units that multiply matrices.

The four here take whole operands, one fold after another. Each says where its numbers are held, and
how many cycles they travel; the closed forms of :mod:`lockstep.sim.cycle.tensor` and the sequencers of
the RTL need no more than that.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, TypeAdapter, model_validator

from lockstep.arch.engine import Encoder, MacConfig, Reduction, TensorBase, integer_range
from lockstep.arch.roofline import RooflineConfig
from lockstep.arch.serial import BitSliceConfig, LaconicConfig

__all__ = [
    "BitSliceConfig",
    "CubeConfig",
    "Encoder",
    "LaconicConfig",
    "MacConfig",
    "MatrixConfig",
    "ParallelBase",
    "Reduction",
    "RooflineConfig",
    "SystolicConfig",
    "TensorBase",
    "TensorConfig",
    "TreeConfig",
    "integer_range",
    "tensor_config",
]


class ParallelBase(TensorBase):
    """An engine whose PEs take a pair of operands in every cycle."""

    reductions: ClassVar[tuple[Reduction, ...]] = ("mac", "opt1")

    @property
    def double_buffered(self) -> bool:
        """Whether weights are loaded beside those in use."""
        return False

    @property
    def hop_cycles(self) -> int:
        """Cycles an operand takes from one PE, or tree, to its neighbour."""
        return 1

    @property
    def chain_cycles(self) -> int:
        """Cycles from an operand at a chain's first PE to its share in the held sum."""
        return 0

    @property
    def skew_cycles(self) -> int:
        """Cycles that a fold goes on after it has taken its last operand, until the array is free.

        A hop per row and per column, and the chain.
        """
        return self.hop_cycles * (self.rows + self.cols - 2) + self.chain_cycles

    @property
    def fuse_cycles(self) -> int:
        """Cycles to make one word of sum and carry on the way out."""
        return self.mac.sum_words - 1

    @property
    def output_latency_cycles(self) -> int:
        """Cycles from the last occupied one to the one that offers the last row of a full fold.

        Held outputs drain row by row.
        """
        return self.rows + self.fuse_cycles

    @property
    def smallest_tile(self) -> tuple[int, int, int]:
        """(m, n, k) of the smallest tile worth a job: one fold, 16 steps of the streamed dimension."""
        if self.holds_outputs:
            return self.rows, self.cols, 16 * self.lanes_per_step
        return 16, self.cols, self.rows


class SystolicConfig(ParallelBase):
    """A systolic array: operands hop from PE to PE.

    Output stationary keeps one ``C[i, j]`` in each PE while K streams through; weight stationary
    keeps one ``B[k, n]`` in each PE while M streams through.

    Parameters
    ----------
    kind : "systolic"
    dataflow : "output_stationary" or "weight_stationary"
        What stays in a PE.
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
    def architecture(self) -> str:
        """The dataflow, in prose."""
        return self.dataflow.replace("_", " ")

    @property
    def holds_outputs(self) -> bool:
        """By ``dataflow``."""
        return self.dataflow == "output_stationary"

    @property
    def double_buffered(self) -> bool:
        """By ``weight_double_buffer``."""
        return self.weight_double_buffer

    @property
    def output_latency_cycles(self) -> int:
        """Weight stationary has the partial-sum register of the bottom row; and the fused word's."""
        return (self.rows if self.holds_outputs else 1) + self.fuse_cycles


class CubeConfig(ParallelBase):
    """A cube of PEs: chains along K, ``depth`` long, each ending in a held ``C[i, j]``.

    A hops along the columns, B along the rows, and a chain's sum from PE to PE, so one step takes
    ``rows x depth`` of A and ``depth x cols`` of B. After Huawei's Ascend, as TPE (HPCA'25) maps it.

    Parameters
    ----------
    kind : "cube"
    depth : int
        PEs of a chain.
    """

    kind: Literal["cube"]
    depth: Annotated[int, Field(ge=1, le=64)]

    @property
    def shape(self) -> str:
        """Its sides, ``8x8x8`` for instance."""
        return f"{self.rows}x{self.cols}x{self.depth}"

    @property
    def pes(self) -> int:
        """Processing elements, each one MAC per cycle."""
        return self.rows * self.cols * self.depth

    @property
    def lanes_per_step(self) -> int:
        """The chain's length."""
        return self.depth

    @property
    def chain_cycles(self) -> int:
        """One per PE. A carry-save chain is fused at its end: only one word can be sign-extended."""
        return self.depth + self.fuse_cycles

    @property
    def chain_bits(self) -> int:
        """Width of a chain's sum, exact or wrapped as C is, in bits."""
        return self.mac.dot_bits(self.depth)


class MatrixConfig(ParallelBase):
    """A grid whose operands are broadcast, A along its row and B along its column, with no skew.

    Each PE holds one ``C[i, j]``. After FlexFlow, as TPE (HPCA'25) maps it.

    Parameters
    ----------
    kind : "matrix"
    """

    kind: Literal["matrix"]

    @property
    def hop_cycles(self) -> int:
        """None: all PEs take the same step at once."""
        return 0


class TreeConfig(ParallelBase):
    """``cols`` trees that each multiply ``rows`` operands with their weights and add the products.

    A row of A is broadcast to all trees. After Trapezoid, as TPE (HPCA'25) maps it. With
    ``opt2`` one column of encoders serves all trees, digits hop from tree to tree, and the selected
    multiples of each bit-weight are summed over K before that sum is shifted, once.

    Parameters
    ----------
    kind : "tree"
    weight_double_buffer : bool
        A second weight register per multiplier, loaded while the first is in use.
    """

    kind: Literal["tree"]
    weight_double_buffer: bool = False

    reductions: ClassVar[tuple[Reduction, ...]] = ("mac", "opt1", "opt2")

    @property
    def holds_outputs(self) -> bool:
        """No: weights are held."""
        return False

    @property
    def double_buffered(self) -> bool:
        """By ``weight_double_buffer``."""
        return self.weight_double_buffer

    @property
    def skew_cycles(self) -> int:
        """None: a tree's pipeline needs the weights in its first stage only."""
        return 0

    @property
    def hop_cycles(self) -> int:
        """The digits of OPT2 hop from tree to tree; whole operands are broadcast."""
        return int(self.mac.reduction == "opt2")

    @property
    def sum_bits(self) -> int:
        """Width of a tree's sum, exact or wrapped as C is, in bits."""
        return self.mac.dot_bits(self.rows)

    @property
    def levels(self) -> int:
        """Levels of four-input adders, or of compressors of four pairs, each with a register."""
        return ((self.rows - 1).bit_length() + 1) // 2

    @property
    def output_latency_cycles(self) -> int:
        """Cycles from a row of A to its row of sums.

        Products, levels, and a fused pair; OPT2 encodes first, hops from tree to tree, and adds the
        bit-weights at the end.
        """
        shared_encoders = self.cols + 1 if self.mac.reduction == "opt2" else 0
        return 1 + self.levels + self.fuse_cycles + shared_encoders


TensorConfig: TypeAlias = Annotated[
    SystolicConfig
    | CubeConfig
    | MatrixConfig
    | TreeConfig
    | BitSliceConfig
    | LaconicConfig
    | RooflineConfig,
    Field(discriminator="kind"),
]
"""Any tensor engine; ``kind`` tells which."""

_ANY: TypeAdapter[TensorConfig] = TypeAdapter(TensorConfig)


def tensor_config(values: Mapping[str, object]) -> TensorConfig:
    """The config that ``values`` describe.

    Raises
    ------
    pydantic.ValidationError
        If they describe none.
    """
    return _ANY.validate_python(dict(values))
