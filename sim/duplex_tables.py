"""What parts of a stage take on one device, by their size: tables made once, read by interpolation.

Duplex (MICRO'24, section V-A) has such tables of time by tokens. Ours hold the engine's costs at
sizes a factor of 2^(1/4) apart or less; between them cost is linear, where in truth it is the
maximum of linear and, for the attention of prompts, quadratic parts: 1 % too much at most.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.machine import System
from lockstep.sim.activity import Activity
from lockstep.sim.cost import OpCost
from lockstep.sim.duplex import busy_cycles, one_expert
from lockstep.sim.energy import energy_pj
from lockstep.sim.engine import Group, cost_by_processor, stream_groups
from lockstep.workloads.model import Model
from lockstep.workloads.ops import Gemm, Op
from lockstep.workloads.phases import Formats, Phase, graph

F64 = NDArray[np.float64]

LARGEST = 1 << 17
"""Most rows of a stage, tokens of an expert, or tokens of a context."""


def _sizes(largest: int) -> tuple[int, ...]:
    """Every size to 32, then four for each factor of two, and the largest."""
    apart = (round(32 * 2 ** (i / 4)) for i in range(1, 4 * largest.bit_length()))
    sizes = {*range(1, 33), *apart, largest}
    return tuple(sorted(s for s in sizes if s <= largest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Seconds and joules by size; 0 at size 0."""

    sizes: F64
    seconds: F64
    joules: F64

    def at(self, size: float) -> tuple[float, float]:
        """Seconds and joules at one size.

        Raises
        ------
        ValueError
            If the table ends before it.
        """
        if size > self.sizes[-1]:
            raise ValueError(f"size {size:g} is beyond the table's {self.sizes[-1]:g}")
        return (
            float(np.interp(size, self.sizes, self.seconds)),
            float(np.interp(size, self.sizes, self.joules)),
        )

    def at_all(self, sizes: NDArray[np.int64]) -> tuple[F64, F64]:
        """Seconds and joules at many sizes, none beyond the table."""
        return (
            np.interp(sizes, self.sizes, self.seconds),
            np.interp(sizes, self.sizes, self.joules),
        )


Tables = Mapping[str, Table]
"""By processor: ``tensor``, and ``pim`` where the machine has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTables:
    """One device's costs of one model.

    Parameters
    ----------
    rows : Table
        By new tokens: all that is neither attention, nor a routed expert, nor the head; each
        operator where it is done sooner.
    head : Table
        By sequences.
    running, new : Tables
        Attention of all layers, of one sequence: by cached tokens, and by tokens of a new prompt.
    expert : Tables or None
        One expert of one layer, by tokens.
    """

    rows: Table
    head: Table
    running: Tables
    new: Tables
    expert: Tables | None


SEQUENCES = 16
"""Running sequences whose attention is costed together; it is linear in them."""


def stage_tables(system: System, model: Model, formats: Formats, longest: int) -> StageTables:
    """The tables of a model, or of a device's part of one.

    Parameters
    ----------
    system : System
        One device.
    model : Model
        What the device computes.
    formats : Formats
        Stored formats.
    longest : int
        Most tokens of a sequence.
    """
    model = _any_length(model)
    sizes, lengths = _sizes(LARGEST), _sizes(longest)
    decode = [graph(model, Phase(kind="decode", batch=s), formats) for s in sizes]
    running = [
        graph(model, Phase(kind="decode", batch=SEQUENCES, context=c), formats) for c in lengths
    ]
    new = [graph(model, Phase(kind="prefill", tokens=n), formats) for n in lengths]
    experts = [_expert(decode[0], s) for s in sizes]

    def whole(cost: OpCost) -> float:
        return cost.latency_cycles

    def costs(
        graphs: Sequence[list[Group]], cycles: Callable[[OpCost], float] = whole
    ) -> dict[str, F64]:
        return _costs(system, graphs, cycles)

    return StageTables(
        rows=_soonest(sizes, costs([_groups(g, _is_rows) for g in decode])),
        head=_soonest(sizes, costs([_groups(g, _is_head) for g in decode])),
        running=_by_processor(
            lengths, costs([_groups(g, _is_attention) for g in running]), SEQUENCES
        ),
        new=_by_processor(lengths, costs([_groups(g, _is_attention) for g in new])),
        expert=_by_processor(sizes, costs(experts, busy_cycles)) if experts[0] else None,
    )


def _any_length(model: Model) -> Model:
    """The model without its limit on positions, which costs nothing but a check."""
    return model.model_copy(
        update={"embedding": model.embedding.model_copy(update={"positions": 0})}
    )


def _is_attention(group: Group) -> bool:
    return group[0].name == "attn.scores"


def _is_head(group: Group) -> bool:
    return group[0].name.startswith("head.")


def _is_rows(group: Group) -> bool:
    routed = any(isinstance(op, Gemm) and op.useful_rows is not None for op in group)
    return not (routed or _is_attention(group) or _is_head(group))


def _groups(ops: Sequence[Op], wanted: Callable[[Group], bool]) -> list[Group]:
    return [group for group in stream_groups(ops) if wanted(group)]


def _expert(ops: Sequence[Op], tokens: int) -> list[Group]:
    """The GEMMs of one expert of one layer that so many tokens visit."""
    return [
        (replace(one_expert(op, tokens), repeat=1),)
        for op in ops
        if isinstance(op, Gemm) and op.useful_rows is not None
    ]


def _costs(
    system: System, graphs: Sequence[list[Group]], cycles: Callable[[OpCost], float]
) -> dict[str, F64]:
    """Seconds and joules on each processor, shape ``(2, graphs, groups)``; all repeats of a group."""
    hz = system.machine.clock_hz

    def sums(costs: list[OpCost]) -> tuple[float, float]:
        done = sum((c.activity * c.op.repeat for c in costs), Activity())
        seconds = sum(cycles(c) * c.op.repeat for c in costs) / hz
        return seconds, sum(energy_pj(system, done, 0.0).values()) * 1e-12

    unique = dict.fromkeys(group for graph in graphs for group in graph)
    costs = {
        group: {name: sums(found) for name, found in by.items()}
        for group, by in cost_by_processor(system, unique).items()
    }
    names = next(iter(costs.values()))
    return {
        name: np.array([[costs[group][name] for group in graph] for graph in graphs]).transpose(
            2, 0, 1
        )
        for name in names
    }


def _table(sizes: Sequence[int], costs: F64, count: float = 1.0) -> Table:
    """Groups one after another; 0 at size 0; of one of ``count``."""
    seconds, joules = costs.sum(axis=2) / count
    return Table(
        sizes=np.array([0, *sizes], dtype=np.float64),
        seconds=np.array([0.0, *seconds]),
        joules=np.array([0.0, *joules]),
    )


def _by_processor(sizes: Sequence[int], costs: Mapping[str, F64], count: float = 1.0) -> Tables:
    return {name: _table(sizes, found, count) for name, found in costs.items()}


def _soonest(sizes: Sequence[int], costs: Mapping[str, F64]) -> Table:
    """Each group on the processor that is done with it sooner."""
    all_costs = np.array(list(costs.values()))
    which = all_costs[:, 0].argmin(axis=0)
    return _table(sizes, np.take_along_axis(all_costs, which[None, None], axis=0)[0])
