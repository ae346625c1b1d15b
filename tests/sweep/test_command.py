"""The command on real runs: workers, kills, Ctrl-C, clusters."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from lockstep.cli.main import main

FILES = ("points.csv", "pareto.csv", "pareto.png", "sweep.json")

RUNS = """\
kind: sweep
name: runs
base: {machine: edge-os16, model: gpt2, prefill: 32, decode: 12}
space:
  tensor.rows: {first: 8, last: 40, step: 8}
  format:
    choices:
      int8: {tensor.mac.a: int8, tensor.mac.b: int8}
      int4: {tensor.mac.a: int4, tensor.mac.b: int4}
      none: {tensor.mac.a: int8, tensor.mac.b: fp16, scratchpad.size_bytes: 1024}
  dram.channels: [1, 2, 3, 4]
search: {method: grid}
constraints: [area_mm2 <= 4.1, fits]
objectives: {latency_s: min, energy_j: min}
"""
"""60 points; those of format none fail, for their scratchpad is too small."""

POINTS = 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The file, and the folder of a sweep that ran in one go in one process."""
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "runs.yaml"
    path.write_text(RUNS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        assert main(["sweep", str(path), "--out", str(folder / "out")]) == 0
    return path, folder / "out"


def assert_equal(out, whole):
    for name in FILES:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


def begin(path, out, *options, cache):
    """The command as a process of its own, once ``sweep.db`` has some finished points."""
    command = [sys.executable, "-m", "lockstep.cli.main", "sweep", str(path), "--out", str(out)]
    process = subprocess.Popen(
        [*command, *options],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    give_up = time.monotonic() + 120
    while len(finished(out)) < 10:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.01)
    return process


def finished(out):
    """Numbers of the points that the record has."""
    try:
        with closing(sqlite3.connect(f"file:{out / 'sweep.db'}?mode=ro", uri=True)) as database:
            query = """select value_json from trial_user_attributes as a join trials as t
                on a.trial_id = t.trial_id where a.key = 'point' and t.state != 'RUNNING'
                and exists (select * from trial_user_attributes as r
                            where r.trial_id = t.trial_id and r.key = 'result')
                and not exists (select * from trial_user_attributes as r
                                where r.trial_id = t.trial_id and r.key = 'stale')"""
            return [int(number) for (number,) in database.execute(query)]
    except sqlite3.OperationalError:  # not made yet
        return []


def children(process):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # it ended
            continue
        if int(text.rpartition(")")[2].split()[1]) == process.pid:
            found.append(int(stat.parent.name))
    return found


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_statuses_and_reasons_are_recorded(whole):
    _, out = whole
    rows = list(csv.DictReader((out / "points.csv").read_text().splitlines()))
    assert len(rows) == POINTS
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["format"] for row in failed} == {"none"}
    assert len(failed) == POINTS // 3
    assert all("scratchpad.size_bytes" in row["reason"] for row in failed)
    assert {row["latency_s"] for row in failed} == {""}
    infeasible = [row for row in rows if row["status"] == "infeasible"]
    assert infeasible
    assert all("area_mm2 4." in row["reason"] for row in infeasible)
    assert (out / "pareto.png").read_bytes().startswith(b"\x89PNG")


def test_points_are_those_of_lockstep_run(whole, capsys):
    _, out = whole
    row = list(csv.DictReader((out / "points.csv").read_text().splitlines()))[13]
    sets = [
        f"--set={key}={row[key]}"
        for key in ("tensor.rows", "tensor.mac.a", "tensor.mac.b", "dram.channels")
    ]
    run = ["run", "edge-os16", "--model=gpt2", "--prefill=32", "--decode=12", "--json", *sets]
    assert main(run) == 0
    summary = json.loads(capsys.readouterr().out)
    for name in ("latency_s", "ttft_s", "tpot_s", "tokens_per_s", "utilization", "area_mm2"):
        assert float(row[name]) == summary[name], name
    assert float(row["energy_j"]) == pytest.approx(summary["energy_j"], rel=1e-12)


def test_the_number_of_workers_changes_nothing(whole, tmp_path, capsys):
    path, out = whole
    assert main(["sweep", str(path), "--jobs", "2", "--out", str(tmp_path / "out"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["evaluated"] == POINTS
    assert summary["ok"] + summary["infeasible"] + summary["failed"] == POINTS
    assert_equal(tmp_path / "out", out)


def test_a_killed_sweep_goes_on_where_it_was(whole, tmp_path, capsys):
    path, out = whole
    process = begin(path, tmp_path / "out", "--jobs", "2", cache=tmp_path / "first")
    workers = children(process)
    assert len(workers) >= 2
    process.kill()
    process.communicate()
    stored = finished(tmp_path / "out")
    assert 10 <= len(stored) < POINTS
    assert not (tmp_path / "out" / "points.csv").exists()
    give_up = time.monotonic() + 60
    while any(map(is_running, workers)):
        assert time.monotonic() < give_up, "workers outlive the sweep"
        time.sleep(0.05)
    # With another cache: what is not run again comes from the record.
    assert main(["sweep", str(path), "--out", str(tmp_path / "out"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["resumed"], summary["evaluated"]) == (len(stored), POINTS - len(stored))
    assert_equal(tmp_path / "out", out)
    assert sorted(finished(tmp_path / "out")) == list(range(POINTS))


def test_ctrl_c_saves_and_says_how_to_go_on(whole, tmp_path, capsys):
    path, out = whole
    process = begin(path, tmp_path / "out", cache=tmp_path / "cache")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"lockstep sweep {path} --out {tmp_path / 'out'}" in told
    assert "Traceback" not in told
    rows = (tmp_path / "out" / "points.csv").read_text().splitlines()
    assert 10 < len(rows) <= POINTS
    assert set(rows) <= set((out / "points.csv").read_text().splitlines())
    with closing(sqlite3.connect(tmp_path / "out" / "sweep.db")) as database:
        assert (
            set(database.execute("select distinct state from trials where state = 'RUNNING'"))
            == set()
        )
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert_equal(tmp_path / "out", out)


def test_one_sweep_at_a_time_in_a_folder(whole, tmp_path, capsys):
    path, _ = whole
    process = begin(path, tmp_path / "out", cache=tmp_path / "cache")
    code = main(["sweep", str(path), "--out", str(tmp_path / "out")])
    process.kill()
    process.communicate()
    assert code == 2
    assert "another sweep is running there" in capsys.readouterr().err


def test_a_sweep_without_any_result_fails(whole, tmp_path, capsys):
    path = tmp_path / "none.yaml"
    path.write_text(RUNS.replace("[1, 2, 3, 4]", "[0]"))
    assert main(["sweep", str(path), "--limit", "3", "--out", str(tmp_path / "out")]) == 1
    assert "dram.channels: too small, value 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--storage", "nosql://x"], "--storage: 'nosql://x' cannot be opened"),
        (["--jobs", "0"], "--jobs"),
        (["--limit", "0"], "--limit"),
        pytest.param(
            ["--dask", "127.0.0.1:9"],
            "--dask: '127.0.0.1:9' cannot be used",
            marks=pytest.mark.slow,  # it tries for ten seconds
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_bad_options_are_told_in_one_line(whole, tmp_path, capsys, options, message):
    path, _ = whole
    assert main(["sweep", str(path), "--out", str(tmp_path / "out"), *options]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


@pytest.fixture
def cluster(tmp_path):
    """Address of a dask scheduler with two workers."""
    dask = [str(Path(sys.executable).parent / "dask")]
    at = tmp_path / "scheduler.json"
    begin = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quiet = ["--no-dashboard", "--scheduler-file", str(at)]
    scheduler = subprocess.Popen([*dask, "scheduler", "--port", "0", *quiet], **begin)
    processes = [scheduler]
    try:
        give_up = time.monotonic() + 60
        while not at.exists():
            assert time.monotonic() < give_up
            time.sleep(0.05)
        worker = [*dask, "worker", "--nthreads", "1", "--no-nanny", *quiet]
        processes += [subprocess.Popen(worker, **begin) for _ in range(2)]
        yield json.loads(at.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.kill()
        for process in processes:
            process.wait(timeout=30)


def test_a_dask_cluster_gives_the_same(whole, cluster, tmp_path):
    path, out = whole
    command = [sys.executable, "-m", "lockstep.cli.main", "sweep", str(path), "--dask", cluster]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out"), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["evaluated"] == POINTS
    assert_equal(tmp_path / "out", out)
