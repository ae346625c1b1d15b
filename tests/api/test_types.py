"""A user's script with types passes strict mypy, and one with mistakes does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MISTAKES = {
    "lockstep.machne('edge-os16')": "attr-defined",
    "lockstep.machine(3)": "arg-type",
    "lockstep.machine('edge-os16').run('gpt2', prefil=3)": "call-arg",
    "lockstep.machine('edge-os16').run('gpt2').ops[0].latency": "attr-defined",
    "x: int = lockstep.machine('edge-os16').run('gpt2').latency_s": "assignment",
    "lockstep.machine('edge-os16').run('gpt2', dram='slow')": "arg-type",
}


@pytest.fixture(scope="module")
def mypy():
    """What mypy says of a file, by its own name; with the links that stand in for the install."""
    if not (ROOT / "typings" / "lockstep" / "api").exists():
        subprocess.run(["make", "--silent", "typings"], cwd=ROOT, check=True)

    def run(path):
        done = subprocess.run(
            [sys.executable, "-m", "mypy", str(path)],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "checked 1 source file" in done.stdout or "no issues found in 1" in done.stdout
        return [line for line in done.stdout.splitlines() if path.name in line and "error" in line]

    return run


def test_a_typed_script_passes(mypy):
    assert mypy(Path(__file__).parent / "typed_script.py") == []


def test_mistakes_are_found(mypy, tmp_path):
    path = tmp_path / "mistakes.py"
    path.write_text("\n".join(["import lockstep", *MISTAKES]) + "\n")
    found = mypy(path)
    assert len(found) == len(MISTAKES)
    for line, (number, code) in zip(found, enumerate(MISTAKES.values(), start=2), strict=True):
        assert f"mistakes.py:{number}: error" in line
        assert line.endswith(f"[{code}]")
