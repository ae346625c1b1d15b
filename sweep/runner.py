"""Runners: what can evaluate the points of a sweep, by name.

To add one, write a module with the members of :class:`Runner` and enter it in ``RUNNERS``.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from pydantic import JsonValue

from lockstep.arch.error import suggest
from lockstep.sweep.point import Result, Settings


class Runner(Protocol):
    """A module that evaluates points."""

    METRICS: Mapping[str, str]
    """What a result may have, with a few words on each; names carry their unit."""

    REQUIRED: Sequence[str]
    """Keys that every point must have."""

    AT_ONCE: int
    """Most points in a task: enough to hide what a task costs, few enough to end soon after Ctrl-C."""

    def check(self, key: str, value: JsonValue, where: str, folder: Path) -> JsonValue:
        """The value as points are to have it; paths in it are relative to ``folder``.

        Raises
        ------
        InputError
            ``WHERE: KEY: ...``, if no point could have that key or value.
        """

    def files(self, settings: Settings) -> Iterable[Path]:
        """Files of the user's own that a point reads, also indirectly."""

    def evaluate(self, points: Sequence[Settings]) -> list[Result]:
        """Results of points, in their order; a point that is bad input has a reason instead."""


RUNNERS = {
    "workload": "lockstep.sweep.workload",
    "translation": "lockstep.sweep.translation",
}
"""Modules by the name that sweep files use; imported when asked for."""


def runner_named(name: str) -> Runner:
    """The runner of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in RUNNERS:
        raise ValueError(f"unknown runner, value {name!r}; {suggest(name, RUNNERS)}")
    return cast(Runner, import_module(RUNNERS[name]))
