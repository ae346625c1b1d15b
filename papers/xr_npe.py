"""XR-NPE, arXiv 2508.13049: a MAC whose multiplier splits between number formats, and all our MACs beside it.

The paper's RTL is not public. What can be reproduced is what follows from the formats: value sets, widths of
significands, products per word; and, from our own design, what sharing one multiplier and one quire saves.
"""

from typing import TYPE_CHECKING

from lockstep.arch.formats import FloatFormat, PositFormat
from lockstep.arch.mac import DotConfig
from lockstep.arch.simd import MODES, WORD_BITS, SimdMode
from lockstep.papers.mac_units import SIMD, Unit, posit, row, synthesised, units
from lockstep.papers.prices import CITED, price_rows
from lockstep.papers.published import XrNpe, published
from lockstep.papers.reproduction import Cell, Paper, Part, Progress, Table
from lockstep.papers.simd_energy import STREAMS, WORDS, mode_energy
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy
from lockstep.sim.golden.formats import decode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHY_NOT = """The repository of the paper holds no RTL and the paper neither lane counts nor the width of the quire, so its
area, power and frequency cannot be checked against a source, and its node and library are not ours. They are listed, not
compared."""


def formats(_: Progress) -> Part:
    """Values and widths of the four formats, from the golden decoder; and what the paper states."""
    paper = published(XrNpe, "xr-npe")
    return Part(
        name="formats",
        title="The formats of XR-NPE, and what the paper states",
        tables=(
            Table(
                name="formats",
                title="Value sets and significands",
                rows=[_format_row(mode) for mode in MODES],
                note=(
                    "All non-zero values of posit(4,1) are powers of two: a product is an addition of "
                    "exponents, and the multiplier rests. FP4 is OCP's E2M1."
                ),
            ),
            Table(
                name="claims",
                title="Statements of the paper",
                rows=[
                    {"what": c.what, "paper": c.value, "ours": c.ours, "source": c.source}
                    for c in paper.claims
                ],
                note=WHY_NOT,
            ),
        ),
    )


def _format_row(mode: SimdMode) -> dict[str, Cell]:
    fmt = mode.format
    values = decode(range(1 << fmt.element_bits), fmt)
    positive = sorted({float(v) for v in values if v > 0})  # NaR compares false
    return {
        "format": fmt.name,
        "products_per_word": mode.lanes,
        "significand_bits": mode.fraction_bits + 1,
        "least": positive[0],
        "greatest": positive[-1],
        "positive_values": len(positive),
        "values": ", ".join(f"{v:g}" for v in positive) if len(positive) < 10 else "",
        "quire_bits": fmt.quire_bits if isinstance(fmt, PositFormat) else None,
    }


def macs(progress: Progress) -> Part:
    """Every arithmetic unit, synthesised."""
    rows = [row(synthesised(unit, progress)) for unit in units()]
    return Part(
        name="macs",
        title="Every multiplier and multiply-accumulate unit, synthesised",
        tables=(
            Table(
                name="units",
                title="Units, smallest area at any speed",
                rows=rows,
                note=(
                    "`nand2` is area over that of a two-input NAND; `depth` is cells on the longest path, `delay_ns` its "
                    "time in the estimated 28 nm library, without wires (`docs/synthesis.md`). `latency_cycles` "
                    "is measured under Verilator by `lockstep verify mac`. A lane of `accumulate` has a sum of its "
                    "own, int32 or FP32; the lanes of `dot` share one; a posit's `dot` sums in its quire. "
                    "All take operands in every cycle."
                ),
            ),
            Table(
                name="prices",
                title="MACs of the technology tables",
                rows=list(price_rows(rows)),
                note=(
                    "What `configs/tech` charges for a MAC of each format: area per lane over that of int8 by "
                    "int8 into int32, times the energy and area cited there for int8. The tables keep their cited "
                    f"figures for {', '.join(CITED)}."
                ),
            ),
        ),
        figures={"macs": _macs_figure(rows)},
    )


def sharing(progress: Progress) -> Part:
    """The SIMD unit against separate units of the same throughput in each mode."""
    simd = synthesised(SIMD, progress).synthesis.nand2_equivalents
    separate = [_alone(mode) for mode in MODES]
    nand2 = [synthesised(unit, progress).synthesis.nand2_equivalents for unit in separate]
    modes: list[dict[str, Cell]] = [
        {
            "mode": mode.format.name,
            "products_per_cycle": mode.lanes,
            "separate_unit": unit.kind,
            "separate_nand2": round(alone, 1),
            "products_per_cycle_and_knand2_separate": round(1e3 * mode.lanes / alone, 3),
            "products_per_cycle_and_knand2_simd": round(1e3 * mode.lanes / simd, 3),
        }
        for mode, unit, alone in zip(MODES, separate, nand2, strict=True)
    ]
    posits = sum(a for mode, a in zip(MODES, nand2, strict=True) if _is_posit(mode))
    savings: list[dict[str, Cell]] = [
        {
            "separate_units": label,
            "separate_nand2": round(total, 1),
            "simd_nand2": round(simd, 1),
            "saving_percent": round(100 * (1 - simd / total), 1),
        }
        for label, total in (("all four", sum(nand2)), ("the three posits", posits))
    ]
    return Part(
        name="sharing",
        title="One unit for four formats, against four units",
        tables=(
            Table(
                name="savings",
                title="Area saved by sharing",
                rows=savings,
                note=(
                    f"Separate units take the same {WORD_BITS}-bit words at the same rate: a posit dot unit with as "
                    "many lanes and its own, narrower quire; for FP4, four lanes of the mxfp4 dot unit, which "
                    "has scales and FP32 addition besides. The SIMD unit sums every mode in the 128-bit "
                    f"quire of posit(16,1). {WHY_NOT}"
                ),
            ),
            Table(name="modes", title="Throughput per area, by mode", rows=modes),
        ),
        figures={"sharing": _sharing_figure(modes)},
    )


def isolation(progress: Progress) -> Part:
    """Energy of the SIMD unit by mode: what its gates toggle when parts of it are isolated."""
    gates = synthesised(SIMD, progress)
    rows = []
    for mode in MODES:
        progress(f"activity in {mode.format.name}")
        rows.append(mode_energy(mode, gates))
    return Part(
        name="isolation",
        title="Energy of the SIMD unit, by mode",
        tables=(
            Table(
                name="modes",
                title="Energy per word and per product",
                rows=rows,
                note=(
                    f"Gates of the SIMD unit under {STREAMS} streams of {WORDS} words of Gaussian elements; sums are "
                    "compared with the golden model. Settled edges, glitches (one unit of time per gate, more "
                    "than real gates let through) and the clock pins of flip-flops, which are not gated; no "
                    "wires, clock tree or leakage. The same gates are there in every mode, so what a mode spends "
                    f"less is what isolation and narrow operands keep still. {WHY_NOT}"
                ),
            ),
        ),
    )


def _is_posit(mode: SimdMode) -> bool:
    return isinstance(mode.format, PositFormat)


def _alone(mode: SimdMode) -> Unit:
    """A unit of that format alone, for the same words."""
    if not isinstance(mode.format, FloatFormat):
        return posit("dot", mode.format.name, mode.lanes)
    cfg = DotConfig(a="mxfp4", b="mxfp4", lanes=mode.lanes)
    return Unit(kind="dot (mxfp4)", format=mode.format.name, lanes=mode.lanes, cfg=cfg)


KINDS = {"accumulate": BLUE, "dot": GREEN, "posit dot": VERMILION, "simd dot": ORANGE}
"""Units that multiply and add, and their colours."""


def _macs_figure(rows: list[dict[str, Cell]]) -> "Figure":
    from matplotlib.patches import Patch

    figure = new_figure(9, 9)
    axes = figure.subplots()
    chosen = [r for r in rows if r["unit"] in KINDS]
    names = [
        f"{r['unit']}: {'word of 16 bits' if r['unit'] == 'simd dot' else r['format']}"
        for r in chosen
    ]
    values = [_number(r["nand2_per_lane"]) for r in chosen]
    bars = axes.barh(names, values, color=[KINDS[str(r["unit"])] for r in chosen])
    axes.bar_label(bars, [f" {value:,.0f}" for value in values], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("area per lane, NAND2 equivalents (logarithmic)")
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12, y=0.01)
    tidy(axes)
    axes.legend(handles=[Patch(color=c, label=k) for k, c in KINDS.items()], fontsize=9)
    figure.suptitle("Area of a multiply-accumulate by format")
    return figure


def _sharing_figure(modes: list[dict[str, Cell]]) -> "Figure":
    figure = new_figure()
    axes = figure.subplots()
    for i, (kind, colour) in enumerate((("separate", GREY), ("simd", ORANGE))):
        values = [_number(m[f"products_per_cycle_and_knand2_{kind}"]) for m in modes]
        places = [at + (i - 0.5) * 0.4 for at in range(len(modes))]
        label = {"separate": "a unit of its own", "simd": "the SIMD unit in that mode"}[kind]
        bars = axes.bar(places, values, 0.37, color=colour, label=label)
        axes.bar_label(bars, [f"{value:.2f}" for value in values], fontsize=9)
    axes.set_xticks(
        range(len(modes)), [f"{m['mode']}\n{m['products_per_cycle']} per word" for m in modes]
    )
    axes.set_ylabel("products per cycle and 1000 NAND2 equivalents")
    axes.legend(fontsize=9)
    tidy(axes)
    figure.suptitle("Throughput per area, by mode")
    return figure


def _number(cell: Cell) -> float:
    assert isinstance(cell, int | float)
    return float(cell)


PAPER = Paper(
    name="xr-npe",
    title="XR-NPE (arXiv 2508.13049): one MAC for posits and FP4, and all our MACs",
    experiments={"formats": formats, "macs": macs, "sharing": sharing, "isolation": isolation},
)
