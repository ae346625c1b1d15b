"""One forward pass: which tokens, in which formats, and the operators all layers are built from."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from lockstep.arch.error import InputError, show, suggest
from lockstep.arch.formats import ScaleRule, format_named
from lockstep.workloads.ops import Gemm, Op, Residency, Vector, VectorFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One forward pass of a batch of sequences of equal length.

    Parameters
    ----------
    kind : "prefill" or "decode"
    batch : int
        Sequences that run together.
    tokens : int
        New tokens of each sequence; 1 in decode.
    context : int
        Tokens of each sequence whose keys and values are cached already. A new token attends to
        them and to all new tokens, ``context + tokens`` in all.

    Raises
    ------
    lockstep.arch.load.InputError
        If a size is out of range.
    """

    kind: Literal["prefill", "decode"]
    batch: int = 1
    tokens: int = 1
    context: int = 0

    def __post_init__(self) -> None:
        if self.kind not in {"prefill", "decode"}:
            raise InputError(f"phase must be prefill or decode, not {self.kind!r}")
        for name, least in (("batch", 1), ("tokens", 1), ("context", 0)):
            value = getattr(self, name)
            if type(value) is not int or not least <= value < 1 << 31:
                raise InputError(f"{name} must be a whole number >= {least}, not {value!r}")
        if self.kind == "decode" and self.tokens != 1:
            raise InputError(f"tokens must be 1 in decode, not {self.tokens}")

    @property
    def rows(self) -> int:
        """New tokens of all sequences."""
        return self.batch * self.tokens

    @property
    def length(self) -> int:
        """Tokens of one sequence, cached and new."""
        return self.context + self.tokens

    @property
    def cached(self) -> bool:
        """Whether keys and values come from the cache rather than from this very pass."""
        return self.kind == "decode" or self.context > 0


TENSOR_CLASSES = ("weights", "activations", "kv")
"""Fields of :class:`Formats` that name a format, and options of ``lockstep run``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """Stored formats of weights, activations and the KV cache, named in ``lockstep.arch.formats``.

    ``scale_rule`` is how block formats with power-of-two scales choose them. It changes what is
    stored, not how many bytes or cycles that takes.

    Raises
    ------
    lockstep.arch.load.InputError
        If a format or the scale rule is not known.
    """

    weights: str = "bf16"
    activations: str = "bf16"
    kv: str = "bf16"
    scale_rule: ScaleRule = "floor"

    def __post_init__(self) -> None:
        for role in TENSOR_CLASSES:
            try:
                found = format_named(getattr(self, role))
            except ValueError as error:
                raise InputError(f"{role}: {error}") from None
            object.__setattr__(self, role, found.name)  # posit(8,0) is posit8_0
        if self.scale_rule not in get_args(ScaleRule):
            raise InputError(
                f"scale rule: unknown {show(self.scale_rule)}; "
                f"{suggest(self.scale_rule, get_args(ScaleRule))}"
            )


@dataclass(slots=True, kw_only=True)
class Builder:
    """Collects operators.

    Parameters
    ----------
    phase : Phase
    formats : Formats
    repeat : int
        How many layers have the operators that are added next.
    ops : list of Op
        What was collected, in execution order.
    """

    phase: Phase
    formats: Formats
    repeat: int = 1
    ops: list[Op] = field(default_factory=list)

    def gemm(
        self,
        name: str,
        n: int,
        k: int,
        *,
        m: int | None = None,
        instances: float = 1.0,
        useful_rows: int | None = None,
        a: Residency = "memory",
        b: Literal["weight", "kv", "memory"] = "weight",
        c: Residency = "memory",
        rescale: bool = True,
    ) -> str:
        """Add ``C[m, n] = A[m, k] @ B[k, n]``; ``m`` defaults to the new tokens of the pass.

        Where an operand or the result is stored in fewer than 16 bits, the sums have to be scaled
        to the format of the result. A ``dequantize`` in stream does it, or with ``rescale`` off the
        operator that comes next. Returns the format that one reads.
        """
        a_format, b_format, c_format = (self._format_at(where) for where in (a, b, c))
        used = [format_named(name) for name in (a_format, b_format, c_format)]
        scaled = min(f.element_bits for f in used) < 16
        sums = "fp32" if used[0].is_float or used[1].is_float else "int32"
        m = self.phase.rows if m is None else m
        op = Gemm(
            name=name,
            m=m,
            n=n,
            k=k,
            instances=instances,
            useful_rows=useful_rows,
            a_format=a_format,
            b_format=b_format,
            c_format=sums if scaled else c_format,
            a=a,
            b=b,
            c="stream" if scaled else c,
            repeat=self.repeat,
        )
        self.ops.append(op)
        if not (scaled and rescale):
            return op.c_format
        self.vector(
            f"{name}.rescale", "dequantize", int(op.rows), n, a="stream", c=c, a_format=sums
        )
        return c_format

    def vector(
        self,
        name: str,
        function: VectorFunction,
        rows: int,
        cols: int,
        *,
        a: Residency = "memory",
        c: Residency = "memory",
        a_format: str | None = None,
        second_operand: bool = False,
    ) -> None:
        """Add a function over ``rows`` x ``cols`` elements from ``a`` to ``c``."""
        self.ops.append(
            Vector(
                name=name,
                function=function,
                rows=rows,
                cols=cols,
                in_format=a_format or self.formats.activations,
                out_format=self._format_at(c),
                source=a,
                sink=c,
                second_operand=second_operand,
                repeat=self.repeat,
            )
        )

    def gather(self, name: str, rows: int, cols: int, *, c: Residency = "memory") -> None:
        """Add the look-up of ``rows`` rows of a weight table."""
        self.vector(name, "embedding", rows, cols, a_format=self.formats.weights, c=c)

    def residual(self, name: str, rows: int, cols: int) -> None:
        """Add what streams in onto the residual stream."""
        self.vector(name, "add", rows, cols, a="stream", second_operand=True)

    def _format_at(self, where: Residency | Literal["weight"]) -> str:
        stored = {"weight": self.formats.weights, "kv": self.formats.kv}
        return stored.get(where, self.formats.activations)
