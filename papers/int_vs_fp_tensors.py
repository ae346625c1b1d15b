"""Measured QSNR of whole tensors, plain and rotated (arXiv 2510.25602)."""

from collections.abc import Iterable
from statistics import mean
from typing import TYPE_CHECKING

from lockstep.arch.formats import format_named
from lockstep.papers.int_vs_fp_qsnr import PAIRS
from lockstep.papers.published import IntVsFp, TensorRow, published
from lockstep.papers.reproduction import Cell, Part, Progress, Table
from lockstep.papers.style import BLUE, GREY, VERMILION, new_figure, tidy
from lockstep.papers.tensors import CHANNELS, FAMILIES, OUTLIER_CHANNELS, ROWS, TENSORS, tensors
from lockstep.sim.golden.formats import hadamard, quantize
from lockstep.sim.qsnr import crest_factor, measured_qsnr_db

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REASON = f"""Ours: {TENSORS} tensors of {ROWS} x {CHANNELS} per family (`papers/tensors.py`), scales by the paper's
rule `ceil`, the rotation over all {CHANNELS} channels. The paper averages over tensors of language models, which are
of all our kinds, so its plain averages lie between the least and the greatest of ours. A rotation makes any tensor
look Gaussian, so its rotated averages and ours are close. Averages over a mix of tensors cannot be
reproduced without that mix; which format wins can be, and is compared row by row."""


def measured(progress: Progress) -> Part:
    """Average QSNR of each family of tensors, and the share of tensors where integers win."""
    paper = published(IntVsFp, "int-vs-fp")
    rows: list[dict[str, Cell]] = []
    for family in FAMILIES:
        for rotated in (False, True):
            progress(f"{family}{', rotated' if rotated else ''}")
            rows += _family(family, rotated)
    return Part(
        name="tensors",
        title="QSNR of tensors, measured",
        tables=(
            Table(
                name="families",
                title="Ours, by family",
                rows=rows,
                note=(
                    f"{TENSORS} tensors of {ROWS} x {CHANNELS} each; the outlier family has "
                    f"{OUTLIER_CHANNELS} large channels. `integer_wins` is the share of tensors where "
                    "the integer format has the greater QSNR. The crest factor is that of the format's "
                    "blocks, averaged."
                ),
            ),
            Table(
                name="paper",
                title="The paper's averages over tensors of language models, beside ours",
                rows=[_beside(row, rows) for row in paper.tensors.rows],
                note=f"A lead is the integer format's. {REASON}\n\nPaper: {paper.tensors.source}.",
            ),
        ),
        figures={"tensors": _figure(rows)},
    )


def _family(family: str, rotated: bool) -> list[dict[str, Cell]]:
    """One row per pair of formats."""
    db: dict[str, list[float]] = {name: [] for pair in PAIRS for name in pair}
    crest: dict[int, list[float]] = {16: [], 32: []}
    for tensor in tensors(family):
        x = hadamard(tensor) if rotated else tensor
        for name, values in db.items():
            values.append(measured_qsnr_db(x, quantize(x, name, scale_rule="ceil")))
        for block, factors in crest.items():
            factors.append(crest_factor(x, block))
    return [
        {
            "tensors": family,
            "rotated": rotated,
            "integer": integer,
            "floating": floating,
            "crest_factor": round(mean(crest[format_named(integer).block]), 2),
            "integer_db": round(mean(db[integer]), 2),
            "floating_db": round(mean(db[floating]), 2),
            "integer_wins": round(
                mean(i > f for i, f in zip(db[integer], db[floating], strict=True)), 3
            ),
        }
        for integer, floating in PAIRS
    ]


def _beside(row: TensorRow, ours: Iterable[dict[str, Cell]]) -> dict[str, Cell]:
    own = [r for r in ours if (r["integer"], r["rotated"]) == (row.integer, row.rotated)]
    return {
        "pair": f"{row.integer} {row.floating}",
        "rotated": row.rotated,
        "paper_int_db": row.integer_db,
        "our_int_db": _span(own, "integer_db"),
        "paper_fp_db": row.floating_db,
        "our_fp_db": _span(own, "floating_db"),
        "paper_int_wins": row.integer_wins,
        "paper_lead_db": round(row.integer_db - row.floating_db, 2),
        **{f"{r['tensors']} lead_db": round(_lead_db(r), 2) for r in own},
    }


def _span(rows: Iterable[dict[str, Cell]], key: str) -> str:
    values = [row[key] for row in rows]
    return f"{min(values)} to {max(values)}"  # type: ignore[type-var]  # numbers


def _lead_db(row: dict[str, Cell]) -> float:
    integer, floating = row["integer_db"], row["floating_db"]
    assert isinstance(integer, float)
    assert isinstance(floating, float)
    return integer - floating


def _figure(rows: list[dict[str, Cell]]) -> "Figure":
    """Lead of the integer format in dB, one panel per pair."""
    figure = new_figure(9, 6)
    panels = figure.subplots(2, 2, sharey=True)
    for axes, (integer, floating) in zip(panels.flat, PAIRS, strict=True):
        own = [row for row in rows if row["integer"] == integer]
        names = [f"{r['tensors']}{', rotated' if r['rotated'] else ''}" for r in own]
        leads = [_lead_db(row) for row in own]
        bars = axes.barh(names, leads, color=[BLUE if lead > 0 else VERMILION for lead in leads])
        axes.bar_label(bars, [f" {lead:+.1f} " for lead in leads], fontsize=8)
        axes.axvline(0, color=GREY, linewidth=1)
        axes.margins(x=0.25)
        axes.set_title(f"{integer} less {floating}", fontsize=10)
        axes.set_xlabel("QSNR lead of the integer format, dB")
        axes.tick_params(axis="y", labelsize=8)
        tidy(axes)
    panels[0, 0].invert_yaxis()  # shared by all
    figure.suptitle("Which format suits which tensor: blue integer, red floating point")
    return figure
