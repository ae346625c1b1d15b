"""Precision of integer and floating-point block formats (arXiv 2510.25602): theory and measurement."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.formats import format_named
from lockstep.papers.published import IntVsFp, published
from lockstep.papers.reproduction import Cell, Part, Progress, Table
from lockstep.papers.style import BLUE, GREY, VERMILION, new_figure, tidy
from lockstep.papers.tensors import ROWS
from lockstep.sim.golden.formats import quantize
from lockstep.sim.qsnr import crossover, theory_qsnr_db

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAIRS = (("mxint8", "mxfp8"), ("mxint6", "mxfp6"), ("mxint4", "mxfp4"), ("nvint4", "nvfp4"))
"""Integer and floating-point format of equal width and scale."""

BLOCKS = 1 << 17
"""Blocks per family that are sorted into bins of crest factor."""
BIN = 0.25
LEAST_IN_BIN = 500

F64 = NDArray[np.float64]


def theory(progress: Progress) -> Part:
    """QSNR over crest factor in closed form, the crossovers, and blocks measured bin by bin."""
    paper = published(IntVsFp, "int-vs-fp")
    crossovers: list[dict[str, Cell]] = []
    for row in paper.crossovers.rows:
        found = crossover(row.integer, row.floating)
        assert found is not None, f"{row.integer} and {row.floating} cross in the paper"
        crossovers.append({
            "integer": row.integer,
            "floating": row.floating,
            "crest_factor": round(found.crest_factor, 3),
            "paper_crest_factor": row.crest_factor,
            "qsnr_db": round(found.qsnr_db, 2),
            "paper_qsnr_db": row.qsnr_db,
        })
    progress("blocks by crest factor")
    points = [point for pair in PAIRS for name in pair for point in _measured_bins(name)]
    return Part(
        name="theory",
        title="QSNR over crest factor: closed form and measured blocks",
        tables=(
            Table(
                name="crossovers",
                title="Crossovers: the integer format is better below, the floating-point format above",
                rows=crossovers,
                note=f"Paper: {paper.crossovers.source}. Scales by the paper's rule, `ceil`.",
            ),
            Table(
                name="agreement",
                title="Closed form against measured blocks",
                rows=[_agreement(name, points) for pair in PAIRS for name in pair],
                note=(
                    f"{BLOCKS} Gaussian blocks per format, sorted by their own crest factor into bins of "
                    f"{BIN:g} with {LEAST_IN_BIN} blocks or more; differences are measured less closed form, "
                    "over bins. The closed form takes one average overhead of the scale for all blocks, "
                    "where a power of two that is rounded up is anything from 1 to 2 times the ideal one; "
                    "and Gaussian elements, though the greatest of a block is given by the crest factor. "
                    "It also counts 2^(b-1) levels of an integer, one more than the symmetric code has: "
                    "1.16 dB of the difference for 4 bits."
                ),
            ),
            Table(name="bins", title="Measured blocks by bin", rows=points, on_page=False),
        ),
        figures={"theory": _theory_figure(points)},
    )


def _measured_bins(name: str) -> list[dict[str, Cell]]:
    """Mean error power of Gaussian blocks relative to each block's own, by crest factor."""
    size = format_named(name).block
    # Blocks of a row share nothing but the tensor scale of NV formats.
    x = np.random.default_rng(0).standard_normal((ROWS, BLOCKS // ROWS * size), np.float32)
    error = (quantize(x, name, scale_rule="ceil") - x).astype(np.float64).reshape(-1, size)
    blocks = x.reshape(-1, size).astype(np.float64)
    power = np.mean(blocks**2, axis=-1)
    crest = np.abs(blocks).max(axis=-1) / np.sqrt(power)
    noise = np.mean(error**2, axis=-1) / power
    which = np.floor(crest / BIN).astype(np.int64)
    rows: list[dict[str, Cell]] = []
    for index in np.flatnonzero(np.bincount(which) >= LEAST_IN_BIN):
        inside = which == index
        at = float(crest[inside].mean())
        rows.append({
            "format": name,
            "crest_factor": round(at, 3),
            "blocks": int(inside.sum()),
            "measured_db": round(-10 * math.log10(float(noise[inside].mean())), 2),
            "closed_form_db": round(theory_qsnr_db(name, at), 2),
        })
    return rows


def _agreement(name: str, points: list[dict[str, Cell]]) -> dict[str, Cell]:
    own = [row for row in points if row["format"] == name]
    differences = np.array([_number(r["measured_db"]) - _number(r["closed_form_db"]) for r in own])
    return {
        "format": name,
        "bins": len(own),
        "least_crest_factor": own[0]["crest_factor"],
        "greatest_crest_factor": own[-1]["crest_factor"],
        "mean_difference_db": round(float(differences.mean()), 2),
        "greatest_difference_db": round(float(differences[np.abs(differences).argmax()]), 2),
    }


def _number(cell: Cell) -> float:
    assert isinstance(cell, int | float)
    return float(cell)


def _theory_figure(points: list[dict[str, Cell]]) -> "Figure":
    figure = new_figure(9, 7)
    panels = figure.subplots(2, 2).flat
    for axes, (integer, floating) in zip(panels, PAIRS, strict=True):
        end = min(9.0, math.sqrt(format_named(integer).block)) if integer[0] == "n" else 9.0
        grid = np.linspace(1, end, 300)
        for name, colour in ((integer, BLUE), (floating, VERMILION)):
            axes.plot(grid, [theory_qsnr_db(name, k) for k in grid], color=colour, label=name)
            own = [row for row in points if row["format"] == name]
            axes.plot(
                [_number(row["crest_factor"]) for row in own],
                [_number(row["measured_db"]) for row in own],
                "o", color=colour, markersize=4, markerfacecolor="white", zorder=3,
            )  # fmt: skip
        _mark_crossover(axes, integer, floating)
        axes.set_xlabel("crest factor of a block: greatest magnitude / rms")
        axes.set_ylabel("QSNR, dB")
        axes.legend(fontsize=9, loc="upper right")
        tidy(axes)
    figure.suptitle("QSNR over crest factor: lines closed form, circles measured Gaussian blocks")
    return figure


def _mark_crossover(axes: "Axes", integer: str, floating: str) -> None:
    found = crossover(integer, floating)
    assert found is not None
    axes.axvline(found.crest_factor, color=GREY, linestyle=":", linewidth=1.2)
    axes.plot(found.crest_factor, found.qsnr_db, "k*", markersize=11, zorder=4)
    axes.set_title(
        f"{integer} and {floating}: cross at {found.crest_factor:.2f}, {found.qsnr_db:.2f} dB",
        fontsize=10,
    )
