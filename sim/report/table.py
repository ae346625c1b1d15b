"""ops.csv: one row per operator and phase. Written, and read back with summary.json."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from lockstep.arch.load import InputError, read_yaml
from lockstep.sim.dram_exact import relative_error
from lockstep.sim.energy import energy_pj
from lockstep.sim.run import OpTotal, RunResult

Row = dict[str, str | float]

TEXT = ("phase", "name", "kind", "bound_by", "mapping")
"""Columns that hold words; all others hold numbers."""


def op_rows(result: RunResult) -> list[Row]:
    """One row per operator and phase, in execution order; columns sum to the summary's totals.

    Leakage is charged to operators by their share of the wall clock. ``dram_error``, only where
    DRAM was simulated, is how far the DMA time by calibrated bandwidth is off; ``translation_cycles``
    and what goes with it are there only where the machine has an MMU.
    """
    system, clock_hz = result.system, result.system.machine.clock_hz
    rows: list[Row] = []
    fast = [op for phase in result.fast.phases for op in phase.ops] if result.fast else []
    for phase in result.phases:
        for op in phase.ops:
            latency_s = op.latency_cycles / clock_hz
            energy_j = {
                name: pj * 1e-12 for name, pj in energy_pj(system, op.activity, latency_s).items()
            }
            rows.append({
                "phase": phase.name,
                "name": op.name,
                "kind": op.kind,
                "occurrences": op.occurrences,
                "latency_s": latency_s,
                "share_of_phase": op.latency_cycles / phase.cycles,
                "latency_cycles": op.latency_cycles,
                "tensor_cycles": op.tensor_cycles,
                "pim_cycles": op.pim_cycles,
                "vector_cycles": op.vector_cycles,
                "dma_cycles": op.dma_cycles,
                "scratchpad_cycles": op.scratchpad_cycles,
                **(_translation(op) if system.mmu else {}),
                "bound_by": op.bound_by,
                "macs": op.activity.macs,
                "dram_bytes": op.activity.dram_bytes,
                "dram_read_bytes": op.activity.dram_read_bytes,
                "dram_write_bytes": op.activity.dram_write_bytes,
                "scratchpad_read_bytes": op.activity.scratchpad_read_bytes,
                "scratchpad_write_bytes": op.activity.scratchpad_write_bytes,
                "energy_j": sum(energy_j.values()),
                **{f"energy_{name}_j": energy_j[name] for name in energy_j},
                "mapping": op.mapping.explain() if op.mapping else "",
            })  # fmt: skip
    for row, op in zip(rows, fast, strict=False):
        row["dram_error"] = relative_error(op.dma_cycles, float(row["dma_cycles"]))
    return rows


def _translation(op: OpTotal) -> Row:
    return {
        "translation_cycles": op.translation_cycles,
        "translation_requests": op.activity.mmu.get("request", 0.0),
        "translation_walks": op.activity.mmu.get("walk", 0.0),
    }


def to_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV text with a header; numbers keep every digit."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_report(folder: Path) -> tuple[dict[str, object], list[Row]]:
    """Read back what :func:`lockstep.sim.report.write_report` wrote.

    Returns
    -------
    summary : dict
        As ``RunResult.summary()``.
    rows : list of dict
        The rows of ops.csv; numbers are floats.

    Raises
    ------
    lockstep.arch.load.InputError
        If the folder or a file is missing, or does not hold what a report holds.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name one that 'lockstep run --out' wrote")
    summary = read_yaml(folder / "summary.json").data
    if not {"machine", "model", "latency_s"} <= set(summary):
        raise InputError(f"{folder / 'summary.json'}: not the summary of a run; write it anew")
    path = folder / "ops.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                {name: _cell(name, text) for name, text in row.items()}
                for row in csv.DictReader(file, strict=True)
            ]
        if not rows or not {*TEXT, "latency_s"} <= set(rows[0]):
            raise ValueError("a column is missing, or every row")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; write the report anew") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check the path") from None
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: not the table of a run: {error}; write it anew") from None
    return summary, rows


def _cell(name: object, text: object) -> str | float:
    if not (isinstance(name, str) and isinstance(text, str)):  # csv's filler for ragged rows
        raise ValueError("a row has too many cells or too few")
    if name in TEXT:
        return text
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {text}")
    return number
