"""Runs of the Python interface: the command's numbers, files and pages, to the last digit."""

import json
import shlex
import subprocess
import sys

import pytest

import lockstep
from lockstep.cli.main import main
from lockstep.sim.report.table import op_rows, to_csv

SAME = (
    ("edge-os16", "gpt2", {"prefill": 64, "decode": 4, "batch": 2}, {}),
    ("cloud-ws128", "llama-3-8b", {}, {}),
    ("edge-os16", "opt-125m", {"decode": 8}, {"tensor.rows": 8, "dram.channels": 4}),
    ("cloud-ws128", "gpt2", {"weights": "int4", "kv": "int8", "scale_rule": "ceil"}, {}),
    ("cloud-iommu", "gpt2", {"prefill": 64, "decode": 2}, {}),
    ("aim-cent", "gpt2", {"prefill": 8, "decode": 2}, {}),
    ("edge-os16", "gpt2", {"prefill": 8, "dram": "exact"}, {"dram.preset": "lpddr4-2400"}),
)


@pytest.mark.parametrize(("machine", "model", "options", "changes"), SAME)
def test_a_run_is_the_commands(machine, model, options, changes, capsys):
    run = lockstep.machine(machine, changes).run(model, **options)
    assert main([*arguments(machine, model, options, changes), "--json"]) == 0
    assert run.summary == json.loads(capsys.readouterr().out)
    assert run.ops.to_csv() == to_csv(op_rows(run.result))


def arguments(machine, model, options, changes):
    """Of the command that makes the same run."""
    argv = ["run", machine, "--model", model]
    argv += [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    return argv + [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]


@pytest.mark.parametrize(("machine", "model", "options", "changes"), [SAME[2], SAME[4], SAME[6]])
def test_a_folder_is_the_commands(machine, model, options, changes, tmp_path):
    run = lockstep.machine(machine, changes).run(model, **options)
    page = run.write(tmp_path / "api")
    assert page == tmp_path / "api" / "report.html"
    assert main([*arguments(machine, model, options, changes), "--out", str(tmp_path / "cli")]) == 0
    names = {path.name for path in (tmp_path / "cli").iterdir()}
    assert {path.name for path in (tmp_path / "api").iterdir()} == names
    for name in names - {"run.json", "report.html"}:  # these two quote the command
        assert (tmp_path / "api" / name).read_bytes() == (tmp_path / "cli" / name).read_bytes()
    assert (tmp_path / "cli" / "ops.csv").read_text() == run.ops.to_csv()


def test_the_command_it_records_makes_the_same_run(tmp_path):
    changes = {"tensor.mac": {"a": "int4", "b": "int4"}, "clock_mhz": 500}
    run = lockstep.machine("edge-os16", changes).run("gpt2", prefill=16, decode=2, batch=3)
    run.write(tmp_path / "api")
    command = json.loads((tmp_path / "api" / "run.json").read_text())["command"]
    program, *argv = shlex.split(command)
    assert program == "lockstep"
    assert main([*argv, "--out", str(tmp_path / "cli")]) == 0
    for name in ("summary.json", "ops.csv", "machine.yaml"):
        assert (tmp_path / "api" / name).read_bytes() == (tmp_path / "cli" / name).read_bytes()


def test_headlines_are_the_summarys(run):
    summary = run.summary
    for name in (
        "latency_s", "ttft_s", "tpot_s", "tokens_per_s", "utilization", "energy_j",
        "energy_per_token_j", "area_mm2",
    ):  # fmt: skip
        assert getattr(run, name) == summary[name]
    assert run.power_w == summary["energy_j"] / summary["latency_s"]
    summary["energy_by_component_j"].clear()  # a copy: the run stays as it is
    assert run.summary["energy_by_component_j"]


def test_nothing_of_a_run_changes(run, edge):
    for thing, name in ((run, "ops"), (run, "folder"), (run.ops, "title"), (run.ops[0], "macs"), (edge, "system")):  # fmt: skip
        with pytest.raises(AttributeError):
            setattr(thing, name, None)


def test_rows_are_typed_and_add_up(run):
    first = run.ops[0]
    assert isinstance(first, lockstep.OpRow)
    assert type(first.occurrences) is int
    assert sum(op.latency_s for op in run.ops) == pytest.approx(run.latency_s)
    assert sum(op.energy_j for op in run.ops) == pytest.approx(run.energy_j)
    for op in run.ops:
        assert sum(op.energy_by_component_j.values()) == pytest.approx(op.energy_j)
    assert run.ops.to_csv() == to_csv(op_rows(run.result))


def test_a_folder_reads_back_the_same(run, written, tmp_path):
    read = lockstep.open_run(written)
    assert read.summary == run.summary
    assert list(read.ops) == list(run.ops)
    assert read.ops.to_dicts() == run.ops.to_dicts()
    assert read.machine_config == run.machine_config
    assert read.folder == written
    assert read.result is None
    for name in ("roofline", "latency", "energy"):
        here, there = getattr(run.plot, name)(), getattr(read.plot, name)()
        assert png(here) == png(there)
        assert png(here) == (written / f"{name}.png").read_bytes()
    with pytest.raises(lockstep.InputError, match=r"was read from .*gpt2; copy that folder"):
        read.write(tmp_path / "elsewhere")
    with pytest.raises(lockstep.InputError, match="no such folder"):
        lockstep.open_run(tmp_path / "none")


def png(figure):
    data = figure._repr_png_()
    assert data.startswith(b"\x89PNG")
    return data


def test_a_page_of_one_and_of_several(run, edge, written, tmp_path):
    other = edge.override({"tensor.rows": 8}).run("gpt2", prefill=64, decode=4, batch=2)
    assert run.report(tmp_path / "one.html") == tmp_path / "one.html"
    several = other.report(tmp_path / "two.html", lockstep.open_run(written)).read_text()
    assert several.startswith("<!DOCTYPE html>") or several.startswith("<!doctype html>")
    assert len(several) > len((tmp_path / "one.html").read_text())
    with pytest.raises(lockstep.InputError, match="cannot be written"):
        run.report(tmp_path / "none" / "one.html")


def test_comparisons(run, edge):
    narrow = edge.override({"tensor.rows": 8}).run("gpt2", prefill=64, decode=4, batch=2)
    table = lockstep.compare(run, narrow, run)
    assert [row.differs for row in table] == ["tensor.rows 16", "tensor.rows 8", "tensor.rows 16"]
    assert [row.speedup for row in table] == [1, run.latency_s / narrow.latency_s, 1]
    assert table[1].energy_ratio == narrow.energy_j / run.energy_j
    assert table[1].area_ratio == narrow.area_mm2 / run.area_mm2 < 1
    assert table[1].tpot_s == narrow.tpot_s
    batch = lockstep.compare(run, edge.run("gpt2", prefill=64, decode=4))
    assert [row.differs for row in batch] == ["batch 2", "batch 1"]
    assert "differs" not in repr(lockstep.compare(run, run))
    with pytest.raises(lockstep.InputError, match="no run"):
        lockstep.compare()


def test_how_runs_show_themselves(run, edge):
    first, heads, numbers = repr(run).splitlines()
    assert first == "Run: gpt2 on edge-os16, batch 2, 64 tokens in, 4 out"
    assert heads.split()[:2] == ["TTFT", "TPOT"]
    assert f"{run.tokens_per_s:.4g}" in numbers
    assert "TPOT" not in repr(edge.run("gpt2", prefill=8))
    assert "gpt2 on edge-os16" in run._repr_html_()
    assert repr(run.plot) == "Figures: .energy(), .latency(), .roofline()"


def test_pandas(run, written):
    frame = run.ops.to_pandas()
    assert list(frame.columns) == list(run.ops.columns)
    assert frame["latency_s"].sum() == pytest.approx(run.latency_s)
    import pandas

    read = pandas.read_csv(written / "ops.csv", keep_default_na=False)
    pandas.testing.assert_frame_equal(frame, read, check_dtype=False)


def test_without_pandas_a_line_names_the_extra(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(lockstep.InputError) as error:
        run.ops.to_pandas()
    assert str(error.value) == (
        "to_pandas needs the package pandas; install it with pip install 'lockstep-sim[notebook]'"
    )


def test_drawing_leaves_pyplot_alone():
    code = (
        "import sys, lockstep\n"
        "lockstep.machine('edge-os16').run('gpt2', prefill=8).plot.energy()\n"
        "assert 'matplotlib.figure' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
