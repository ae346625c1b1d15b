"""``lockstep run``: a model on a machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lockstep.cli.complete import one_of
from lockstep.cli.dram import DramOption, dram_line, dram_progress
from lockstep.cli.options import (
    BatchOption,
    JsonOption,
    MachineArgument,
    ModelOption,
    SetOption,
    emit,
    format_option,
)

EXAMPLES = (
    "lockstep run cloud-ws128 --model llama-3-8b --prefill 2048 --decode 128 --batch 8",
    "lockstep run edge-os16 --model gpt2 --set tensor.rows=32 --set dram.channels=2 --json",
    "lockstep run cloud-mx32 --model qwen3-8b --decode 64 --weights mxfp4 --kv mxint8",
    "lockstep run edge-os16 --model gpt2 --decode 8 --out results/gpt2  # writes a report, too",
)


def run(
    machine: MachineArgument,
    model: ModelOption,
    prefill: Annotated[
        int | None,
        typer.Option(
            help="Prompt tokens of each sequence, 1 or more.",
            show_default="2048, or what the model has room for",
        ),
    ] = None,
    decode: Annotated[
        int, typer.Option(help="Tokens to generate for each sequence; 0 for a prefill alone.")
    ] = 0,
    batch: BatchOption = 1,
    weights: Annotated[str | None, format_option("weights", "operand B of the MAC")] = None,
    activations: Annotated[str | None, format_option("activations", "operand A")] = None,
    kv: Annotated[str | None, format_option("the KV cache", "operand A")] = None,
    scale_rule: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="How power-of-two block scales are chosen: floor (OCP) or ceil.",
            autocompletion=one_of("floor", "ceil"),
        ),
    ] = "floor",
    dram: DramOption = "fast",
    overrides: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder to write the full report to: HTML, tables, trace, plots."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a model: a prefill, then a decode over growing context.

    Prints latency, energy and area, and what each operator takes and is bound by. TTFT is the time
    to the first token, TPOT the mean time per generated token.
    """
    from lockstep.arch.machine import load_machine
    from lockstep.sim.operand_formats import chosen_formats
    from lockstep.sim.run import default_prefill, simulate
    from lockstep.workloads.model import load_model

    system = load_machine(machine, overrides or ())
    formats = chosen_formats(
        system, weights=weights, activations=activations, kv=kv, scale_rule=scale_rule
    )
    described = load_model(model)
    with dram_progress(dram) as progress:
        result = simulate(
            system,
            described,
            prefill=default_prefill(described, decode) if prefill is None else prefill,
            decode=decode,
            batch=batch,
            formats=formats,
            dram=dram,
            progress=progress,
        )
    files = []
    if out is not None:
        from lockstep.sim.report import write_report

        files = write_report(result, out, command=sys.argv[1:])
    if as_json:
        emit(result.summary())
        return
    from lockstep.cli import show

    show.run(result)
    if result.fast:
        typer.echo(dram_line(result.summary()))
    if out is not None:
        typer.echo(f"report: {out / 'report.html'} and {len(files) - 1} files beside it")
