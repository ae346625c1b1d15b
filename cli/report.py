"""``lockstep report``: what earlier runs or sweeps found, here and as a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lockstep.arch.error import InputError
from lockstep.cli.options import JsonOption, emit

if TYPE_CHECKING:
    from lockstep.sim.report.run_files import RunFiles
    from lockstep.sim.report.sweep_folder import SweepFolder

EXAMPLES = (
    "lockstep report results/mine                      # writes results/mine/report.html",
    "lockstep report results/int8 results/mxfp8 -o compared.html",
    "lockstep report results/my-sweep",
)


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            help="Folders that 'lockstep run --out' wrote, or folders that 'lockstep sweep --out' "
            "wrote; several stand side by side, compared with the first.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help="HTML file to write; default: DIR/report.html of one folder, ./report.html of "
            "several. Only a report of lockstep is overwritten.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show earlier runs or sweeps, and write their HTML page.

    The page is one file that needs no network: summary, operators, timeline, roofline, breakdowns,
    machine and model, and the source of every number; of sweeps, their Pareto fronts.
    """
    from lockstep.sim.report.shell import write_page
    from lockstep.sim.report.sweep_folder import is_sweep

    sweeps = [folder for folder in folders if is_sweep(folder)]
    if sweeps and len(sweeps) < len(folders):
        run = next(folder for folder in folders if folder not in sweeps)
        raise InputError(
            f"{run} is not of a sweep, and {sweeps[0]} is; make a report of runs and another of sweeps"
        )
    page = _sweeps(folders, as_json) if sweeps else _runs(folders, as_json)
    path = out or (folders[0] if len(folders) == 1 else Path()) / "report.html"
    write_page(page, path)
    if not as_json:
        typer.echo(f"report: {path}")


def _runs(folders: Sequence[Path], as_json: bool) -> str:
    from lockstep.sim.report.page import render
    from lockstep.sim.report.run_files import read_run

    runs = [read_run(folder) for folder in folders]
    page = render(runs)
    if as_json:
        shown = [{"summary": run.summary, "ops": run.rows} for run in runs]
        named = [{"folder": str(f), **each} for f, each in zip(folders, shown, strict=True)]
        emit(shown[0] if len(runs) == 1 else {"runs": named})
    elif len(runs) == 1:
        _one_run(folders[0], runs[0])
    else:
        _compared(runs)
    return page


def _one_run(folder: Path, run: "RunFiles") -> None:
    from lockstep.cli import show

    show.facts(str(folder), run.summary)
    columns = (
        "phase",
        "name",
        "bound_by",
        "occurrences",
        "latency_s",
        "share_of_phase",
        "energy_j",
    )
    longest = sorted(run.rows, key=lambda row: -float(row["latency_s"]))[:20]
    show.table("longest operators", [{key: row[key] for key in columns} for row in longest])


def _compared(runs: "Sequence[RunFiles]") -> None:
    """Headline numbers, a line each, with a column per run; three runs fill a line of a terminal."""
    from lockstep.cli import show
    from lockstep.sim.report.compare import headlines, labels

    names, lines = labels(runs), headlines(runs)
    others = range(1, len(runs))
    for start in others[::2]:
        shown = (0, *others[start - 1 : start + 1])
        rows = [
            {"number": line.label}
            | {names[i]: f"{entries[i].text}  {entries[i].ratio}" for i in shown}
            for line, entries in lines
        ]
        show.table(f"{len(runs)} runs, ratios to the first", rows)


def _sweeps(folders: Sequence[Path], as_json: bool) -> str:
    from lockstep.cli import show
    from lockstep.sim.report.sweep_folder import read_sweep
    from lockstep.sim.report.sweep_page import render, summary

    sweeps: list[SweepFolder] = [read_sweep(folder) for folder in folders]
    page = render(sweeps)
    summaries = [summary(sweep) for sweep in sweeps]
    if as_json:
        named = [{"folder": str(f), **each} for f, each in zip(folders, summaries, strict=True)]
        emit(summaries[0] if len(sweeps) == 1 else {"sweeps": named})
    else:
        for folder, each in zip(folders, summaries, strict=True):
            show.facts(str(folder), each)
    return page
