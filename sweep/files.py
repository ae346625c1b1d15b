"""The folder of a sweep.

============  =====================================================================================
points.csv    one row per point, in the order of the search: axes, keys, metrics, status, reason
pareto.csv    the rows of the Pareto front
pareto.png    all points in the plane of the first two objectives, and the front
sweep.json    the sweep file as run, and versions
sweep.db      the record that a sweep is resumed from, unless it is in another storage
============  =====================================================================================

Nothing but the record depends on time, on the workers, or on how often the sweep was cut off.
"""

import csv
import io
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from lockstep.arch.error import InputError
from lockstep.sweep.load import Sweep
from lockstep.sweep.plot import pareto_png
from lockstep.sweep.point import Outcome
from lockstep.sweep.run import SweepResult
from lockstep.sweep.space import cell, columns, row


def write_sweep(result: SweepResult, out: Path) -> list[Path]:
    """Write the tables, the plot and the sweep's own description.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    contents = {
        "points.csv": table(result.sweep, result.outcomes).encode(),
        "pareto.csv": table(result.sweep, result.front).encode(),
        "sweep.json": (json.dumps(description(result), indent=2, allow_nan=False) + "\n").encode(),
        "pareto.png": pareto_png(result),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            fresh = out / f".{name}.new"
            fresh.write_bytes(data)
            fresh.replace(out / name)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--out: {out}: cannot be written: {reason}; choose a folder") from None
    return [out / name for name in contents]


def table(sweep: Sweep, outcomes: Sequence[Outcome]) -> str:
    """CSV of points: number, axes and the keys they set, metrics, status, reason."""
    names, metrics = columns(sweep.dimensions), list(sweep.runner.METRICS)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["point", *names, *metrics, "status", "reason"])
    for outcome in outcomes:
        point = outcome.point
        writer.writerow([
            point.number,
            *map(cell, row(names, point.labels, point.settings)),
            *(cell(outcome.result.metrics.get(metric)) for metric in metrics),
            outcome.status,
            outcome.reason,
        ])
    return text.getvalue()


def description(result: SweepResult) -> dict[str, object]:
    """What was run, with what, and how many points came out how."""
    sweep, outcomes = result.sweep, result.outcomes
    statuses = [outcome.status for outcome in outcomes]
    return {
        "sweep": sweep.document.data,
        "points": len(outcomes),
        "points_in_all": sweep.total,
        **{status: statuses.count(status) for status in ("ok", "infeasible", "failed")},
        "pareto": len(result.front),
        "axes": [d.name for d in sweep.dimensions],
        "keys": columns(sweep.dimensions),
        "metrics": dict(sweep.runner.METRICS),
        "versions": {
            "lockstep-sim": version("lockstep-sim"),
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "optuna": version("optuna"),
        },
    }
