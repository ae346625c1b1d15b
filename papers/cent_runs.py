"""Our model of CENT's settings: decode steps at given contexts, with the pipeline full."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lockstep.arch.machine import System, load_machine
from lockstep.arch.near_memory import BankPim
from lockstep.papers.cent_published import Setting
from lockstep.sim.activity import Activity
from lockstep.sim.cost import OpCost
from lockstep.sim.energy import energy_pj
from lockstep.sim.operand_formats import default_formats
from lockstep.sim.passes import cost_passes
from lockstep.sim.run import decode_phase
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm

HOST_LANES = 144
"""PCIe 6.0 lanes of the host's switch, shared out to the devices (CENT, run_sim.py)."""

LANE_BYTES_PER_S = 2**30 * 4 * 192 / 256
"""Payload of a lane: 8 GiB/s, halved for multicast, 192 of 256 bytes of a flit (cxl_latency.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One decode step with a token in every stage.

    ``block_us`` has the parts of one layer for one token: weights, attention, vector, link.
    """

    context: int
    seconds: float
    joules: float
    standby_joules: float
    block_us: dict[str, float]


def system_for(setting: Setting) -> System:
    """The machine ``aim-cent`` in that setting."""
    lanes = HOST_LANES // setting.devices
    return load_machine(
        "aim-cent",
        [
            f"pim.devices={setting.devices}",
            f"pim.pipeline_parallel={setting.pipeline}",
            f"pim.tensor_parallel={setting.tensor}",
            "pim.attention_on=one_device",
            f"pim.link.bytes_per_s={lanes * LANE_BYTES_PER_S}",
        ],
    )


def steps(setting: Setting, contexts: Sequence[int]) -> list[Step]:
    """Decode steps that attend to so many tokens, as many sequences as the pipeline has stages."""
    system, model = system_for(setting), load_model(setting.model)
    phases = [decode_phase(setting.pipeline, context - 1, 0) for context in contexts]
    costs = cost_passes(system, model, phases, default_formats(system))
    return [
        _step(system, context, step, model.layers)
        for context, step in zip(contexts, costs, strict=True)
    ]


def _step(system: System, context: int, costs: Sequence[OpCost], layers: int) -> Step:
    clock_hz = system.machine.clock_hz
    seconds = sum(c.latency_cycles * c.op.repeat for c in costs) / clock_hz
    activity = sum((c.activity * c.op.repeat for c in costs), Activity())
    joules = sum(energy_pj(system, activity, seconds).values()) * 1e-12
    working = sum(energy_pj(_without_standby(system), activity, seconds).values()) * 1e-12
    parts = dict.fromkeys(("weights", "attention", "vector", "link"), 0.0)
    for c in costs:
        if c.op.repeat != layers:  # the embedding and the head
            continue
        if isinstance(c.op, Gemm):
            parts["weights" if c.op.b == "weight" else "attention"] += c.pim_cycles
            parts["link"] += c.latency_cycles - c.pim_cycles
        else:
            parts["vector"] += c.latency_cycles
    return Step(
        context=context,
        seconds=seconds,
        joules=joules,
        standby_joules=joules - working,
        block_us={name: cycles / clock_hz * 1e6 for name, cycles in parts.items()},
    )


def _without_standby(system: System) -> System:
    pim = system.machine.pim
    assert isinstance(pim, BankPim)
    plain = pim.model_copy(update={"standby": None})
    return replace(system, machine=system.machine.model_copy(update={"pim": plain}))
