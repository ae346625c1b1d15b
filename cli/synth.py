"""What ``lockstep synth`` does: gates, area and delay of a machine's tensor engine, or an FPGA."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockstep.arch.error import InputError, suggest
from lockstep.cli.options import JsonOption, MachineArgument, SetOption, emit, needs_rtl_extra

if TYPE_CHECKING:  # needs the rtl extra
    from lockstep.arch.machine import Machine
    from lockstep.rtl.synth.engine import EngineReport

TARGETS = ("generic", "ecp5", "ice40")

# Headings that fit a hundred columns.
_SHORT = {"nand2_equivalents": "nand2", "transistors": "fets", "flip_flops": "flops"}


def synth(
    machine: MachineArgument,
    target: Annotated[str, typer.Option(help="generic, ecp5 or ice40.")] = "generic",
    liberty: Annotated[
        Path | None, typer.Option(help="A Liberty file to map to, in place of the shipped library.")
    ] = None,
    delay_ns: Annotated[
        float | None,
        typer.Option(help="Delay to meet; the machine's clock period if absent, 0 for any."),
    ] = None,
    overrides: SetOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write the results to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Map the machine's tensor engine to gates, or place it on an FPGA."""
    from lockstep.arch.machine import load_machine

    described = load_machine(machine, overrides or ()).machine
    if target not in TARGETS:
        raise InputError(f"--target: unknown target {target!r}; {suggest(target, TARGETS)}")
    if target == "generic":
        result = _gates(described, liberty, delay_ns, out)
    elif liberty is not None or delay_ns is not None:
        raise InputError(f"--target {target}: it takes neither --liberty nor --delay-ns")
    else:
        result = _fpga(described, target, out)
    if as_json:
        emit(result)
        return
    from lockstep.cli import show

    blocks = result.pop("blocks", None)
    if blocks:
        rows = [{_SHORT.get(key, key): value for key, value in row.items()} for row in blocks]
        show.table(f"{described.name}: blocks of the tensor engine, figures of one copy", rows)
    show.facts(f"{described.name}: tensor engine, {target}", result)


def _gates(
    machine: "Machine", liberty: Path | None, delay_ns: float | None, out: Path | None
) -> dict[str, Any]:
    if delay_ns is None:
        delay_ns = 1e3 / machine.clock_mhz
    elif not (math.isfinite(delay_ns) and delay_ns >= 0):
        raise InputError(f"--delay-ns: must be 0 or more, not {delay_ns:g}")
    with needs_rtl_extra():
        from lockstep.rtl.synth.engine import synthesize_engine
        from lockstep.rtl.synth.liberty import read_library
        from lockstep.rtl.synth.logical_effort import generic_library
        from lockstep.rtl.synth.tool import SynthesisError

    library = read_library(liberty) if liberty else generic_library()
    with _progress() as report:
        try:
            engine = synthesize_engine(
                machine.engine,
                library=library,
                target_delay_ns=delay_ns or None,
                progress=report,
            )
        except (SynthesisError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{machine.name}: tensor: {error}") from None
    result = {
        "machine": machine.name,
        "target": "generic",
        "library": str(liberty or library.name),
        **summary(engine),
    }
    if out is not None:
        _write(engine, result, out)
    return result


def summary(engine: "EngineReport") -> dict[str, Any]:
    """An engine's report as plain data; ``blocks`` has a row per block, of one copy of it."""
    total = engine.total
    blocks = [
        {
            "block": row.block,
            "instances": row.instances,
            "nand2_equivalents": row.total.nand2_equivalents / row.instances,
            "transistors": round(row.total.transistors / row.instances),
            "area_um2": row.total.area_um2 / row.instances,
            "delay_ns": row.delay_ns,
            "flip_flops": round(row.total.flip_flops / row.instances),
            "share": row.total.area_um2 / total.area_um2,
        }
        for row in engine.blocks
        if row.total != type(row.total)()  # rows of PEs have nothing of their own
    ]
    check = engine.check
    return {
        "tool": engine.smallest.tool,
        "target_delay_ns": engine.smallest.target_delay_ns,
        "delay_ns": engine.delay_ns,
        "meets_target": engine.smallest.target_delay_ns is None
        or engine.delay_ns <= engine.smallest.target_delay_ns,
        **asdict(total),
        "composed": engine.is_composed,
        "flat_check": {
            "rows": check.rows,
            "cols": check.cols,
            "composed_nand2_equivalents": check.composed,
            "flat_nand2_equivalents": check.flat,
            "difference": check.difference,
        },
        "blocks": blocks,
    }


def _write(engine: "EngineReport", result: dict[str, Any], out: Path) -> None:
    smallest = engine.smallest
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "synthesis.json").write_text(json.dumps(result, indent=2) + "\n")
        (out / "cells.lib").write_text(smallest.library.text)
        (out / "netlist.json").write_text(smallest.netlist_json.read_text())
    except OSError as error:
        raise InputError(f"--out {out}: cannot write there: {error.strerror}") from None


def _fpga(machine: "Machine", target: str, out: Path | None) -> dict[str, Any]:
    with needs_rtl_extra():
        from lockstep.rtl.synth.fpga import place_and_route
        from lockstep.rtl.synth.tool import SynthesisError

    with _progress() as report:
        try:
            return asdict(place_and_route(machine, target, out, progress=report))
        except SynthesisError as error:
            raise InputError(f"{machine.name}: {target}: {error}") from None


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done, and for how long."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("synthesis", total=None)
        yield lambda line: progress.update(task, description=line[:90])
