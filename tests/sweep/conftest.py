"""A sweep that takes no time, a sweep of real runs, and a cache of their own for both."""

import json
import shutil
import sys
import types
from collections.abc import Mapping

import pytest

from lockstep.sweep.point import Result
from lockstep.sweep.runner import RUNNERS

TOY = """\
kind: sweep
name: toy
runner: toy
base: {z: 1}
space:
  x: [0, 1, 2, 3, 4, 5, 6, 7]
  y: {first: 0, last: 7, step: 1}
search: {method: grid}
constraints: [cost <= 60]
objectives: {cost: min, gain: max}
"""
"""Costs rise and gains fall with the distance to two corners; x = 5 cannot be evaluated."""


def toy_metrics(settings: Mapping[str, float]) -> dict[str, float]:
    x, y = settings["x"], settings["y"]
    return {"cost": (x - 6) ** 2 + (y - 1) ** 2 + settings["z"], "gain": -((x - 1) ** 2) - 2 * y}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A file of the toy sweep, and the settings that were evaluated."""
    seen = []

    def evaluate(points):
        seen.extend(points)
        return [
            Result(metrics={}, reason="x is 5")
            if settings["x"] == 5
            else Result(metrics=toy_metrics(settings))
            for settings in points
        ]

    module = types.ModuleType("toy_runner")
    module.METRICS = {"cost": "to be small", "gain": "to be great"}
    module.REQUIRED = ("x", "y", "z")
    module.AT_ONCE = 16
    module.check = lambda key, value, where, folder: value
    module.files = lambda settings: []
    module.evaluate = evaluate
    monkeypatch.setitem(sys.modules, "toy_runner", module)
    monkeypatch.setitem(RUNNERS, "toy", "toy_runner")
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    return path, seen


@pytest.fixture(scope="session")
def empty_record(tmp_path_factory):
    """A database with Optuna's tables, which take a second to make."""
    from optuna.storages import RDBStorage

    path = tmp_path_factory.mktemp("record") / "empty.db"
    RDBStorage(f"sqlite:///{path}").engine.dispose()
    return path


@pytest.fixture
def run_toy(tmp_path, empty_record):
    """Run a sweep file in this process; its result and its tables."""
    from lockstep.sweep.files import description, table
    from lockstep.sweep.load import load_sweep
    from lockstep.sweep.pool import OneProcess
    from lockstep.sweep.record import Record, sqlite_url
    from lockstep.sweep.run import run_sweep

    def run(path, out="out", *, pool=None, limit=None, on_progress=lambda _progress: None):
        sweep = load_sweep(str(path))
        folder = tmp_path / out
        if not folder.exists():
            folder.mkdir()
            shutil.copy(empty_record, folder / "sweep.db")
        record = Record(
            sqlite_url(folder / "sweep.db"),
            sweep.study_name,
            sweep.config.objectives,
            sweep.dimensions,
        )
        try:
            result = run_sweep(
                sweep, record, pool or OneProcess(), limit=limit, on_progress=on_progress
            )
        finally:
            record.close()
        tables = {
            "points.csv": table(sweep, result.outcomes),
            "pareto.csv": table(sweep, result.front),
            "sweep.json": json.dumps(description(result)),
        }
        return result, tables

    return run
