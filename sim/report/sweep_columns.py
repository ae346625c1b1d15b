"""Columns of a sweep's points as a page shows them: units, scales, and short forms of values."""

import json
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pydantic import JsonValue

from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.sweep_folder import SweepFolder, SweptPoint, is_number

Kind = Literal["axis", "objective", "metric"]

LOG_SPAN = 20
"""From this ratio of the greatest to the least value on, a metric's scale is logarithmic."""

_UNITS = {
    "_js": "J·s",
    "_s": "s",
    "_j": "J",
    "_w": "W",
    "_bytes": "B",
    "_kib": "KiB",
    "_mm2": "mm²",
    "_db": "dB",
}
"""Suffix of a metric's name to its unit; of suffixes that fit, the first one counts."""

_PER = {"s": "s", "j": "J", "s_per_mm2": "s/mm²"}
_RATE = re.compile(rf"([a-z]+)_per_({'|'.join(_PER)})")

_PREFIXED = ("s", "J", "W", "J·s", "B")
"""Units that take prefixes: ms, kJ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """An axis or a metric.

    Parameters
    ----------
    name, words : str
        What it is called, and a few words on it.
    kind : "axis", "objective" or "metric"
    sense : "min", "max" or ""
        Which end of an objective is better.
    labels : tuple of str, or None
        Of an axis of categories, in order; None if the values are numbers.
    is_log : bool
        Whether its scale is logarithmic, unless the reader chooses.
    """

    name: str
    words: str
    kind: Kind
    sense: Literal["min", "max", ""] = ""
    labels: tuple[str, ...] | None = None
    is_log: bool = False

    @property
    def is_metric(self) -> bool:
        """Whether it was measured, not chosen."""
        return self.kind != "axis"

    def data(self, points: Sequence[SweptPoint]) -> dict[str, object]:
        """For the script: values of points, but six digits of other metrics than objectives, and a category's index."""
        unit = _unit(self.name) if self.is_metric else ""
        return {
            "key": f"{'m' if self.is_metric else 'a'}:{self.name}",  # an axis may be called as a metric is
            "name": self.name,
            "words": self.words,
            "kind": self.kind,
            "sense": self.sense,
            "unit": unit,
            "prefixed": unit in _PREFIXED,
            "labels": self.labels,
            "log": self.is_log,
            "at": [self._value(point) for point in points],
        }

    def _value(self, point: SweptPoint) -> JsonValue:
        if self.is_metric:
            value = point.metrics[self.name]
            if value is None or self.kind == "objective":  # points of a front may differ by little
                return value
            return float(f"{value:.6g}")
        if self.labels is None:
            return point.values[self.name]
        return self.labels.index(label(point.values[self.name]))


def columns(sweep: SweepFolder) -> list[Column]:
    """The axes, the objectives, then the other metrics that are known of any point."""
    known = [
        name
        for name in (*sweep.objectives, *(m for m in sweep.metrics if m not in sweep.objectives))
        if name in sweep.objectives or any(p.metrics[name] is not None for p in sweep.points)
    ]
    return [_axis(name, values) for name, values in sweep.axes.items()] + [
        Column(
            name=name,
            words=sweep.metrics[name],
            kind="objective" if name in sweep.objectives else "metric",
            sense=sweep.objectives.get(name, ""),
            is_log=_spans([p.metrics[name] for p in sweep.points]),
        )
        for name in known
    ]


def _axis(name: str, values: Sequence[JsonValue]) -> Column:
    if values and all(is_number(value) for value in values):
        numbers = [float(value) for value in values]  # type: ignore[arg-type]  # numbers, see above
        return Column(name=name, words="swept", kind="axis", is_log=_is_geometric(numbers))
    labels = tuple(dict.fromkeys(map(label, values)))
    return Column(name=name, words="swept", kind="axis", labels=labels)


def _is_geometric(rising: Sequence[float]) -> bool:
    """Whether values lie more evenly on a logarithmic scale than on a linear one."""
    if len(rising) < 3 or rising[0] <= 0:
        return False
    steps = [b - a for a, b in pairwise(rising)]
    ratios = [b / a - 1 for a, b in pairwise(rising)]
    return _spread(ratios) < _spread(steps)


def _spread(values: Sequence[float]) -> float:
    return statistics.pstdev(values) / statistics.fmean(values)


def _spans(values: Sequence[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and 0 < min(known) * LOG_SPAN < max(known)


def label(value: JsonValue) -> str:
    """A swept value in a few characters, as a sweep file would write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "null" if value is None else json.dumps(value, ensure_ascii=False)


def figure(value: float | None) -> str:
    """A metric in four digits: ``182.7``, ``0.001855``, ``12,350``."""
    return "–" if value is None else f"{float(f'{value:.4g}'):,.10g}"


def quantity_of(metric: str, value: float | None) -> str:
    """A metric with its unit: ``1.86 ms``, ``25.2 mm²``, ``0.425``."""
    if value is None:
        return "–"
    unit = _unit(metric)
    return quantity(value, unit) if unit in _PREFIXED else f"{figure(value)} {unit}".rstrip()


def _unit(metric: str) -> str:
    if rate := _RATE.fullmatch(metric):
        return f"{rate[1]}/{_PER[rate[2]]}"
    return next((unit for suffix, unit in _UNITS.items() if metric.endswith(suffix)), "")
