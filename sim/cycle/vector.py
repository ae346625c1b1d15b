"""Cycle model of the vector unit: lanes times primitives."""

from dataclasses import dataclass

from lockstep.arch.vector import FUNCTION_STEPS, Primitive, VectorConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorCost:
    """Busy cycles of the unit, and how often each primitive ran."""

    cycles: int
    primitives: dict[Primitive, int]


def run(cfg: VectorConfig, function: str, rows: int, cols: int) -> VectorCost:
    """Cost of one function over ``rows`` x ``cols`` elements.

    Elements are spread over the lanes, ``ceil(rows * cols / lanes)`` passes of the per-element
    primitives one after another; the per-row ones follow in ``ceil(rows / lanes)`` passes.

    Raises
    ------
    KeyError
        If the function is not in ``lockstep.arch.vector.FUNCTION_STEPS``.
    """
    steps = FUNCTION_STEPS[function]
    cycles = 0
    primitives: dict[Primitive, int] = {}
    for items, needed in ((rows * cols, steps.per_element), (rows, steps.per_row)):
        passes = -(-items // cfg.lanes)
        for primitive, times in needed.items():
            cycles += passes * times * cfg.cycles_of(primitive)
            primitives[primitive] = primitives.get(primitive, 0) + items * times
    return VectorCost(cycles=cycles, primitives=primitives)
