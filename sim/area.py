"""Area: arithmetic blocks and SRAM macros, summed; wiring and control are not in it."""

from lockstep.arch.machine import System


def area_mm2(system: System) -> dict[str, float]:
    """Area by component, in mm2: MACs, near-memory processors, vector lanes, scratchpad."""
    machine, tech = system.machine, system.tech
    lane_um2 = sum(block.area_um2 for block in tech.vector.values())
    bank_mm2 = tech.sram.area_mm2.at(machine.scratchpad.bank_bytes, machine.scratchpad.word_bits)
    pim = machine.pim
    near = {"pim": machine.dram.channels * pim.area.area_mm2} if pim and pim.area else {}
    return {
        "mac": machine.engine.pes * system.mac.area_um2 * 1e-6 if machine.tensor else 0.0,
        **near,
        "vector": machine.vector.lanes * lane_um2 * 1e-6,
        "scratchpad": machine.scratchpad.banks * bank_mm2,
    }
