"""SAIL-like LUT-GEMV slice: integer matrix times vector by table look-up, weights as bit-planes.

A sketch: SAIL (arXiv 2509.25853) publishes the idea and its gains, not the geometry. Sizes here are
free parameters and the organisation is ours.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lockstep.arch.config import Config


class LutConfig(Config):
    """One slice: ``C[b, n] = sum over k of A[b, k] * W[n, k]`` for ``batch`` vectors of activations.

    ``group`` activations make a LUT of the sums of all their subsets; a weight bit-plane of one output
    and group is an index into it. A job says how many outputs and inputs it has, how wide its weights
    are, and whether they are signed.

    Parameters
    ----------
    group : int
        Activations that share a LUT, G; the LUT has ``2**G`` entries.
    activation_bits : int
        Width of an activation, two's complement.
    weight_bits : int
        Widest weights of a job, in bits, two's complement or unsigned; narrower ones take fewer cycles.
    batch : int
        Vectors of activations that use the same stream of weights, B; each has a LUT of its own.
    ports : int
        Look-ups per cycle in each LUT, P: as many outputs at once.
    adders : int
        Sums per cycle that a build adds to each LUT.
    acc_bits : int
        Accumulator width, in bits. Must hold the exact sum of any job: the slice never wraps.
    k_max, n_max : int
        Most inputs and outputs of a job. Longer sums are cut into jobs, which the user adds up; ``n_max``
        is also how many accumulators there are for each vector.
    pattern_aware : bool
        Whether a group whose activations all equal those of the LUT at hand skips the build.
    """

    kind: Literal["lut"] = "lut"
    group: Annotated[int, Field(ge=1, le=8)] = 4
    activation_bits: Annotated[int, Field(ge=4, le=16)] = 8
    weight_bits: Annotated[int, Field(ge=1, le=8)] = 8
    batch: Annotated[int, Field(ge=1, le=64)] = 1
    ports: Annotated[int, Field(ge=1, le=64)] = 1
    adders: Annotated[int, Field(ge=1, le=128)] = 1
    acc_bits: Annotated[int, Field(ge=8, le=64)] = 32
    k_max: Annotated[int, Field(ge=1, le=1 << 16)] = 16384
    n_max: Annotated[int, Field(ge=1, le=1 << 16)] = 1024
    pattern_aware: bool = True

    @model_validator(mode="after")
    def _holds_every_sum(self) -> "LutConfig":
        if self.acc_bits < self.exact_bits:
            raise ValueError(
                f"acc_bits must hold every sum of k_max {self.k_max} products, {self.exact_bits} bits "
                f"or more, not {self.acc_bits}; or give a smaller k_max"
            )
        return self

    @model_validator(mode="after")
    def _keeps_all_adders_busy(self) -> "LutConfig":
        most = max(1, (1 << self.group - 1) - 1)
        if self.adders > most:
            raise ValueError(
                f"adders must be {most} or fewer, the most independent sums of a group of "
                f"{self.group}, not {self.adders}"
            )
        return self

    @model_validator(mode="after")
    def _fills_a_group_and_a_block(self) -> "LutConfig":
        for name, most in (("group", "k_max"), ("ports", "n_max")):
            if getattr(self, name) > getattr(self, most):
                raise ValueError(
                    f"{name} must be {most} or fewer, {getattr(self, most)}, not {getattr(self, name)}"
                )
        return self

    @property
    def activation_range(self) -> tuple[int, int]:
        """Least and greatest activation."""
        return -(1 << self.activation_bits - 1), (1 << self.activation_bits - 1) - 1

    @staticmethod
    def weight_range(bits: int, *, signed: bool) -> tuple[int, int]:
        """Least and greatest weight of ``bits`` bits; one signed bit is -1 or 0."""
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)

    @property
    def exact_bits(self) -> int:
        """Width that holds any sum of ``k_max`` products exactly, in bits.

        The greatest magnitude is that of the least activation by the greatest unsigned weight.
        """
        greatest = self.k_max * (1 << self.activation_bits - 1) * ((1 << self.weight_bits) - 1)
        return greatest.bit_length() + 1

    @property
    def entry_bits(self) -> int:
        """Width of a LUT entry, a sum of up to ``group`` activations, in bits."""
        return self.activation_bits + (self.group - 1).bit_length()

    @property
    def partial_bits(self) -> int:
        """Width of a group's product with one output's weights, in bits."""
        return self.entry_bits + self.weight_bits

    @property
    def lut_sums(self) -> int:
        """Entries of a LUT that are sums: all but zero and the activations themselves."""
        return (1 << self.group) - self.group - 1

    @property
    def build_cycles(self) -> int:
        """Cycles to fill a LUT.

        Activation j is added to the ``2**j - 1`` sums of those before it; these additions are
        independent, ``adders`` of them a cycle.
        """
        return sum(-(-((1 << j) - 1) // self.adders) for j in range(1, self.group))

    @property
    def n_blocks_max(self) -> int:
        """Most blocks of ``ports`` outputs that a job has."""
        return -(-self.n_max // self.ports)

    @property
    def drain_cycles(self) -> int:
        """Cycles from a block's last index to its sum: shift and add the entry; add to the accumulator."""
        return 2

    @property
    def dispatch_cycles(self) -> int:
        """Cycles from the edge that accepts a job to the first cycle that can accept activations."""
        return 1
