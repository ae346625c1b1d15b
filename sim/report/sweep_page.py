"""report.html of one or more sweeps: one page that needs no other file and no network."""

import random
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import yaml
from pydantic import JsonValue

from lockstep.sim.report import shell
from lockstep.sim.report.sweep_columns import Column, columns, figure, label, quantity_of
from lockstep.sim.report.sweep_folder import SweepFolder, SweptPoint, read_sweep

__all__ = ["read_sweep", "render", "summary"]

MOST_POINTS = 10_000
"""Points of a sweep that a page holds; of more, the front and others at random."""

MOST_REASONS = 40
STATUSES = ("front", "ok", "infeasible", "failed")
"""What a script knows a point's status by: its index here."""

_SCRIPTS = (
    "sweep.js",
    "sweep_table.js",
    "sweep_scatter.js",
    "sweep_lines.js",
    "sweep_effects.js",
    "sweep_controls.js",
)

_NUMBER = re.compile(r"\d+(\.\d+)?")
_BROKEN = re.compile(r"(\w+) \S+ is not (<=|>=)")


def render(sweeps: Sequence[SweepFolder]) -> str:
    """The page; sweeps that share metrics share a plane. The same folders give the same bytes."""
    names = _names(sweeps)
    shown = [
        _View(sweep=sweep, name=name, index=index)
        for index, (sweep, name) in enumerate(zip(sweeps, names, strict=True))
    ]
    sections = {
        "overview": "Overview",
        "front": "Pareto front",
        "plane": "Trade-offs",
        "parallel": "All axes",
        "effects": "Effects",
        "points": "Points",
        "pinned": "Pinned",
        "lost": "Infeasible and failed",
        "file": "Sweep file",
    }
    return shell.render(
        "sweep.html.j2",
        title=f"Sweep {names[0]}" if len(sweeps) == 1 else f"Sweeps {', '.join(names)}",
        sections=sections,
        data={"sweeps": [view.data() for view in shown]},
        scripts=_SCRIPTS,
        styles=("sweep.css",),
        views=shown,
        objectives=_objectives(sweeps),
        most_reasons=MOST_REASONS,
    )


def summary(sweep: SweepFolder) -> dict[str, object]:
    """What a sweep found, in a few lines: counts, and the best point of each objective."""
    found: dict[str, object] = {
        "sweep": sweep.name,
        "points": len(sweep.points),
        "points_in_all": sweep.points_in_all,
        "ok": sweep.count("ok"),
        "infeasible": sweep.count("infeasible"),
        "failed": sweep.count("failed"),
        "pareto": len(sweep.front),
    }
    for objective, direction in sweep.objectives.items():
        point = sweep.best(objective)
        found[f"best_{objective}"] = point and {
            "direction": direction,
            "value": point.metrics[objective],
            "point": point.number,
            **{name: point.values[name] for name in sweep.axes},
        }
    return found


def _names(sweeps: Sequence[SweepFolder]) -> list[str]:
    """The sweeps' names; with the folder's where two are called the same."""
    names = [sweep.name for sweep in sweeps]
    return [
        f"{name} ({sweep.folder})" if names.count(name) > 1 else name
        for sweep, name in zip(sweeps, names, strict=True)
    ]


def _objectives(sweeps: Sequence[SweepFolder]) -> list[str]:
    """Every objective, once."""
    return list(dict.fromkeys(name for sweep in sweeps for name in sweep.objectives))


class _View:
    """A sweep as the template and the script see it."""

    def __init__(self, *, sweep: SweepFolder, name: str, index: int) -> None:
        self.sweep, self.name, self.index = sweep, name, index
        self.columns = columns(sweep)
        members = set(sweep.front)
        self.front = [point for point in sweep.points if point.number in members]
        self.kept = _thinned(sweep.points, members)
        self.counts = {status: sweep.count(status) for status in ("ok", "infeasible", "failed")}

    @property
    def base(self) -> str:
        """What all points share, in a line."""
        shared = _items(self.sweep.document.get("base"))
        return " · ".join(
            f"{key} {', '.join(map(label, value)) if isinstance(value, list) else label(value)}"
            for key, value in shared
        )

    @property
    def search(self) -> str:
        """How the points were chosen, in a line."""
        search = self.sweep.document.get("search")
        return ", ".join(
            label(v) if k == "method" else f"{k} {label(v)}" for k, v in _items(search)
        )

    @property
    def constraints(self) -> list[str]:
        """As the sweep file writes them."""
        written = self.sweep.document.get("constraints")
        return [label(each) for each in written] if isinstance(written, list) else []

    def best(self, objective: str) -> tuple[str, SweptPoint, str] | None:
        """The best value of an objective, its point, and the values of that point's axes."""
        if objective not in self.sweep.objectives or not (point := self.sweep.best(objective)):
            return None
        values = ", ".join(f"{name} {label(point.values[name])}" for name in self.sweep.axes)
        return quantity_of(objective, point.metrics[objective]), point, values

    def cell(self, column: Column, point: SweptPoint) -> str:
        """A value of a point, in four digits if it is a metric."""
        if column.is_metric:
            return figure(point.metrics[column.name])
        return label(point.values[column.name])

    def reasons(self) -> list[dict[str, object]]:
        """Why points are infeasible or failed: what, how many, which.

        Reasons that differ only in numbers are one, told as of its first point.
        """
        told: dict[tuple[str, str], str] = {}
        which: dict[tuple[str, str], list[int]] = {}
        for point in self.sweep.points:
            if point.status != "ok":
                reason = _BROKEN.sub(r"\1 is not \2", point.reason)
                key = point.status, _NUMBER.sub("0", reason)
                told.setdefault(key, reason)
                which.setdefault(key, []).append(point.number)
        ranked = sorted(which, key=lambda key: (key[0] == "infeasible", -len(which[key]), key[1]))
        return [
            {
                "status": key[0],
                "reason": told[key],
                "count": len(which[key]),
                "points": _ranges(which[key]),
            }
            for key in ranked
        ]

    def yaml(self) -> str:
        """The sweep file as run; comments are lost."""
        return yaml.safe_dump(
            dict(self.sweep.document),
            sort_keys=False,
            allow_unicode=True,
            width=100,
            default_flow_style=None,
        )

    def data(self) -> dict[str, object]:
        """What the scripts draw: columns of the points that are kept."""
        members = set(self.sweep.front)
        reasons = list(dict.fromkeys(point.reason for point in self.kept))
        place = {reason: index for index, reason in enumerate(reasons)}
        return {
            "name": self.name,
            "columns": [column.data(self.kept) for column in self.columns],
            "number": [point.number for point in self.kept],
            "status": [
                0 if point.number in members else STATUSES.index(point.status)
                for point in self.kept
            ],
            "reason": [place[point.reason] for point in self.kept],
            "reasons": reasons,
        }


def _items(value: JsonValue) -> Iterable[tuple[str, JsonValue]]:
    return value.items() if isinstance(value, dict) else ()


def _thinned(points: Sequence[SweptPoint], members: set[int]) -> list[SweptPoint]:
    """All points, or of very many the front and some of the others.

    Drawn at random: every n-th one of a grid would leave out values of its last axis.
    """
    if len(points) <= MOST_POINTS:
        return list(points)
    drawn = set(random.Random(0).sample(range(len(points)), MOST_POINTS))
    return [point for i, point in enumerate(points) if i in drawn or point.number in members]


def _ranges(numbers: Sequence[int], most: int = 12) -> str:
    """Rising numbers in a line: ``3, 7-9, 12``; of many, the first ones."""
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    texts = [f"{a}" if a == b else f"{a}–{b}" for a, b in zip(starts, ends, strict=True)]
    return ", ".join(texts[:most]) + (", …" if len(texts) > most else "")
