"""Energy: event counts times energy per event, plus leakage times time."""

from lockstep.arch.machine import System
from lockstep.sim.activity import Activity

COMPONENTS = ("mac", "vector", "scratchpad", "dram", "leakage")
"""Keys of every energy breakdown."""


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
    return {
        "mac": activity.macs * system.mac.energy_pj,
        "vector": sum(n * tech.vector[p].energy_pj for p, n in activity.primitives.items()),
        "scratchpad": activity.scratchpad_read_bytes / word_bytes * tech.sram.read_pj.at(*sram)
        + activity.scratchpad_write_bytes / word_bytes * tech.sram.write_pj.at(*sram),
        "dram": activity.dram_bytes * 8 * system.dram.energy_pj_per_bit,
        "leakage": leakage_mw * 1e9 * seconds,  # 1 mW is 1e9 pJ/s
    }
