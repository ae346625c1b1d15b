"""Whole models on TPE's engines at equal area (HPCA'25, arXiv 2503.06342)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

from lockstep.arch.machine import System, load_machine
from lockstep.papers.reproduction import Part, Progress, Table
from lockstep.papers.style import BLUE, GREEN, GREY, VERMILION, new_figure, tidy
from lockstep.papers.tpe_engines import Point, all_points
from lockstep.papers.tpe_published import tpe
from lockstep.rtl.synth.table import SIGMA
from lockstep.sim.operand_formats import default_formats
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MACHINE = "edge-os16"
BASE = "systolic_os mac"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A prefill, or one pass of an encoder."""

    model: str
    tokens: int
    batch: int


JOBS = (
    Job(model="vit-b-16", tokens=197, batch=8),
    Job(model="gpt2", tokens=1024, batch=1),
    Job(model="llama-3.2-1b", tokens=1024, batch=1),
)


def end_to_end(progress: Progress) -> Part:
    """Latency of models on each engine, with the gates of the machine's 16x16 MACs and its own clock."""
    return end_to_end_part(all_points(progress), progress)


def end_to_end_part(points: Sequence[Point], progress: Progress) -> Part:
    """The same of synthesised engines, the plain systolic array among them."""
    base = next(point for point in points if point.design.name == BASE)
    system = load_machine(MACHINE)
    tiles = system.machine.engine.pes / base.design.cfg.pes
    budget = tiles * base.nand2_equivalents
    rows: list[dict[str, str | int | float]] = []
    for point in points:
        progress(f"models on {point.design.name}")
        rows.append(_row(system, point, budget))
    reference = next(row for row in rows if row["engine"] == BASE)
    for row in rows:
        for job in JOBS:
            gain = float(reference[f"{job.model}_ms"]) / float(row[f"{job.model}_ms"])
            row[f"{job.model}_gain"] = round(gain, 2)
    paper = tpe().end_to_end
    claims = ", ".join(f"{model} {gain:g}" for model, gain in paper.gains.items())
    jobs = ", ".join(f"{job.model} {job.batch} x {job.tokens} tokens" for job in JOBS)
    return Part(
        name="end-to-end",
        title="Whole models at equal area",
        tables=(
            Table(
                name="models",
                title=f"Each engine in the gates of {tiles * base.design.cfg.pes:.0f} plain MACs",
                rows=rows,
                note=(
                    f"Machine {MACHINE} with its tensor engine replaced: rows and columns scaled until the "
                    "gates are those of the plain output-stationary array, clock of the engine's own longest "
                    f"path; DRAM and scratchpad as they are. Prefill of {jobs}. Serial engines take A from "
                    f"N(0, {SIGMA:g}). Gains are over {BASE}. Paper, OPT4E over a systolic array of equal "
                    f"area: {claims} ({paper.source})."
                ),
            ),
        ),
        figures={"end-to-end": _figure(rows)},
    )


def _row(system: System, point: Point, budget: float) -> dict[str, str | int | float]:
    factor = sqrt(budget / point.nand2_equivalents)
    cfg = point.design.cfg
    tensor = cfg.model_copy(
        update={
            "rows": max(1, round(cfg.rows * factor)),
            "cols": max(1, round(cfg.cols * factor)),
        }
    )
    clock_mhz = 1e3 / point.delay_ns
    machine = system.machine.model_copy(update={"tensor": tensor, "clock_mhz": clock_mhz})
    changed = replace(system, machine=machine)
    row: dict[str, str | int | float] = {
        "engine": point.design.name,
        "rows": tensor.rows,
        "cols": tensor.cols,
        "clock_mhz": round(clock_mhz),
    }
    for job in JOBS:
        result = simulate(
            changed,
            load_model(job.model),
            prefill=job.tokens,
            decode=0,
            batch=job.batch,
            formats=default_formats(changed),
        )
        row[f"{job.model}_ms"] = round(1e3 * result.latency_s, 2)
    return row


def _figure(rows: list[dict[str, str | int | float]]) -> "Figure":
    figure = new_figure(9, 6)
    axes = figure.add_subplot()
    height = 0.8 / len(JOBS)
    for i, (job, colour) in enumerate(zip(JOBS, (BLUE, VERMILION, GREEN), strict=True)):
        axes.barh(
            [place + (i - 1) * height for place in range(len(rows))],
            [float(row[f"{job.model}_gain"]) for row in rows],
            height=height,
            color=colour,
            label=job.model,
        )
    axes.set_yticks(range(len(rows)), [str(row["engine"]).replace("_", " ") for row in rows])
    axes.invert_yaxis()
    axes.axvline(1, color=GREY, linewidth=1)
    axes.set_xlabel(f"speed over {BASE.replace('_', ' ')} at equal area")
    axes.legend(frameon=False)
    tidy(axes)
    return figure
