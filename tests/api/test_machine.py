"""Machines and models of the Python interface: the command's numbers and messages."""

import json
import sys
import types
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import lockstep
from lockstep.arch.load import shipped
from lockstep.cli.main import main

RESULTS = Path(__file__).resolve().parents[2] / "results" / "agreement"


def told(capsys, *argv):
    """What the command prints as JSON."""
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def complaint(capsys, *argv):
    """The line that the command complains with."""
    assert main(list(argv)) == 2
    return capsys.readouterr().err.removeprefix("lockstep: ").rstrip("\n")


def test_lists_are_the_commands(capsys):
    for table, command in (
        (lockstep.machines(), "machines"),
        (lockstep.models(), "models"),
        (lockstep.formats(), "formats"),
    ):
        assert table.to_dicts() == told(capsys, command)
    assert {row.name for row in lockstep.machines()} == set(shipped("machines"))


def test_a_product_is_the_commands(edge, capsys):
    gemm = edge.gemm(100, 200, 300)
    assert gemm.summary == told(capsys, "gemm", "edge-os16", "100", "200", "300")
    assert gemm.latency_s == gemm.cycles / edge.clock_hz
    assert f"{gemm.cycles:,} cycles" in repr(gemm)


def test_counts_are_the_commands(capsys):
    model = lockstep.model("mixtral-8x7b")
    counts = model.counts("decode", context=100, batch=3, weights="int4", kv="int8")
    printed = told(
        capsys, "model", "mixtral-8x7b", "--phase", "decode", "--context", "100", "--batch", "3",
        "--weights", "int4", "--kv", "int8",
    )  # fmt: skip
    assert {"model": model.name, "phase": "decode", **counts} == printed
    bert = lockstep.model("bert-base")
    printed = told(capsys, "model", "bert-base")
    assert {"model": "bert-base", "phase": "prefill", **bert.counts()} == printed
    assert (model.parameters, model.active_parameters) == (
        counts["parameters"],
        counts["active_parameters"],
    )


def test_area_is_that_of_a_run(edge, run):
    assert edge.area_mm2 == run.area_mm2 > 0
    assert edge.area_by_component_mm2 == run.summary["area_by_component_mm2"]


def test_overrides_change_the_machine(edge):
    changed = edge.override({"tensor.rows": 8, "dram.channels": 4}, clock_mhz=500)
    assert (changed.config.tensor.rows, changed.config.tensor.cols) == (8, 16)
    assert changed.clock_hz == 500e6
    assert changed.dram_bytes_per_s == 4 / edge.config.dram.channels * edge.dram_bytes_per_s
    assert edge.config.tensor.rows == 16  # as it was
    again = changed.override({"tensor.rows": 32})
    assert (again.config.tensor.rows, again.clock_hz) == (32, 500e6)
    assert again == lockstep.machine("edge-os16", again.overrides)
    assert again.run("gpt2", prefill=8).latency_s != edge.run("gpt2", prefill=8).latency_s


def test_overrides_take_what_python_has(edge):
    sizes = edge.override({"tensor.rows": np.int64(8), "clock_mhz": np.float32(500)})
    assert (sizes.config.tensor.rows, sizes.config.clock_mhz) == (8, 500.0)
    section = edge.override({"scratchpad": {"size_bytes": 65536, "banks": 4, "word_bits": 64}})
    assert section.config.scratchpad.size_bytes == 65536
    assert edge.override({"mmu": None}).config.mmu is None


def test_paths_and_own_files(edge, tmp_path):
    text = shipped("machines")["edge-os16"].read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("name: edge-os16", "name: mine"))
    mine = lockstep.machine(path)
    assert mine.name == "mine"
    assert mine.override({"tensor.rows": 8}).config.tensor.rows == 8
    assert mine.run("gpt2", prefill=8).latency_s == edge.run("gpt2", prefill=8).latency_s


def test_a_config_json_is_a_model():
    path = Path(__file__).parents[1] / "bad_input" / "huggingface" / "good.json"
    assert lockstep.model(path).parameters > 0


@pytest.mark.parametrize(
    ("argv", "call"),
    [
        (["run", "edge", "-m", "gpt2"], lambda m: lockstep.machine("edge")),
        (["run", "edge-os16", "-m", "gtp2"], lambda m: m.run("gtp2")),
        (
            ["run", "edge-os16", "-m", "gpt2", "--set", "tensor.row=8"],
            lambda m: m.override({"tensor.row": 8}),
        ),
        (
            ["run", "edge-os16", "-m", "gpt2", "--set", "tensor.rows=0"],
            lambda m: lockstep.machine("edge-os16", {"tensor.rows": 0}),
        ),
        (["run", "edge-os16", "-m", "gpt2", "--prefill", "0"], lambda m: m.run("gpt2", prefill=0)),
        (["run", "edge-os16", "-m", "gpt2", "--kv", "int9x"], lambda m: m.run("gpt2", kv="int9x")),
        (
            ["run", "edge-os16", "-m", "gpt2", "--weights", "bf16"],
            lambda m: m.run("gpt2", weights="bf16"),
        ),
        (
            ["run", "edge-os16", "-m", "gpt2", "--dram", "slow"],
            lambda m: m.run("gpt2", dram="slow"),
        ),
        (
            ["run", "edge-os16", "-m", "gpt2", "--prefill", "2000"],
            lambda m: m.run("gpt2", prefill=2000),
        ),
        (
            ["run", "edge-os16", "-m", "bert-base", "--decode", "1"],
            lambda m: m.run("bert-base", decode=1),
        ),
        (["gemm", "edge-os16", "0", "1", "1"], lambda m: m.gemm(0, 1, 1)),
    ],
    ids=lambda value: " ".join(value[2:]) if isinstance(value, list) else "",
)
def test_bad_input_is_told_as_by_the_command(edge, argv, call, capsys):
    with pytest.raises(lockstep.InputError) as error:
        call(edge)
    assert str(error.value) == complaint(capsys, *argv)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.run("gpt2", prefill=2.5), "prefill: must be a whole number, value 2.5"),
        (lambda m: m.run("gpt2", batch="2"), "batch: must be a whole number, value '2'"),
        (lambda m: m.run("gpt2", decode=True), "decode: must be a whole number, value True"),
        (lambda m: m.gemm(1, 1.0, 1), "n: must be a whole number, value 1.0"),
        (lambda m: m.override(clock_mhz=float("nan")), "clock_mhz: not a value of a YAML file"),
        (lambda m: m.override(name=object()), "name: not a value of a YAML file"),
        (lambda m: m.override({"a=b": 1}), "--set a=b=1: a: unknown key"),
    ],
)
def test_what_only_python_can_get_wrong(edge, call, message):
    with pytest.raises(lockstep.InputError) as error:
        call(edge)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_how_they_show_themselves(edge):
    changed = edge.override({"tensor.rows": 8})
    assert repr(changed).startswith("Machine edge-os16: array 8x16 output stationary, format int8")
    assert all(len(line) <= 90 for line in repr(changed).splitlines())
    assert "MAC/s" in repr(changed)
    assert repr(changed).endswith("set tensor.rows 8")
    assert "<td" in changed._repr_html_()
    model = lockstep.model("gpt2")
    assert repr(model).startswith("Model gpt2: 12 layers, 768 hidden, 124 M parameters")
    assert "124 M" in model._repr_html_()


def test_what_users_name_is_escaped(edge):
    html = edge.override(name="<b>&amp;")._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;amp;" in html


@pytest.mark.rtl
def test_verilog_is_the_commands(edge, tmp_path, capsys):
    small = edge.override({"tensor.rows": 2, "tensor.cols": 2})
    paths = small.verilog(tmp_path / "api")
    options = ["--set", "tensor.rows=2", "--set", "tensor.cols=2", "--out", str(tmp_path / "cli")]
    assert main(["rtl", "edge-os16", *options]) == 0
    assert [path.name for path in paths] == ["tensor.v", "tensor.ports.json"]
    for path in paths:
        assert path.read_bytes() == (tmp_path / "cli" / path.name).read_bytes()


@pytest.mark.rtl
def test_agreement_is_a_table(edge, monkeypatch):
    """What stands in for Verilator here runs for real in test_guide.py."""
    from lockstep.verify import machine as verification

    told = json.loads((RESULTS / "agreement.json").read_text())
    names = {field.name for field in fields(lockstep.AgreementRow)}
    known = [{k: v for k, v in row.items() if k in names} for row in told]
    asked = []

    def verify_machine(system, *, quick):
        asked.append((system, quick))
        yield lockstep.AgreementRow(**known[0])
        yield lockstep.AgreementRow(**known[1] | {"complaints": ("one bit is off",)})

    monkeypatch.setattr(verification, "verify_machine", verify_machine)
    table = edge.verify(quick=False)
    assert asked == [(edge.system, False)]
    assert [row.passed for row in table] == [True, False]
    assert table.column("passed") == [True, False]
    assert "mutants caught" in repr(table)
    assert known[0]["unit"] in table._repr_html_()


@pytest.mark.rtl
def test_what_stops_verification_is_told_in_one_line(edge, monkeypatch):
    from lockstep.verify import machine as verification
    from lockstep.verify.verilator import BuildError

    def fails(*_args, **_kwargs):
        raise BuildError("no simulator")
        yield

    monkeypatch.setattr(verification, "verify_machine", fails)
    with pytest.raises(lockstep.InputError, match=r"^verify: no simulator$"):
        edge.verify()


@pytest.mark.parametrize(
    ("call", "module", "extra"),
    [
        (lambda m: m.verify(), "lockstep.verify.machine", "rtl"),
        (lambda m: m.verilog("x"), "lockstep.rtl.verilog", "rtl"),
        (lambda m: m.synth(), "lockstep.rtl.synth.machine", "synth"),
        (lambda _: lockstep.run_sweep("llama3-array"), "lockstep.sweep.session", "sweep"),
    ],
)
def test_a_missing_extra_is_named(edge, call, module, extra, monkeypatch):
    def find_spec(name, path=None, target=None):
        if name == module:
            raise ModuleNotFoundError("No module named 'dependency'", name="dependency")

    finder = types.SimpleNamespace(find_spec=find_spec)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    with pytest.raises(lockstep.InputError) as error:
        call(edge)
    assert f"needs the package dependency; install it with pip install 'lockstep-sim[{extra}]'" in (
        str(error.value)
    )


def test_synthesis_refuses_what_the_command_refuses(edge):
    pytest.importorskip("amaranth")
    with pytest.raises(lockstep.InputError, match="unknown target 'ecp'; did you mean 'ecp5'"):
        edge.synth(target="ecp")
    with pytest.raises(lockstep.InputError, match="takes neither --liberty nor --delay-ns"):
        edge.synth(target="ecp5", delay_ns=1)
    with pytest.raises(lockstep.InputError, match="--delay-ns: must be 0 or more, not -1"):
        edge.synth(delay_ns=-1)


@pytest.mark.slow
def test_gates_are_the_commands(edge, capsys):
    small = edge.override({"tensor.rows": 1, "tensor.cols": 2})
    printed = told(
        capsys, "synth", "edge-os16", "--set", "tensor.rows=1", "--set", "tensor.cols=2",
        "--delay-ns", "0",
    )  # fmt: skip
    assert small.synth(delay_ns=0) == printed
    assert printed["nand2_equivalents"] > 0
