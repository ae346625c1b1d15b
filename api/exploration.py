"""Sweeps: many points of a design space, run or read back."""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockstep.api.display import html_table, text_table
from lockstep.api.plots import SweepPlots
from lockstep.api.table import Table
from lockstep.api.values import plain, whole, write_text
from lockstep.arch.document import Document
from lockstep.arch.error import InputError
from lockstep.arch.extra import needs_extra
from lockstep.sim.report.sweep_folder import SweepFolder, SweptPoint, read_sweep

if TYPE_CHECKING:  # needs the sweep extra
    from matplotlib.figure import Figure

    from lockstep.sweep.load import Sweep as Described
    from lockstep.sweep.run import Progress


def _ignore(_progress: object) -> None:
    pass


@dataclass(frozen=True, repr=False, eq=False)
class Sweep:
    """The points of a sweep.

    Made by :func:`run_sweep` and :func:`open_sweep`.

    Parameters
    ----------
    read : SweepFolder
        What the sweep's folder holds.
    folder : Path or None
        The folder; None if it was not kept.
    """

    read: SweepFolder
    folder: Path | None = None

    @cached_property
    def points(self) -> Table[SweptPoint]:
        """All points, in the order of the search; columns are those of points.csv."""
        shown = ("point", *self.read.axes, *self.objectives, "status")
        return Table(self.read.points, _cells, title=f"points of {self.name}", shown=shown)

    @cached_property
    def front(self) -> Table[SweptPoint]:
        """The points that no other is better than."""
        numbers = set(self.read.front)
        return Table(
            (point for point in self.read.points if point.number in numbers),
            _cells,
            title=f"Pareto front of {self.name}",
            shown=("point", *self.read.axes, *self.objectives),
        )

    @property
    def name(self) -> str:
        """As in the sweep file."""
        return self.read.name

    @property
    def objectives(self) -> dict[str, str]:
        """Metric to "min" or "max"."""
        return dict(self.read.objectives)

    @property
    def metrics(self) -> dict[str, str]:
        """The metrics that points have, with a few words on each."""
        return dict(self.read.metrics)

    @property
    def is_complete(self) -> bool:
        """Whether all points of the space that was asked for are there."""
        return len(self.points) == self.read.points_in_all

    @property
    def plot(self) -> SweepPlots:
        """Figures: ``sweep.plot.pareto()``."""
        return SweepPlots(self._figures)

    def best(self, objective: str) -> SweptPoint:
        """The first of the points within all constraints that are best in an objective.

        Raises
        ------
        InputError
            If it is not one of the sweep's objectives, or no point is within the constraints.
        """
        if objective not in self.objectives:
            raise InputError(
                f"best: {objective!r} is no objective; choose from {', '.join(self.objectives)}"
            )
        found = self.read.best(objective)
        if found is None:
            raise InputError(f"best: no point of {self.name} is within its constraints")
        return found

    def report(self, path: str | PathLike[str], *others: "Sweep") -> Path:
        """Write one HTML page that needs no other file, of this sweep or of several side by side.

        Parameters
        ----------
        path : str or path
            The page, such as report.html.
        *others : Sweep
            Sweeps to stand beside this one.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        from lockstep.sim.report.sweep_page import render

        return write_text(path, render([sweep.read for sweep in (self, *others)]))

    def _figures(self) -> "Mapping[str, Figure]":
        from lockstep.sweep.plot import Dot, pareto_figure

        front = set(self.read.front)
        dots = [Dot(p.number, p.metrics, p.status, p.number in front) for p in self.points]
        return {"pareto": pareto_figure(self.name, self.objectives, dots)}

    def _facts(self) -> dict[str, Any]:
        counts = {status: self.read.count(status) for status in ("ok", "infeasible", "failed")}
        return {
            "points": len(self.points),
            "points in all": self.read.points_in_all,
            **counts,
            "Pareto front": len(self.front),
        }

    def _title(self) -> str:
        aims = ", ".join(f"{metric} {sense}" for metric, sense in self.objectives.items())
        return f"Sweep {self.name} of {', '.join(self.read.axes)}; {aims}"

    def __repr__(self) -> str:
        return "\n".join([self._title(), *text_table([self._facts()])])

    def _repr_html_(self) -> str:
        return html_table([self._facts()], title=self._title())


def _cells(point: SweptPoint) -> dict[str, Any]:
    """The columns of points.csv, in its order."""
    return {
        "point": point.number,
        **point.values,
        **point.metrics,
        "status": point.status,
        "reason": point.reason,
    }


def open_sweep(folder: str | PathLike[str]) -> Sweep:
    """Read back what ``lockstep sweep --out`` or :func:`run_sweep` wrote; nothing is run.

    Parameters
    ----------
    folder : str or path
        With sweep.json, points.csv and pareto.csv.

    Raises
    ------
    InputError
        If the folder or a file of it is missing, or does not hold what a sweep's does.
    """
    return Sweep(read_sweep(Path(folder)), Path(folder))


def run_sweep(
    sweep: str | PathLike[str] | Mapping[str, Any],
    *,
    out: str | PathLike[str] | None = None,
    jobs: int = 1,
    dask: str | None = None,
    limit: int | None = None,
    on_progress: "Callable[[Progress], None]" = _ignore,
) -> Sweep:
    """Run a sweep; with ``out``, only those of its points that the folder does not have yet.

    Parameters
    ----------
    sweep : str, path or mapping
        A shipped name, a sweep file, or what a sweep file holds as a dict, of which ``kind`` and
        ``name`` may be left out; paths in a dict are relative to the working directory.
    out : str, path or None
        Folder of the results and of the record that an interrupted sweep goes on from; None: no
        folder is kept.
    jobs : int
        Worker processes; 1 is this process. A script needs ``if __name__ == "__main__":`` around
        a call with more.
    dask : str or None
        Address of a dask scheduler to run on instead.
    limit : int or None
        Only the first points.
    on_progress : callable
        Told now and then how far it is: ``.done``, ``.total``, ``.failed``, ``.front``.

    Raises
    ------
    InputError
        On a bad sweep, a folder or cluster that cannot be used, or if the extra ``sweep`` is not
        installed.
    KeyboardInterrupt
        If Ctrl-C ended it; with ``out``, the same call goes on from there.
    """
    with needs_extra("sweep", "run_sweep"), warnings.catch_warnings():
        # Optuna's progress bar, which is not used, asks notebooks for ipywidgets.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from lockstep.sweep.session import run_in_folder
    described = _described(sweep)
    jobs = whole("jobs", jobs)
    if jobs < 1 or (limit is not None and whole("limit", limit) < 1):
        raise InputError(f"{'jobs' if jobs < 1 else 'limit'}: must be at least 1")
    with tempfile.TemporaryDirectory(prefix="lockstep-") as scratch:
        folder = Path(scratch) / "sweep" if out is None else Path(out)
        result = run_in_folder(
            described, folder, jobs=jobs, dask=dask, limit=limit, on_progress=on_progress
        )
        if result.interrupted:
            raise KeyboardInterrupt
        return Sweep(read_sweep(folder), None if out is None else folder)


def _described(sweep: str | PathLike[str] | Mapping[str, Any]) -> "Described":
    from lockstep.sweep.load import checked_sweep, load_sweep

    if not isinstance(sweep, Mapping):
        return load_sweep(fspath(sweep))
    data = {"kind": "sweep", "name": "sweep", **plain("sweep", dict(sweep))}
    return checked_sweep(Document(path=Path("sweep"), data=data, origins={(): "sweep"}))
