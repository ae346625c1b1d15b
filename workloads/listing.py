"""The shipped models at a glance."""

from dataclasses import dataclass

from lockstep.workloads.counts import parameters
from lockstep.workloads.model import load_model, shipped_models


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model in one line: its layers, the width of its residual stream, and its parameters."""

    name: str
    layers: int
    hidden: int
    parameters: int


def model_rows() -> list[ModelRow]:
    """The shipped models, sorted by name."""
    return [
        ModelRow(name=m.name, layers=m.layers, hidden=m.hidden, parameters=parameters(m))
        for m in map(load_model, shipped_models())
    ]
