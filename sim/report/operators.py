"""The table of operators: what each took, and how long it kept each resource busy."""

from collections.abc import Sequence
from dataclasses import dataclass

from lockstep.sim.report.breakdown import RESOURCES
from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.run_files import RunFiles
from lockstep.sim.report.table import Row


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers: its column in ops.csv, head, unit, and what it means."""

    key: str
    head: str
    unit: str
    tip: str


@dataclass(frozen=True, slots=True)
class Operator:
    """A line of the table; ``cells`` are (text, number) in the order of the columns."""

    run: str
    phase: str
    name: str
    bound_by: str
    mapping: str
    cells: tuple[tuple[str, float], ...]


def operator_columns(runs: Sequence[RunFiles]) -> list[Column]:
    """Columns after phase, operator and bound by; resources that no run has are left out."""
    busy = [
        Column(key, head, "cycles", f"How long the operator keeps this resource busy: {key}.")
        for key, (head, _) in RESOURCES.items()
        if any(row.get(key) for run in runs for row in run.rows)
    ]
    return [
        Column("occurrences", "times", "", "Occurrences: layers times steps."),
        Column("latency_s", "time", "s", "The operator's share of the wall clock, after overlap."),
        Column("share_of_phase", "share", "%", "Of the phase's wall clock."),
        *busy,
        Column("macs", "MACs", "MAC", "Useful multiply-accumulates."),
        Column("dram_bytes", "DRAM bytes", "B", "Bytes over the pins, both ways."),
        Column(
            "energy_j", "energy", "J", "All components; leakage by the share of the wall clock."
        ),
    ]


def operator_rows(runs: Sequence[RunFiles], labels: Sequence[str]) -> list[Operator]:
    """All operators of all runs, in execution order."""
    columns = operator_columns(runs)
    return [
        Operator(
            run=label,
            phase=str(row["phase"]),
            name=str(row["name"]),
            bound_by=str(row["bound_by"]),
            mapping=str(row["mapping"]),
            cells=tuple(_cell(run, row, column) for column in columns),
        )
        for run, label in zip(runs, labels, strict=True)
        for row in run.rows
    ]


def _cell(run: RunFiles, row: Row, column: Column) -> tuple[str, float]:
    value = float(row.get(column.key, 0.0))
    if column.unit == "cycles":
        value /= run.record["machine"]["clock_mhz"] * 1e6
        return quantity(value, "s") if value else "–", value
    if column.unit == "%":
        return f"{100 * value:.1f} %", value
    if not column.unit:
        return f"{value:,.0f}", value
    return quantity(value, column.unit) if value else "–", value
