"""The ``lockstep`` command: exit code 0 ok, 1 a check failed, 2 bad input.

Heavy packages are imported inside the commands that need them, so that ``lockstep run`` stays quick.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.arch.load import InputError
from lockstep.cli.dram import DramOption, dram_line, dram_progress
from lockstep.cli.dram import dram as dram_command
from lockstep.cli.options import (
    JsonOption,
    MachineArgument,
    ModelOption,
    SetOption,
    emit,
    needs_rtl_extra,
)
from lockstep.cli.reproduce import reproduce
from lockstep.cli.sweep import sweep
from lockstep.cli.synth import synth
from lockstep.cli.tlb import tlb

app = typer.Typer(
    help="One YAML describes an AI accelerator; RTL and simulator agree to the bit and the cycle.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def run(
    machine: MachineArgument,
    model: ModelOption,
    prefill: Annotated[
        int | None,
        typer.Option(help="Prompt tokens of each sequence; 2048, or the most a model takes."),
    ] = None,
    decode: Annotated[int, typer.Option(help="Tokens to generate for each sequence.")] = 0,
    batch: Annotated[int, typer.Option(help="Sequences that run together.")] = 1,
    weights: Annotated[str | None, typer.Option(help="Stored format of the weights.")] = None,
    activations: Annotated[str | None, typer.Option(help="Stored format of activations.")] = None,
    kv: Annotated[str | None, typer.Option(help="Stored format of the KV cache.")] = None,
    scale_rule: Annotated[
        str, typer.Option(help="How power-of-two block scales are chosen: floor (OCP) or ceil.")
    ] = "floor",
    dram: DramOption = "fast",
    overrides: SetOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write the full report to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a model: a prefill, then a decode over growing context."""
    from lockstep.arch.machine import load_machine
    from lockstep.sim.operand_formats import default_formats
    from lockstep.sim.run import simulate
    from lockstep.workloads.model import load_model
    from lockstep.workloads.phases import Formats

    system = load_machine(machine, overrides or ())
    default = default_formats(system)
    formats = Formats(
        weights=weights or default.weights,
        activations=activations or default.activations,
        kv=kv or default.kv,
        scale_rule=scale_rule,  # type: ignore[arg-type]
    )
    described = load_model(model)
    if prefill is None:
        prefill = max(1, min(2048, (described.longest or 2048) - decode))
    with dram_progress(dram) as progress:
        result = simulate(
            system,
            described,
            prefill=prefill,
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
    if files:
        typer.echo(
            f"report: {out / 'report.html'} and {len(files) - 1} files beside it" if out else ""
        )


@app.command()
def gemm(
    machine: MachineArgument,
    m: Annotated[int, typer.Argument(metavar="M")],
    n: Annotated[int, typer.Argument(metavar="N")],
    k: Annotated[int, typer.Argument(metavar="K")],
    dram: DramOption = "fast",
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one matrix product, C[M,N] = A[M,K] @ B[K,N]."""
    from lockstep.arch.machine import load_machine
    from lockstep.sim.gemm import simulate_gemm

    system = load_machine(machine, overrides or ())
    with dram_progress(dram) as progress:
        result = simulate_gemm(system, m, n, k, dram=dram, progress=progress)
    summary = result.summary()
    if as_json:
        emit({"machine": system.machine.name, "m": m, "n": n, "k": k, **summary})
        return
    from lockstep.cli import show

    show.facts(f"{m} x {n} x {k} on {system.machine.name}", summary)


@app.command("model")
def model_command(
    model: Annotated[str, typer.Argument(help="A shipped model, a model YAML, or a config.json.")],
    phase: Annotated[str, typer.Option(help="prefill or decode.")] = "prefill",
    tokens: Annotated[int, typer.Option(help="Prompt tokens of a prefill.")] = 2048,
    context: Annotated[int, typer.Option(help="Cached tokens per sequence.")] = 0,
    batch: Annotated[int, typer.Option(help="Sequences that run together.")] = 1,
    weights: Annotated[str, typer.Option(help="Stored format of the weights.")] = "bf16",
    activations: Annotated[str, typer.Option(help="Stored format of activations.")] = "bf16",
    kv: Annotated[str, typer.Option(help="Stored format of the KV cache.")] = "bf16",
    as_json: JsonOption = False,
) -> None:
    """Count parameters, FLOPs and bytes of a model in one phase."""
    from lockstep.workloads.counts import count
    from lockstep.workloads.model import load_model
    from lockstep.workloads.phases import Formats, Phase

    try:
        formats = Formats(weights=weights, activations=activations, kv=kv)
        step = Phase(
            kind=phase,  # type: ignore[arg-type]
            batch=batch,
            tokens=tokens if phase == "prefill" else 1,
            context=context,
        )
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from None
    described = load_model(model)
    counts = count(described, step, formats)
    if as_json:
        emit({"model": described.name, "phase": phase, **counts})
        return
    from lockstep.cli import show

    show.facts(f"{described.name}, {phase}", counts)


@app.command()
def machines(as_json: JsonOption = False) -> None:
    """List the shipped machines."""
    from lockstep.arch.load import shipped
    from lockstep.arch.machine import load_machine

    systems = [load_machine(name) for name in sorted(shipped("machines"))]
    rows = [
        {
            "name": s.machine.name,
            "array": s.machine.tensor.shape if s.machine.tensor else "",
            "engine": s.machine.tensor.architecture if s.machine.tensor else "",
            "pim": s.machine.pim.kind if s.machine.pim else "",
            "format": s.operand_formats[1],
            "mhz": s.machine.clock_mhz,
            "tmac_s": s.peak_macs_per_s * 1e-12,
            "dram_gb_s": s.dram.peak_bytes_per_s * s.machine.dram.channels * 1e-9,
            "tech": s.machine.tech,
        }
        for s in systems
    ]
    if as_json:
        emit(rows)
        return
    from lockstep.cli import show

    left_out = ("mhz", "tech")  # what a line of 100 columns has no room for
    show.table(
        "shipped machines", [{k: v for k, v in row.items() if k not in left_out} for row in rows]
    )


@app.command()
def models(as_json: JsonOption = False) -> None:
    """List the shipped models."""
    from lockstep.workloads.counts import parameters
    from lockstep.workloads.model import load_model, shipped_models

    described = [load_model(name) for name in shipped_models()]
    rows = [
        {"name": m.name, "layers": m.layers, "hidden": m.hidden, "parameters": parameters(m)}
        for m in described
    ]
    _table("shipped models", rows, as_json)


def _table(title: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit(rows)
        return
    from lockstep.cli import show

    show.table(title, rows)


@app.command()
def formats(as_json: JsonOption = False) -> None:
    """List the number formats."""
    from lockstep.arch.formats import format_rows

    rows = format_rows()
    if as_json:
        emit(rows)
        return
    from lockstep.cli import show

    columns = ("name", "bits_per_element", "block", "scale", "max", "min_subnormal")
    show.table("number formats", [{key: row[key] for key in columns} for row in rows])


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(help="machine, model, tech, dram, dram_timing, pim, mmu or sweep.")
    ] = "machine",
) -> None:
    """Print the JSON Schema of a file kind, for editors."""
    from lockstep.arch.config import Config
    from lockstep.arch.dram import DramSpec
    from lockstep.arch.load import json_schema
    from lockstep.arch.machine import Machine
    from lockstep.arch.memory import DramPreset, TimedDramPreset
    from lockstep.arch.mmu import MmuConfig
    from lockstep.arch.pim import PimChannelConfig
    from lockstep.arch.tech import Tech
    from lockstep.sweep.config import SweepConfig
    from lockstep.workloads.model import Model

    kinds: dict[str, type[Config]] = {
        "machine": Machine,
        "model": Model,
        "tech": Tech,
        "dram": DramPreset,
        "dram_timing": DramSpec,
        "pim": PimChannelConfig,
        "mmu": MmuConfig,
        "sweep": SweepConfig,
    }
    if kind not in kinds:
        raise InputError(f"kind: unknown kind {kind!r}; choose {', '.join(kinds)}")
    if kind == "dram":  # one that names its timing, or one to first order
        emit({"anyOf": [json_schema(DramPreset), json_schema(TimedDramPreset)]})
    else:
        emit(json_schema(kinds[kind]))


@app.command()
def rtl(
    machine: MachineArgument,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")],
    overrides: SetOption = None,
) -> None:
    """Write the machine's Verilog and its port list."""
    from lockstep.arch.machine import load_machine

    system = load_machine(machine, overrides or ())
    with needs_rtl_extra():
        from lockstep.cli.verilog import write_verilog
    for path in write_verilog(system, out):
        typer.echo(path)


@app.command()
def verify(
    what: Annotated[
        list[str] | None, typer.Argument(help="Units (tensor), or a machine; all units if absent.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A sample, under a minute.")] = False,
    overrides: SetOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for agreement.json and agreement.md.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the RTL to the simulator under Verilator, and print the agreement table."""
    with needs_rtl_extra():
        from lockstep.cli.verify import verify_units
    rows = verify_units(what or [], quick=quick, overrides=overrides or (), out=out)
    if as_json:
        emit([row.summary() for row in rows])
    else:
        from lockstep.cli import show

        show.agreement(rows)
    if not all(row.passed for row in rows):
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder that 'lockstep run --out' wrote.")],
    as_json: JsonOption = False,
) -> None:
    """Print the summary of an earlier run."""
    from lockstep.sim.report import read_report

    summary, rows = read_report(folder)
    if as_json:
        emit({"summary": summary, "ops": rows})
        return
    from lockstep.cli import show

    show.facts(str(folder), summary)
    columns = (
        "phase",
        "name",
        "bound_by",
        "occurrences",
        "latency_s",
        "share_of_phase",
        "energy_j",
    )
    longest = sorted(rows, key=lambda row: -float(row["latency_s"]))[:20]
    show.table("longest operators", [{key: row[key] for key in columns} for row in longest])


app.command()(synth)
app.command("dram")(dram_command)
app.command()(tlb)
app.command()(reproduce)
app.command()(sweep)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        code = app(args=argv, prog_name="lockstep", standalone_mode=False)
    except InputError as error:
        typer.echo(f"lockstep: {error}", err=True)
        return 2
    except typer.TyperException as error:
        line = " ".join(error.format_message().split())
        typer.echo(f"lockstep: {line} (see 'lockstep --help')", err=True)
        return 2
    except typer.Abort:
        typer.echo("lockstep: interrupted", err=True)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code or 0)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"lockstep {version('lockstep-sim')}")
        raise typer.Exit


@app.callback()
def _options(
    _show: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def console() -> None:
    """Entry point of the console script."""
    sys.exit(main())


if __name__ == "__main__":
    console()
