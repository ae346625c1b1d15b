"""Area, clock and throughput of TPE's engines (HPCA'25, arXiv 2503.06342) from our own synthesis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockstep.arch.serial import SerialBase
from lockstep.papers.reproduction import Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, VERMILION, new_figure, tidy
from lockstep.papers.tpe_designs import DESIGNS, GEMM, Design
from lockstep.papers.tpe_published import Tpe, tpe
from lockstep.rtl.synth.logical_effort import generic_library
from lockstep.rtl.synth.synthesis import Synthesis
from lockstep.rtl.synth.table import SIGMA
from lockstep.rtl.synth.tool import version
from lockstep.rtl.synth.yosys import synthesize_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAST_NS, PLAIN_NS = 0.3, 0.6
"""Clock periods to ask for: faster than most engines get, and where the plain MAC's PE does most per area."""


def targets_ns(design: Design) -> tuple[float, ...]:
    """What a design is asked to meet: a plain MAC has the choice, so that it need not hurry."""
    is_plain = design.reduction == "mac" and not isinstance(design.cfg, SerialBase)
    return (FAST_NS, PLAIN_NS) if is_plain else (FAST_NS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A synthesised design.

    Parameters
    ----------
    design : Design
    target_ns : float
        The period that it was asked for.
    delay_ns : float
        The period of its clock, see :func:`clock_ns`.
    slowest_ns : float
        The longest path inside any block.
    nand2_equivalents : float
    flip_flops, memory_bits : int
    """

    design: Design
    target_ns: float
    delay_ns: float
    slowest_ns: float
    nand2_equivalents: float
    flip_flops: int
    memory_bits: int

    @property
    def gmacs_per_s(self) -> float:
        """Useful multiply-accumulates, in 1e9 per second, at the clock of the longest path."""
        return self.design.macs_per_cycle / self.delay_ns

    @property
    def efficiency(self) -> float:
        """GMAC/s per thousand NAND2 equivalents."""
        return 1e3 * self.gmacs_per_s / self.nand2_equivalents


def best_point(design: Design, progress: Progress) -> Point:
    """A design at the target where it does most per area; synthesis is cached by content."""
    points = []
    for target in targets_ns(design):
        progress(f"gates of {design.name} at {target:g} ns")
        found = synthesize_unit(design.cfg, target_delay_ns=target, keep_hierarchy=True)
        point = Point(
            design=design,
            target_ns=target,
            delay_ns=clock_ns(found),
            slowest_ns=found.delay_ns,
            nand2_equivalents=found.nand2_equivalents,
            flip_flops=found.flip_flops,
            memory_bits=found.total.memory_bits,
        )
        points.append(point)
    return max(points, key=lambda point: point.efficiency)


def clock_ns(found: Synthesis) -> float:
    """The longest path inside a block, of those that hold no operand memories.

    A memory has a write enable for each of its bits, all of them loads to the timing, where a macro has a
    pin. What else such a block has, other engines have too: the adder on the way out, for instance.
    """
    blocks = (block for block in found.blocks if not block.own.memory_bits)
    return max(block.timing.delay_ns for block in blocks)


def all_points(progress: Progress) -> list[Point]:
    """Every design."""
    return [best_point(design, progress) for design in DESIGNS]


def engines(progress: Progress) -> Part:
    """Every architecture and reduction, each at its best clock, and its gain over the plain MAC."""
    return engines_part(all_points(progress))


def engines_part(points: Sequence[Point]) -> Part:
    """Tables and plots of synthesised engines; gains of those whose base is among them."""
    paper = tpe()
    gains = _gains(points, paper)
    return Part(
        name="engines",
        title="Engines: area, clock and throughput from our own synthesis",
        tables=(
            Table(
                name="engines",
                title="Engines of 64 multipliers, or 64 sums, INT8 x INT8 into 32 bits, at the best clock",
                rows=[_row(point) for point in points],
                note=(
                    f"Throughput is that of a {GEMM}^3 product; serial engines take A, and Laconic B "
                    f"too, from N(0, {SIGMA:g}). Gates only: no wires, no clock tree; operand memories of the "
                    "serial engines are counted in bits beside. The clock is that of the longest path "
                    "inside a block; those that hold operand memories are left out, for each bit's write enable "
                    "would load a path, where a macro has one pin: `slowest_block_ns` has them. "
                    f"All are asked for {FAST_NS:g} ns, which is as fast as most get, and where the "
                    f"PEs of OPT1 and OPT4C do most per area (pe.md); plain MACs for {PLAIN_NS:g} ns too, where "
                    "theirs do, and the better one is shown. "
                    f"Library: {generic_library().name}; tool: {version()}."
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
    design = point.design
    return {
        "architecture": design.architecture,
        "reduction": design.reduction,
        "nand2_equivalents": round(point.nand2_equivalents),
        "flip_flops": point.flip_flops,
        "memory_bits": point.memory_bits,
        "target_ns": point.target_ns,
        "delay_ns": round(point.delay_ns, 3),
        "slowest_block_ns": round(point.slowest_ns, 3),
        "macs_per_cycle": round(design.macs_per_cycle, 2),
        "gmacs_per_s": round(point.gmacs_per_s, 1),
        "gmacs_per_s_per_knand2": round(point.efficiency, 3),
    }


def _gains(points: Sequence[Point], paper: Tpe) -> list[dict[str, str | float | None]]:
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
        if not {name, base} <= set(by_name):
            continue
        new, old = by_name[name], by_name[base]
        key = of_paper.get(name, "")
        claimed = paper.paper_ratios.area_efficiency.get(key)
        if (name, base) == ("bit_slice opt4e", "laconic mac"):
            claimed = paper.laconic.area_efficiency
        rows.append({
            "design": name,
            "over": base,
            "area_efficiency": round(new.efficiency / old.efficiency, 2),
            "at_slowest_block": round(_at_slowest(new) / _at_slowest(old), 2),
            "paper": claimed,
            "authors_reports": paper.array_reports.area_efficiency.get(key),
            "clock": round(old.delay_ns / new.delay_ns, 2),
            "area": round(new.nand2_equivalents / old.nand2_equivalents, 2),
        })
    return rows


def _at_slowest(point: Point) -> float:
    """The efficiency if the longest path in any block set the clock."""
    return point.efficiency * point.delay_ns / point.slowest_ns


def _figure(points: Sequence[Point], gains: list[dict[str, str | float | None]]) -> "Figure":
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
    right.set_title("Gain, ours beside what is published", fontsize=10)
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        tidy(axes)
    return figure
