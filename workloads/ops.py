"""Operators: what a phase of a model asks of a machine.

A graph is a list of operators in execution order. Layers that are alike share one entry with a
``repeat`` count, so the cost of simulating grows with distinct operators, not with layers.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from lockstep.arch.formats import format_named

Residency = Literal["memory", "stream", "kv"]
"""Where an operand lives between operators.

``memory``  a whole tensor: stays in the scratchpad if it fits, else goes through DRAM.
``stream``  handed on block of rows by block of rows (scores into softmax, a GEMM into its epilogue).
``kv``      the KV cache: always in DRAM.
"""

VectorFunction = Literal[
    "add", "mul", "relu", "gelu", "silu", "silu_mul", "gelu_mul", "softmax", "layernorm", "rmsnorm",
    "rope", "tanh", "dequantize", "embedding", "topk",
]  # fmt: skip
"""Functions of the vector unit; its cycle model gives the cost per element of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemm:
    """``instances`` independent products ``C[m, n] = A[m, k] @ B[k, n]``.

    Parameters
    ----------
    name : str
        Dotted, e.g. ``attn.q_proj``; unique within a graph.
    m, n, k : int
        Shape of one product.
    instances : float
        Products that share nothing (heads x sequences; expected distinct experts, hence float).
    useful_rows : float or None
        Rows of A over all instances that carry tokens, where ``m`` was rounded up; None: all do.
    a_format, b_format, c_format : str
        Stored formats, named in ``lockstep.arch.formats``.
    a, c : Residency
        Where A comes from and where C goes.
    b : "weight", "kv" or "memory"
        What B is: weights and KV entries always come from DRAM.
    repeat : int
        Times the operator occurs in the phase (layers).
    """

    name: str
    m: int
    n: int
    k: int
    instances: float = 1.0
    useful_rows: float | None = None
    a_format: str = "int8"
    b_format: str = "int8"
    c_format: str = "int8"
    a: Residency = "memory"
    b: Literal["weight", "kv", "memory"] = "weight"
    c: Residency = "memory"
    repeat: int = 1

    def __post_init__(self) -> None:
        if min(self.m, self.n, self.k, self.repeat) < 1 or self.instances <= 0:
            raise ValueError(f"Gemm {self.name!r}: every size must be positive: {self}")
        for name in (self.a_format, self.b_format, self.c_format):
            format_named(name)

    @property
    def rows(self) -> float:
        """Rows of A that carry tokens, over all instances."""
        return self.m * self.instances if self.useful_rows is None else self.useful_rows

    @property
    def flops(self) -> float:
        """Useful floating (or integer) operations of one occurrence: two per MAC."""
        return 2.0 * self.rows * self.n * self.k

    @property
    def b_bytes(self) -> Fraction:
        """Bytes of one B, exact (may be fractional in a block format)."""
        return self.n * self.k * format_named(self.b_format).bits_per_element / 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """An elementwise or row-wise function over ``rows`` x ``cols`` elements.

    Parameters
    ----------
    name : str
    function : VectorFunction
    rows, cols : int
        Row-wise functions (softmax, norms) reduce along ``cols``.
    in_format, out_format : str
    source, sink : Residency
        Where the main operand comes from and where the result goes.
    second_operand : bool
        Whether a second tensor of the same shape is read (residual add, gate times up).
    repeat : int
        Times the operator occurs in the phase (layers).
    """

    name: str
    function: VectorFunction
    rows: int
    cols: int
    in_format: str = "int8"
    out_format: str = "int8"
    source: Residency = "memory"
    sink: Residency = "memory"
    second_operand: bool = False
    repeat: int = 1

    def __post_init__(self) -> None:
        if min(self.rows, self.cols, self.repeat) < 1:
            raise ValueError(f"Vector {self.name!r}: every size must be positive: {self}")
        for name in (self.in_format, self.out_format):
            format_named(name)

    @property
    def elements(self) -> int:
        """Elements of one occurrence."""
        return self.rows * self.cols


Op = Gemm | Vector
