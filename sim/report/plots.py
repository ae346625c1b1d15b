"""Three plots: roofline, latency by operator, energy by component. Each function returns a PNG.

Matplotlib's figure objects are used without pyplot: no global state, no window system. Colours are
those of Okabe and Ito (2008), which colour-blind readers can tell apart.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockstep.sim.energy import COMPONENTS
from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.table import Row
from lockstep.sim.run import RunResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#999999"

BOUND_BY = {
    "compute": BLUE,
    "dram": VERMILION,
    "vector": GREEN,
    "scratchpad": ORANGE,
    "overlapped": SKY,
}
"""Colour of what limits an operator; anything else is drawn in purple."""

PHASES = {"prefill": (BLUE, "o"), "decode": (VERMILION, "^")}
"""Colour and marker of each phase."""

MOST_BARS = 12


def _figure(title: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), dpi=100, layout="constrained")
    figure.suptitle(title, fontsize=11)
    return figure


def _png(figure: "Figure") -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png")
    return data.getvalue()


def _total(rows: Sequence[Row], column: str) -> float:
    return sum(float(row[column]) for row in rows)


def _title(result: RunResult) -> str:
    return (
        f"{result.model.name} on {result.system.machine.name}: batch {result.batch}, prefill "
        f"{result.prefill_tokens}, decode {result.decode_tokens}"
    )


def roofline(result: RunResult, rows: Sequence[Row]) -> bytes:
    """MACs per second that each class of GEMMs reaches, under the machine's two roofs.

    A class is the first part of a GEMM's name, e.g. ``attn``; costs of its members are summed.
    """
    machine, system = result.system.machine, result.system
    bytes_per_s = system.dram_bytes_per_cycle * machine.clock_hz
    peak = machine.peak_macs_per_s
    classes: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if row["macs"]:
            name = str(row["name"]).partition(".")[0]
            classes.setdefault(name, {}).setdefault(str(row["phase"]), []).append(row)

    figure = _figure(f"Roofline: {_title(result)}")
    axes = figure.subplots()
    points = []
    for (name, phases), colour in zip(classes.items(), _cycle_colours(), strict=False):
        for phase, members in phases.items():
            macs, moved = _total(members, "macs"), _total(members, "dram_bytes")
            intensity = macs / moved if moved else float("inf")
            points.append((name, phase, colour, intensity, macs / _total(members, "latency_s")))
    _roofs(axes, points, peak, bytes_per_s)
    raise NotImplementedError


