"""What a start imports: help and completion nothing heavy, a run nothing that it does not need."""

import json
import subprocess
import sys

import pytest

from lockstep.cli.main import SECTIONS

FOR_NUMBERS = {"numpy", "pydantic", "yaml", "rich", "jinja2", "matplotlib", "pandas"}
FOR_TOOLS = {"numba", "optuna", "distributed", "amaranth", "cocotb", "IPython", "sqlalchemy"}

COMMANDS = [m.__name__.rpartition(".")[2] for ms in SECTIONS.values() for m in ms]


def imported(code: str, *argv: str, **environment: str) -> set[str]:
    """Top-level packages that a fresh process has imported at the end of ``code``."""
    tell = "import atexit, json, sys\natexit.register(lambda: sys.stderr.write(json.dumps([*sys.modules])))\n"
    done = subprocess.run(
        [sys.executable, "-c", tell + code, *argv],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", **environment},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    return {name.partition(".")[0] for name in json.loads(done.stderr)}


LOCKSTEP = "from lockstep.cli.main import console\nconsole()"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_overview_imports_nothing_heavy(option):
    assert not imported(LOCKSTEP, option) & (FOR_NUMBERS | FOR_TOOLS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_nothing_heavy(command):
    found = imported(LOCKSTEP, command, "--help")
    assert not found & (FOR_NUMBERS | FOR_TOOLS) - {"pydantic"}  # Typer uses it for arguments


def test_completion_of_names_imports_nothing_heavy():
    asked = {
        "COMP_WORDS": "lockstep run edge",
        "COMP_CWORD": "2",
        "_LOCKSTEP_COMPLETE": "complete_bash",
    }
    assert not imported(LOCKSTEP, **asked) & (FOR_NUMBERS | FOR_TOOLS) - {"pydantic"}


@pytest.mark.parametrize(
    "line",
    [
        "run edge-os16 --model gpt2 --prefill 8 --decode 1",
        "run edge-os16 --model gpt2 --prefill 8 --json",
        "gemm edge-os16 8 8 8",
        "model gpt2",
    ],
)
def test_a_run_imports_no_tools(line):
    found = imported(LOCKSTEP, *line.split())
    assert "pydantic" in found
    assert not found & (FOR_TOOLS | {"matplotlib", "pandas"})


def test_a_heavy_import_is_seen():
    assert "numpy" in imported("import numpy\n" + LOCKSTEP, "--help")
