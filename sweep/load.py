"""From a sweep file to a sweep: everything that can be checked before the first point runs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.arch.document import Document, read_yaml
from lockstep.arch.error import Location, show, suggest
from lockstep.arch.load import resolve, validate
from lockstep.sweep.cache import package_digest, point_key
from lockstep.sweep.config import MAX_POINTS, GridSearch, SweepConfig
from lockstep.sweep.point import Point
from lockstep.sweep.runner import Runner, runner_named
from lockstep.sweep.search import Chosen, points_of
from lockstep.sweep.space import Choice, Dimension, combined, dimension


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep that is ready to run.

    Parameters
    ----------
    config : SweepConfig
    document : Document
        The file, as it was read.
    runner : Runner
    base : mapping of key to value
        Paths in it are resolved, as they are in ``dimensions``.
    dimensions : tuple of Dimension
    """

    config: SweepConfig
    document: Document
    runner: Runner
    base: Mapping[str, JsonValue]
    dimensions: tuple[Dimension, ...]

    @property
    def total(self) -> int:
        """Points in all."""
        return points_of(self.config.search, self.dimensions)

    @property
    def study_name(self) -> str:
        """Name and digest: sweeps that would ask or return something else have another one."""
        parts = [self.document.data, self.base, [str(d) for d in self.dimensions], package_digest()]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return f"{self.config.name}-{digest[:16]}"

    def point(self, number: int, chosen: Chosen) -> Point:
        """The point of a choice on every dimension."""
        settings = combined(self.base, chosen)
        names = (d.name for d in self.dimensions)
        return Point(
            number=number,
            labels={name: choice.label for name, choice in zip(names, chosen, strict=True)},
            settings=settings,
            key=point_key(self.config.runner, settings, self.runner.files(settings)),
        )


def load_sweep(name_or_path: str) -> Sweep:
    """Load a shipped sweep or a sweep file.

    Raises
    ------
    InputError
        On the first thing that is wrong: one line with file, line, key, value and remedy.
    """
    return checked_sweep(read_yaml(resolve("sweeps", name_or_path)))


def checked_sweep(document: Document) -> Sweep:
    """The sweep that a document describes; paths in it are relative to the document's folder.

    Raises
    ------
    InputError
        On the first thing that is wrong: one line with file, line, key, value and remedy.
    """
    config = validate(SweepConfig, document)
    try:
        runner = runner_named(config.runner)
    except ValueError as error:
        raise document.error(("runner",), str(error)) from None
    folder = document.path.parent
    base = {
        key: runner.check(key, value, document.where(("base", key)), folder)
        for key, value in config.base.items()
    }
    dimensions = tuple(
        _checked(dimension(name, axis), document, runner) for name, axis in config.space.items()
    )
    sweep = Sweep(config=config, document=document, runner=runner, base=base, dimensions=dimensions)
    _check_metrics(sweep)
    _check_required(sweep)
    if isinstance(config.search, GridSearch) and sweep.total > MAX_POINTS:
        raise document.error(
            ("space",),
            f"a grid of {sweep.total} points, more than {MAX_POINTS}; leave values out, or search "
            "with method random, nsga2 or tpe",
        )
    return sweep


def _checked(found: Dimension, document: Document, runner: Runner) -> Dimension:
    """The dimension with its values as runs are to have them."""
    at: Location = ("space", found.name)
    labels = [json.dumps(choice.label) for choice in found.choices]
    if len(set(labels)) < len(labels):
        repeated = next(label for i, label in enumerate(labels) if label in labels[:i])
        raise document.error(at, f"repeats the value {repeated}; keep one of them")
    choices = []
    for i, choice in enumerate(found.choices):
        inner: Location = (*at, i)
        if isinstance(choice.label, str) and (*at, "choices", choice.label) in document.origins:
            inner = (*at, "choices", choice.label)
        settings = {
            key: runner.check(key, value, document.where((*inner, key)), document.path.parent)
            for key, value in choice.settings.items()
        }
        choices.append(Choice(choice.label, settings))
    return Dimension(found.name, tuple(choices))


def _check_metrics(sweep: Sweep) -> None:
    known = sweep.runner.METRICS
    for metric in sweep.config.objectives:
        if metric not in known:
            raise sweep.document.error(
                ("objectives", metric), f"unknown objective; {suggest(metric, known)}"
            )
    for i, bound in enumerate(sweep.config.bounds):
        if bound.metric not in known:
            written = "fits" if sweep.config.constraints[i] == "fits" else bound.metric
            raise sweep.document.error(
                ("constraints", i),
                f"unknown metric, value {show(written)}; {suggest(written, known)}",
            )


def _check_required(sweep: Sweep) -> None:
    for key in sweep.runner.REQUIRED:
        in_space = any(all(key in c.settings for c in d.choices) for d in sweep.dimensions)
        if key not in sweep.base and not in_space:
            raise sweep.document.error(
                ("base", key), "missing; add it here, or as an axis of the space"
            )
