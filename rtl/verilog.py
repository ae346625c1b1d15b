"""Write a machine's Verilog: one file per unit that has RTL, with its port list beside it."""

import json
from pathlib import Path

from lockstep.arch.config import Config
from lockstep.arch.load import InputError
from lockstep.arch.machine import System
from lockstep.arch.near_memory import LutPim
from lockstep.arch.pim import PimSequencerConfig
from lockstep.rtl.build import component, ports, to_verilog


def write_verilog(system: System, out: Path) -> list[Path]:
    """Write ``UNIT.v`` and ``UNIT.ports.json`` for each unit; the top module is the unit's name.

    Of banks that compute these are the command sequencer of a channel and the unit of a bank: the
    banks themselves are a memory maker's.

    Raises
    ------
    lockstep.arch.load.InputError
        If a unit has no RTL in the formats asked for, or ``out`` cannot be written.
    """
    texts: dict[str, str] = {}
    for unit, cfg in units(system).items():
        try:
            texts[f"{unit}.v"] = to_verilog(cfg, unit)
        except ValueError as error:
            raise InputError(f"{system.machine.name}: {unit}: {error}") from None
        texts[f"{unit}.ports.json"] = json.dumps(ports(component(cfg)), indent=2) + "\n"
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_text(text)
    except OSError as error:
        raise InputError(f"--out {out}: cannot write there: {error.strerror}") from None
    return [out / name for name in texts]


def units(system: System) -> dict[str, Config]:
    """Units of a machine that have a component, by name, with their configs."""
    machine, units = system.machine, dict[str, Config]()
    if machine.tensor:
        units["tensor"] = machine.tensor
    if channel := system.pim_channel:
        units["pim_sequencer"] = PimSequencerConfig.model_validate(channel.model_dump())
        units["pim_mac"] = channel.mac
    if isinstance(machine.pim, LutPim):
        units["lut_slice"] = machine.pim.slice
    return units
