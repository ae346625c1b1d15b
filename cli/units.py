"""What ``lockstep verify`` does: pick units, show progress, write the agreement table.

Apart from the command, for it needs the RTL and its tools.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from lockstep.arch.error import InputError, suggest
from lockstep.arch.load import shipped
from lockstep.arch.machine import load_machine
from lockstep.verify import formal_translation
from lockstep.verify.agree_mac import verify_mac
from lockstep.verify.agree_posit import verify_posit
from lockstep.verify.agreement import Row, write_agreement
from lockstep.verify.cosim import SimulationError
from lockstep.verify.formal import ProofError, is_installed, prove
from lockstep.verify.machine import Report, verify_machine
from lockstep.verify.pim import verify_pim
from lockstep.verify.tensor import verify_tensor
from lockstep.verify.tlb import verify_tlb
from lockstep.verify.verilator import BuildError

Job = Callable[[bool, Report], Iterable[Row]]


def _tlb(quick: bool, report: Report) -> Iterable[Row]:
    yield from verify_tlb(quick=quick, progress=report)
    if not is_installed():
        note = "proofs left out; pip install 'lockstep-sim[formal]' brings the tools"
        Console(stderr=True).print(note, markup=False)
        return
    for proof in prove(formal_translation.sample() if quick else formal_translation.jobs()):
        report(f"proof: {proof.name}")
        yield proof


ALL: dict[str, Job] = {
    "tensor": lambda quick, report: verify_tensor(quick=quick, progress=report),
    "mac": lambda quick, report: verify_mac(quick=quick, progress=report),
    "pim": lambda quick, report: verify_pim(quick=quick, progress=report),
    "tlb": _tlb,
}
"""What is verified if nothing is named; each yields its rows."""

UNITS: dict[str, Job] = {
    **ALL,
    "posit": lambda quick, report: verify_posit(quick=quick, progress=report),
}
"""Units by name; ``posit`` is a part of ``mac``."""


def verify_units(
    what: Sequence[str], *, quick: bool, overrides: Sequence[str], out: Path | None
) -> list[Row]:
    """Verify units, or the units of a machine; everything if nothing is named.

    Raises
    ------
    lockstep.arch.error.InputError
        If a name is neither, the RTL does not exist, there is no simulator, or ``out`` cannot be
        written.
    """
    jobs = [_job(name, overrides) for name in what or ALL]
    rows: list[Row] = []
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        for job in jobs:
            task = progress.add_task("building and simulating", total=None)

            def report(line: str, total: int | None = None, task: TaskID = task) -> None:
                progress.update(task, advance=1, total=total, description=line[:60])

            try:
                rows += job(quick, report)
            except (BuildError, SimulationError, ProofError, ValueError) as error:
                raise InputError(f"verify: {error}") from None
            progress.remove_task(task)
    if out is not None:
        try:
            write_agreement(rows, out)
        except OSError as error:
            raise InputError(f"--out {out}: cannot write there: {error.strerror}") from None
    return rows


def _job(name: str, overrides: Sequence[str]) -> Job:
    if name in UNITS:
        if overrides:
            raise InputError("--set: it overrides keys of a machine; name a machine to verify")
        return UNITS[name]
    if name in shipped("machines") or Path(name).suffix:
        system = load_machine(name, overrides)
        return lambda quick, report: verify_machine(system, quick=quick, progress=report)
    known = [*UNITS, *shipped("machines")]
    raise InputError(f"unknown unit or machine {name!r}; {suggest(name, known)}")
