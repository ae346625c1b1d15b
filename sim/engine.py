"""The engine: operators in, costs out.

Operators run one after another, except that those linked by a ``stream`` (scores into softmax, a
GEMM into its epilogue) form a group that works block of rows by block of rows: the tensor engine,
the vector unit and DMA then overlap, and the group takes as long as the busiest of them.

An activation tensor stays in the scratchpad if it fits ``Machine.resident_bytes``, and goes through
DRAM otherwise; weights and the KV cache always come from DRAM. Groups that are equal are costed
once, all GEMMs of all of them in one call of the mapper.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lockstep.arch.formats import format_named
from lockstep.arch.machine import System
from lockstep.arch.near_memory import BankPim, RooflinePim
from lockstep.sim import near_memory
from lockstep.sim.activity import Activity
from lockstep.sim.cost import OpCost
from lockstep.sim.cycle import vector
from lockstep.sim.dram_calibration import calibrated
from lockstep.sim.dram_vector import vector_dma_cycles
from lockstep.sim.duplex import Both, Routing, co_process
from lockstep.sim.mapper import Mapping, Problem, map_problems
from lockstep.sim.translation import Translation, with_translation
from lockstep.workloads.ops import Gemm, Op, Residency, Vector

Group = tuple[Op, ...]
Choices = dict[str, list[OpCost]]
"""Costs of a group's operators by the processor that would run its GEMMs."""


def cost_graphs(
    system: System,
    graphs: Iterable[Sequence[Op]],
    routing: Routing | None = None,
    translation: Translation | None = None,
) -> list[list[OpCost]]:
    """Cost each graph, operator by operator, in order.

    Parameters
    ----------
    system : System
        The machine, with its tables.
    graphs : iterable of operator sequences
        E.g. one prefill and one graph per decode step; equal groups are costed once over all.
    routing : Routing or None
        How tokens choose experts, where the machine shares experts out between its processors.
    translation : Translation or None
        What address translation takes of the graphs' operators, where the machine has an MMU.
    """
    system = calibrated(system)
    grouped = [stream_groups(graph) for graph in graphs]
    unique = dict.fromkeys(group for graph in grouped for group in graph)
    shared = _shared_experts(system, grouped, routing) if routing else {}
    choices = cost_by_processor(system, [g for g in unique if g not in shared], translation)
    costs = shared | {
        group: min(found.values(), key=lambda costs: sum(c.latency_cycles for c in costs))
        for group, found in choices.items()
    }
    return [[cost for group in graph for cost in costs[group]] for graph in grouped]


def cost_by_processor(
    system: System, groups: Iterable[Group], translation: Translation | None = None
) -> dict[Group, Choices]:
    """Cost each group on the tensor engine (``tensor``) and beside the memory (``pim``).

    Raises
    ------
    lockstep.arch.error.InputError
        If a GEMM does not fit a processor.
    """
    system, groups = calibrated(system), tuple(groups)
    gemms = dict.fromkeys(op for group in groups for op in group if isinstance(op, Gemm))
    mappings: dict[Gemm, Mapping] = {}
    if system.machine.tensor:
        mapped = map_problems(system, [_problem(system, op) for op in gemms])
        mappings = dict(zip(gemms, mapped, strict=True))
    return {group: _cost_group(system, group, mappings, translation) for group in groups}


def stream_groups(graph: Sequence[Op]) -> list[Group]:
    """Cut a graph wherever nothing streams from one operator to the next."""
    groups: list[list[Op]] = []
    streaming = False
    for op in graph:
        if streaming:
            groups[-1].append(op)
        else:
            groups.append([op])
        streaming = (op.c if isinstance(op, Gemm) else op.sink) == "stream"
    return [tuple(group) for group in groups]


def _in_dram(system: System, where: Residency, size_bytes: float) -> bool:
    """Whether a whole tensor, or the KV cache, crosses DRAM."""
    return where == "kv" or (where == "memory" and size_bytes > system.machine.resident_bytes)


def _problem(system: System, op: Gemm) -> Problem:
    def bits(name: str) -> float:
        return float(format_named(name).bits_per_element)

    tensor, resident = system.machine.engine, system.machine.resident_bytes
    # A streamed operand needs one block of rows on chip, as wide as the row it carries.
    block_bytes = min(op.m, tensor.smallest_tile[0]) * tensor.mac.acc_bits / 8

    def crosses(where: Residency, elements: float, fmt: str, row: int) -> bool:
        if where == "stream":
            return block_bytes * row > resident
        return _in_dram(system, where, elements * bits(fmt) / 8)

    return Problem(
        m=op.m,
        n=op.n,
        k=op.k,
        instances=op.instances,
        a_bits=bits(op.a_format),
        b_bits=bits(op.b_format),
        c_bits=bits(op.c_format),
        a_in_dram=crosses(op.a, op.m * op.k * op.instances, op.a_format, op.k),
        b_in_dram=op.b != "memory"
        or _in_dram(system, "memory", op.n * op.k * op.instances * bits(op.b_format) / 8),
        c_in_dram=crosses(op.c, op.m * op.n * op.instances, op.c_format, op.n),
    )


def _cost_group(
    system: System,
    group: Group,
    mappings: dict[Gemm, Mapping],
    translation: Translation | None,
) -> Choices:
    """The group on the tensor engine and beside the memory, as far as they can take it."""
    processors: dict[str, dict[Op, OpCost]] = {}
    gemms = [op for op in group if isinstance(op, Gemm)]
    tensor, pim = system.machine.tensor, system.machine.pim
    if tensor:
        processors["tensor"] = {
            op: with_translation(system, _cost_gemm(op, mappings[op]), translation) for op in gemms
        }
    if pim and (not tensor or all(near_memory.takes(system, pim, op) for op in gemms)):
        processors["pim"] = {op: near_memory.cost_gemm(system, pim, op) for op in gemms}
    return {
        name: _with_vectors(system, group, gemms, translation) for name, gemms in processors.items()
    }


def _with_vectors(
    system: System,
    group: Group,
    gemms: dict[Op, OpCost],
    translation: Translation | None = None,
) -> list[OpCost]:
    """A group whose GEMMs are costed, with its vector operators beside them."""
    vectors = {
        op: with_translation(system, _cost_vector(system, op), translation)
        for op in group
        if isinstance(op, Vector)
    }
    costs = [(vectors | gemms)[op] for op in group]
    # Banks finish a token's product before the vector unit sees any of it.
    in_turn = isinstance(system.machine.pim, BankPim) and any(c.pim_cycles for c in costs)
    return costs if in_turn else _overlap(costs)


def _routed(group: Group) -> bool:
    return any(isinstance(op, Gemm) and op.useful_rows is not None for op in group)


def _shared_experts(
    system: System, graphs: Iterable[Sequence[Group]], routing: Routing
) -> dict[Group, list[OpCost]]:
    """Groups with GEMMs of routed experts, where both processors take experts at the same time."""
    pim = system.machine.pim
    if not (system.machine.tensor and isinstance(pim, RooflinePim) and pim.expert_co_processing):
        return {}

    def both(ops: Sequence[Gemm]) -> dict[Gemm, Both]:
        found = cost_by_processor(system, [(op,) for op in ops])
        return {op: (found[op,]["tensor"][0], found[op,]["pim"][0]) for op in ops}

    costs: dict[Group, list[OpCost]] = {}
    for graph in graphs:
        groups = [g for g in graph if _routed(g)]
        ops = [op for g in groups for op in g if isinstance(op, Gemm)]
        if ops and groups[0] not in costs and all(near_memory.takes(system, pim, op) for op in ops):
            gemms = dict[Op, OpCost](co_process(ops, routing, both).items())
            costs |= {group: _with_vectors(system, group, gemms) for group in groups}
    return costs


def _overlap(costs: list[OpCost]) -> list[OpCost]:
    """A group's operators at work together: as long as the busiest resource."""
    gemms = sum(c.latency_cycles for c in costs if isinstance(c.op, Gemm))
    own = {i: c.latency_cycles for i, c in enumerate(costs) if isinstance(c.op, Vector)}
    whole = max(
        gemms,
        sum(c.vector_cycles for c in costs),
        sum(c.dma_cycles for c in costs),
        sum(c.scratchpad_cycles for c in costs),
        sum(c.translation_cycles for c in costs),
        0.0 if gemms else sum(own.values()),
    )
    # GEMMs keep their time; what the group takes beyond it falls to its vector operators.
    excess = whole - gemms
    for i, time in own.items():
        share = excess * time / sum(own.values())
        costs[i] = _hidden(costs[i], share)
    return costs


def _hidden(cost: OpCost, exposed_cycles: float) -> OpCost:
    bound_by = cost.bound_by if exposed_cycles else "overlapped"
    return replace(cost, latency_cycles=exposed_cycles, bound_by=bound_by)


def _cost_gemm(op: Gemm, mapping: Mapping) -> OpCost:
    return OpCost(
        op=op,
        latency_cycles=mapping.latency_cycles,
        tensor_cycles=mapping.array_cycles,
        dma_cycles=mapping.dma_cycles,
        scratchpad_cycles=mapping.scratchpad_cycles,
        bound_by=mapping.bound_by,
        activity=Activity(
            macs=op.flops / 2,
            scratchpad_read_bytes=mapping.scratchpad_read_bytes,
            scratchpad_write_bytes=mapping.scratchpad_write_bytes,
            dram_read_bytes=mapping.dram_read_bytes,
            dram_write_bytes=mapping.dram_write_bytes,
        ),
        mapping=mapping,
    )


def _cost_vector(system: System, op: Vector) -> OpCost:
    machine = system.machine
    busy = vector.run(machine.vector, op.function, op.rows, op.cols)
    size_in = op.elements * float(format_named(op.in_format).bits_per_element) / 8
    size_out = op.elements * float(format_named(op.out_format).bits_per_element) / 8
    # An embedding gathers rows of a table that lies in DRAM.
    from_dram = op.function == "embedding" or _in_dram(system, op.source, size_in)
    second_from_dram = op.second_operand and _in_dram(system, "memory", size_in)
    read = size_in * (from_dram + second_from_dram)
    written = size_out * _in_dram(system, op.sink, size_out)
    activity = Activity(
        scratchpad_read_bytes=size_in * (1 + op.second_operand) + written,
        scratchpad_write_bytes=size_out + read,
        dram_read_bytes=read,
        dram_write_bytes=written,
        primitives={name: float(count) for name, count in busy.primitives.items()},
    )
    dma = vector_dma_cycles(system, op, sources=from_dram + second_from_dram, stores=bool(written))
    scratchpad = (
        activity.scratchpad_read_bytes + activity.scratchpad_write_bytes
    ) / machine.scratchpad.bytes_per_cycle
    times = {"vector": float(busy.cycles), "dram": dma, "scratchpad": scratchpad}
    bound_by = max(times, key=lambda name: times[name])
    return OpCost(
        op=op,
        latency_cycles=times[bound_by] + (system.dram_latency_cycles if dma else 0.0),
        vector_cycles=busy.cycles,
        dma_cycles=dma,
        scratchpad_cycles=scratchpad,
        bound_by=bound_by,
        activity=activity,
    )
