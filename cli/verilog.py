"""Write a machine's Verilog: one file per unit that has RTL, with its port list beside it."""

import json
from pathlib import Path

from lockstep.arch.load import InputError
from lockstep.arch.machine import Machine
from lockstep.rtl.build import component, ports, to_verilog

UNITS = ("tensor",)
"""Keys of a machine file whose config has a component."""


def write_verilog(machine: Machine, out: Path) -> list[Path]:
    """Write ``UNIT.v`` and ``UNIT.ports.json`` for each unit; the top module is the unit's name.

    Raises
    ------
    lockstep.arch.load.InputError
        If a unit has no RTL in the formats asked for, or ``out`` cannot be written.
    """
    texts: dict[str, str] = {}
    for unit in UNITS:
        cfg = getattr(machine, unit)
        try:
            texts[f"{unit}.v"] = to_verilog(cfg, unit)
        except ValueError as error:
            raise InputError(f"{machine.name}: {unit}: {error}") from None
        texts[f"{unit}.ports.json"] = json.dumps(ports(component(cfg)), indent=2) + "\n"
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_text(text)
    except OSError as error:
        raise InputError(f"--out {out}: cannot write there: {error.strerror}") from None
    return [out / name for name in texts]
