"""Area over delay of single PEs: the plain MAC, OPT1 and OPT4C of TPE (HPCA'25, arXiv 2503.06342)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockstep.arch.serial import BitSliceConfig
from lockstep.arch.tensor import MacConfig, SystolicConfig
from lockstep.papers.reproduction import Cell, Part, Progress, Table
from lockstep.papers.style import BLUE, GREEN, GREY, VERMILION, new_figure, tidy
from lockstep.papers.tpe_published import Tpe, tpe
from lockstep.rtl.lib.shared import verilog_of
from lockstep.rtl.synth.yosys import synthesize
from lockstep.rtl.tensor.pe import OutputStationaryPE
from lockstep.rtl.tensor.serial_pe import BitSlicePE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TARGETS_NS = (0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3)
"""Clock periods that each PE is asked to meet."""

Rows = Sequence[dict[str, Cell]]


def _pes() -> dict[str, str]:
    """Verilog of the PEs of output-stationary engines, by name."""
    found = {}
    for name, mac in (("mac", MacConfig()), ("opt1", MacConfig(reduction="opt1"))):
        cfg = SystolicConfig(kind="systolic", dataflow="output_stationary", rows=8, cols=8, mac=mac)
        found[name] = verilog_of(OutputStationaryPE(cfg), "pe")
    serial = BitSliceConfig(kind="bit_slice", rows=8, cols=8, k_max=128)
    return found | {"opt4c": verilog_of(BitSlicePE(serial), "pe")}


def delays(progress: Progress, targets_ns: Sequence[float] = TARGETS_NS) -> Part:
    """Each PE at each target, and the shortest path that each can have."""
    rows: list[dict[str, Cell]] = []
    for name, verilog in _pes().items():
        for target in targets_ns:
            progress(f"PE {name} at {target:g} ns")
            synthesis = synthesize(verilog, "pe", target_delay_ns=target)
            rows.append({
                "pe": name,
                "target_ns": target,
                "delay_ns": round(synthesis.delay_ns, 4),
                "meets_target": synthesis.delay_ns <= target,
                "nand2_equivalents": round(synthesis.nand2_equivalents, 1),
                "flip_flops": synthesis.flip_flops,
                "depth": synthesis.depth,
            })
    return delays_part(rows)


def delays_part(rows: Rows) -> Part:
    """Tables and plot of synthesised PEs, ``mac``, ``opt1`` and ``opt4c``, at some targets each."""
    paper = tpe()
    return Part(
        name="pe",
        title="One PE: area over delay",
        tables=(
            Table(
                name="critical_path",
                title="Shortest critical path",
                rows=_critical_paths(rows, paper),
                note=(
                    f"Paper: {paper.critical_path.source}, at a constraint of 2 ns. Ours: the shipped 28 nm "
                    "library by logical effort, no wires; signs and ranks can be compared, sizes cannot. "
                    "OPT1 has no carry chain in its loop, which is the paper's point; it pays with a second word "
                    "of registers, in the sum and in the drain. OPT4C's PE adds one digit "
                    "per cycle; its encoder and fusing adder are outside."
                ),
            ),
            Table(name="curves", title="Area at each target", rows=rows),
            Table(
                name="authors",
                title="The authors' reports of their PEs: area over clock",
                rows=[
                    {"clock_mhz": r.clock_mhz, "mac_um2": r.mac_um2, "opt1_um2": r.opt1_um2}
                    for r in paper.pe_reports.rows
                ],
                note=f"{paper.pe_reports.source}. Empty where timing failed or nothing was reported.",
            ),
        ),
        figures={"area-delay": _figure(rows)},
    )


def _critical_paths(rows: Rows, paper: Tpe) -> Rows:
    published = {"mac": paper.critical_path.mac_ns, "opt1": paper.critical_path.opt1_ns}
    shortest = {
        name: min(float(str(row["delay_ns"])) for row in rows if row["pe"] == name)
        for name in ("mac", "opt1", "opt4c")
    }
    return [
        {
            "pe": name,
            "delay_ns": delay,
            "relative_to_mac": round(delay / shortest["mac"], 3),
            "paper_ns": published.get(name),
            "paper_relative_to_mac": round(published[name] / published["mac"], 3)
            if name in published
            else None,
        }
        for name, delay in shortest.items()
    ]


def _figure(rows: Rows) -> "Figure":
    figure = new_figure(8, 5)
    axes = figure.add_subplot()
    for name, colour in (("mac", VERMILION), ("opt1", BLUE), ("opt4c", GREEN)):
        own = [row for row in rows if row["pe"] == name]
        points = sorted(
            (float(str(r["delay_ns"])), float(str(r["nand2_equivalents"]))) for r in own
        )
        axes.plot(*zip(*points, strict=True), "o-", color=colour, label=name)
        axes.axvline(points[0][0], color=colour, linewidth=0.8, linestyle=":")
    axes.plot([], [], ":", color=GREY, label="shortest path")
    axes.set_xlabel("delay of the longest path (ns)")
    axes.set_ylabel("area (NAND2 equivalents)")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    tidy(axes)
    return figure
