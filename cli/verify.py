"""What ``lockstep verify`` does: pick units, show progress, write the agreement table."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lockstep.arch.error import InputError, suggest
from lockstep.arch.load import shipped
from lockstep.arch.machine import load_machine
from lockstep.verify.agree_mac import verify_mac
from lockstep.verify.agree_posit import verify_posit
from lockstep.verify.agreement import AgreementRow, FormatRow, write_agreement
from lockstep.verify.cosim import SimulationError
from lockstep.verify.tensor import verify_machine_tensor, verify_tensor
from lockstep.verify.verilator import BuildError

Row = AgreementRow | FormatRow
Report = Callable[[str], None]
Job = Callable[[bool, Report], Iterable[Row]]

UNITS: dict[str, Job] = {
    "tensor": lambda quick, report: verify_tensor(quick=quick, progress=report),
    "mac": lambda quick, report: verify_mac(quick=quick, progress=report),
    "posit": lambda quick, report: verify_posit(quick=quick, progress=report),
}
"""Units by name; each yields its rows."""


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
    jobs = [_job(name, overrides) for name in what or UNITS]
    rows: list[Row] = []
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("building and simulating", total=None)
        done = 0

        def report(line: str) -> None:
            nonlocal done
            done += 1
            progress.update(task, description=f"{done} simulations, last: {line}"[:78])

        for job in jobs:
            try:
                rows += job(quick, report)
            except (BuildError, SimulationError, ValueError) as error:
                raise InputError(f"verify: {error}") from None
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
        tensor = load_machine(name, overrides).machine.tensor
        return lambda quick, report: [verify_machine_tensor(tensor, quick=quick, progress=report)]
    known = [*UNITS, *shipped("machines")]
    raise InputError(f"unknown unit or machine {name!r}; {suggest(name, known)}")
