"""``lockstep reproduce``: a paper's experiments on our own models and RTL."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lockstep.arch.error import InputError, suggest
from lockstep.arch.extra import needs_extra
from lockstep.cli.complete import one_of
from lockstep.cli.options import JsonOption

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from lockstep.papers.reproduction import Paper, Part, Table

EXAMPLES = (
    "lockstep reproduce tpe --only opt4c-cycles",
    "lockstep reproduce victima --out results/victima",
)

WIDTH = 100
"""Characters per line where the output is no terminal."""

MAX_SIGMA = 1e6  # the widest that engine configs take


def _plain(module: str) -> Callable[[float | None], "Paper"]:
    """A paper whose experiments take no options."""

    def load(sigma: float | None) -> "Paper":
        paper: Paper = import_module(f"lockstep.papers.{module}").PAPER
        if sigma is not None:
            raise InputError(f"--sigma: {paper.name} has no such option; leave it out")
        return paper

    return load


def _tpe(sigma: float | None) -> "Paper":
    from lockstep.papers.tpe import paper

    if sigma is not None and not 0 < sigma <= MAX_SIGMA:
        raise InputError(f"--sigma: must be more than 0, at most {MAX_SIGMA:g}, not {sigma:g}")
    return paper(sigma)


PAPERS: dict[str, Callable[[float | None], "Paper"]] = {
    "int-vs-fp": _plain("int_vs_fp"),
    "xr-npe": _plain("xr_npe"),
    "tpe": _tpe,
    "duplex": _plain("duplex"),
    "cent": _plain("cent"),
    "pim-gpt": _plain("pim_gpt"),
    "victima": _plain("victima"),
}
"""Papers by name, made from ``--sigma``; each imports what it needs when it is asked for."""


def reproduce(
    paper: Annotated[
        str,
        typer.Argument(help=f"One of {', '.join(PAPERS)}.", autocompletion=one_of(*PAPERS)),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for tables and plots.",
            show_default="results/PAPER for a whole paper",
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="PART", help="One part of the paper; a wrong name lists them all."),
    ] = None,
    sigma: Annotated[
        float | None,
        typer.Option(help="Standard deviation of operands; tpe only.", show_default="the paper's"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Reproduce the tables of a paper, beside what it prints.

    All from our own models, RTL and synthesis. A whole paper takes minutes to hours; docs/ has a
    page on each.
    """
    if paper not in PAPERS:
        raise InputError(f"unknown paper {paper!r}; {suggest(paper, PAPERS)}")
    with needs_extra("dram,synth", "reproduce"):
        found = PAPERS[paper](sigma)
    from rich.console import Console

    from lockstep.papers.reproduction import write_parts

    parts = _run(found, only)
    if out is None and only is None and sigma is None:  # a part would not match the rest there
        out = Path("results") / paper
    files = write_parts(found, parts, out) if out else []
    if as_json:
        typer.echo(json.dumps(_data(parts), indent=2))
        return
    console = Console()
    console = Console(width=WIDTH) if not console.is_terminal else console
    for part in parts:
        for table in part.tables:
            if table.on_page:
                console.print(_printed(f"{part.title}. {table.title}", table))
    if files:
        typer.echo(f"{files[0]} and {len(files) - 1} files beside it")


def _printed(title: str, table: "Table") -> "RichTable":
    """Cells and headers wrap, so that wide tables fit."""
    from rich.table import Table as RichTable

    from lockstep.papers.reproduction import cell_text

    printed = RichTable(title=title, title_justify="left", padding=(0, 0, 0, 1))
    for column, value in table.rows[0].items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        heading = column.replace("_", " ")
        printed.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in table.rows:
        printed.add_row(*map(cell_text, row.values()))
    return printed


def _data(parts: list["Part"]) -> object:
    """Tables by part; a part on its own that is one table is just its rows."""
    if len(parts) == 1 and len(parts[0].tables) == 1:
        return [dict(row) for row in parts[0].tables[0].rows]
    return {part.name: part.data() for part in parts}


def _run(paper: "Paper", only: str | None) -> list["Part"]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        return list(paper.parts(only, lambda what: progress.update(task, description=what[:78])))
