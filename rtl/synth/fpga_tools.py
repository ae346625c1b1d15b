"""Run nextpnr: a native one on PATH, else that of a wheel."""

import importlib.util
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from lockstep.arch.error import InputError
from lockstep.rtl.synth.tool import SynthesisError

# nextpnr's words for a design that is too large.
_NO_ROOM = re.compile(
    r"ERROR: .*(no BELs|[Uu]nable to (find|place)|expand region|[Ff]ailed to place)"
)


def nextpnr(name: str, arguments: list[str], folder: Path) -> str | None:
    """Place and route in a folder; what nextpnr said, or None if there was no room.

    Parameters
    ----------
    name : str
        The family, as nextpnr calls it.
    arguments : list of str
        File names must be relative: the wheel sees no others.
    folder : Path
        The working directory.

    Raises
    ------
    SynthesisError
        If it fails for another reason.
    lockstep.arch.error.InputError
        If there is no nextpnr.
    """
    told = subprocess.run(
        [*_command(name), *arguments], capture_output=True, text=True, check=False, cwd=folder
    )
    if told.returncode == 0:
        return told.stderr
    if _NO_ROOM.search(told.stderr):
        return None
    raise SynthesisError(f"nextpnr-{name} failed\n{told.stderr[-2000:]}")


@cache
def _command(name: str) -> tuple[str, ...]:
    if found := shutil.which(f"nextpnr-{name}"):
        return (found,)
    if importlib.util.find_spec(wheel := f"yowasp_nextpnr_{name}") is not None:
        call = f"{wheel}.run_nextpnr_{name}(sys.argv[1:])"
        return (sys.executable, "-c", f"import sys, {wheel}; sys.exit({call})")
    raise InputError(
        f"place and route needs nextpnr; install it with pip install 'lockstep-sim[synth]', "
        f"or put nextpnr-{name} on PATH"
    )


@cache
def nextpnr_version(name: str) -> str:
    """Its version; raises as :func:`nextpnr` does."""
    told = subprocess.run(
        [*_command(name), "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"Version ([^)\s]+)", told.stdout + told.stderr)
    if found is None:
        raise SynthesisError(f"nextpnr-{name} failed\n{told.stderr[-2000:]}")
    return found[1]
