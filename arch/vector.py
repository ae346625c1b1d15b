"""The vector unit: lanes that each do one primitive per cycle, a few take more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from lockstep.arch.config import Config

Primitive = Literal["move", "add", "mul", "max", "exp", "divide"]
"""What a lane can do; subtract counts as add, reciprocal and inverse root as divide."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Primitives a function needs per element, and once more per row."""

    per_element: Mapping[Primitive, int]
    per_row: Mapping[Primitive, int] = field(default_factory=dict)


FUNCTION_STEPS: Mapping[str, Steps] = {
    "embedding": Steps({"move": 1}),
    "add": Steps({"add": 1}),
    "mul": Steps({"mul": 1}),
    "dequantize": Steps({"mul": 1}),
    "topk": Steps({"max": 1}),
    "relu": Steps({"max": 1}),
    # tanh(x) = 1 - 2 / (1 + exp(2x)); the doubling is folded into the exponent's scale.
    "tanh": Steps({"exp": 1, "add": 2, "divide": 1}),
    # x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))) / 2
    "gelu": Steps({"mul": 6, "add": 4, "exp": 1, "divide": 1}),
    "gelu_mul": Steps({"mul": 7, "add": 4, "exp": 1, "divide": 1}),
    # x / (1 + exp(-x))
    "silu": Steps({"exp": 1, "add": 1, "divide": 1}),
    "silu_mul": Steps({"exp": 1, "add": 1, "divide": 1, "mul": 1}),
    # running max, subtract, exp, sum, times the row's one reciprocal
    "softmax": Steps({"max": 1, "add": 2, "exp": 1, "mul": 1}, {"divide": 1}),
    # mean, centre, square, sum, times inverse deviation, gamma, beta
    "layernorm": Steps({"add": 4, "mul": 3}, {"mul": 2, "divide": 1}),
    "rmsnorm": Steps({"add": 1, "mul": 3}, {"mul": 1, "divide": 1}),
    # x cos + rotated(x) sin, the table read as an operand
    "rope": Steps({"mul": 2, "add": 1}),
}  # fmt: skip
"""How each function of ``lockstep.workloads.ops.VectorFunction`` is made of primitives."""


class VectorConfig(Config):
    """A SIMD unit of ``lanes`` lanes.

    Parameters
    ----------
    lanes : int
        Elements in flight; each lane does one add, mul, max or move per cycle.
    exp_cycles : int
        Cycles a lane is busy with one exponential.
    divide_cycles : int
        Cycles a lane is busy with one division, reciprocal or inverse root.
    """

    lanes: Annotated[int, Field(ge=1, le=65536)]
    exp_cycles: Annotated[int, Field(ge=1, le=256)]
    divide_cycles: Annotated[int, Field(ge=1, le=256)]

    def cycles_of(self, primitive: Primitive) -> int:
        """Cycles one lane is busy with one primitive."""
        return {"exp": self.exp_cycles, "divide": self.divide_cycles}.get(primitive, 1)
