"""Area, clock and throughput of TPE's engines (HPCA'25, arXiv 2503.06342) from our own synthesis."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockstep.papers.reproduction import Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, VERMILION, new_figure, tidy
from lockstep.papers.tpe_designs import DESIGNS, GEMM, SIGMA, Design
from lockstep.papers.tpe_published import Tpe, tpe
from lockstep.rtl.synth.synthesis import Synthesis
from lockstep.rtl.synth.yosys import synthesize_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TARGETS_NS = (0.3, 0.5, 0.9)
"""Clock periods that each engine is asked to meet: one too fast, two that most can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A design at the target where it does most per area."""

    design: Design
    synthesis: Synthesis

    @property
    def gmacs_per_s(self) -> float:
        """Useful multiply-accumulates, in 1e9 per second, at the clock of the longest path."""
        return self.design.macs_per_cycle / self.synthesis.delay_ns

    @property
    def efficiency(self) -> float:
        """GMAC/s per thousand NAND2 equivalents."""
        return 1e3 * self.gmacs_per_s / self.synthesis.nand2_equivalents


def best_point(design: Design, progress: Progress) -> Point:
    """The most efficient of the targets; everything cached by content."""
    points = []
    for target in TARGETS_NS:
        progress(f"{design.name} at {target:g} ns")
        synthesis = synthesize_unit(design.cfg, target_delay_ns=target, keep_hierarchy=True)
        points.append(Point(design=design, synthesis=synthesis))
    return max(points, key=lambda point: point.efficiency)


def engines(progress: Progress) -> Part:
    """Every architecture and reduction, each at its best clock, and its gain over the plain MAC."""
    paper = tpe()
    points = [best_point(design, progress) for design in DESIGNS]
    gains = _gains(points, paper)
    return Part(
        name="engines",
        title="Engines: area, clock and throughput from our own synthesis",
        tables=(
            Table(
                name="engines",
                title="64 multipliers each, INT8 x INT8 into 32 bits, at the best clock",
                rows=[_row(point) for point in points],
                note=(
                    f"Throughput is that of a {GEMM}^3 product; serial engines take A, and Laconic B "
                    f"too, from N(0, {SIGMA:g}). Gates only: no wires, no clock tree; operand memories of the "
                    "serial engines are counted in bits beside. The clock is that of the longest path "
                    f"inside a block. Best of the targets {', '.join(f'{t:g}' for t in TARGETS_NS)} ns. "
                    f"Library and tool: {points[0].synthesis.library.name}, {points[0].synthesis.tool}."
                ),
            ),
            Table(
                name="gains",
                title="Throughput per area of the bit-weight variants over the plain MAC",
                rows=gains,
                note=(
                    f"Paper: {paper.paper_ratios.source}. Authors' reports: {paper.array_reports.source}. "
                    "Signs and ranks can be compared, sizes cannot: other cells, no wires, other tools. "
                    "The serial engines are set against the systolic array of equal multipliers, and "
                    "against Laconic; the paper's figure for Laconic is of OPT4E."
                ),
            ),
        ),
        figures={"efficiency": _figure(points, gains)},
    )


def _row(point: Point) -> Row:
    design, synthesis = point.design, point.synthesis
    return {
        "architecture": design.architecture,
        "reduction": design.reduction,
        "nand2_equivalents": round(synthesis.nand2_equivalents),
        "flip_flops": synthesis.flip_flops,
        "memory_bits": synthesis.total.memory_bits,
        "delay_ns": round(synthesis.delay_ns, 3),
        "macs_per_cycle": round(design.macs_per_cycle, 2),
        "gmacs_per_s": round(point.gmacs_per_s, 1),
        "gmacs_per_s_per_knand2": round(point.efficiency, 3),
    }


def _gains(points: list[Point], paper: Tpe) -> list[dict[str, str | float | None]]:
    by_name = {point.design.name: point for point in points}
    ours: list[tuple[str, str]] = [
        (point.design.name, f"{point.design.architecture} mac")
        for point in points
        if f"{point.design.architecture} mac" in by_name and point.design.reduction != "mac"
    ]
    ours += [(f"bit_slice {r}", "systolic_os mac") for r in ("opt3", "opt4c", "opt4e")]
    ours += [(f"bit_slice {r}", "laconic mac") for r in ("opt3", "opt4c", "opt4e")]
    # The variant that the paper puts on each architecture.
    of_paper = {
        "systolic_os opt1": "systolic_os",
        "systolic_ws opt1": "systolic_ws",
        "cube opt1": "cube",
        "tree opt2": "tree",
        "matrix opt1": "matrix",
    }
    rows: list[dict[str, str | float | None]] = []
    for name, base in ours:
        new, old = by_name[name], by_name[base]
        key = of_paper.get(name, "")
        claimed = paper.paper_ratios.area_efficiency.get(key)
        if (name, base) == ("bit_slice opt4e", "laconic mac"):
            claimed = paper.laconic.area_efficiency
        rows.append({
            "design": name,
            "over": base,
            "area_efficiency": round(new.efficiency / old.efficiency, 2),
            "paper": claimed,
            "authors_reports": paper.array_reports.area_efficiency.get(key),
            "clock": round(old.synthesis.delay_ns / new.synthesis.delay_ns, 2),
            "area": round(new.synthesis.nand2_equivalents / old.synthesis.nand2_equivalents, 2),
        })
    return rows


def _figure(points: list[Point], gains: list[dict[str, str | float | None]]) -> "Figure":
    figure = new_figure(11, 5)
    left, right = figure.subplots(1, 2)
    names = [point.design.name.replace("_", " ") for point in points]
    colours = [GREY if p.design.reduction == "mac" else BLUE for p in points]
    left.barh(names, [point.efficiency for point in points], color=colours)
    left.invert_yaxis()
    left.set_xlabel("GMAC/s per 1000 NAND2 equivalents")
    left.set_title("Throughput per area (grey: plain MAC, or Laconic)", fontsize=10)
    compared = [row for row in gains if row["paper"] is not None]
    places = range(len(compared))
    for key, shift, colour, label in (
        ("area_efficiency", -0.2, BLUE, "ours"),
        ("paper", 0.2, VERMILION, "paper, SMIC 28 nm"),
    ):
        right.barh(
            [place + shift for place in places],
            [float(row[key] or 0) for row in compared],
            height=0.38,
            color=colour,
            label=label,
        )
    reported = [(i, row["authors_reports"]) for i, row in enumerate(compared)]
    right.plot(
        [float(value) for _, value in reported if value],
        [place for place, value in reported if value],
        "D",
        color=GREEN,
        label="authors' reports, SAED32",
    )
    labels = [f"{row['design']}\nover {row['over']}".replace("_", " ") for row in compared]
    right.set_yticks(list(places), labels, fontsize=8)
    right.invert_yaxis()
    right.axvline(1, color=GREY, linewidth=1)
    right.set_xlabel("gain in throughput per area")
    right.set_title("Gain over the plain MAC of the same architecture", fontsize=10)
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        tidy(axes)
    return figure
