"""What integer and floating-point dot products cost (arXiv 2510.25602, table 5), from our own synthesis."""

from typing import TYPE_CHECKING

from lockstep.papers.gate_model import SUM_BITS, format_aligner_bits, lane_nand2
from lockstep.papers.mac_energy import BLOCKS, STREAMS, dot_energy
from lockstep.papers.mac_units import dot, row, synthesised
from lockstep.papers.published import IntVsFp, published
from lockstep.papers.reproduction import Cell, Part, Progress, Table
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy
from lockstep.rtl.mac.block_sum import BlockSumConfig, block_sum_verilog
from lockstep.rtl.synth.yosys import synthesize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("mxfp8", "mxint8", "nvfp4", "nvint4")
Lanes = dict[str, float]
"""NAND2 equivalents per lane, by format, and by ``A x B`` where they differ."""

SHARED = "mxint8 x mxint4"
"""Two of these lanes make one of int8 by int8, or two of int4 by int4: how the paper shares them."""

ESTIMATES = {
    "gate_model": "the paper's gate-count model with usual cell factors",
    "aligned_sum": "our synthesis of the products and their sum alone, floats aligned and cut as in the paper",
    "exact_sum": "our synthesis of the products and their sum alone, exact as our unit has it",
    "dot_unit": "our synthesis of the whole dot unit: registers, scales, rounding, FP32 addition",
}
"""Columns beside the paper's."""

NOTE = f"""Area per lane at one product per lane and cycle, relative to mxfp8; the mixed units relative to
mxfp8+nvfp4. The mixed floating-point unit is one lane of each; the mixed integer unit is two int8 x int4 lanes, as the
paper shares them (two separate lanes: `separate`).

Why the sizes differ. The paper counts combinational cells of a foundry library whose factors it does not publish; the
model with usual factors is `gate_model`. It searches for the greatest exponent, shifts every product right and cuts it, to
{SUM_BITS} bits for mxfp8 and 10 for nvfp4: `aligned_sum` is our RTL of that. Our unit shifts each product to its place
and sums exactly, 42 bits wide for mxfp8 (`exact_sum`), so that order does not matter and RTL and simulator agree to the bit.
In gates the cut hardly saves anything, since the search and the subtractions cost what the narrower adders save. What 42 bits
cost is registers: in the whole unit (`dot_unit`), with one after every level of the tree, mxfp8 has twice the flip-flops of
mxint8, so integers gain more than in the paper. Scales, rounding and the FP32 addition are alike for all formats and
raise the ratios of the 4-bit ones, the more so as an NV block has 16 lanes to share them and an MX block 32. Ratios within
a few per cent of 1, as of the two 4-bit sums, are less than the scatter between synthesis scripts: a draw.

Energy is in a part of its own: area says nothing of how often a net toggles."""

ENERGY_NOTE = """Energy of our whole dot units per multiply-accumulate, from the switching of every gate: {streams} streams
of {blocks} blocks of Gaussian tensors in the unit's own format, results checked against the golden model. Settled
edges, glitches (one unit of time per gate, more than real gates let through) and the clock pins of flip-flops; no
wires, clock tree or leakage. The paper
assumes that all cells toggle equally often, and leaves registers and accumulation out. Real blocks do not toggle so: most
elements are far below the greatest, so the upper bits of an integer change with every sign, and its multiplier is 8 x 8
where that of E4M3 is 4 x 4, whose shifter is large but mostly still. So the lead that integers have in area is not
one in energy here. Per
block the glitches of all four units are of one order, though the 8-bit ones have twice the lanes: most come from what all
share, the scale, the rounding and the FP32 addition, which take a cycle each and so are deep. They hide what 4 bits save."""


def cost(progress: Progress) -> Part:
    """Area per lane of whole units and of their sums of products, beside the paper's and its gate model."""
    paper = published(IntVsFp, "int-vs-fp").cost
    units = [dot(name) for name in FORMATS] + [dot("mxint8", "mxint4")]
    gates = [synthesised(unit, progress) for unit in units]
    whole = {g.unit.format: g.nand2_per_lane for g in gates}
    exact = {name: _sum_nand2(name, name, None, progress) for name in FORMATS}
    exact[SHARED] = _sum_nand2("mxint8", "mxint4", None, progress)
    aligned = dict(exact)
    for name in ("mxfp8", "nvfp4"):
        aligned[name] = _sum_nand2(name, name, format_aligner_bits(name), progress)
    estimates = {
        "gate_model": _relative({name: lane_nand2(name) for name in FORMATS}),
        "aligned_sum": _relative(aligned),
        "exact_sum": _relative(exact),
        "dot_unit": _relative(whole),
    }
    relative: list[dict[str, Cell]] = [
        {
            "unit": name,
            "paper_energy": published_cost.energy,
            "paper_area": published_cost.area,
            **{column: _rounded(areas.get(name)) for column, areas in estimates.items()},
        }
        for name, published_cost in paper.units.items()
    ]
    separate = {column: areas["separate"] for column, areas in estimates.items()}
    relative.append({
        "unit": "mxint8+nvint4, separate",
        "paper_energy": None,
        "paper_area": None,
        **{column: _rounded(area) for column, area in separate.items()},
    })
    areas = {"paper": {n: c.area for n, c in paper.units.items()}, **estimates}
    return Part(
        name="cost",
        title="Cost of integer and floating-point dot products at equal throughput",
        tables=(
            Table(name="relative", title="Relative cost", rows=relative, note=NOTE),
            Table(
                name="ranking",
                title="Ranking by area, smallest first",
                rows=_ranking(areas),
                note=f"Paper: {paper.source}. "
                + "; ".join(f"`{name}`: {what}" for name, what in ESTIMATES.items())
                + ".",
            ),
            Table(name="units", title="Whole dot units, synthesised", rows=[row(g) for g in gates]),
            Table(
                name="sums",
                title="Products and their sum alone, NAND2 equivalents per lane",
                rows=[
                    {
                        "format": name,
                        "exact": round(area, 1),
                        "aligned": round(aligned[name], 1),
                    }
                    for name, area in exact.items()
                ],
            ),
        ),
        figures={"cost": _figure(areas)},
    )


def energy(progress: Progress) -> Part:
    """Energy per MAC of the whole units, beside the paper's."""
    paper = published(IntVsFp, "int-vs-fp").cost
    found = {}
    for name in FORMATS:
        gates = synthesised(dot(name), progress)
        progress(f"activity of {name}")
        found[name] = dot_energy(gates)
    base = found["mxfp8"]
    rows: list[dict[str, Cell]] = [
        {
            "unit": name,
            "settled_fj": round(1e3 * e.settled_pj, 1),
            "glitches_fj": round(1e3 * e.glitch_pj, 1),
            "clock_fj": round(1e3 * e.clock_pj, 1),
            "relative_without_glitches": round(e.least_pj / base.least_pj, 3),
            "relative_with_glitches": round(e.most_pj / base.most_pj, 3),
            "paper": paper.units[name].energy,
        }
        for name, e in found.items()
    ]
    return Part(
        name="energy",
        title="Energy of integer and floating-point dot products",
        tables=(
            Table(
                name="energy",
                title="Energy per multiply-accumulate",
                rows=rows,
                note=ENERGY_NOTE.format(streams=STREAMS, blocks=BLOCKS),
            ),
        ),
    )


def _sum_nand2(a: str, b: str, aligned_bits: int | None, progress: Progress) -> float:
    cfg = BlockSumConfig(a=a, b=b, aligned_bits=aligned_bits)
    progress(f"sum of products, {a} x {b}{f', {aligned_bits} bits' if aligned_bits else ''}")
    found = synthesize(block_sum_verilog(cfg, "block_sum"), "block_sum", keep_hierarchy=True)
    return found.nand2_equivalents / cfg.lanes


def _relative(lanes: Lanes) -> Lanes:
    """Single formats over mxfp8; pairs over one lane of mxfp8 and one of nvfp4."""
    pair = lanes["mxfp8"] + lanes["nvfp4"]
    result = {name: lanes[name] / lanes["mxfp8"] for name in FORMATS}
    result["mxfp8+nvfp4"] = 1.0
    result["separate"] = (lanes["mxint8"] + lanes["nvint4"]) / pair
    if SHARED in lanes:
        result["mxint8+nvint4"] = 2 * lanes[SHARED] / pair
    return result


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _ranking(areas: dict[str, Lanes]) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = []
    orders = {name: sorted(FORMATS, key=lambda f: area[f]) for name, area in areas.items()}
    for name, order in orders.items():
        rows.append({
            "by": name,
            "order": " < ".join(order),
            "as_in_the_paper": order == orders["paper"],
            "mxint8_over_mxfp8": round(areas[name]["mxint8"] / areas[name]["mxfp8"], 3),
            "nvint4_over_nvfp4": round(areas[name]["nvint4"] / areas[name]["nvfp4"], 3),
        })
    return rows


def _figure(areas: dict[str, Lanes]) -> "Figure":
    figure = new_figure()
    axes = figure.subplots()
    names = [*FORMATS, "mxint8+nvint4"]
    thickness = 0.8 / len(areas)
    colours = (GREY, ORANGE, GREEN, BLUE, VERMILION)
    for i, (source, colour) in enumerate(zip(areas, colours, strict=True)):
        known = [
            (at, areas[source][name]) for at, name in enumerate(names) if name in areas[source]
        ]
        places = [at + (i + 0.5) * thickness - 0.4 for at, _ in known]
        values = [value for _, value in known]
        label = {"paper": "paper, table 5"}.get(source, source.replace("_", " "))
        bars = axes.bar(places, values, 0.92 * thickness, color=colour, label=label)
        axes.bar_label(bars, [f"{value:.2f}" for value in values], fontsize=7)
    axes.set_xticks(range(len(names)), [*FORMATS, "mxint8+nvint4\n(over mxfp8+nvfp4)"])
    axes.set_ylabel("area per lane, relative to mxfp8")
    axes.legend(fontsize=9)
    tidy(axes)
    figure.suptitle("Area at equal throughput")
    return figure
