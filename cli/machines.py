"""``lockstep machines``: what is shipped."""

from dataclasses import asdict

from lockstep.cli.options import JsonOption, emit

EXAMPLES = ("lockstep machines", "lockstep machines --json  # with clock and technology")


def machines(as_json: JsonOption = False) -> None:
    """List the shipped machines.

    Peak multiply-accumulates are in 10^12 per second, DRAM bandwidth in GB/s.
    """
    from lockstep.arch.listing import machine_rows

    rows = [asdict(row) for row in machine_rows()]
    if as_json:
        emit(rows)
        return
    from lockstep.cli import show

    left_out = ("mhz", "tech")  # what a line of 100 columns has no room for
    show.table(
        "shipped machines", [{k: v for k, v in row.items() if k not in left_out} for row in rows]
    )
