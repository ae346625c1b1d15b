"""Our model of PIM-GPT's runs: one sequence, decoded to 1024 tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from lockstep.arch.machine import System
from lockstep.papers.pim_gpt_published import GptRow
from lockstep.sim.activity import Activity
from lockstep.sim.energy import energy_pj
from lockstep.sim.operand_formats import default_formats
from lockstep.sim.passes import cost_passes
from lockstep.sim.run import decode_phase
from lockstep.workloads.counts import count
from lockstep.workloads.model import Model, load_model
from lockstep.workloads.ops import Gemm
from lockstep.workloads.phases import Formats, Phase

CONTEXTS = range(16, 1025, 16)
"""Programs of attention are alike for 16 contexts on end, so that these stand for 1 to 1024."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Means over the contexts, per token.

    ``unmoved_bytes`` is what a processor without PIM reads: all weights, keys and values.
    """

    seconds: float
    joules: float
    vector_share: float
    row_hit_share: float
    pin_bytes: float
    unmoved_bytes: float


def model_of(row: GptRow) -> Model:
    """GPT-2 in other sizes: GPT-3 differs in its sparse attention, which is not modelled."""
    base = load_model("gpt2")
    (ffn,) = base.ffn
    head_dim = row.hidden // row.heads
    attention = {"heads": row.heads, "kv_heads": row.heads, "head_dim": head_dim}
    sizes = {"layers": row.layers, "intermediate": 4 * row.hidden}
    return base.model_copy(
        update={
            "name": row.name,
            "hidden": row.hidden,
            "embedding": base.embedding.model_copy(update={"positions": row.positions}),
            "attention": base.attention.model_copy(update=attention),
            "ffn": (ffn.model_copy(update=sizes),),
        }
    )


def decode(system: System, model: Model, contexts: Sequence[int] = CONTEXTS) -> Tokens:
    """Decode steps of one sequence that attend to so many tokens."""
    formats = default_formats(system)
    phases = [decode_phase(1, context - 1, 0) for context in contexts]
    costs = [c for step in cost_passes(system, model, phases, formats) for c in step]
    steps = len(phases)
    cycles = sum(c.latency_cycles * c.op.repeat for c in costs)
    vector = sum(c.latency_cycles * c.op.repeat for c in costs if not isinstance(c.op, Gemm))
    activity = sum((c.activity * c.op.repeat for c in costs), Activity())
    seconds = cycles / system.machine.clock_hz
    return Tokens(
        seconds=seconds / steps,
        joules=sum(energy_pj(system, activity, seconds).values()) * 1e-12 / steps,
        vector_share=vector / cycles,
        row_hit_share=1 - activity.pim["row_miss"] / activity.pim["row_access"],
        pin_bytes=activity.dram_bytes / steps,
        unmoved_bytes=sum(_read_bytes(model, phase) for phase in phases) / steps,
    )


def _read_bytes(model: Model, phase: Phase) -> float:
    counts = count(model, phase, Formats())  # two bytes per element, as BF16
    return float(counts["weight_bytes_touched"] + counts["kv_cache_bytes"])
