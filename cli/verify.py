"""``lockstep verify``: RTL held to the simulator, under Verilator."""

from pathlib import Path
from typing import Annotated

import typer

from lockstep.arch.extra import needs_extra
from lockstep.cli.complete import shipped
from lockstep.cli.options import JsonOption, SetOption, emit

EXAMPLES = (
    "lockstep verify tensor --quick",
    "lockstep verify my-machine.yaml --quick  # the units of a machine of yours",
    "lockstep verify --out results/agreement  # all units, in full",
)

UNITS = ("tensor", "mac", "pim", "tlb", "posit")
"""What can be verified apart from machines; ``posit`` is a part of ``mac``."""


def verify(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help=f"Units ({', '.join(UNITS)}), or machines, of which the units are verified.",
            show_default="all units",
            autocompletion=shipped("machines", *UNITS),
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A sample: about a minute a unit.")
    ] = False,
    overrides: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the tables, as JSON and Markdown."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the RTL to the simulator, under Verilator.

    Prints the agreement table: wrong bits and cycles off, which are to be 0, and how many seeded
    bugs were caught. Exit code 1 if anything disagrees. Built simulators are kept for the next time.
    """
    with needs_extra("rtl"):
        from lockstep.cli.units import verify_units
    rows = verify_units(what or [], quick=quick, overrides=overrides or (), out=out)
    if as_json:
        emit([row.summary() for row in rows])
    else:
        from lockstep.cli import show

        show.agreement(rows)
    if not all(row.passed for row in rows):
        raise typer.Exit(1)
