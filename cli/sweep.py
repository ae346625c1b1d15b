"""``lockstep sweep``: many points of a design space, resumable, on as many workers as there are."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockstep.arch.extra import needs_extra
from lockstep.cli.complete import shipped
from lockstep.cli.options import JsonOption, emit

if TYPE_CHECKING:  # needs the sweep extra
    from lockstep.sweep.load import Sweep
    from lockstep.sweep.run import Progress, SweepResult


EXAMPLES = (
    "lockstep sweep llama3-array --jobs 2 --limit 100 --out results/sweep-array",
    "lockstep sweep my-sweep.yaml --jobs 8",
    "lockstep sweep my-sweep.yaml --dask tcp://head-node:8786 --out results/mine",
)


def sweep(
    file: Annotated[
        str,
        typer.Argument(
            help="A shipped sweep, such as llama3-array, or a sweep YAML.",
            autocompletion=shipped("sweeps"),
        ),
    ],
    jobs: Annotated[int, typer.Option(help="Local worker processes.", min=1, max=1024)] = 1,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run on a dask cluster: its scheduler's address, as in tcp://127.0.0.1:8786.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only the first points.", show_default="all", min=1)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the results.", show_default="results/sweep-NAME"
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Database of the record, as SQLAlchemy writes it.",
            show_default="SQLite, sweep.db in --out",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sweep a design space; go on where it was cut off.

    Writes points.csv (a row for each point), pareto.csv, pareto.png and sweep.json. Ctrl-C stops and
    saves; the same command goes on from there, also after a kill. Exit code 1 if every point failed.
    """
    with needs_extra("sweep", "sweep"):
        from lockstep.sweep.load import load_sweep
        from lockstep.sweep.session import run_in_folder

        described = load_sweep(file)
        out = out or Path("results") / f"sweep-{described.config.name}"
        with _bar(described, limit) as on_progress:
            result = run_in_folder(
                described,
                out,
                jobs=jobs,
                dask=dask,
                storage=storage,
                limit=limit,
                on_progress=on_progress,
            )
    _tell(result, out, as_json)


def _tell(result: "SweepResult", out: Path, as_json: bool) -> None:
    from lockstep.sweep.files import description

    progress = result.progress
    counts = {
        name: getattr(progress, name) for name in ("evaluated", "resumed", "cached", "repeated")
    }
    if as_json:
        summary = {**description(result), **counts, "interrupted": result.interrupted}
        emit({"out": str(out), **summary, "front": _front_rows(result)})
    else:
        _show(result, out, counts)
    if result.interrupted:
        again = shlex.join(["lockstep", *sys.argv[1:]])
        typer.echo(
            f"lockstep: interrupted; {progress.done} of {progress.total} points are stored, and "
            f"this goes on from there: {again}",
            err=True,
        )
        raise typer.Exit(130)
    if all(outcome.status == "failed" for outcome in result.outcomes):
        reason = result.outcomes[0].reason
        typer.echo(f"lockstep: every point failed; the first because: {reason}", err=True)
        raise typer.Exit(1)


def _front_rows(result: "SweepResult") -> list[dict[str, Any]]:
    return [
        {
            "point": outcome.point.number,
            **outcome.point.labels,
            **{metric: outcome.result.metrics[metric] for metric in result.sweep.config.objectives},
        }
        for outcome in result.front
    ]


def _show(result: "SweepResult", out: Path, counts: dict[str, int]) -> None:
    from lockstep.cli import show

    rows = _front_rows(result)
    if rows:
        shown = rows[:20]
        more = f", the first {len(shown)}" if len(shown) < len(rows) else ""
        title = f"{result.sweep.config.name}: Pareto front of {len(rows)}{more}"
        show.table(title, [{k: _short(v) for k, v in row.items()} for row in shown])
    progress = result.progress
    came = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    typer.echo(
        f"{progress.done} points ({came}): {progress.done - progress.infeasible - progress.failed} "
        f"ok, {progress.infeasible} break a constraint, {progress.failed} failed"
    )
    typer.echo(f"results: {out / 'points.csv'}, pareto.csv, pareto.png and sweep.json beside it")


def _short(value: object) -> object:
    return str(value) if isinstance(value, dict | list) else value


def _bar(
    described: "Sweep", limit: int | None
) -> AbstractContextManager[Callable[["Progress"], None]]:
    """A progress bar on a terminal, with the time left and the size of the Pareto front."""
    from rich.console import Console

    console = Console(stderr=True)
    return _live_bar(described, limit, console) if console.is_terminal else nullcontext(_silent)


def _silent(_progress: "Progress") -> None:
    pass


@contextmanager
def _live_bar(
    described: "Sweep", limit: int | None, console: Any
) -> Iterator[Callable[["Progress"], None]]:
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[counts]}"),
        rich.TimeElapsedColumn(),
        rich.TextColumn("left"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=console) as bar:
        total = min(described.total, limit or described.total)
        task = bar.add_task(described.config.name, total=total, counts="")

        def update(progress: "Progress") -> None:
            counts = f"Pareto {len(progress.front)}, failed {progress.failed}"
            bar.update(task, completed=progress.done, counts=counts)

        yield update
