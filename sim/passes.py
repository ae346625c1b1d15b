"""Forward passes: from phases of a model to the costs of their operators, on any machine.

On a machine that works in its banks alone, a pass is a sequence's, token by token, for a product of its
banks serves one token. Sequences fill the pipeline: a step of ``batch`` tokens takes as long as one
token's way through all stages, or longer where there are more tokens than stages. Of a prefill the
tokens of all prompts follow each other, and the pipeline fills and drains once.
"""

from collections.abc import Iterable
from dataclasses import replace

from lockstep.arch.load import InputError
from lockstep.arch.machine import System
from lockstep.arch.near_memory import BankPim
from lockstep.sim.cost import OpCost
from lockstep.sim.duplex import routing_of
from lockstep.sim.engine import cost_graphs
from lockstep.sim.near_bank import stage_channels
from lockstep.sim.translation import Translation
from lockstep.workloads.counts import count
from lockstep.workloads.model import Model
from lockstep.workloads.ops import Vector
from lockstep.workloads.phases import Formats, Phase, graph

ENTRY = "embed.tokens"
"""The operator at which a token enters: the host and the links between stages are charged to it."""


def cost_passes(
    system: System,
    model: Model,
    phases: Iterable[Phase],
    formats: Formats,
    translation: Translation | None = None,
) -> list[list[OpCost]]:
    """Cost of every operator of each forward pass.

    ``translation`` is what address translation takes in the run that the phases are of.

    Raises
    ------
    lockstep.arch.error.InputError
        If the model cannot run a phase, or does not fit the memory that computes.
    """
    phases = list(phases)
    pim, routing = system.machine.pim, routing_of(model)
    if system.machine.tensor or not isinstance(pim, BankPim):
        graphs = [graph(model, p, formats) for p in phases]
        return cost_graphs(system, graphs, routing, translation)
    _check_capacity(system, pim, model, max(phases, key=lambda p: p.length), formats)
    single = [graph(model, replace(p, batch=1), formats) for p in phases]
    costs = cost_graphs(system, single, routing)
    return [
        [_in_flight(system, pim, phase, cost) for cost in step]
        for phase, step in zip(phases, costs, strict=True)
    ]


def _in_flight(system: System, pim: BankPim, phase: Phase, cost: OpCost) -> OpCost:
    """A sequence's operator, scaled to all of them with their tokens in the stages of the pipeline."""
    cost = _with_entry(system, pim, cost)
    stages = pim.pipeline_parallel
    if isinstance(cost.op, Vector) and cost.op.name != ENTRY:  # a device's stages share its unit
        stages = max(1, pim.working_devices // pim.tensor_parallel)
    rows = phase.rows
    if phase.kind == "decode":
        time = phase.batch / min(phase.batch, stages)
    else:
        time = phase.batch * (rows + stages - 1) / (rows * stages)
    return replace(
        cost,
        latency_cycles=cost.latency_cycles * time,
        pim_cycles=cost.pim_cycles * time,
        vector_cycles=cost.vector_cycles * time,
        dma_cycles=cost.dma_cycles * time,
        scratchpad_cycles=cost.scratchpad_cycles * time,
        activity=cost.activity * phase.batch,
    )


def _with_entry(system: System, pim: BankPim, cost: OpCost) -> OpCost:
    """The embedding, with the host's turn and the token's way over the links between devices."""
    op = cost.op
    if op.name != ENTRY or not isinstance(op, Vector):
        return cost
    token_ns = pim.host.token_ns if pim.host else 0.0
    hops = pim.working_devices // pim.tensor_parallel
    sent_bytes = 0.0
    if pim.link and hops > 1:
        sent_bytes = hops * op.cols * system.channel.mac.format.element_bits / 8
        token_ns += hops * pim.link.latency_ns + sent_bytes / pim.link.bytes_per_s * 1e9
    return replace(
        cost,
        latency_cycles=cost.latency_cycles + op.rows * token_ns * 1e-9 * system.machine.clock_hz,
        bound_by="link" if token_ns else cost.bound_by,
        activity=replace(cost.activity, pim={"link_byte": op.rows * sent_bytes}),
    )


def _check_capacity(
    system: System, pim: BankPim, model: Model, longest: Phase, formats: Formats
) -> None:
    """All layers in their stages, with the keys and values of all sequences."""
    counts = count(model, longest, formats)
    need = counts["weight_bytes"] + counts["kv_cache_bytes"]
    channels = stage_channels(system, pim) * pim.pipeline_parallel * pim.tensor_parallel
    have = channels * system.channel.capacity_bytes
    if need > have:
        raise InputError(
            f"{model.name} with the keys and values of {longest.batch} x {longest.length} tokens takes "
            f"{need / 1e9:.1f} GB, more than the {have / 1e9:.1f} GB of {system.machine.name}'s "
            f"{channels} channels; shorten the run, or add pim.devices"
        )
