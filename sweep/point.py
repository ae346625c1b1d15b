"""A point of a sweep, what its runner returns, and what the sweep makes of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

INTERNAL_ERROR = "internal error"
"""How the reason of a point begins that met a bug of ours."""

Settings = Mapping[str, JsonValue]
"""Keys and values that a runner takes, in the order in which they are applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point: ``number`` counts from 0 in the order of the search.

    ``labels`` has what each axis shows, ``settings`` what the runner gets. Points with the same
    ``key`` are the same, whatever sweep they are of; see :mod:`lockstep.sweep.cache`.
    """

    number: int
    labels: Mapping[str, JsonValue]
    settings: Settings
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a runner found: a value, or None, for each of its metrics; or why it could not."""

    metrics: Mapping[str, float | None]
    reason: str = ""


Status = Literal["ok", "infeasible", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A point, its result, and whether that is within the sweep's constraints.

    Parameters
    ----------
    status : "ok", "infeasible" or "failed"
        Infeasible points have metrics but break a constraint; failed ones lack what is asked for.
    reason : str
        Of an infeasible or failed point, in one line.
    costs : tuple of float
        The objectives, all to be minimised; empty if failed.
    violations : tuple of float
        By how much each constraint is broken, 0 or less if it is not; empty if failed.
    """

    point: Point
    result: Result
    status: Status
    reason: str
    costs: tuple[float, ...]
    violations: tuple[float, ...]
