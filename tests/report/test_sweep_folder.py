"""Reading the folder of a sweep: what is in it, and one line on what is wrong with it."""

import csv
import json

import pytest

from lockstep.arch.error import InputError
from lockstep.sim.report.sweep_folder import is_sweep, read_sweep
from lockstep.sim.report.sweep_page import summary


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_points_are_those_of_the_table(write_sweep):
    folder = write_sweep()
    sweep = read_sweep(folder)
    table = rows(folder / "points.csv")
    assert len(sweep.points) == len(table) == 40
    for point, row in zip(sweep.points, table, strict=True):
        assert (str(point.number), point.status, point.reason) == (
            row["point"],
            row["status"],
            row["reason"],
        )
        assert point.values["<b>unit</b>"] == row["<b>unit</b>"]
        assert point.values["lanes"] == int(row["lanes"])
        assert point.values["bank.fast"] is (row["bank.fast"] == "true")
        assert point.metrics["fill"] is None
        expected = float(row["latency_s"]) if row["latency_s"] else None
        assert point.metrics["latency_s"] == expected
    assert sweep.front == tuple(int(row["point"]) for row in rows(folder / "pareto.csv"))
    assert is_sweep(folder)
    assert not is_sweep(folder.parent)


def test_axes_are_in_the_order_of_the_file(write_sweep):
    axes = read_sweep(write_sweep()).axes
    assert axes["lanes"] == (8, 16, 32, 64, 128)
    assert axes["<b>unit</b>"] == ("</script><b>x", "a&b", "'\"", "模型")
    assert axes["bank.fast"] == (False, True)


def test_summary_counts_and_names_the_best(write_sweep):
    sweep = read_sweep(write_sweep())
    found = summary(sweep)
    ok = [point for point in sweep.points if point.status == "ok"]
    assert (found["ok"], found["infeasible"], found["failed"]) == (len(ok), 8, 8)
    assert found["pareto"] == len(sweep.front)
    assert found["best_latency_s"]["value"] == min(p.metrics["latency_s"] for p in ok)
    assert found["best_gain"]["value"] == max(p.metrics["gain"] for p in ok)
    json.dumps(found, allow_nan=False)


def test_a_sweep_without_an_ok_point_has_no_best(write_sweep):
    found = summary(read_sweep(write_sweep(broken="all")))
    assert (found["ok"], found["failed"], found["pareto"]) == (0, 40, 0)
    assert found["best_latency_s"] is None


BROKEN = {
    "no folder": (lambda f: None, "no such folder"),
    "no points": (lambda f: (f / "points.csv").unlink(), "points.csv: no such file"),
    "no front": (lambda f: (f / "pareto.csv").unlink(), "pareto.csv: no such file"),
    "json cut off": (
        lambda f: (f / "sweep.json").write_text((f / "sweep.json").read_text()[:300]),
        "sweep.json",
    ),
    "json of something else": (
        lambda f: (f / "sweep.json").write_text('{"latency_s": 1}'),
        "sweep.json",
    ),
    "objective that is no metric": (
        lambda f: edit(f / "sweep.json", '"gain": "max"', '"loss": "max"'),
        "loss: not a metric",
    ),
    "axes of another sweep": (
        lambda f: edit(f / "sweep.json", '"axes": [\n    "<b>unit</b>",', '"axes": ['),
        "axes: not those of the sweep file",
    ),
    "rows cut off": (
        lambda f: (f / "points.csv").write_text(
            "\n".join((f / "points.csv").read_text().splitlines()[:-3]) + "\n"
        ),
        "37 rows where sweep.json says 40",
    ),
    "cut off inside a row": (
        lambda f: (f / "points.csv").write_text((f / "points.csv").read_text()[:-40]),
        "line 41: too many cells or too few",
    ),
    "other columns": (
        lambda f: edit(f / "points.csv", "latency_s", "latency"),
        "the columns are not those that sweep.json names",
    ),
    "a word for a number": (lambda f: edit(f / "points.csv", ",40.0,", ",much,"), "line 2: "),
    "an infinite metric": (lambda f: edit(f / "points.csv", ",40.0,", ",inf,"), "area_mm2 is inf"),
    "another status": (lambda f: edit(f / "points.csv", ",ok,", ",fine,"), "status is 'fine'"),
    "ok without objective": (
        lambda f: edit(f / "points.csv", ",0.375,", ",,"),
        "line 2: an ok point lacks an objective",
    ),
    "a point twice": (lambda f: edit(f / "points.csv", "\n1,", "\n0,"), "a point is there twice"),
    "a front of other points": (
        lambda f: edit(f / "pareto.csv", ",ok,", ",infeasible,"),
        "is not so in points.csv",
    ),
    "not text": (lambda f: (f / "points.csv").write_bytes(b"\xff\xfe\x00"), "points.csv"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_told_in_a_line(what, write_sweep):
    folder = write_sweep()
    breaks, message = BROKEN[what]
    breaks(folder)
    if what == "no folder":
        folder = folder / "none"
    with pytest.raises(InputError, match=message) as caught:
        read_sweep(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
