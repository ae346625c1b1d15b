"""The Pareto plot: every point in the plane of the first two objectives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lockstep.sim.report.figure import Picture
    from lockstep.sweep.point import Status
    from lockstep.sweep.run import SweepResult

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#b5b5b5"  # Okabe and Ito (2008)
LOG_SPAN = 20
"""From this ratio of the greatest to the least value on, an axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Dot:
    """What is drawn of a point."""

    number: int
    metrics: Mapping[str, float | None]
    status: "Status"
    is_on_front: bool

    def value(self, name: str) -> float:
        """A metric, or the number of the point."""
        return self.number if name == "point" else self.metrics.get(name) or 0.0


def pareto_png(result: "SweepResult") -> bytes:
    """A PNG of 900 by 600 pixels, see :func:`pareto_figure`."""
    front = {outcome.point.number for outcome in result.front}
    dots = [
        Dot(o.point.number, o.result.metrics, o.status, o.point.number in front)
        for o in result.outcomes
    ]
    config = result.sweep.config
    return pareto_figure(config.name, config.objectives, dots).png()


def pareto_figure(name: str, objectives: Mapping[str, str], dots: Sequence[Dot]) -> "Picture":
    """All points by the first two objectives; with one objective, that over the point's number.

    Parameters
    ----------
    name : str
        Of the sweep.
    objectives : mapping of metric to "min" or "max"
        The first two are the axes.
    dots : sequence of Dot
        All points of the sweep.
    """
    from lockstep.sim.report.figure import Picture

    names = list(objectives)
    x, y = (names[0], names[1]) if len(names) > 1 else ("point", names[0])
    figure = Picture(figsize=(9, 6), dpi=100, layout="constrained")
    axes = figure.subplots()
    front = [dot for dot in dots if dot.is_on_front]
    groups = {
        "breaks a constraint": ([d for d in dots if d.status == "infeasible"], GREY, 12),
        "dominated": ([d for d in dots if d.status == "ok" and not d.is_on_front], BLUE, 14),
        "Pareto front": (front, VERMILION, 34),
    }
    for label, (members, colour, size) in groups.items():
        if members:
            axes.scatter(
                [dot.value(x) for dot in members],
                [dot.value(y) for dot in members],
                s=size,
                color=colour,
                label=f"{label}, {len(members)}",
                linewidths=0,
            )
    if len(names) == 2 and front:
        _staircase(axes, front, x, y, objectives[x] == "min")
    _scale(axes, dots, x, y)
    axes.set_xlabel(_label(x, objectives.get(x)))
    axes.set_ylabel(_label(y, objectives.get(y)))
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    more = f"; the front is also of {', '.join(names[2:])}" if len(names) > 2 else ""
    failed = sum(dot.status == "failed" for dot in dots)
    axes.set_title(f"{name}: {len(dots)} points, {failed} failed{more}", size=11)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=9)
    return figure


def _label(name: str, direction: str | None) -> str:
    return f"{name} ({direction}imise)" if direction else name


def _staircase(axes: "Axes", front: Sequence[Dot], x: str, y: str, x_is_min: bool) -> None:
    """What the front leaves to be wished for: no point is below it."""
    ordered = sorted(front, key=lambda dot: dot.value(x))
    axes.step(
        [dot.value(x) for dot in ordered],
        [dot.value(y) for dot in ordered],
        where="post" if x_is_min else "pre",
        color=VERMILION,
        linewidth=1,
    )


def _scale(axes: "Axes", dots: Sequence[Dot], x: str, y: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    drawn = [dot for dot in dots if dot.status != "failed"]
    for name, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        values = [dot.value(name) for dot in drawn]
        if name != "point" and values and 0 < min(values) * LOG_SPAN < max(values):
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(NullFormatter())
