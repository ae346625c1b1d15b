"""Operators of one feed-forward layer, its norm apart."""

from math import ceil, expm1, log1p

from lockstep.workloads.ops import Residency, VectorFunction
from lockstep.workloads.parts import DenseFfn, MoeFfn
from lockstep.workloads.step import Builder


def dense(build: Builder, f: DenseFfn, hidden: int) -> None:
    """One feed-forward network, added onto the residual stream."""
    rows = build.phase.rows
    if f.gated:
        _gated(build, "ffn.", f.intermediate, hidden, f.activation)
    else:
        build.gemm("ffn.up_proj", f.intermediate, hidden, c="stream")
        build.vector(f"ffn.{f.activation}", f.activation, rows, f.intermediate, a="stream")
    build.gemm("ffn.down_proj", hidden, f.intermediate, c="stream")
    build.residual("ffn.residual", rows, hidden)


def moe(build: Builder, f: MoeFfn, hidden: int) -> None:
    """Routed and shared experts, added onto the residual stream.

    Each of the distinct experts that are expected to be visited runs once, over its even share of
    the visits; the share is rounded up to whole rows.
    """
    rows = build.phase.rows
    build.gemm("moe.router", f.experts, hidden, c="stream")
    build.vector("moe.softmax", "softmax", rows, f.experts, a="stream", c="stream")
    build.vector("moe.topk", "topk", rows, f.experts, a="stream")
    if f.shared_intermediate:
        _gated(build, "moe.shared_", f.shared_intermediate, hidden, f.activation)
        if f.shared_gate:
            build.gemm("moe.shared_gate", 1, hidden, c="stream")
            build.vector("moe.shared_sigmoid", "silu", rows, 1, a="stream")  # as many steps
        build.gemm("moe.shared_down_proj", hidden, f.shared_intermediate, c="stream")
        if f.shared_gate:
            build.vector("moe.shared_weigh", "mul", rows, hidden, a="stream", c="stream")
        build.residual("moe.shared_residual", rows, hidden)
    visits = rows * f.experts_per_token
    busy = expected_experts(f, rows)
    _gated(build, "moe.", f.intermediate, hidden, f.activation, visits=visits, busy=busy)
    build.gemm(
        "moe.down_proj",
        hidden,
        f.intermediate,
        m=ceil(visits / busy),
        instances=busy,
        useful_rows=visits,
        c="stream",
    )
    build.vector("moe.weigh", "mul", visits, hidden, a="stream", c="stream")
    build.residual("moe.residual", visits, hidden)


def expected_experts(f: MoeFfn, tokens: int) -> float:
    """Distinct experts that ``tokens`` tokens visit, the mean under independent uniform routing.

    A token misses one expert of ``E`` with probability ``1 - k/E``, so all ``T`` miss it with the
    T-th power of that: ``E (1 - (1 - k/E)**T)``, here between ``k`` (one token) and ``E``.
    """
    if f.experts_per_token == f.experts:
        return float(f.experts)
    missed_by_all = tokens * log1p(-f.experts_per_token / f.experts)
    return max(-f.experts * expm1(missed_by_all), float(f.experts_per_token))


def _gated(
    build: Builder,
    prefix: str,
    intermediate: int,
    hidden: int,
    activation: str,
    *,
    visits: int | None = None,
    busy: float = 1.0,
) -> None:
    """``act(gate(x)) * up(x)``: the gate streams into the product, the other factor waits."""
    rows = build.phase.rows if visits is None else visits
    sinks: tuple[tuple[str, Residency], ...] = (("up_proj", "memory"), ("gate_proj", "stream"))
    for name, sink in sinks:
        build.gemm(
            prefix + name,
            intermediate,
            hidden,
            m=ceil(rows / busy),
            instances=busy,
            useful_rows=visits,
            c=sink,
        )
    function: VectorFunction = "silu_mul" if activation == "silu" else "gelu_mul"
    build.vector(prefix + function, function, rows, intermediate, a="stream", second_operand=True)
