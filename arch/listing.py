"""The shipped machines at a glance."""

from dataclasses import dataclass

from lockstep.arch.load import shipped
from lockstep.arch.machine import System, load_machine


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRow:
    """A machine in one line.

    Parameters
    ----------
    name, array, engine, pim, format, tech : str
        ``format`` is of the weights; what a machine does not have is empty.
    mhz : float
    tmac_s : float
        Multiply-accumulates per second with everything busy, in 10**12.
    dram_gb_s : float
        Pins of all channels.
    """

    name: str
    array: str
    engine: str
    pim: str
    format: str
    mhz: float
    tmac_s: float
    dram_gb_s: float
    tech: str


def machine_row(system: System) -> MachineRow:
    """One line on a machine."""
    machine, tensor = system.machine, system.machine.tensor
    return MachineRow(
        name=machine.name,
        array=tensor.shape if tensor else "",
        engine=tensor.architecture if tensor else "",
        pim=machine.pim.kind if machine.pim else "",
        format=system.operand_formats[1],
        mhz=machine.clock_mhz,
        tmac_s=system.peak_macs_per_s * 1e-12,
        dram_gb_s=system.dram.peak_bytes_per_s * machine.dram.channels * 1e-9,
        tech=machine.tech,
    )


def machine_rows() -> list[MachineRow]:
    """The shipped machines, sorted by name."""
    return [machine_row(load_machine(name)) for name in sorted(shipped("machines"))]
