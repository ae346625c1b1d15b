"""The units of one machine that have RTL, each held to its models."""

from collections.abc import Iterator
from typing import Protocol

from lockstep.arch.machine import System
from lockstep.arch.near_memory import LutPim
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.lut import verify_machine_lut
from lockstep.verify.mmu import verify_machine_mmu
from lockstep.verify.pim import verify_machine_pim
from lockstep.verify.tensor import verify_machine_tensor


class Report(Protocol):
    """Is told what is done."""

    def __call__(self, line: str, total: int | None = None) -> None:
        """Take the simulation done last, and how many there are in all, if that is known."""


def silent(line: str, total: int | None = None) -> None:
    """Tell nobody."""


def verify_machine(
    system: System, *, quick: bool, progress: Report = silent
) -> Iterator[AgreementRow]:
    """One row per unit that the machine has and that has RTL, as it is done.

    Parameters
    ----------
    system : System
        As :func:`lockstep.arch.machine.load_machine` gives it.
    quick : bool
        A sample, under a minute.
    progress : callable
        Told of every simulation.

    Raises
    ------
    ValueError
        If a unit has no RTL in the formats asked for.
    lockstep.verify.verilator.BuildError, lockstep.verify.cosim.SimulationError
        If the RTL cannot be built, or a simulation ends early.
    """
    machine = system.machine
    if machine.tensor:
        yield verify_machine_tensor(machine.tensor, quick=quick, progress=progress)
    if channel := system.pim_channel:
        yield from verify_machine_pim(channel, quick=quick, progress=progress)
    if isinstance(machine.pim, LutPim):
        yield from verify_machine_lut(machine.pim.slice, quick=quick, progress=progress)
    if system.mmu:
        yield from verify_machine_mmu(system.mmu, quick=quick, progress=progress)
