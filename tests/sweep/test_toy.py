"""The machinery of a sweep, on points that take no time."""

import csv
import io
from dataclasses import replace
from itertools import product

import pytest

from lockstep.sweep.pool import Pool, evaluate_batch


def rows_of(tables, name="points.csv"):
    return list(csv.DictReader(io.StringIO(tables[name])))


class CutError(Exception):
    pass


class Backwards(Pool):
    """Takes all batches, and finishes the last first."""

    workers = 3

    def map(self, runner, batches):
        for batch in reversed(list(batches)):
            yield batch, evaluate_batch(runner, batch)

    def __exit__(self, *_):
        return None


def guided(path, method, *, seed=3, points=48):
    search = f"{{method: {method}, points: {points}, generation: 12, seed: {seed}}}"
    if method == "random":
        search = f"{{method: random, points: {points}, seed: {seed}}}"
    path.write_text(path.read_text().replace("{method: grid}", search))
    return path


def test_a_grid_is_in_the_order_of_its_file(toy, run_toy):
    path, _ = toy
    _, tables = run_toy(path)
    rows = rows_of(tables)
    assert [(int(row["x"]), int(row["y"])) for row in rows] == list(product(range(8), range(8)))
    assert [int(row["point"]) for row in rows] == list(range(64))


def test_constraints_and_front_are_those_of_brute_force(toy, run_toy):
    path, _ = toy
    _, tables = run_toy(path)
    rows = rows_of(tables)
    for row in rows:
        if row["x"] == "5":
            assert (row["status"], row["reason"], row["cost"]) == ("failed", "x is 5", "")
        else:
            within = float(row["cost"]) <= 60
            assert row["status"] == ("ok" if within else "infeasible")
            assert bool(row["reason"]) != within
    ok = [(float(r["cost"]), -float(r["gain"]), r) for r in rows if r["status"] == "ok"]
    front = [
        row
        for cost, loss, row in ok
        if not any(c <= cost and m <= loss and (c, m) != (cost, loss) for c, m, _ in ok)
    ]
    assert 3 < len(front) < len(ok) < 56
    assert rows_of(tables, "pareto.csv") == front


@pytest.mark.parametrize("method", ["grid", "random", "nsga2", "tpe"])
def test_the_order_of_completion_changes_nothing(toy, run_toy, tmp_path, monkeypatch, method):
    path, _ = toy
    if method != "grid":
        guided(path, method)
    _, forwards = run_toy(path, "forwards")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    result, backwards = run_toy(path, "backwards", pool=Backwards())
    assert result.progress.evaluated > 12
    assert forwards == backwards


@pytest.mark.parametrize("method", ["random", "nsga2", "tpe"])
def test_searches_depend_on_their_seed(toy, run_toy, method):
    path, _ = toy
    text = path.read_text()
    tables = {}
    for run, seed in (("a", 1), ("b", 1), ("c", 2)):
        path.write_text(text)
        search = guided(path, method, seed=seed, points=30)
        tables[run] = run_toy(search, run)[1]["points.csv"]
    assert tables["a"] == tables["b"] != tables["c"]


@pytest.mark.parametrize("method", ["nsga2", "tpe"])
def test_searches_learn(toy, run_toy, method):
    path, _ = toy
    path.write_text(path.read_text().replace("cost: min, gain: max", "cost: min"))
    result, _ = run_toy(guided(path, method, points=84))
    costs = [outcome.costs[0] for outcome in result.outcomes if outcome.costs]
    assert sum(costs[-24:]) < 0.8 * sum(costs[:24])


@pytest.mark.parametrize("method", ["grid", "nsga2", "tpe"])
def test_a_sweep_cut_off_at_any_point_goes_on(toy, run_toy, tmp_path, monkeypatch, method):
    path, seen = toy
    if method != "grid":
        guided(path, method)
    _, whole = run_toy(path, "whole")
    settings = {str(point) for point in seen}

    for run, most in enumerate((1, 30) if method == "grid" else (30,)):
        seen.clear()
        out = f"cut{run}"
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / out / "cache"))

        def stop(progress, most=most):
            if progress.done >= most:
                raise CutError

        with pytest.raises(CutError):
            run_toy(path, out, on_progress=stop)
        # Only the record goes on: the cache of the second run is empty.
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / out / "empty"))
        result, tables = run_toy(path, out)
        assert tables == whole
        assert result.progress.resumed >= most
        assert len(seen) == len(settings), "a point was evaluated twice, or not at all"


def test_a_limit_is_a_prefix(toy, run_toy):
    path, _ = toy
    guided(path, "nsga2")
    _, some = run_toy(path, limit=31)
    assert len(rows_of(some)) == 31
    result, all_of_them = run_toy(path)
    assert all_of_them["points.csv"].startswith(some["points.csv"])
    assert result.progress.resumed == 31


def test_equal_points_of_other_sweeps_come_from_the_cache(toy, run_toy):
    path, seen = toy
    run_toy(path, "first")
    path.write_text(
        path.read_text().replace("name: toy", "name: other").replace("last: 7", "last: 8")
    )
    seen.clear()
    result, _ = run_toy(path, "second")
    assert (result.progress.cached, result.progress.evaluated) == (64, 8)
    assert {settings["y"] for settings in seen} == {8}


def test_a_cache_that_is_no_database_is_left_alone(toy, run_toy, tmp_path, caplog):
    path, _ = toy
    cache = tmp_path / "cache" / "lockstep" / "sweep" / "points.sqlite"
    cache.parent.mkdir(parents=True)
    cache.write_text("something else, longer than the header of a database " * 20)
    result, _ = run_toy(path)
    assert result.progress.evaluated == 64
    assert "going on without it" in caplog.text


def test_stale_trials_are_marked_failed(toy, run_toy, tmp_path):
    import sqlite3

    path, _ = toy
    run_toy(path)
    database = sqlite3.connect(tmp_path / "out" / "sweep.db")
    with database:
        database.execute("update trials set state = 'RUNNING' where number = 7")
    database.close()
    result, _ = run_toy(path)
    assert (result.progress.resumed, result.progress.cached) == (63, 1)
    database = sqlite3.connect(tmp_path / "out" / "sweep.db")
    states = dict(database.execute("select number, state from trials where number in (7, 64)"))
    database.close()
    assert states == {7: "FAIL", 64: "COMPLETE"}


def test_a_metric_that_is_missing_fails_the_point(toy, run_toy):
    from lockstep.sweep.load import load_sweep
    from lockstep.sweep.pareto import judge
    from lockstep.sweep.point import Result

    path, _ = toy
    sweep = load_sweep(str(path))
    point = sweep.point(0, tuple(d.choices[0] for d in sweep.dimensions))
    outcome = judge(sweep.config, point, Result(metrics={"cost": 1.0, "gain": None}))
    assert (outcome.status, outcome.reason) == ("failed", "gain is not known for this point")
    outcome = judge(sweep.config, replace(point, number=1), Result(metrics={"cost": 61, "gain": 1}))
    assert (outcome.status, outcome.violations) == ("infeasible", (1.0,))
