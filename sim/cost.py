"""What one operator costs: its share of the wall clock, and how long each resource works for it."""

from dataclasses import dataclass

from lockstep.sim.activity import Activity
from lockstep.sim.mapper import Mapping
from lockstep.workloads.ops import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class OpCost:
    """One occurrence of one operator.

    ``latency_cycles`` is the operator's share of the wall clock after overlap; the other cycle
    counts are what each resource would take alone. ``bound_by`` is one of compute, dram,
    scratchpad, vector, pim, translation, or overlapped (hidden behind the GEMMs of its group).
    """

    op: Op
    latency_cycles: float
    tensor_cycles: float = 0.0
    pim_cycles: float = 0.0
    vector_cycles: float = 0.0
    dma_cycles: float = 0.0
    scratchpad_cycles: float = 0.0
    translation_cycles: float = 0.0
    bound_by: str
    activity: Activity
    mapping: Mapping | None = None
