"""``lockstep formats``: the one table of number formats."""

from lockstep.cli.options import JsonOption, emit

EXAMPLES = ("lockstep formats", "lockstep formats --json  # every column")


def formats(as_json: JsonOption = False) -> None:
    """List the number formats.

    Bits per element count a block's scale. Posits and block floating point of other widths exist,
    too: posit10_1, bfp6_e8_b16.
    """
    from lockstep.arch.formats import format_rows

    rows = format_rows()
    if as_json:
        emit(rows)
        return
    from lockstep.cli import show

    columns = ("name", "bits_per_element", "block", "scale", "max", "min_subnormal")
    show.table("number formats", [{key: row[key] for key in columns} for row in rows])
