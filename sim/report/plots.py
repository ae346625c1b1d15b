"""Three plots as PNG: roofline, latency by operator, energy by component.

The colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lockstep.arch.error import shorten
from lockstep.sim.report.gemm_classes import MOST, by, gemm_classes, total
from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.rates import Rates
from lockstep.sim.report.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lockstep.sim.report.figure import Picture

ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY, YELLOW = (
    "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#999999", "#F0E442",
)  # fmt: skip

BOUND_BY = {
    "compute": BLUE,
    "pim": SKY,
    "dram": VERMILION,
    "vector": GREEN,
    "scratchpad": ORANGE,
    "translation": YELLOW,
}
"""Colour of what limits an operator; any other resource is purple."""

MARKERS = {"prefill": "o", "decode": "^"}

RANKS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, GREY)
"""Colours of the classes of GEMMs, longest-running first; the last one is for all that are left."""
assert len(RANKS) == MOST

MOST_BARS = 12


def draw(summary: Mapping[str, object], rates: Rates, rows: Sequence[Row]) -> dict[str, bytes]:
    """File name to PNG, each 900 x 550 pixels; arguments as of :func:`figures`."""
    return {f"{name}.png": f.png() for name, f in figures(summary, rates, rows).items()}


def figures(
    summary: Mapping[str, object], rates: Rates, rows: Sequence[Row]
) -> "dict[str, Picture]":
    """The plots ``roofline``, ``latency`` and ``energy``.

    Parameters
    ----------
    summary : mapping
        Of the run, see ``RunResult.summary``.
    rates : Rates
        Of its system.
    rows : sequence of Row
        Its operators, from :func:`lockstep.sim.report.table.op_rows`.
    """
    # The user's names, as long as a title may be and in characters that the font has.
    model, machine = (
        shorten(" ".join(name.split())).encode("latin-1", "replace").decode("latin-1")
        for name in (str(summary["model"]), str(summary["machine"]))
    )
    about = (
        f"{model} on {machine}, batch {summary['batch']}, "
        f"{summary['prefill_tokens']} tokens in, {summary['decode_tokens']} out"
    )
    drawn = {
        "roofline": ("Roofline", _roofline(rates, rows)),
        "latency": ("Latency by operator", _latency(rows)),
        "energy": ("Energy by component", _energy(rows)),
    }
    for title, figure in drawn.values():
        lines = textwrap.fill(f"{title}: {about}", 100)
        figure.suptitle(lines, fontsize=11, parse_math=False)  # a $ is a $
    return {name: figure for name, (_, figure) in drawn.items()}


def _figure() -> "Picture":
    from lockstep.sim.report.figure import Picture

    return Picture(figsize=(9, 5.5), dpi=100, layout="constrained")


def _roofline(rates: Rates, rows: Sequence[Row]) -> "Picture":
    """MACs per second that each class of GEMMs reaches, under the machine's two roofs.

    Markers shrink with rank, so that one that lies on another leaves its rim in view. What moves
    nothing through DRAM stands at the right edge.
    """
    figure = _figure()
    axes = figure.subplots()
    points = gemm_classes(rows)
    right = _roofs(axes, rates, [p.macs_per_byte for p in points if p.macs_per_byte])
    for point in points:
        axes.scatter(
            point.macs_per_byte or right,
            point.macs_per_s,
            s=max(250 * 0.65**point.rank, 25),
            marker=MARKERS[point.phase],
            facecolor=RANKS[point.rank],
            edgecolor="black",
            linewidth=0.7,
            label=point.label,
            clip_on=False,
            zorder=3,
        )
    lowest = min(point.macs_per_s for point in points)
    axes.set_ylim(bottom=min(lowest / 2, rates.peak_macs_per_s / 30))
    figure.legend(loc="outside right center", fontsize=8, labelspacing=0.9)
    return figure


def _roofs(axes: "Axes", rates: Rates, intensities: Sequence[float]) -> float:
    """Draw both roofs; returns the right edge of the plot, in MAC per byte."""
    from matplotlib.ticker import EngFormatter

    peak, bytes_per_s = rates.peak_macs_per_s, rates.dram_bytes_per_s
    ridge = peak / bytes_per_s
    low, high = min([ridge, *intensities]) / 4, max([ridge, *intensities]) * 4
    lines = (
        ([ridge, high], [peak, peak], "-", f"peak {quantity(peak, 'MAC/s')}"),
        (
            [low, ridge],
            [low * bytes_per_s, peak],
            "--",
            f"DRAM {quantity(bytes_per_s, 'B/s')} sustained",
        ),
    )
    for x, y, style, label in lines:
        axes.loglog(x, y, style, color="black", linewidth=1.8, label=label)
    axes.set_xlim(low, high)
    axes.set_ylim(top=peak * 2)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.grid(which="both", color="#e4e4e4", linewidth=0.6)
    axes.set_xlabel(
        f"arithmetic intensity, MAC per byte of DRAM traffic (roofs meet at {ridge:.3g})"
    )
    axes.set_ylabel("throughput, MAC/s")
    return high


def _latency(rows: Sequence[Row]) -> "Picture":
    """One panel per phase: its longest operators, coloured by what limits them."""
    from matplotlib.patches import Patch
    from matplotlib.ticker import EngFormatter

    figure = _figure()
    limits: dict[str, None] = {}  # an ordered set
    phases = by(rows, "phase")
    panels = figure.subplots(1, len(phases), squeeze=False)[0]
    for axes, (phase, members) in zip(panels, phases.items(), strict=True):
        ranked = sorted(members, key=lambda row: -float(row["latency_s"]))
        shown = [row for row in ranked[:MOST_BARS] if float(row["share_of_phase"]) > 0.001]
        limits.update(dict.fromkeys(str(row["bound_by"]) for row in shown))
        bars = [
            (str(row["name"]), float(row["latency_s"]), BOUND_BY.get(str(row["bound_by"]), PURPLE))
            for row in shown
        ]
        whole, rest = total(members, "latency_s"), total(ranked[len(shown) :], "latency_s")
        if rest:
            bars.append((f"{len(ranked) - len(shown)} more", rest, GREY))
        names, times, colours = zip(*bars, strict=True)
        drawn = axes.barh(range(len(bars)), times, color=colours)
        axes.bar_label(drawn, [f" {time / whole:.1%}" for time in times], fontsize=8)
        axes.set_yticks(range(len(bars)), names, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.18)
        axes.xaxis.set_major_formatter(EngFormatter(unit="s"))
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel("time, all layers and steps")
        axes.set_title(f"{phase}: {quantity(whole, 's')}", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        handles=[
            Patch(color=BOUND_BY.get(name, PURPLE), label=f"bound by {name}") for name in limits
        ],
        loc="outside lower center",
        ncols=len(limits),
        fontsize=9,
    )
    return figure


def _energy(rows: Sequence[Row]) -> "Picture":
    """Energy of each component, one bar per phase."""
    from matplotlib.ticker import EngFormatter

    figure = _figure()
    axes = figure.subplots()
    phases = by(rows, "phase")
    components = [key[7:-2] for key in rows[0] if key.startswith("energy_") and key != "energy_j"]
    thickness = 0.8 / len(phases)
    for i, (phase, colour) in enumerate(zip(phases, (BLUE, ORANGE), strict=False)):
        joules = [total(phases[phase], f"energy_{name}_j") for name in components]
        places = [component + (i + 0.5) * thickness - 0.4 for component in range(len(components))]
        label = f"{phase}: {quantity(sum(joules), 'J')}"
        bars = axes.barh(places, joules, 0.9 * thickness, color=colour, label=label)
        axes.bar_label(bars, [f" {quantity(value, 'J')}" for value in joules], fontsize=9)
    axes.set_yticks(range(len(components)), components)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.xaxis.set_major_formatter(EngFormatter(unit="J"))
    axes.set_xlabel("energy")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(phases), fontsize=9)
    return figure
