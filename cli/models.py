"""``lockstep models``: what is shipped."""

from dataclasses import asdict

from lockstep.cli.options import JsonOption, emit

EXAMPLES = ("lockstep models", "lockstep models --json")


def models(as_json: JsonOption = False) -> None:
    """List the shipped models.

    Hidden is the width of the residual stream.
    """
    from lockstep.workloads.listing import model_rows

    rows = [asdict(row) for row in model_rows()]
    if as_json:
        emit(rows)
        return
    from lockstep.cli import show

    show.table("shipped models", rows)
