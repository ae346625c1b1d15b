"""Duplex (MICRO'24): which experts a processor beside the DRAM takes while the tensor engine runs others.

Section V-A of the paper. Both processors have a table of time by tokens. All experts start on the
tensor engine; the one with the fewest tokens moves to the memory side for as long as the later of
the two then finishes sooner.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lockstep.sim.activity import Activity
from lockstep.sim.cost import OpCost
from lockstep.workloads.model import Model
from lockstep.workloads.ops import Gemm
from lockstep.workloads.parts import MoeFfn

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

Both = tuple[OpCost, OpCost]
"""One operator on the tensor engine, and beside the DRAM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Which experts tokens visit: each token ``experts_per_token`` distinct ones of ``experts``.

    All choices are equally likely, as in the paper (section VI).
    """

    experts: int
    experts_per_token: int
    seed: int = 0

    def draw(self, tokens: int) -> I64:
        """Tokens of each expert, shape ``(experts,)``; the same numbers give the same draw."""
        rng = np.random.default_rng((self.seed, tokens))
        return draw_tokens(rng, tokens, self.experts, self.experts_per_token)


def routing_of(model: Model, seed: int = 0) -> Routing | None:
    """Routing of a model; None if it has no experts."""
    for ffn in model.ffn:
        if isinstance(ffn, MoeFfn):
            return Routing(experts=ffn.experts, experts_per_token=ffn.experts_per_token, seed=seed)
    return None


def draw_tokens(rng: np.random.Generator, tokens: int, experts: int, per_token: int) -> I64:
    """Tokens of each expert, shape ``(experts,)``, where each token visits distinct experts.

    Beyond 1024 tokens visits are drawn one by one, without regard to distinctness: the shares are
    then even to a few percent either way.
    """
    if tokens > 1024:
        return rng.multinomial(tokens * per_token, np.full(experts, 1 / experts))
    order = rng.random((tokens, experts)).argpartition(per_token - 1, axis=1)
    return np.bincount(order[:, :per_token].ravel(), minlength=experts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Experts in order of their tokens; the first ``near`` of them are beside the DRAM."""

    order: I64
    near: int
    engine_time: float
    near_time: float

    @property
    def time(self) -> float:
        """When the later processor is done."""
        return max(self.engine_time, self.near_time)


def split_experts(tokens: I64, engine_times: F64, near_times: F64) -> Split:
    """Section V-A's greedy choice.

    Parameters
    ----------
    tokens : int array, shape (experts,)
        Tokens that visit each expert.
    engine_times, near_times : float array, shape (experts,)
        Time of each expert on either processor, in any one unit; 0 without tokens.

    Notes
    -----
    The engine's time falls and the other's rises with every expert that moves, so the first move
    that does not pay comes after the best one: the greedy choice is the best of all prefixes.
    """
    order = np.argsort(tokens, kind="stable")
    near = np.concatenate([[0.0], np.cumsum(near_times[order])])
    engine = engine_times.sum() - np.concatenate([[0.0], np.cumsum(engine_times[order])])
    best = int(np.argmin(np.maximum(engine, near)))
    return Split(
        order=order,
        near=best,
        engine_time=max(0.0, float(engine[best])),
        near_time=float(near[best]),
    )


def busy_cycles(cost: OpCost) -> float:
    """What an operator takes of its processor, in cycles, where others like it run before and after."""
    if cost.pim_cycles:
        return cost.pim_cycles + cost.dma_cycles
    return max(cost.tensor_cycles, cost.dma_cycles, cost.scratchpad_cycles)


def one_expert(op: Gemm, tokens: int) -> Gemm:
    """The GEMM of one expert that ``tokens`` tokens visit."""
    return replace(op, m=tokens, instances=1.0, useful_rows=None)


def co_process(
    ops: Sequence[Gemm], routing: Routing, cost: Callable[[Sequence[Gemm]], Mapping[Gemm, Both]]
) -> dict[Gemm, OpCost]:
    """GEMMs of one layer's experts, shared out between both processors.

    An expert's GEMMs all run where the expert does. Each operator gets its part of the later
    processor's time.

    Parameters
    ----------
    ops : sequence of Gemm
        The routed GEMMs of one layer.
    routing : Routing
        Draws the tokens of each expert.
    cost : callable
        Costs of GEMMs on the tensor engine and beside the DRAM.
    """
    visits = round(ops[0].rows)
    tokens = routing.draw(visits // routing.experts_per_token)
    visited = [int(t) for t in sorted(set(tokens.tolist()) - {0})]
    costs = cost([one_expert(op, t) for op in ops for t in visited])

    def times(which: int) -> F64:
        by_tokens = {
            t: sum(busy_cycles(costs[one_expert(op, t)][which]) for op in ops) for t in visited
        }
        return np.array([by_tokens.get(int(t), 0.0) for t in tokens])

    split = split_experts(tokens, times(0), times(1))
    near = [int(t) for t in tokens[split.order[: split.near]] if t]
    engine = [int(t) for t in tokens[split.order[split.near :]] if t]
    later = 1 if split.near_time >= split.engine_time else 0
    shares = {
        op: sum(busy_cycles(costs[one_expert(op, t)][later]) for t in (engine, near)[later])
        for op in ops
    }
    return {
        op: _sum(
            op,
            [costs[one_expert(op, t)][0] for t in engine],
            [costs[one_expert(op, t)][1] for t in near],
            shares[op] / sum(shares.values()) * split.time,
        )
        for op in ops
    }


def _sum(op: Gemm, engine: list[OpCost], near: list[OpCost], busy: float) -> OpCost:
    """One operator whose instances ran on either processor, in ``busy`` cycles and one latency."""
    both = engine + near
    latency = min(c.latency_cycles - busy_cycles(c) for c in both)
    slowest = max(both, key=busy_cycles)
    return OpCost(
        op=op,
        latency_cycles=busy + max(0.0, latency),
        tensor_cycles=sum(c.tensor_cycles for c in both),
        pim_cycles=sum(c.pim_cycles for c in both),
        dma_cycles=sum(c.dma_cycles for c in both),
        scratchpad_cycles=sum(c.scratchpad_cycles for c in both),
        bound_by=slowest.bound_by,
        activity=sum((c.activity for c in both), Activity()),
    )
