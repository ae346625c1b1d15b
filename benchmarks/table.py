"""A table of results: rows with equal keys, written as JSON and as Markdown."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One result: ``rows`` share their keys, which are the columns; ``notes`` go below.

    ``details`` goes into the JSON only.
    """

    name: str
    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, machine: dict[str, object]) -> list[Path]:
        """Write ``<name>.json`` and ``<name>.md``; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        data = {
            "title": self.title,
            "machine": machine,
            "rows": self.rows,
            "notes": self.notes,
            "details": self.details,
        }
        paths = [folder / f"{self.name}.json", folder / f"{self.name}.md"]
        paths[0].write_text(json.dumps(data, indent=2) + "\n")
        paths[1].write_text(self.markdown(machine))
        return paths

    def markdown(self, machine: dict[str, object]) -> str:
        """The table, its notes, and the machine it was measured on."""
        columns = list(self.rows[0])
        numeric = {c: any(isinstance(r[c], int | float) for r in self.rows) for c in columns}
        lines = [
            f"**{self.title}**",
            "",
            _line(c.replace("_", " ") for c in columns),
            _line("---:" if numeric[c] else "---" for c in columns),
            *(_line(cell(row[c]) for c in columns) for row in self.rows),
            "",
            *(f"- {note}" for note in self.notes),
            *([""] if self.notes else []),
            f"Measured on: {'; '.join(_fact(name, value) for name, value in machine.items())}.",
        ]
        return "\n".join(lines) + "\n"


def cell(value: object) -> str:
    """A value for reading: thousands separated, four significant digits."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return str(value)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _fact(name: str, value: object) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{key} {entry}" for key, entry in value.items())
    return f"{name.replace('_', ' ')} {value}"
