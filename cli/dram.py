"""``lockstep dram``: run a request trace through a command-level memory; and ``--dram exact``."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.arch.error import InputError
from lockstep.cli.complete import keys_of, one_of, shipped
from lockstep.cli.options import JsonOption, emit

EXAMPLES = (
    "lockstep dram ddr4-3200 trace.txt",
    "lockstep dram hbm2-2000 trace.txt --mode period16 --set controller.refresh=per_bank --json",
)

DramOption = Annotated[
    str,
    typer.Option(
        "--dram",
        metavar="MODE",
        help="DRAM by calibrated bandwidth (fast) or command by command (exact; slower).",
        autocompletion=one_of("fast", "exact"),
    ),
]


@contextmanager
def dram_progress(mode: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many DRAM requests have been simulated, if any are to be."""
    if mode != "exact":
        yield lambda _requests: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("DRAM: starting")
        yield lambda requests: bar.update(task, description=f"DRAM: {requests:,} requests")


def dram_line(summary: Mapping[str, Any]) -> str:
    """What was simulated, and how far calibrated bandwidth is off."""
    return (
        f"DRAM: {summary['dram_requests']:,} requests of {summary['dram_streams']} streams simulated, "
        f"sampling error below {summary['dram_sampling_error']:.1%}; calibrated bandwidth would be "
        f"off by {summary['dram_error']['dma']:+.1%} in DMA time, "
        f"{summary['dram_error']['latency']:+.1%} in latency"
    )


def dram(
    preset: Annotated[
        str,
        typer.Argument(
            help="A shipped memory, such as ddr4-3200, or a memory YAML.",
            autocompletion=shipped("dram_timing"),
        ),
    ],
    trace: Annotated[
        Path, typer.Argument(help="A text file: lines of R 0xADDR or W 0xADDR, byte addresses.")
    ],
    mode: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help="Requests come as there is room (max), one by one (serial), or one every N cycles "
            "(periodN, as in period16).",
            autocompletion=one_of("max", "serial", "period16"),
        ),
    ] = "max",
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a key of the memory, as in controller.refresh=per_bank; repeatable. "
            "'lockstep schema dram_timing' lists the keys.",
            autocompletion=keys_of("dram_timing", "lockstep.arch.dram:DramSpec"),
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check", help="Replay all commands against the memory's timing rules."
        ),
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Run a DRAM request trace, command by command.

    Prints cycles, latencies, row hits, commands, bandwidth and energy. Exit code 1 if a command
    broke the protocol.
    """
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
