"""Runs side by side."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lockstep.api.results import Run
from lockstep.api.table import Table
from lockstep.arch.error import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One run beside the first one.

    Parameters
    ----------
    machine, model : str
        Their names.
    differs : str
        Keys of machine, model sizes and formats in which the runs differ, with this run's values.
    latency_s, ttft_s, tpot_s, tokens_per_s, utilization, energy_j, area_mm2
        As of :class:`Run`.
    speedup : float
        Latency of the first run over that of this one.
    energy_ratio, area_ratio : float or None
        Energy and area of this run over those of the first one.
    """

    machine: str
    model: str
    differs: str
    latency_s: float
    ttft_s: float
    tpot_s: float | None
    tokens_per_s: float
    utilization: float
    energy_j: float
    area_mm2: float
    speedup: float
    energy_ratio: float
    area_ratio: float | None


_SETTINGS = ("batch", "prefill_tokens", "decode_tokens", "weights", "activations", "kv", "scale_rule", "dram_mode")  # fmt: skip


def compare(*runs: Run) -> Table[ComparisonRow]:
    """Runs side by side, with what differs between them and ratios to the first.

    Parameters
    ----------
    *runs : Run
        At least one, of :meth:`Machine.run` or :func:`open_run`.

    Raises
    ------
    InputError
        If there is none.
    """
    if not runs:
        raise InputError("compare: no run; give the runs to compare")
    settings = [_settings(run) for run in runs]
    keys = list(dict.fromkeys(key for each in settings for key in each))
    differing = [key for key in keys if len({repr(each.get(key)) for each in settings}) > 1]
    rows = [
        _row(run, runs[0], {key: each.get(key) for key in differing})
        for run, each in zip(runs, settings, strict=True)
    ]
    shown = ["machine", "model", "differs", "ttft_s", "tpot_s", "latency_s", "utilization", "energy_j", "area_mm2", "speedup"]  # fmt: skip
    if all(run.tpot_s is None for run in runs):
        shown.remove("tpot_s")
    if not differing:
        shown.remove("differs")
    if len({run.summary["model"] for run in runs}) == 1:
        shown.remove("model")
    return Table(rows, asdict, title=f"{len(runs)} runs, speedup over the first", shown=shown)


def _row(run: Run, first: Run, differing: Mapping[str, Any]) -> ComparisonRow:
    return ComparisonRow(
        machine=run.summary["machine"],
        model=run.summary["model"],
        differs=", ".join(f"{key} {value}" for key, value in differing.items()),
        latency_s=run.latency_s,
        ttft_s=run.ttft_s,
        tpot_s=run.tpot_s,
        tokens_per_s=run.tokens_per_s,
        utilization=run.utilization,
        energy_j=run.energy_j,
        area_mm2=run.area_mm2,
        speedup=first.latency_s / run.latency_s,
        energy_ratio=run.energy_j / first.energy_j,
        area_ratio=run.area_mm2 / first.area_mm2 if first.area_mm2 else None,
    )


def _settings(run: Run) -> dict[str, Any]:
    """What makes a run, flat: sizes, formats, and the machine's keys if the name is no stand-in."""
    sizes = {key: run.summary[key] for key in _SETTINGS}
    machine = {key: value for key, value in _flat(run.machine_config) if key not in _NAMES}
    return {**sizes, **machine}


_NAMES = ("kind", "name", "tech")


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
