import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep.arch.load import InputError
from lockstep.arch.machine import load_machine
from lockstep.sim.report import plots, read_report, write_report
from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.table import op_rows
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.phases import Formats

FILES = {
    "report.html", "summary.json", "ops.csv", "trace.json", "run.json",
    "roofline.png", "latency.png", "energy.png",
    "machine.yaml", "tech.yaml", "dram.yaml", "timing.yaml", "model.yaml",
}  # fmt: skip


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def no_plots(monkeypatch):
    """Leave out what takes long, where the pictures do not matter."""
    names = ("roofline.png", "latency.png", "energy.png")
    monkeypatch.setattr(plots, "draw", lambda *_: dict.fromkeys(names, b"a picture"))


@pytest.fixture(scope="module")
def written(dense, tmp_path_factory):
    out = tmp_path_factory.mktemp("written") / "deep" / "er" / "out"
    paths = write_report(dense, out, command=["run", "edge-os16", "--model", "a b.yaml"])
    return out, paths


def test_every_file_is_written_and_listed(written):
    out, paths = written
    assert set(contents(out)) == FILES
    assert {path.name for path in paths} == FILES
    assert paths[0].name == "report.html"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_the_same_run_gives_the_same_bytes(dense, written, tmp_path):
    write_report(dense, tmp_path / "out", command=["run", "edge-os16", "--model", "a b.yaml"])
    assert contents(tmp_path / "out") == contents(written[0])


def test_the_report_is_read_back(dense, written):
    summary, rows = read_report(written[0])
    assert summary == dense.summary()
    assert rows == op_rows(dense)


def test_the_record_says_how_it_was_made(dense, written):
    record = json.loads((written[0] / "run.json").read_text())
    assert shlex.split(record["command"]) == ["lockstep", "run", "edge-os16", "--model", "a b.yaml"]
    assert record["seed"] is None
    assert record["machine"] == dense.system.machine.model_dump(mode="json")
    assert {"lockstep-sim", "python", "numpy"} == set(record["versions"])
    root = Path(__file__).resolve().parents[2]
    if (root / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", record["git"])
    else:
        assert record["git"] is None


@pytest.mark.usefixtures("no_plots")
def test_the_files_run_again_to_the_same_numbers(run_of, tmp_path, monkeypatch):
    """Names that look like numbers and overridden keys survive the way through YAML."""
    first = run_of(
        "1e9", prefill=17, decode=3, overrides=["tensor.rows=8", "name='010'", "clock_mhz=1e4"]
    )
    write_report(first, tmp_path / "out", command=["run"])
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    monkeypatch.chdir(tmp_path / "out")
    _, run, machine, _, model, *options = shlex.split(record["repeat"])
    assert run == "run"
    assert set(options) == {
        "--prefill=17", "--decode=3", "--batch=2", "--weights=int8", "--activations=int8", "--kv=int8",
        "--scale-rule=floor", "--dram=fast",
    }  # fmt: skip
    again = simulate(
        load_machine(machine),
        load_model(model),
        prefill=record["prefill"],
        decode=record["decode"],
        batch=record["batch"],
        formats=Formats(**record["formats"]),
    )
    assert again.summary() == first.summary()


@pytest.mark.usefixtures("no_plots")
def test_an_old_report_is_replaced_and_other_files_stay(dense, run_of, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    write_report(run_of("first"), out, command=["run"])
    write_report(dense, out, command=["run"])
    assert set(contents(out)) == FILES | {"notes.txt"}
    assert (out / "notes.txt").read_text() == "mine"
    assert json.loads((out / "summary.json").read_text()) == dense.summary()


@pytest.mark.usefixtures("no_plots")
def test_a_file_in_the_way_is_left_alone(dense, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("mine")
    for out in (blocker, blocker / "inside"):
        with pytest.raises(InputError, match=r"--out: .*file"):
            write_report(dense, out, command=["run"])
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.usefixtures("no_plots")
def test_a_folder_in_the_way_is_left_alone(dense, run_of, tmp_path):
    write_report(run_of("first"), tmp_path, command=["run"])
    (tmp_path / "ops.csv").unlink()
    (tmp_path / "ops.csv").mkdir()
    with pytest.raises(InputError, match=r"ops\.csv"):
        write_report(dense, tmp_path, command=["run"])
    assert json.loads((tmp_path / "summary.json").read_text())["model"] == "first"
    assert {path.name for path in tmp_path.iterdir()} == FILES


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.usefixtures("no_plots")
def test_a_full_disk_leaves_no_half_report(dense, run_of, tmp_path, monkeypatch, exists):
    out = tmp_path / "out"
    if exists:
        write_report(run_of("first"), out, command=["run"])
    before = contents(out) if exists else None
    write_bytes = Path.write_bytes

    def fail(path, data):
        if path.name == "roofline.png":
            raise OSError(28, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(InputError, match="No space left"):
        write_report(dense, out, command=["run"])
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if exists else [])
    assert not exists or contents(out) == before


def test_a_bug_while_drawing_leaves_nothing(dense, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(dense, tmp_path / "out", command=["run"])
    assert not list(tmp_path.iterdir())


def test_importing_the_report_is_light():
    code = "import sys, lockstep.sim.report; print({'matplotlib', 'jinja2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 s"), (1, "1 s"), (999.4, "999 s"), (999.6, "1 ks"), (1234, "1.23 ks"), (0.1, "100 ms"),
        (2.5e-7, "250 ns"), (-3e-3, "-3 ms"), (4e-15, "0.004 ps"), (5e21, "5e+03 Es"),
    ],
)  # fmt: skip
def test_quantities_have_three_digits_and_a_prefix(value, text):
    assert quantity(value, "s") == text
