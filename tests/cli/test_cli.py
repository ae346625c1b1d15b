"""The command, in process: what it prints, and its exit codes."""

import json
import subprocess
import sys

import pytest

from lockstep.arch.load import shipped
from lockstep.cli.main import main

pytestmark = pytest.mark.system


@pytest.fixture
def lockstep(capsys):
    """Run the command; returns (exit code, standard output, standard error)."""

    def run(*argv):
        code = main(list(argv))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_run_prints_the_promised_keys(lockstep):
    code, out, _ = lockstep(
        "run", "cloud-ws128", "--model", "llama-3-8b", "--prefill", "2048", "--decode", "128",
        "--batch", "8", "--json",
    )  # fmt: skip
    assert code == 0
    summary = json.loads(out)
    promised = "ttft_s tpot_s latency_s energy_j area_mm2 tokens_per_s utilization cycles"
    assert set(promised.split()) <= set(summary)
    assert summary["latency_s"] == pytest.approx(summary["ttft_s"] + 128 * summary["tpot_s"])
    assert summary["energy_j"] == pytest.approx(sum(summary["energy_by_component_j"].values()))


def test_run_tables_fit_a_hundred_columns(lockstep):
    code, out, _ = lockstep(
        "run", "edge-os16", "--model", "gpt2", "--prefill", "64", "--decode", "2"
    )
    assert code == 0
    assert "TTFT" in out
    assert "bound by" in out
    assert max(map(len, out.splitlines())) <= 100


def test_gemm_prints_the_promised_keys(lockstep):
    argv = ["gemm", "cloud-ws128", "300", "200", "400", "--json"]
    code, out, _ = lockstep(*argv, "--set", "tensor.weight_double_buffer=false")
    assert code == 0
    single = json.loads(out)
    assert {"cycles", "compute_cycles", "utilization", "energy_pj"} <= set(single)
    assert single["compute_cycles"] == 4 * 2 * (2 * 128 + 128 + 300 - 2)
    double = json.loads(lockstep(*argv)[1])
    assert double["compute_cycles"] < single["compute_cycles"]


def test_model_counts(lockstep):
    code, out, _ = lockstep("model", "llama-3-8b", "--json")
    assert code == 0
    counts = json.loads(out)
    assert counts["parameters"] == 8_030_261_248
    assert {"flops", "weight_bytes", "kv_bytes_per_token"} <= set(counts)
    assert counts["kv_bytes_per_token"] == 131_072


@pytest.mark.parametrize(
    "kind", ["machine", "model", "tech", "dram", "dram_timing", "pim", "mmu", "sweep"]
)
def test_schema_describes_every_shipped_file(lockstep, kind):
    import yaml

    code, out, _ = lockstep("schema", kind)
    assert code == 0
    schema = json.loads(out)
    folder = {"machine": "machines", "model": "models", "sweep": "sweeps"}.get(kind, kind)
    for path in shipped(folder).values():
        data = yaml.safe_load(path.read_text())
        fitting = [
            one
            for one in schema.get("anyOf", [schema])
            if set(one["required"]) <= set(data) <= set(one["properties"])
        ]
        assert len(fitting) == 1, path


def test_lists(lockstep):
    code, out, _ = lockstep("machines", "--json")
    assert code == 0
    assert {row["name"] for row in json.loads(out)} == set(shipped("machines"))
    code, out, _ = lockstep("models", "--json")
    assert code == 0
    assert {row["name"] for row in json.loads(out)} == set(shipped("models"))
    assert max(len(line) for line in lockstep("models")[1].splitlines()) <= 100
    assert max(len(line) for line in lockstep("machines")[1].splitlines()) <= 100


def test_report_is_written_and_read_back(lockstep, tmp_path):
    out = tmp_path / "report"
    argv = ["run", "edge-os16", "--model", "gpt2", "--prefill", "32", "--decode", "2"]
    assert lockstep(*argv, "--out", str(out))[0] == 0
    code, text, _ = lockstep("report", str(out), "--json")
    assert code == 0
    assert json.loads(text)["summary"] == json.loads((out / "summary.json").read_text())
    code, text, _ = lockstep("report", str(out))
    assert code == 0
    assert "longest operators" in text


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["run"], "Missing argument"),
        (["run", "edge-os16"], "--model"),
        (["run", "edge-os61", "--model", "gpt2"], "edge-os16"),
        (["run", "edge-os16", "--model", "gtp2"], "gpt2"),
        (["run", "edge-os16", "--model", "gpt2", "--prefill", "0"], "--prefill"),
        (["run", "edge-os16", "--model", "gpt2", "--prefill", "x"], "--prefill"),
        (["run", "edge-os16", "--model", "gpt2", "--weights", "int9"], "int9"),
        (["run", "edge-os16", "--model", "gpt2", "--weights", "fp16"], "fp16"),
        (
            ["run", "edge-os16", "--model", "bert-base", "--prefill", "64", "--decode", "1"],
            "decode",
        ),
        (["run", "edge-os16", "--model", "gpt2", "--set", "tensor.rows"], "tensor.rows"),
        (["run", "edge-os16", "--model", "gpt2", "--set", "tensor.rowz=4"], "rows"),
        (["run", "edge-os16", "--model", "gpt2", "--set", "tensor.rows=-4"], "-4"),
        (["run", "edge-os16", "--model", "gpt2", "--set", "dram.preset=hbm9"], "hbm9"),
        (["run", "edge-os16", "--model", "gpt2", "--set", "tech=generic-3nm"], "generic-3nm"),
        (
            ["run", "edge-os16", "--model", "gpt2", "--set", "scratchpad.size_bytes=1024"],
            "size_bytes",
        ),
        (["gemm", "edge-os16", "0", "4", "4"], "M: must be"),
        (["gemm", "edge-os16", "4", "4", "99999999999999"], "K: must be"),
        (["model", "gpt2", "--phase", "training"], "phase"),
        (["model", "gpt2", "--weights", "int9"], "int9"),
        (["schema", "machin"], "machine"),
        (["rtl", "fusemax-cloud", "-o", "x"], "bf16"),
        (["report", "no-such-folder"], "no-such-folder"),
        (["verify", "tensro"], "tensor"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_one_line_and_code_two(lockstep, argv, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = lockstep(*argv)
    assert code == 2
    assert out == ""
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_unwritable_report_folder_leaves_nothing(lockstep, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("mine")
    argv = ["run", "edge-os16", "--model", "gpt2", "--prefill", "8", "--out", str(blocker)]
    code, out, err = lockstep(*argv)
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert blocker.read_text() == "mine"


@pytest.mark.parametrize(
    "line", ["run edge-os16 --model gpt2 --decode 2", "schema machine", "formats", "--help"]
)
def test_a_reader_that_leaves_early_is_no_error(line):
    command = [sys.executable, "-m", "lockstep.cli.main", *line.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_interrupted_is_130(lockstep, monkeypatch):
    def interrupted(_rows):
        raise KeyboardInterrupt

    monkeypatch.setattr("lockstep.cli.formats.emit", interrupted)
    assert lockstep("formats", "--json")[0] == 130


def test_wrong_option_names_the_help_to_read(lockstep):
    assert "(see 'lockstep run --help')" in lockstep("run", "edge-os16", "--frobnicate")[2]
    assert "(see 'lockstep --help')" in lockstep("frobnicate")[2]


def test_tokens_of_a_model_are_what_it_has_room_for(lockstep):
    code, out, _ = lockstep("model", "gpt2", "--json")
    assert code == 0
    counts = json.loads(out)
    assert counts["kv_cache_bytes"] == 1024 * counts["kv_bytes_per_token"]


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("machine", "units"),
    [
        ("edge-os16", {"tensor"}),
        ("aim-cent", {"pim_sequencer", "pim_mac"}),
        ("sail-like", {"lut_slice"}),
    ],
)
def test_rtl_writes_every_unit_that_has_any(lockstep, tmp_path, machine, units):
    assert lockstep("rtl", machine, "-o", str(tmp_path))[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{unit}.{end}" for unit in units for end in ("v", "ports.json")
    }
    for unit in units:
        assert f"module {unit}(" in (tmp_path / f"{unit}.v").read_text()
