"""Victima (MICRO'23): how much memory TLBs and TLB blocks translate, and how often blocks are used."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockstep.papers.reproduction import Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREY, VERMILION, new_figure, tidy
from lockstep.papers.victima_published import victima
from lockstep.papers.victima_runs import (
    FULL,
    PAPERS_OWN,
    WORKLOADS,
    Runs,
    Size,
    mean,
    speedup_runs,
)
from lockstep.sim.cycle.translation.run import TranslationRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL_PAGE_BYTES = 4096


def reach(progress: Progress, size: Size = FULL, names: Sequence[str] = WORKLOADS) -> Part:
    """Reach at the end of the native runs, and reuse of blocks."""
    runs = speedup_runs(names, size, progress)
    rows = [_row(name, run["victima"]) for name, run in runs.items()]
    return Part(
        name="reach",
        title="Reach and reuse of TLB blocks",
        tables=(
            Table(
                name="claims",
                title="Beside the paper: means of its 11 workloads",
                rows=_claims(runs),
                note=(
                    f"Paper: {victima().reach.source}. Its factor and its megabytes agree if every translation is of a "
                    "4 KB page: 1536 entries reach 6.3 MB. The second pair of rows counts ours so; the first "
                    "counts pages of 2 MB as 2 MB, of which a block of eight reaches 16 MB."
                ),
            ),
            Table(
                name="workloads",
                title="At the end of each run, native",
                rows=rows,
                note=(
                    "Reach is the memory that entries of the L2 TLB, and valid entries of TLB blocks, translate. Share "
                    "of lines: of the L2 cache's 32,768. Unused: of the blocks made, those that no miss hit before "
                    "they left or the run ended."
                ),
            ),
        ),
        figures={"reach": _figure(runs)},
    )


def block_ptes(run: TranslationRun) -> int:
    """Valid entries in live blocks, if all pages were small."""
    return run.blocks * run.cfg.victima.block_ptes


def _row(name: str, run: TranslationRun) -> Row:
    lines = run.cfg.l2.sets * run.cfg.l2.ways
    tlb, blocks = run.reach
    return {
        "workload": name,
        "l2_tlb_mb": tlb / 1e6,
        "blocks_mb": blocks / 1e6,
        "times": (tlb + blocks) / tlb if tlb else 1.0,
        "blocks": run.blocks,
        "share_of_lines": run.blocks / lines,
        "mean_blocks": run.mean_blocks,
        "hits_per_block_made": run.served["tlb_block"] / run.blocks_made
        if run.blocks_made
        else 0.0,
        "unused": run.unused_block_share,
    }


def _claims(runs: Runs) -> list[Row]:
    paper = victima().reach
    found = [runs[name]["victima"] for name in runs if name in PAPERS_OWN]
    entries = found[0].cfg.l2_tlb.entries
    small = [SMALL_PAGE_BYTES * (entries + block_ptes(run)) for run in found]
    rows: list[tuple[str, float | None, float]] = [
        ("reach, MB", None, mean([sum(run.reach) / 1e6 for run in found])),
        ("reach over the L2 TLB's", None,
         sum(sum(r.reach) for r in found) / sum(r.reach.tlb_bytes for r in found)),
        ("reach, MB, all pages taken as 4 KB", paper.megabytes, mean(small) / 1e6),
        ("reach over the L2 TLB's, all pages taken as 4 KB", paper.times,
         mean(small) / (SMALL_PAGE_BYTES * entries)),
        ("most reach, MB, all pages taken as 4 KB", None, max(small) / 1e6),
    ]  # fmt: skip
    return [{"what": what, "paper": figure, "ours": ours} for what, figure, ours in rows]


def _figure(runs: Runs) -> "Figure":
    figure = new_figure(10, 5)
    axes = figure.subplots()
    names = list(runs)
    found = [runs[name]["victima"] for name in names]
    at = range(len(names))
    axes.bar([x - 0.2 for x in at], [r.reach.tlb_bytes / 1e6 for r in found], 0.38,
             color=GREY, label="L2 TLB")  # fmt: skip
    axes.bar([x + 0.2 for x in at], [sum(r.reach) / 1e6 for r in found], 0.38,
             color=BLUE, label="L2 TLB and TLB blocks")  # fmt: skip
    axes.axhline(
        victima().reach.megabytes, color=VERMILION, linestyle="--", label="paper, 4 KB pages"
    )
    axes.set_yscale("log")
    axes.set_xticks(at, names, rotation=20)
    axes.set_ylabel("reach (MB)")
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.08))
    tidy(axes)
    figure.suptitle("Memory translated without a walk, at the end of each run")
    return figure
