"""The synth command, in process: what it prints and what it refuses."""

import json
from pathlib import Path

import pytest
import typer

from lockstep.arch.error import InputError
from lockstep.cli.main import main
from lockstep.cli.synth import synth

pytestmark = pytest.mark.rtl

SMALL = [
    "edge-os16",
    "--set",
    "tensor.rows=1",
    "--set",
    "tensor.cols=2",
    "--set",
    "tensor.job_bits=8",
]


@pytest.fixture
def run(capsys):
    """Run the command alone; returns its standard output, or raises what main() would catch."""
    app = typer.Typer()
    app.command()(synth)

    def run(*argv):
        app(args=list(argv), standalone_mode=False)
        return capsys.readouterr().out

    return run


def test_json_has_a_row_per_block(run, tmp_path):
    out = tmp_path / "synth"
    result = json.loads(run(*SMALL, "--delay-ns", "0", "--json", "--out", str(out)))
    blocks = {row["block"]: row for row in result["blocks"]}
    promised = "instances nand2_equivalents transistors area_um2 delay_ns flip_flops"
    assert set(promised.split()) <= set(blocks["OutputStationaryPE"])
    assert blocks["OutputStationaryPE"]["instances"] == 2
    assert blocks["OutputStationaryPE"]["flip_flops"] == 32 + 32 + 8 + 8 + 1
    assert result["nand2_equivalents"] == pytest.approx(
        sum(row["instances"] * row["nand2_equivalents"] for row in blocks.values())
    )
    assert sum(row["share"] for row in blocks.values()) == pytest.approx(1)
    assert result["delay_ns"] == max(row["delay_ns"] for row in blocks.values())
    assert result["target_delay_ns"] is None
    assert result["meets_target"] is True
    assert result["composed"] is False
    assert {path.name for path in out.iterdir()} == {
        "synthesis.json",
        "cells.lib",
        "netlist.json",
    }
    assert json.loads((out / "synthesis.json").read_text()) == result
    text = run(*SMALL, "--delay-ns", "0")
    assert "OutputStationaryPE" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--target", "ecp6"], "ecp5"),
        (["--delay-ns", "-1"], "--delay-ns"),
        (["--delay-ns", "nan"], "--delay-ns"),
        (["--liberty", "no-such.lib"], "no-such.lib"),
        (["--target", "ecp5", "--delay-ns", "1"], "--delay-ns"),
        (["--set", "tensor.rows=0"], "rows"),
    ],
)
def test_bad_input_is_told_in_a_line(run, argv, says):
    with pytest.raises(InputError, match=says):
        run("edge-os16", *argv)


def test_a_malformed_library_names_its_line(run, tmp_path):
    broken = tmp_path / "broken.lib"
    text = (Path(__file__).parent / "tiny.lib").read_text()
    broken.write_text(text.replace("area : 3.0", "area : three"))
    with pytest.raises(InputError, match=r"broken\.lib:29: area: expected numbers"):
        run(*SMALL, "--liberty", str(broken))


def test_formats_without_rtl_are_refused(run):
    with pytest.raises(InputError, match="fusemax-cloud: tensor"):
        run("fusemax-cloud")


def test_the_command_is_registered(capsys):
    assert main(["synth", "edge-os16", "--target", "ecp6"]) == 2
    assert "unknown target 'ecp6'" in capsys.readouterr().err
