"""Run a tensor engine's RTL at full speed: Verilator driven by C++, checked, with no Python per cycle.

The same Verilog as cocotb gets, built for speed: nothing is visible but the ports, and C++ feeds them.
Every output word is compared with the golden model's.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np

from lockstep.arch.engine import TensorBase
from lockstep.rtl.build import component, ports
from lockstep.verify.cosim import SimulationError
from lockstep.verify.tensor_traffic import Job
from lockstep.verify.verilator import TOP, BuildError, cached, toolchain

_VERILATE = (
    *("--cc", "--exe", "--quiet", "--top-module", TOP, "-Wno-fatal", "--noassert"),
    *("-O3", "--x-assign", "fast", "--x-initial", "fast"),
)
# What runs every cycle is small; what runs once, or is Verilator's own, need not be quick.
_COMPILE = ("OPT_FAST=-O2", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1")
_WHOLE = ("OPT_FAST=-O1", "OPT_GLOBAL=-O1")
# Made of Verilator's own sources, not of the design: 20 of the 28 s that a small one takes.
_RUNTIME = ("verilated.o", "verilated_threads.o")
_SMALLEST = f"module {TOP}(input clk, output reg q); always @(posedge clk) q <= !q; endmodule\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeRun:
    """What a run came to.

    Parameters
    ----------
    cycles : int
        From the reset to the end of the last job, output included.
    busy_cycles, stalled_cycles : int
        Of these, with a job running; and of those, waiting for a stream.
    rows : int
        Transfers of ``o_c``.
    mismatches : int
        Those that differ from the golden model's.
    seconds : float
        Of the loop over cycles; neither the build nor the golden model is in it.
    """

    cycles: int
    busy_cycles: int
    stalled_cycles: int
    rows: int
    mismatches: int
    seconds: float

    @property
    def cycles_per_s(self) -> float:
        """Simulated cycles per second of wall-clock time."""
        return self.cycles / self.seconds


def build_harness(verilog: str, driver: str = "harness.cpp", *, whole: bool = False) -> Path:
    """The program that runs a design whose top module is ``dut``; ``driver`` is a file of this folder.

    ``whole``: compile it in one piece, in less than half the time; good for small designs.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no Verilator, or it or the compiler refuses the design.
    """
    source = files("lockstep.verify").joinpath(driver).read_text()
    options = _WHOLE if whole else _COMPILE
    make = partial(_build_in, verilog=verilog, driver=source, options=options)
    return cached(verilog, source, *_VERILATE, *options, make=make) / f"V{TOP}"


def run_freely(verilog: str, cfg: TensorBase, jobs: Sequence[Job], *, batches: int = 1) -> FreeRun:
    """Run jobs back to back, ``batches`` times over, every stream ready whenever its data exists.

    Parameters
    ----------
    verilog : str
        Of the engine, as from ``to_verilog(cfg, "dut")``.
    cfg : TensorBase
        Any tensor engine.
    jobs : sequence of Job
        At least one.
    batches : int
        How often all jobs are run, with the same operands.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator, or the design does not build.
    lockstep.verify.cosim.SimulationError
        If the engine stops before the jobs are done, or leaves operands.
    """
    program = build_harness(verilog)
    with tempfile.TemporaryDirectory(prefix="lockstep-") as name:
        plan = Path(name) / "plan.bin"
        plan.write_bytes(b"".join(_plan(cfg, jobs)))
        told = subprocess.run(
            [program, plan, str(batches)], capture_output=True, text=True, check=False
        )
    if told.returncode:
        raise SimulationError(f"the harness ended with {told.returncode}\n{told.stderr}", None)
    report = json.loads(told.stdout)
    if not report.pop("finished"):
        raise SimulationError(
            f"after {report['cycles']} cycles the engine has stopped before the end of its jobs, or "
            "with operands left over",
            report,
        )
    return FreeRun(**report)


def _plan(cfg: TensorBase, jobs: Sequence[Job]) -> Iterator[bytes]:
    """The file that ``harness.cpp`` describes."""
    members = ports(component(cfg))["interface"]["members"]

    def stream(
        name: str, words: Iterable[int | None], marks: Iterable[bool] | None = None
    ) -> bytes:
        return _transfers(words, members[name]["members"]["payload"]["width"], marks)

    yield stream("i_job", (job.word(cfg) for job in jobs))
    yield stream("i_a", (v.word for job in jobs for v in job.a))
    yield stream("i_b", (v.word for job in jobs for v in job.b))
    yield stream("i_c", (v.word if v else None for job in jobs for v in job.c_in))
    feeds_back = (back for job in jobs for back in job.feeds_back)
    yield stream("o_c", (v.word for job in jobs for v in job.c_out), feeds_back)


def _transfers(
    words: Iterable[int | None], bits: int, marks: Iterable[bool] | None = None
) -> bytes:
    """One stream's part of the plan; a word that is not known yet is marked."""
    known = list(words)
    size = -(-bits // 32) * 4
    marked = list(marks) if marks is not None else [word is None for word in known]
    head = np.array([len(known), *marked], dtype="<u4").tobytes()
    return head + b"".join((word or 0).to_bytes(size, "little") for word in known)


def _build_in(folder: Path, *, verilog: str, driver: str, options: Sequence[str]) -> None:
    runtime = cached(_SMALLEST, *_VERILATE, *_COMPILE, *_RUNTIME, make=_build_runtime)
    for name in _RUNTIME:
        shutil.copy2(runtime / name, folder)
    ready = [option for name in _RUNTIME for option in ("-o", name)]  # older than the makefile
    targets = [*options, *ready, f"V{TOP}"]
    _make(folder, verilog, driver, targets, keep=("dut.v", f"V{TOP}"), split=options != _WHOLE)


def _build_runtime(folder: Path) -> None:
    _make(folder, _SMALLEST, "int main() {}\n", [*_COMPILE, *_RUNTIME], keep=_RUNTIME)


def _make(
    folder: Path,
    verilog: str,
    driver: str,
    targets: Sequence[str],
    keep: Sequence[str],
    *,
    split: bool = True,
) -> None:
    source, main = folder / "dut.v", folder / "harness.cpp"
    source.write_text(verilog)
    main.write_text(driver)
    tools = toolchain()
    pieces = () if split else ("--output-split", "0")
    verilate = [str(tools.executable), *_VERILATE, *pieces, "--Mdir", str(folder)]
    _run([*verilate, str(source), str(main)])
    _run(["make", "-s", "-C", str(folder), "-f", f"V{TOP}.mk",
           *tools.make_variables, *targets])  # fmt: skip
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink()


def _run(command: list[str]) -> None:
    told = subprocess.run(
        command, capture_output=True, text=True, check=False, env=toolchain().environment
    )
    if told.returncode:
        raise BuildError(f"{command[0]} failed\n{(told.stdout + told.stderr)[-2000:]}")
