"""``lockstep dram``: run a request trace through a command-level memory."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lockstep.arch.error import InputError
from lockstep.cli.options import JsonOption, emit


def dram(
    preset: Annotated[
        str, typer.Argument(help="A shipped memory, such as ddr4-3200, or a memory YAML.")
    ],
    trace: Annotated[Path, typer.Argument(help="Lines of R 0xADDR or W 0xADDR.")],
    mode: Annotated[
        str,
        typer.Option(help="Requests come as there is room (max), one by one (serial), or periodN."),
    ] = "max",
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of the memory; repeatable."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Replay the commands against the protocol.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Run a DRAM request trace: cycles, latencies, row hits, commands, bandwidth, energy."""
    if find_spec("numba") is None:
        raise InputError(
            "this command needs the package numba; install it with pip install 'lockstep-sim[dram]'"
        )
    from lockstep.arch.dram import load_dram
    from lockstep.sim.cycle.dram.checker import check as find_violations
    from lockstep.sim.cycle.dram.engine import parse_mode, simulate
    from lockstep.sim.cycle.dram.summary import summarize
    from lockstep.sim.cycle.dram.trace import read_trace

    spec = load_dram(preset, overrides or ())
    parse_mode(mode)  # a wrong option is told before a long trace is read
    requests = read_trace(trace)
    run = simulate(spec, requests, mode=mode, log=check)
    summary = summarize(run)
    violations = find_violations(spec, run.log, run.cycles) if check else []
    summary["protocol_violations"] = len(violations) if check else None
    if as_json:
        emit(summary)
    else:
        from lockstep.cli import show

        show.facts(f"{trace} on {spec.name}", summary)
    if violations:
        first = violations[0]
        typer.echo(
            f"lockstep: {first.rule} broken by {first.command} of bank {first.bank} at cycle "
            f"{first.cycle}, and {len(violations) - 1} more breaches of the protocol",
            err=True,
        )
        raise typer.Exit(1)
