"""A folder that ``lockstep sweep`` wrote, read back and held together.

Of its files, sweep.json says what was run and how many points came out how, points.csv has every
point and pareto.csv the front; see docs/sweeps.md. The tables must be what sweep.json says they are:
half a copy is an error, not a smaller sweep.
"""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, JsonValue

from lockstep.arch.config import Config
from lockstep.arch.error import InputError, shorten
from lockstep.arch.load import read_yaml, validate

Status = Literal["ok", "infeasible", "failed"]

_AGAIN = "copy the folder again, or run the sweep again"


class _Space(Config, extra="ignore"):
    """What is needed of a sweep file."""

    name: str
    space: Annotated[dict[str, JsonValue], Field(min_length=1)]
    objectives: Annotated[dict[str, Literal["min", "max"]], Field(min_length=1)]


class _Description(Config, extra="ignore"):
    """What is needed of sweep.json."""

    sweep: _Space
    points: Annotated[int, Field(ge=0)]
    points_in_all: int
    pareto: Annotated[int, Field(ge=0)]
    axes: Annotated[tuple[str, ...], Field(min_length=1)]
    keys: tuple[str, ...]
    metrics: dict[str, str]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptPoint:
    """One row of points.csv.

    Parameters
    ----------
    number : int
        Counts from 0 in the order of the search.
    values : mapping of key to value
        Of the axes, then of the keys that named choices set; None where a key is not set.
    metrics : mapping of metric to float or None
        None where it is not known.
    status, reason : str
        The reason is empty if the status is "ok".
    """

    number: int
    values: Mapping[str, JsonValue]
    metrics: Mapping[str, float | None]
    status: Status
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFolder:
    """A sweep and its points.

    Parameters
    ----------
    folder : Path
    name : str
    document : dict
        The sweep file as run.
    points_in_all : int
        Points the sweep would have if it were not cut off.
    axes : mapping of name to values
        Every value of each axis, in the order of the sweep file; numbers rising.
    metrics : mapping of metric to str
        What each means.
    objectives : mapping of metric to "min" or "max"
    points : tuple of SweptPoint
    front : tuple of int
        Numbers of the points that no other is better than.
    versions : mapping of package to version
    """

    folder: Path
    name: str
    document: Mapping[str, JsonValue]
    points_in_all: int
    axes: Mapping[str, tuple[JsonValue, ...]]
    metrics: Mapping[str, str]
    objectives: Mapping[str, Literal["min", "max"]]
    points: tuple[SweptPoint, ...]
    front: tuple[int, ...]
    versions: Mapping[str, str]

    def count(self, status: Status) -> int:
        """Number of points of a status."""
        return sum(point.status == status for point in self.points)

    def best(self, objective: str) -> SweptPoint | None:
        """The first point of the front that is best in an objective; None if no point is ok."""
        sign = 1 if self.objectives[objective] == "min" else -1
        members = set(self.front)
        front = [point for point in self.points if point.number in members]
        return min(front, key=lambda p: sign * (p.metrics[objective] or 0.0), default=None)


def is_sweep(folder: Path) -> bool:
    """Whether a folder is one of a sweep."""
    return (folder / "sweep.json").exists()


def read_sweep(folder: Path) -> SweepFolder:
    """Read the folder of a sweep.

    Raises
    ------
    InputError
        If the folder or one of its files is missing, cannot be read, or does not fit the others.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name one that 'lockstep sweep --out' wrote")
    document = read_yaml(folder / "sweep.json")
    about = validate(_Description, document)
    if set(about.axes) != set(about.sweep.space) or not set(about.axes) <= set(about.keys):
        raise document.error(("axes",), f"not those of the sweep file; {_AGAIN}")
    for objective in about.sweep.objectives:
        if objective not in about.metrics:
            raise document.error(("sweep", "objectives", objective), f"not a metric; {_AGAIN}")
    points = _read_table(folder / "points.csv", about, about.points)
    if not points:
        raise InputError(f"{folder / 'points.csv'}: no points yet; go on with 'lockstep sweep'")
    front = _read_table(folder / "pareto.csv", about, about.pareto)
    known_points = {point.number: point for point in points}
    for point in front:
        if point != known_points.get(point.number) or point.status != "ok":
            raise InputError(
                f"{folder / 'pareto.csv'}: point {point.number} is not so in points.csv; {_AGAIN}"
            )
    data = document.data["sweep"]
    assert isinstance(data, dict)
    return SweepFolder(
        folder=folder,
        name=about.sweep.name,
        document=data,
        points_in_all=about.points_in_all,
        axes={name: _values(name, about.sweep.space[name], points) for name in about.axes},
        metrics=about.metrics,
        objectives=about.sweep.objectives,
        points=points,
        front=tuple(point.number for point in front),
        versions=about.versions,
    )


def _read_table(path: Path, about: _Description, rows: int) -> tuple[SweptPoint, ...]:
    """The points of a table of ``rows`` rows."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = ["point", *about.keys, *about.metrics, "status", "reason"]
            if next(reader, None) != header:
                raise ValueError("the columns are not those that sweep.json names")
            parsers = {name: _parser(name, about.sweep.space.get(name)) for name in about.keys}
            points = []
            for cells in reader:
                try:
                    points.append(_point(cells, parsers, about))
                except ValueError as error:
                    raise ValueError(f"line {reader.line_num}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {_AGAIN}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check the path") from None
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: not the table of the sweep: {error}; {_AGAIN}") from None
    if len(points) != rows:
        raise InputError(f"{path}: {len(points)} rows where sweep.json says {rows}; {_AGAIN}")
    if len({point.number for point in points}) != rows:
        raise InputError(f"{path}: a point is there twice; {_AGAIN}")
    return tuple(points)


def _point(
    cells: Sequence[str], parsers: Mapping[str, Callable[[str], JsonValue]], about: _Description
) -> SweptPoint:
    if len(cells) != 1 + len(parsers) + len(about.metrics) + 2:
        raise ValueError("too many cells or too few")
    number, *inner, status, reason = cells
    if status not in get_args(Status):
        raise ValueError(f"the status is {shorten(status)!r}")
    metrics = {
        name: _number(name, text)
        for name, text in zip(about.metrics, inner[len(parsers) :], strict=True)
    }
    if status == "ok" and any(metrics[name] is None for name in about.sweep.objectives):
        raise ValueError("an ok point lacks an objective")
    return SweptPoint(
        number=int(number),
        values={
            name: parse(text)
            for (name, parse), text in zip(parsers.items(), inner[: len(parsers)], strict=True)
        },
        metrics=metrics,
        status=status,  # type: ignore[arg-type]  # one of the three, see above
        reason=reason,
    )


def _number(name: str, text: str) -> float | None:
    if not text:
        return None
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {text}")
    return number


def _parser(name: str, axis: JsonValue) -> Callable[[str], JsonValue]:
    """What reads the cells of a column: a table has no quotes to tell the string 8 from the number."""
    if isinstance(axis, dict) and isinstance(axis.get("choices"), dict):
        return str
    if isinstance(axis, list):
        written = {_cell(value): value for value in axis}
        return lambda text: written[text] if text in written else _plain(text)
    return _plain


def _plain(text: str) -> JsonValue:
    if not text:
        return None
    try:
        value: JsonValue = json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text
    return value


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _cell(value: JsonValue) -> str:
    """How a sweep writes a value into a table."""
    if value is None or isinstance(value, str):
        return value or ""
    return repr(value) if isinstance(value, float) else json.dumps(value)


def is_number(value: object) -> bool:
    """Whether a value is a point on a scale: a number, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _values(name: str, axis: JsonValue, points: Sequence[SweptPoint]) -> tuple[JsonValue, ...]:
    """Values of an axis that points have, in the order of the sweep file; numbers rising."""
    written: list[JsonValue] = []
    if isinstance(axis, list):
        written = axis
    elif isinstance(axis, dict) and isinstance(axis.get("choices"), dict):
        written = list(axis["choices"])  # type: ignore[arg-type]  # a dict, see above
    found: dict[str, JsonValue] = {_cell(value): value for value in written}
    for point in points:
        found.setdefault(_cell(point.values[name]), point.values[name])
    used = {_cell(point.values[name]) for point in points}
    values = [value for text, value in found.items() if text in used]
    if all(is_number(value) for value in values):
        values.sort(key=lambda value: float(value))  # type: ignore[arg-type]  # numbers, see above
    return tuple(values)
