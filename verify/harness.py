"""Run a tensor engine's RTL at full speed: Verilator driven by C++, checked, with no Python per cycle.

The same Verilog as cocotb gets, built for speed: nothing is visible but the ports, and C++ feeds them.
Every output word is compared with the golden model's.
"""

import json
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


def build_harness(verilog: str) -> Path:
    """The program that runs a tensor engine whose top module is ``dut``.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no Verilator, or it or the compiler refuses the design.
    """
    driver = files("lockstep.verify").joinpath("harness.cpp").read_text()
    make = partial(_build_in, verilog=verilog, driver=driver)
    return cached(verilog, driver, *_VERILATE, *_COMPILE, make=make) / f"V{TOP}"


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


def _build_in(folder: Path, *, verilog: str, driver: str) -> None:
    source, main = folder / "dut.v", folder / "harness.cpp"
    source.write_text(verilog)
    main.write_text(driver)
    tools = toolchain()
    _run([str(tools.executable), *_VERILATE, "--Mdir", str(folder), str(source), str(main)])
    _run(["make", "-s", "-C", str(folder), "-f", f"V{TOP}.mk",
           *tools.make_variables, *_COMPILE, f"V{TOP}"])  # fmt: skip
    for path in folder.iterdir():
        if path not in {source, folder / f"V{TOP}"}:
            path.unlink()


def _run(command: list[str]) -> None:
    told = subprocess.run(
        command, capture_output=True, text=True, check=False, env=toolchain().environment
    )
    if told.returncode:
        raise BuildError(f"{command[0]} failed\n{(told.stdout + told.stderr)[-2000:]}")
