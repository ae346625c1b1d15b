"""The agreement table: what was compared between RTL and simulator, and what came of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """One unit, over all configs it was tried in.

    Parameters
    ----------
    unit : str
    configs : int
        Configs that were built and simulated.
    config_names : tuple of str
        Which ones.
    jobs : int
        Random jobs over all configs.
    vectors : int
        Output vectors compared with the golden model, bit for bit.
    stalled_vectors : int
        Those of them that left while every stream stalled at random.
    mismatches : int
        Output vectors that differed.
    cycle_error_min, cycle_error_mean, cycle_error_max : float
        RTL minus model, in cycles, over all counts compared.
    rtl_cycles_per_s : float
        Speed of the RTL while Python drives and checks every cycle.
    mutants, mutants_caught : int
        Bugs put into the RTL on purpose, and those the testbench noticed.
    complaints : tuple of str
        Every disagreement, in words; the row passes if there is none.
    scaled_from : str or None
        The machine's own array, where a smaller one with the same parameters stood in for it.
    """

    unit: str
    configs: int
    config_names: tuple[str, ...]
    jobs: int
    vectors: int
    stalled_vectors: int
    mismatches: int
    cycle_error_min: float
    cycle_error_mean: float
    cycle_error_max: float
    rtl_cycles_per_s: float
    mutants: int
    mutants_caught: int
    complaints: tuple[str, ...]
    scaled_from: str | None = None

    @property
    def passed(self) -> bool:
        """No complaint, and every mutant caught."""
        return not self.complaints and self.mutants == self.mutants_caught

    def summary(self) -> dict[str, Any]:
        """The row as JSON data."""
        return {**asdict(self), "passed": self.passed}


def markdown(rows: Sequence[AgreementRow]) -> str:
    """The table for the README."""
    lines = [
        (
            "| unit | configs | jobs | output vectors | of them stalled | mismatches "
            "| cycle error min / mean / max | RTL cycles/s | mutants caught |"
        ),
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        unit = row.unit + (f" (scaled down from {row.scaled_from})" if row.scaled_from else "")
        unit += "" if row.passed else ": FAILED"
        errors = (row.cycle_error_min, row.cycle_error_mean, row.cycle_error_max)
        lines.append(
            f"| {unit} | {row.configs} | {row.jobs:,} | {row.vectors:,} "
            f"| {row.stalled_vectors:,} | {row.mismatches} "
            f"| {' / '.join(f'{e:g}' for e in errors)} | {row.rtl_cycles_per_s:,.0f} "
            f"| {row.mutants_caught} of {row.mutants} |"
        )
    return "\n".join(lines) + "\n"


def write_agreement(rows: Sequence[AgreementRow], folder: Path) -> list[Path]:
    """Write ``agreement.md`` and ``agreement.json`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "agreement.md": markdown(rows),
        "agreement.json": json.dumps([row.summary() for row in rows], indent=2) + "\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]
