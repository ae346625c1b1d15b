"""A tensor engine that is only a rate: for machines whose arithmetic is known by its peak."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lockstep.arch.engine import Reduction, TensorBase


class RooflineConfig(TensorBase):
    """MACs that are always busy when their operands are there. It has no RTL.

    For processors such as GPUs, whose many small units share out any product; it is how AttAcc
    (ASPLOS'24) and Duplex (MICRO'24) model theirs.

    Parameters
    ----------
    kind : "roofline"
    rows, cols : int
        Block of C whose sums stay beside the MACs: what operands are fetched for from the scratchpad.
    macs : int
        Multiply-accumulates per cycle.
    efficiency : float, 0.001 to 1
        Share of the peak that large products reach.
    """

    kind: Literal["roofline"]
    macs: Annotated[int, Field(ge=1, le=1 << 24)]
    efficiency: Annotated[float, Field(ge=1e-3, le=1)] = 1.0

    reductions: ClassVar[tuple[Reduction, ...]] = ("mac",)

    @property
    def shape(self) -> str:
        """Its MACs: there is no grid."""
        return str(self.macs)

    @property
    def pes(self) -> int:
        """Each one MAC per cycle."""
        return self.macs

    @property
    def macs_per_cycle(self) -> float:
        """Sustained multiply-accumulates per cycle."""
        return self.macs * self.efficiency

    @property
    def smallest_tile(self) -> tuple[int, int, int]:
        """(m, n, k) of the smallest tile worth a job: one block of C, 64 steps of K."""
        return self.rows, self.cols, 64

    @property
    def output_latency_cycles(self) -> int:
        """None: a rate has no pipeline."""
        return 0
