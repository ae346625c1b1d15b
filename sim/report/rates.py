"""What a machine could do at best: the roofs that a run is held to, and its DRAM to first order."""

from dataclasses import dataclass

from lockstep.arch.machine import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rates of a system.

    Parameters
    ----------
    peak_macs_per_s : float
        Multiply-accumulates per second with every PE and every near-memory MAC busy.
    dram_bytes_per_s : float
        Bandwidth over all channels for the best access pattern.
    dram_latency_ns : float
        Latency of an isolated access.
    dram_pj_per_bit : float
        Energy of a bit moved, interface included.
    dram_measured_by : str
        The command or the source that the DRAM's rates come from.
    """

    peak_macs_per_s: float
    dram_bytes_per_s: float
    dram_latency_ns: float
    dram_pj_per_bit: float
    dram_measured_by: str


def rates_of(system: System) -> Rates:
    """Rates of a system whose DRAM is calibrated, as that of every result is."""
    return Rates(
        peak_macs_per_s=system.peak_macs_per_s,
        dram_bytes_per_s=system.dram_bytes_per_cycle * system.machine.clock_hz,
        dram_latency_ns=system.dram.latency_ns,
        dram_pj_per_bit=system.dram.energy_pj_per_bit,
        dram_measured_by=system.dram.table.made_by,
    )
