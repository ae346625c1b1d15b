"""Energy: event counts times energy per event, plus leakage times time."""

from lockstep.arch.machine import System
from lockstep.arch.near_memory import BankPim, LutPim
from lockstep.sim import near_lut
from lockstep.sim.activity import Activity


def components(system: System) -> tuple[str, ...]:
    """Keys of the system's energy breakdown."""
    pim = ("pim",) * (system.machine.pim is not None)
    return ("mac", *pim, "vector", "scratchpad", "dram", "leakage")


def energy_pj(system: System, activity: Activity, seconds: float) -> dict[str, float]:
    """Energy by component, in pJ.

    Parameters
    ----------
    system : System
        Its technology table gives pJ per event; DRAM energy is per bit moved.
    activity : Activity
        What happened.
    seconds : float
        Time during which the scratchpad leaks.
    """
    scratchpad, tech = system.machine.scratchpad, system.tech
    word_bytes = scratchpad.word_bits / 8
    sram = (scratchpad.bank_bytes, scratchpad.word_bits)
    leakage_mw = tech.sram.leakage_mw.at(*sram) * scratchpad.banks
    on_engine = activity.macs - activity.pim.get("mac", 0.0)
    host_bytes = activity.dram_bytes - activity.pim.get("pin_byte", 0.0)
    parts = {
        "mac": on_engine * system.mac.energy_pj if system.machine.tensor else 0.0,
        "pim": _near_memory_pj(system, activity, seconds),
        "vector": sum(n * tech.vector[p].energy_pj for p, n in activity.primitives.items()),
        "scratchpad": activity.scratchpad_read_bytes / word_bytes * tech.sram.read_pj.at(*sram)
        + activity.scratchpad_write_bytes / word_bytes * tech.sram.write_pj.at(*sram),
        "dram": host_bytes * 8 * system.dram.energy_pj_per_bit,
        "leakage": leakage_mw * 1e9 * seconds * system.machine.devices,  # 1 mW is 1e9 pJ/s
    }
    return {name: parts[name] for name in components(system)}


def _near_memory_pj(system: System, activity: Activity, seconds: float) -> float:
    """Priced events, and what channels of banks that compute take while they stand by."""
    pim = system.machine.pim
    if pim is None:
        return 0.0
    prices = {str(event): price.energy_pj for event, price in pim.energy.items()}
    total = sum(n * prices[e] for e, n in activity.pim.items() if e in prices)
    if isinstance(pim, BankPim) and (standby := pim.standby):
        channels = system.machine.dram.channels * pim.working_devices
        total += standby.closed_mw * 1e9 * seconds * channels
        total += (standby.open_mw - standby.closed_mw) * activity.pim.get("open_ns", 0.0)
    return total


def mac_energy_pj(system: System) -> float:
    """Energy of one MAC of the tensor engine, else of the processor beside the DRAM, in pJ."""
    if system.machine.tensor or not (pim := system.machine.pim):
        return system.mac.energy_pj
    if isinstance(pim, LutPim):
        return near_lut.mac_energy_pj(pim)
    if isinstance(pim, BankPim):
        macs = system.channel.banks * system.channel.mac.lanes
        return pim.energy["mac_burst"].energy_pj / macs
    return pim.energy["mac"].energy_pj
