"""``lockstep sweep``: many points of a design space, resumable, on as many workers as there are."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockstep.arch.error import InputError
from lockstep.cli.options import JsonOption, emit

if TYPE_CHECKING:  # needs the sweep extra
    from lockstep.sweep.load import Sweep
    from lockstep.sweep.pool import Pool
    from lockstep.sweep.run import Progress, SweepResult


def sweep(
    file: Annotated[
        str, typer.Argument(help="A shipped sweep, such as llama3-array, or a sweep YAML.")
    ],
    jobs: Annotated[int, typer.Option(help="Local worker processes.", min=1, max=1024)] = 1,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Scheduler of a dask cluster to run on instead."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first points.", min=1)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; results/sweep-NAME if absent.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Database of the record; sweep.db in --out if absent."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sweep a design space; the same command goes on where it was cut off.

    Example: lockstep sweep llama3-array --jobs 2 --limit 100 --out results/sweep-array
    """
    with _needs_sweep_extra():
        from lockstep.sweep.files import write_sweep
        from lockstep.sweep.load import load_sweep
        from lockstep.sweep.record import Record, sqlite_url
        from lockstep.sweep.run import run_sweep

        described = load_sweep(file)
        out = out or Path("results") / f"sweep-{described.config.name}"
        with _locked(out):
            record = Record(
                storage or sqlite_url(out / "sweep.db"),
                described.study_name,
                described.config.objectives,
                described.dimensions,
            )
            try:
                with _pool(jobs, dask) as pool, _bar(described, limit) as on_progress:
                    result = run_sweep(
                        described, record, pool, limit=limit, on_progress=on_progress
                    )
            finally:
                record.close()
            write_sweep(result, out)
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


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Only one sweep works in a folder at a time."""
    import fcntl

    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise InputError(
            f"--out: {out}: cannot be written: {error.strerror}; choose a folder"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"--out: {out}: another sweep is running there; wait for it, or choose a folder"
            ) from None
        yield


def _pool(jobs: int, dask: str | None) -> "Pool":
    from lockstep.sweep.pool import DaskCluster, LocalProcesses, OneProcess

    if dask is not None:
        return DaskCluster(dask)
    return LocalProcesses(jobs) if jobs > 1 else OneProcess()


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


@contextmanager
def _needs_sweep_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).startswith("lockstep"):
            raise
        raise InputError(
            f"sweep needs the package {error.name}; install it with pip install 'lockstep-sim[sweep]'"
        ) from None
