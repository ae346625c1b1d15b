"""Runs side by side: ratios to the first, operators that match, configs that differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.run_files import RunFiles
from lockstep.sim.report.sources import Constant, number

Better = Literal["low", "high"]


@dataclass(frozen=True, slots=True)
class Headline:
    """A number of the summary: what it is called, where it stands, and which way is better."""

    label: str
    key: str
    unit: str
    better: Better
    tip: str

    def text(self, value: float) -> str:
        """The number for people."""
        if self.unit == "%":
            return f"{100 * value:.1f} %"
        return f"{value:.3g} mm²" if self.unit == "mm²" else quantity(value, self.unit)


HEADLINES = (
    Headline("time to first token", "ttft_s", "s", "low", "Wall clock of the prefill: TTFT."),
    Headline("time per output token", "tpot_s", "s", "low", "Mean over the decode steps: TPOT."),
    Headline("whole run", "latency_s", "s", "low", "Wall clock of all phases: cycles over the clock."),
    Headline(
        "throughput", "tokens_per_s", "tokens/s", "high",
        "Generated tokens of all sequences per second of the whole run; prompt tokens without a decode.",
    ),
    Headline(
        "utilization", "utilization", "%", "high",
        "Useful multiply-accumulates over what the machine could do in the same time.",
    ),
    Headline(
        "energy", "energy_j", "J", "low",
        "Events counted x energy per event, and leakage; by component and with sources below.",
    ),
    Headline("energy per token", "energy_per_token_j", "J", "low", "Energy over the tokens of the throughput."),
    Headline(
        "area", "area_mm2", "mm²", "low",
        "MACs, near-memory units, vector lanes and scratchpad macros; no wiring, control or PHYs.",
    ),
    Headline("DRAM traffic", "dram_bytes", "B", "low", "Bytes over the pins, both ways."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A run's number, and its ratio to that of the first run (empty for the first)."""

    text: str
    ratio: str = ""
    verdict: str = ""


def labels(runs: Sequence[RunFiles]) -> list[str]:
    """Names of the runs, those that are alike numbered; a single one needs no folder's name."""
    if len(runs) == 1:
        return [runs[0].title]
    names = [run.label for run in runs]
    return [
        f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]


def headlines(runs: Sequence[RunFiles]) -> list[tuple[Headline, list[Entry]]]:
    """Headline numbers that any run has, one entry per run."""
    found = []
    for line in HEADLINES:
        values = [run.summary.get(line.key) for run in runs]
        if any(value is not None for value in values):
            found.append((line, [_entry(line, value, values[0]) for value in values]))
    return found


def _entry(line: Headline, value: float | None, first: float | None) -> Entry:
    if value is None:
        return Entry("–")
    text = line.text(value)
    if not first:
        return Entry(text)
    ratio = value / first
    near = abs(ratio - 1) < 5e-4
    better = (ratio < 1) == (line.better == "low")
    return Entry(text, times(ratio), "" if near else "better" if better else "worse")


def times(ratio: float) -> str:
    """A ratio for people: ×1.25."""
    return f"×{ratio:.3g}"


@dataclass(frozen=True, slots=True)
class OpDifference:
    """An operator of one phase in all runs; None where a run does not have it."""

    phase: str
    name: str
    bounds: tuple[str, ...]
    latency_s: tuple[float | None, ...]
    energy_j: tuple[float | None, ...]

    def ratio(self, run: int) -> float | None:
        """Time in a run over time in the first."""
        first, other = self.latency_s[0], self.latency_s[run]
        return other / first if first and other is not None else None


def op_differences(runs: Sequence[RunFiles]) -> list[OpDifference]:
    """Operators matched by phase and name, in the order of the first run, then of the others."""
    tables = [{(str(r["phase"]), str(r["name"])): r for r in run.rows} for run in runs]
    keys = dict.fromkeys(key for table in tables for key in table)
    return [
        OpDifference(
            phase=key[0],
            name=key[1],
            bounds=tuple(str(t[key]["bound_by"]) if key in t else "–" for t in tables),
            latency_s=tuple(float(t[key]["latency_s"]) if key in t else None for t in tables),
            energy_j=tuple(float(t[key]["energy_j"]) if key in t else None for t in tables),
        )
        for key in keys
    ]


def config_differences(
    runs: Sequence[RunFiles], tables: Sequence[Sequence[Constant]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Keys that are not the same in all runs, with each run's value; sizes and formats first."""
    columns = [
        _settings(run.record) | {f"{c.file} {c.key}": f"{c.value} {c.unit}".strip() for c in table}
        for run, table in zip(runs, tables, strict=True)
    ]
    keys = dict.fromkeys(key for column in columns for key in column)
    rows = ((key, tuple(column.get(key, "–") for column in columns)) for key in keys)
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def _settings(record: Mapping[str, Any]) -> dict[str, str]:
    names = {f"{kind} name": record[kind]["name"] for kind in ("machine", "tech", "dram", "model")}
    sizes = {key: record[key] for key in ("prefill", "decode", "batch", "dram_mode", "seed")}
    versions = {f"version of {name}": each for name, each in record["versions"].items()}
    everything = {**names, **sizes, **record["formats"], **versions, "git commit": record["git"]}
    return {key: number(value) for key, value in everything.items()}
