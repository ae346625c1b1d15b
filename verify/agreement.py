"""The agreement table: what was compared between RTL and simulator, and what came of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatRow:
    """One unit in one format.

    Parameters
    ----------
    unit, format : str
    vectors : int
        Results compared with the golden model, bit for bit.
    exhaustive : bool
        Whether every pair of codes was among the operands.
    mismatches : int
        Results that differed, came too often or not at all, or changed while they were offered.
    cycle_error_max : int
        The greatest difference, in cycles, between the RTL and the cycle model.
    stalled_vectors : int
        Those results that came while both streams paused at random.
    mutants, mutants_caught : int
        Bugs put into the RTL on purpose, and those that were noticed.
    """

    unit: str
    format: str
    vectors: int
    exhaustive: bool
    mismatches: int
    cycle_error_max: int
    stalled_vectors: int
    mutants: int
    mutants_caught: int

    @property
    def passed(self) -> bool:
        """No difference, and every mutant caught."""
        return (
            not self.mismatches
            and not self.cycle_error_max
            and (self.mutants == self.mutants_caught)
        )

    def summary(self) -> dict[str, Any]:
        """The row as JSON data."""
        return {**asdict(self), "passed": self.passed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What came of a proof, or of the refutation of a seeded bug.

    Parameters
    ----------
    name, claim, reach : str
        What was to be proved, and how far the proof goes.
    expected, result : "proved" or "refuted"
        What should come of it, and what did.
    seconds : float
        What it took, when it was not from the cache.
    """

    name: str
    claim: str
    reach: str
    expected: Literal["proved", "refuted"]
    result: Literal["proved", "refuted"]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether it came as expected."""
        return self.result == self.expected

    def summary(self) -> dict[str, Any]:
        """The row as JSON data."""
        return {**asdict(self), "passed": self.passed}


Row = AgreementRow | FormatRow | Proof
"""A line of any of the tables."""


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


def formats_markdown(rows: Sequence[FormatRow]) -> str:
    """The table of the arithmetic units, one line for each format."""
    lines = [
        "| unit | format | vectors | all pairs | stalled | mismatches | cycle error | mutants caught |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row.unit} | {row.format}{'' if row.passed else ': FAILED'} | {row.vectors:,} "
        f"| {'yes' if row.exhaustive else 'no'} | {row.stalled_vectors:,} | {row.mismatches} "
        f"| {row.cycle_error_max} | {row.mutants_caught} of {row.mutants} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def proofs_markdown(rows: Sequence[Proof]) -> str:
    """The table of proofs."""
    lines = ["| what | claim | result | reach |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {row.name} | {row.claim} | {row.result}{'' if row.passed else ': FAILED'} "
        f"| {row.reach if row.result == 'proved' else ''} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def write_agreement(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write ``agreement.md`` and ``.json`` for engines, ``formats`` for arithmetic, and ``proofs``.

    A table without rows is not written, and one that stands there is left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    engines = [row for row in rows if isinstance(row, AgreementRow)]
    arithmetic = [row for row in rows if isinstance(row, FormatRow)]
    proofs = [row for row in rows if isinstance(row, Proof)]
    files = {}
    if engines:
        files["agreement.md"] = markdown(engines)
        files["agreement.json"] = _json(engines)
    if arithmetic:
        files["formats.md"] = formats_markdown(arithmetic)
        files["formats.json"] = _json(arithmetic)
    if proofs:
        files["proofs.md"] = proofs_markdown(proofs)
        files["proofs.json"] = _json(proofs)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def _json(rows: Sequence[Row]) -> str:
    return json.dumps([row.summary() for row in rows], indent=2) + "\n"
