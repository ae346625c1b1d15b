"""``lockstep synth``: gates, area and delay of a machine's tensor engine, or an FPGA."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lockstep.arch.error import InputError, suggest
from lockstep.arch.extra import needs_extra
from lockstep.cli.complete import one_of
from lockstep.cli.options import JsonOption, MachineArgument, SetOption, emit

EXAMPLES = (
    "lockstep synth edge-os16",
    "lockstep synth edge-os16 --delay-ns 0.7 --liberty my.lib --json",
    "lockstep synth edge-os16 --set tensor.rows=4 --set tensor.cols=4 --target ecp5 --out build/ecp5",
)

TARGETS = ("generic", "ecp5", "ice40")

# Headings that fit a hundred columns.
_SHORT = {"nand2_equivalents": "nand2", "transistors": "fets", "flip_flops": "flops"}


def synth(
    machine: MachineArgument,
    target: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="generic: gates of a cell library; ecp5 or ice40: an FPGA, placed and routed.",
            autocompletion=one_of(*TARGETS),
        ),
    ] = "generic",
    liberty: Annotated[
        Path | None,
        typer.Option(
            help="A Liberty file to map to; generic only.", show_default="the shipped 28 nm library"
        ),
    ] = None,
    delay_ns: Annotated[
        float | None,
        typer.Option(
            help="Delay to meet, in ns, or 0 for the smallest area at any speed; generic only.",
            show_default="the machine's clock period",
        ),
    ] = None,
    overrides: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for the results: netlist and report; of an FPGA a project."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Map the tensor engine to gates, or put it on an FPGA.

    Prints cells, NAND2 equivalents, area and delay of each block; for an FPGA, what it uses and the
    clock it reaches. Needs Yosys, for FPGAs nextpnr, too: pip install 'lockstep-sim[synth]'.
    """
    from lockstep.arch.machine import load_machine

    described = load_machine(machine, overrides or ()).machine
    if target not in TARGETS:
        raise InputError(f"--target: unknown target {target!r}; {suggest(target, TARGETS)}")
    with needs_extra("synth"):
        from lockstep.rtl.synth.machine import synthesize_machine
    with _progress() as report:
        result = synthesize_machine(
            described, target=target, liberty=liberty, delay_ns=delay_ns, out=out, progress=report
        )
    if as_json:
        emit(result)
        return
    from lockstep.cli import show

    blocks = result.pop("blocks", None)
    if blocks:
        rows = [{_SHORT.get(key, key): value for key, value in row.items()} for row in blocks]
        show.table(f"{described.name}: blocks of the tensor engine, figures of one copy", rows)
    show.facts(f"{described.name}: tensor engine, {target}", result)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on standard error that says what is being done, and for how long."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("synthesis", total=None)
        yield lambda line: progress.update(task, description=line[:90])
