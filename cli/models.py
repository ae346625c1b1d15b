"""``lockstep models``: what is shipped."""

from lockstep.cli.options import JsonOption, emit

EXAMPLES = ("lockstep models", "lockstep models --json")


def models(as_json: JsonOption = False) -> None:
    """List the shipped models."""
    from lockstep.workloads.counts import parameters
    from lockstep.workloads.model import load_model, shipped_models

    described = [load_model(name) for name in shipped_models()]
    rows = [
        {"name": m.name, "layers": m.layers, "hidden": m.hidden, "parameters": parameters(m)}
        for m in described
    ]
    if as_json:
        emit(rows)
        return
    from lockstep.cli import show

    show.table("shipped models", rows)
