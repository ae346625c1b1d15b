"""``lockstep rtl``: a machine's Verilog."""

from pathlib import Path
from typing import Annotated

import typer

from lockstep.arch.extra import needs_extra
from lockstep.cli.options import MachineArgument, SetOption

EXAMPLES = (
    "lockstep rtl edge-os16 -o build/edge-os16",
    "lockstep rtl cloud-ws128 -o build/ws16 --set tensor.rows=16 --set tensor.cols=16",
)


def rtl(
    machine: MachineArgument,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder to write to; made if absent.")
    ],
    overrides: SetOption = None,
) -> None:
    """Write the Verilog of a machine, and its port list.

    Each unit that has RTL becomes UNIT.v, whose top module is the unit's name, and UNIT.ports.json:
    names, directions and widths in bits.
    """
    from lockstep.arch.machine import load_machine

    system = load_machine(machine, overrides or ())
    with needs_extra("rtl"):
        from lockstep.rtl.verilog import write_verilog
    for path in write_verilog(system, out):
        typer.echo(path)
