"""Operators of a run: one row of ops.csv each, with types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from lockstep.api.table import Table
from lockstep.sim.report.table import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRow:
    """One operator of a model in one phase: all its layers and decode steps, summed.

    Parameters
    ----------
    phase : str
        "prefill" or "decode".
    name, kind : str
        Such as ``attn.q_proj``, and gemm or vector.
    occurrences : int
        Layers times steps.
    latency_s, latency_cycles : float
        Wall clock, in seconds and in machine cycles.
    share_of_phase : float
        Of the phase's wall clock, 0 to 1.
    tensor_cycles, pim_cycles, vector_cycles, dma_cycles, scratchpad_cycles : float
        How long each resource is busy, in machine cycles.
    translation_cycles, translation_requests, translation_walks : float or None
        Of address translation, on a machine with an MMU.
    bound_by : str
        The resource that takes longest.
    macs : float
        Multiply-accumulates.
    dram_bytes, dram_read_bytes, dram_write_bytes : float
        Traffic of the DRAM, in bytes.
    scratchpad_read_bytes, scratchpad_write_bytes : float
        Traffic of the scratchpad, in bytes.
    energy_j : float
        In joules.
    energy_by_component_j : mapping of str to float
        Its parts.
    mapping : str
        Tiles and loop order, in words; empty where there is no matrix product.
    dram_error : float or None
        Where the DRAM was simulated: how far DMA time by calibrated bandwidth is off, relative.
    """

    phase: str
    name: str
    kind: str
    occurrences: int
    latency_s: float
    share_of_phase: float
    latency_cycles: float
    tensor_cycles: float
    pim_cycles: float
    vector_cycles: float
    dma_cycles: float
    scratchpad_cycles: float
    translation_cycles: float | None = None
    translation_requests: float | None = None
    translation_walks: float | None = None
    bound_by: str
    macs: float
    dram_bytes: float
    dram_read_bytes: float
    dram_write_bytes: float
    scratchpad_read_bytes: float
    scratchpad_write_bytes: float
    energy_j: float
    energy_by_component_j: Mapping[str, float]
    mapping: str
    dram_error: float | None = None


_OPTIONAL = {field.name for field in fields(OpRow) if field.default is None}


def _op_row(row: Row) -> OpRow:
    """A row of ops.csv with its types."""
    cells: dict[str, Any] = dict(row)
    own = {field.name: cells.pop(field.name, None) for field in fields(OpRow)}
    energy = {
        name.removeprefix("energy_").removesuffix("_j"): joules
        for name, joules in cells.items()
        if name.startswith("energy_")
    }
    own |= {"occurrences": int(own["occurrences"]), "energy_by_component_j": energy}
    return OpRow(**own)


def _op_cells(op: OpRow) -> dict[str, Any]:
    """The columns of ops.csv, in its order."""
    cells: dict[str, Any] = {}
    for field in fields(OpRow):
        value = getattr(op, field.name)
        if field.name == "energy_by_component_j":
            cells |= {f"energy_{name}_j": joules for name, joules in value.items()}
        elif not (value is None and field.name in _OPTIONAL):
            cells[field.name] = value
    return cells


_SHOWN_OPS = ("phase", "name", "bound_by", "occurrences", "latency_s", "share_of_phase", "macs", "dram_bytes", "energy_j")  # fmt: skip


def operators(rows: Sequence[Row], *, of: str) -> Table[OpRow]:
    """The table of the operators of a run, from its ops.csv."""
    return Table(map(_op_row, rows), _op_cells, title=f"operators of {of}", shown=_SHOWN_OPS)
