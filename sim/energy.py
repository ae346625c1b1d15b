"""Energy: event counts times energy per event, plus leakage times time."""

from lockstep.arch.machine import System
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
    pim = system.machine.pim
    on_engine = activity.macs - activity.pim.get("mac", 0.0)
    near = sum(n * pim.energy[e].energy_pj for e, n in activity.pim.items()) if pim else 0.0
    parts = {
        "mac": on_engine * system.mac.energy_pj if system.machine.tensor else 0.0,
        "pim": near,
        "vector": sum(n * tech.vector[p].energy_pj for p, n in activity.primitives.items()),
        "scratchpad": activity.scratchpad_read_bytes / word_bytes * tech.sram.read_pj.at(*sram)
        + activity.scratchpad_write_bytes / word_bytes * tech.sram.write_pj.at(*sram),
        "dram": activity.dram_bytes * 8 * system.dram.energy_pj_per_bit,
        "leakage": leakage_mw * 1e9 * seconds,  # 1 mW is 1e9 pJ/s
    }
    return {name: parts[name] for name in components(system)}


def mac_energy_pj(system: System) -> float:
    """Energy of one MAC of the tensor engine, else of the processor beside the DRAM, in pJ."""
    if system.machine.tensor or not (pim := system.machine.pim):
        return system.mac.energy_pj
    return pim.energy["mac"].energy_pj
