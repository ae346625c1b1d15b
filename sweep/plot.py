"""The Pareto plot: every point in the plane of the first two objectives."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockstep.sweep.point import Outcome
from lockstep.sweep.run import SweepResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#b5b5b5"  # Okabe and Ito (2008)
LOG_SPAN = 20
"""From this ratio of the greatest to the least value on, an axis is logarithmic."""


def pareto_png(result: SweepResult) -> bytes:
    """A PNG of 900 by 600 pixels; with one objective, that over the point's number."""
    from matplotlib.figure import Figure

    config = result.sweep.config
    names = list(config.objectives)
    x, y = (names[0], names[1]) if len(names) > 1 else ("point", names[0])
    front = result.front
    on_front = {outcome.point.number for outcome in front}
    figure = Figure(figsize=(9, 6), dpi=100, layout="constrained")
    axes = figure.subplots()
    groups = {
        "breaks a constraint": ([o for o in result.outcomes if o.status == "infeasible"], GREY, 12),
        "dominated": (
            [o for o in result.outcomes if o.status == "ok" and o.point.number not in on_front],
            BLUE,
            14,
        ),
        "Pareto front": (front, VERMILION, 34),
    }
    for label, (outcomes, colour, size) in groups.items():
        if outcomes:
            axes.scatter(
                _values(outcomes, x),
                _values(outcomes, y),
                s=size,
                color=colour,
                label=f"{label}, {len(outcomes)}",
                linewidths=0,
            )
    if len(names) == 2 and front:
        _staircase(axes, front, x, y, config.objectives[x] == "min")
    _scale(axes, result.outcomes, x, y)
    axes.set_xlabel(_label(x, config.objectives.get(x)))
    axes.set_ylabel(_label(y, config.objectives.get(y)))
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    more = f"; the front is also of {', '.join(names[2:])}" if len(names) > 2 else ""
    failed = sum(outcome.status == "failed" for outcome in result.outcomes)
    axes.set_title(f"{config.name}: {len(result.outcomes)} points, {failed} failed{more}", size=11)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=9)
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def _value(outcome: Outcome, name: str) -> float:
    if name == "point":
        return outcome.point.number
    return outcome.result.metrics.get(name) or 0.0


def _values(outcomes: Sequence[Outcome], name: str) -> list[float]:
    return [_value(outcome, name) for outcome in outcomes]


def _label(name: str, direction: str | None) -> str:
    return f"{name} ({direction}imise)" if direction else name


def _staircase(axes: "Axes", front: Sequence[Outcome], x: str, y: str, x_is_min: bool) -> None:
    """What the front leaves to be wished for: no point is below it."""
    ordered = sorted(front, key=lambda outcome: _value(outcome, x))
    axes.step(
        _values(ordered, x),
        _values(ordered, y),
        where="post" if x_is_min else "pre",
        color=VERMILION,
        linewidth=1,
    )


def _scale(axes: "Axes", outcomes: Sequence[Outcome], x: str, y: str) -> None:
    drawn = [outcome for outcome in outcomes if outcome.status != "failed"]
    for name, set_scale in ((x, axes.set_xscale), (y, axes.set_yscale)):
        values = _values(drawn, name)
        if name != "point" and values and 0 < min(values) * LOG_SPAN < max(values):
            set_scale("log")
