"""Area: arithmetic blocks and SRAM macros, summed; wiring and control are not in it."""

from lockstep.arch.machine import System
from lockstep.arch.near_memory import LutPim
from lockstep.arch.synthesis import load_synthesis_table
from lockstep.arch.tensor import TensorConfig


def area_mm2(system: System) -> dict[str, float]:
    """Area by component, in mm2: MACs, near-memory processors, vector lanes, scratchpad."""
    machine, tech = system.machine, system.tech
    lane_um2 = sum(block.area_um2 for block in tech.vector.values())
    bank_mm2 = tech.sram.area_mm2.at(machine.scratchpad.bank_bytes, machine.scratchpad.word_bits)
    pim = machine.pim
    units = pim.slices if isinstance(pim, LutPim) else machine.dram.channels * machine.devices
    near = {"pim": units * pim.area.area_mm2} if pim and pim.area else {}
    return {
        "mac": _macs_um2(machine.tensor, system.mac.area_um2) * 1e-6 if machine.tensor else 0.0,
        **near,
        "vector": machine.devices * machine.vector.lanes * lane_um2 * 1e-6,
        "scratchpad": machine.devices * machine.scratchpad.banks * bank_mm2,
    }


def _macs_um2(tensor: TensorConfig, mac_um2: float) -> float:
    """A plain MAC of the technology table per PE, times what our synthesis says of the reduction."""
    area_um2 = tensor.pes * mac_um2
    if tensor.mac.reduction == "mac" and tensor.kind != "laconic":
        return area_um2
    return area_um2 * load_synthesis_table().area_over_mac(tensor)
