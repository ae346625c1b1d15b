"""Sweeps of the Python interface: the command's points."""

import csv
import json
import os
import signal

import pytest

import lockstep
from lockstep.cli.main import main

ROWS = {
    "name": "rows",
    "base": {"machine": "edge-os16", "model": "gpt2", "prefill": 32, "decode": 4},
    "space": {
        "tensor.rows": [8, 16],
        "format": {"choices": {"int8": {"kv": "int8"}, "int4": {"kv": "int4"}, "none": {"kv": "bf16"}}},
    },
    "search": {"method": "grid"},
    "constraints": ["area_mm2 <= 4.15"],
    "objectives": {"latency_s": "min", "energy_j": "min"},
}  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def sweep(cache, tmp_path_factory):
    return lockstep.run_sweep(ROWS, out=tmp_path_factory.mktemp("sweeps") / "api")


def test_points_are_the_commands(sweep, tmp_path):
    path = tmp_path / "rows.yaml"
    path.write_text(json.dumps({"kind": "sweep", **ROWS}))
    assert main(["sweep", str(path), "--out", str(tmp_path / "cli")]) == 0
    for name in ("points.csv", "pareto.csv", "pareto.png", "sweep.json"):
        assert (sweep.folder / name).read_bytes() == (tmp_path / "cli" / name).read_bytes()
    assert lockstep.run_sweep(path).points.to_dicts() == sweep.points.to_dicts()


def test_points_are_typed(sweep):
    assert [point.number for point in sweep.points] == list(range(6))
    first = sweep.points[0]
    assert first.values == {"tensor.rows": 8, "format": "int8", "kv": "int8"}
    assert [point.status for point in sweep.points].count("failed") == 2
    assert "kv" in sweep.points[2].reason
    machine = lockstep.machine("edge-os16", {"tensor.rows": 16})
    run = machine.run("gpt2", prefill=32, decode=4, kv="int4")
    (point,) = sweep.points.filter(format="int4", **{"tensor.rows": 16})
    assert point.metrics["latency_s"] == run.latency_s
    assert point.metrics["energy_j"] == run.energy_j
    assert point.metrics["area_mm2"] == run.area_mm2
    assert sweep.is_complete


def test_front_and_best(sweep):
    rows = csv.DictReader((sweep.folder / "pareto.csv").read_text().splitlines())
    written = [int(row["point"]) for row in rows]
    assert [point.number for point in sweep.front] == written
    ok = [point for point in sweep.points if point.status == "ok"]
    assert sweep.best("energy_j").metrics["energy_j"] == min(p.metrics["energy_j"] for p in ok)
    with pytest.raises(
        lockstep.InputError, match="'area_mm2' is no objective; choose from latency"
    ):
        sweep.best("area_mm2")


def test_a_folder_reads_back_the_same(sweep):
    read = lockstep.open_sweep(sweep.folder)
    assert list(read.points) == list(sweep.points)
    assert repr(read) == repr(sweep)
    assert read.objectives == {"latency_s": "min", "energy_j": "min"}
    assert read.metrics["energy_j"]
    assert read.plot.pareto()._repr_png_() == (sweep.folder / "pareto.png").read_bytes()
    with pytest.raises(lockstep.InputError, match="no such folder"):
        lockstep.open_sweep(sweep.folder / "none")


def test_it_goes_on_in_its_folder(cache, tmp_path):
    counts = []
    part = lockstep.run_sweep(ROWS, out=tmp_path, limit=2)
    assert len(part.points) == 2
    assert not part.is_complete
    whole = lockstep.run_sweep(ROWS, out=tmp_path, on_progress=lambda p: counts.append(p.resumed))
    assert len(whole.points) == 6
    assert counts[-1] == 2


def test_an_interrupt_is_raised_and_loses_nothing(cache, tmp_path):
    asked = []

    def interrupt(progress):
        if progress.done and not asked:  # a second one would end it at once
            asked.append(progress.done)
            os.kill(os.getpid(), signal.SIGINT)

    changed = ROWS | {"name": "cut", "base": ROWS["base"] | {"prefill": 48}}
    with pytest.raises(KeyboardInterrupt):
        lockstep.run_sweep(changed, out=tmp_path, on_progress=interrupt)
    cut = lockstep.open_sweep(tmp_path)
    assert 0 < len(cut.points) < 6
    assert not cut.is_complete
    whole = lockstep.run_sweep(changed, out=tmp_path)
    assert whole.is_complete
    assert list(whole.points)[: len(cut.points)] == list(cut.points)


def test_shipped_sweeps_and_python_values(cache):
    import numpy as np

    few = lockstep.run_sweep("llama3-array", limit=3)
    assert len(few.points) == 3
    assert few.folder is None
    changed = ROWS | {"space": {"tensor.rows": np.arange(8, 17, 8)}}
    assert [p.values["tensor.rows"] for p in lockstep.run_sweep(changed).points] == [8, 16]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {"tensor.row": [8]}}, "sweep: tensor.row: unknown key"),
        ({"objectives": {"latency": "min"}}, "sweep: objectives.latency: unknown objective"),
        ({"objectives": {"latency_s": "low"}}, "sweep: objectives.latency_s: "),
        ({"base": {"machine": "edge"}}, "sweep: machine: "),
        ({"name": 3}, "sweep: name: "),
        ({"spaces": {}}, "sweep: spaces: unknown key"),
        ({"base": {"model": object()}}, "sweep: not a value of a YAML file"),
    ],
)
def test_bad_sweeps(change, message):
    with pytest.raises(lockstep.InputError) as error:
        lockstep.run_sweep(ROWS | change)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("counts", [{"jobs": 0}, {"limit": 0}])
def test_bad_counts(counts):
    with pytest.raises(lockstep.InputError, match=f"{next(iter(counts))}: must be at least 1"):
        lockstep.run_sweep(ROWS, **counts)


def test_how_it_shows_itself(sweep):
    title, heads, counts = repr(sweep).splitlines()
    assert title == "Sweep rows of tensor.rows, format; latency_s min, energy_j min"
    assert heads.split("  ")[0] == "points"
    assert counts.split()[:2] == ["6", "6"]
    assert "tensor.rows" in sweep.points._repr_html_()
    assert repr(sweep.front).startswith("Pareto front of rows")


def test_a_page(sweep, tmp_path):
    page = sweep.report(tmp_path / "sweep.html")
    assert "rows" in page.read_text()
