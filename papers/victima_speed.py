"""Victima (MICRO'23): speed of each mechanism over radix, native and virtualised, and why."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lockstep.papers.reproduction import Cell, Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy
from lockstep.papers.victima_core import share_of_cycles, with_core
from lockstep.papers.victima_published import victima
from lockstep.papers.victima_runs import (
    FULL,
    MECHANISMS,
    PAPERS_OWN,
    WORKLOADS,
    Runs,
    Size,
    data_hits,
    geometric_mean,
    mean,
    speedup,
    speedup_runs,
    workload,
)
from lockstep.sim.cycle.translation.run import TranslationRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OTHERS = MECHANISMS[1:]
_COLOURS = dict(zip(OTHERS, (GREY, ORANGE, GREEN, BLUE), strict=True))


def native(progress: Progress, size: Size = FULL, names: Sequence[str] = WORKLOADS) -> Part:
    """All mechanisms on one page table."""
    runs = speedup_runs(names, size, progress)
    return _part("native", "Native: one page table", runs, size)


def virtualised(progress: Progress, size: Size = FULL, names: Sequence[str] = WORKLOADS) -> Part:
    """All mechanisms under nested paging."""
    runs = speedup_runs(names, size, progress, virtualised=True)
    return _part("virtualised", "Virtualised: nested page tables", runs, size)


def _part(name: str, title: str, runs: Runs, size: Size) -> Part:
    return Part(
        name=name,
        title=title,
        tables=(
            Table(
                name="claims",
                title="Beside the paper: means of its 11 workloads",
                rows=claims(name, runs),
                note=_WHY.format(size=size),
            ),
            Table(
                name="speedup",
                title="Speedup over radix",
                rows=[{"workload": each} | _speedups(runs[each]) for each in runs],
            ),
            _streams(runs),
            Table(
                name="walks",
                title="Misses of the L2 TLB and page walks",
                rows=[{"workload": each} | _walks(runs[each]) for each in runs],
                note=(
                    "Walks that a program waits for; per thousand instructions. Cycles from the miss in "
                    "the L2 TLB to the translation. Shares are of the cycles of the core model."
                ),
            ),
            Table(
                name="l2_cache",
                title="What the L2 cache gives for it, per thousand instructions",
                rows=[{"workload": each} | _given(runs[each]) for each in runs],
                note=(
                    "Radix against Victima. Hits of data fall, since blocks take their place, and "
                    "page-table entries no longer stay as lines; background walks come on top."
                ),
            ),
            Table(
                name="core",
                title="How far the speedup depends on the model of the core",
                rows=core_rows(runs),
                note=(
                    "Geometric means over radix, 11 workloads; the runs are the same, only the formula "
                    "`core` of the MMU file differs. The first row is the shipped file's. In the paper radix spends "
                    "30 % of its cycles in translation, native."
                ),
            ),
        ),
        figures={name: _figure(title, runs)},
    )


_WHY = """Runs of {size}. The paper's figures: abstract (speedup of Victima), else a summary of the paper. Ours differ for these
reasons. (1) The core is a formula: walks are exposed in full and half of data latency, where the paper simulates an out-of-order core
(Sniper); the last table shows what that alone does. (2) Streams are our generators' (`streams` below), not the paper's traces of GraphBIG and others. A graph's
vertices, which are what is read at random, are 128 MB: the page-table entries for them fit the L2 cache, and walks of graphs are
short. (3) No prefetchers, no second core, DRAM as a latency. (4) Runs are shorter than the paper's 500 million instructions."""


def _streams(runs: Runs) -> Table:
    published = victima().footprints
    return Table(
        name="streams",
        title="Workloads",
        rows=[
            {
                "workload": name,
                "virtual_memory_gb": workload(name).footprint_bytes / 1e9,
                "paper_gb": published.gigabytes.get(name),
                "accesses": run["radix"].accesses,
                "instructions_per_access": run["radix"].instructions / run["radix"].accesses,
            }
            for name, run in runs.items()
        ],
        note=f"Paper: {published.source}.",
    )


def paper_runs(runs: Runs) -> list[Mapping[str, TranslationRun]]:
    """Those of the paper's workloads."""
    return [runs[name] for name in runs if name in PAPERS_OWN]


def mean_speedup(runs: Runs, mechanism: str, over: str = "radix") -> float:
    """Geometric mean of the paper's workloads."""
    return geometric_mean([speedup(r[mechanism], r[over]) for r in paper_runs(runs)])


def miss_cycles(run: TranslationRun) -> float:
    """From a miss in the L2 TLB to the translation, mean."""
    beyond = ("l3_tlb", "pom_tlb", "tlb_block", "walk")
    misses = sum(run.served[each] for each in beyond)
    if not misses:
        return 0.0
    cycles = sum(run.served_cycles[each] for each in beyond)
    return cycles / misses - run.cfg.second_tlb.latency_cycles


def claims(name: str, runs: Runs) -> list[Row]:
    """What the paper states of all workloads together."""
    paper = victima()
    published = paper.speedup.native if name == "native" else paper.speedup.virtualised
    chosen = paper_runs(runs)
    radix = [run["radix"] for run in chosen]
    walked = [1 - r["victima"].ptw / r["radix"].ptw for r in chosen if r["radix"].ptw]
    rows: list[tuple[str, float | None, float]] = [
        ("Victima over radix", published["radix"], mean_speedup(runs, "victima")),
        ("Victima over POM-TLB", published["pom_tlb"], mean_speedup(runs, "victima", "pom_tlb")),
    ]
    for mechanism in ("large_l2_tlb", "l3_tlb"):
        figure = getattr(paper.large_tlbs, mechanism) if name == "native" else None
        rows.append((f"{mechanism} over radix", figure, mean_speedup(runs, mechanism)))
    rows.append(("walks fewer with Victima, share", None, mean(walked)))
    for mechanism in ("radix", "pom_tlb"):
        figure = paper.walks.miss_cycles[name][mechanism]
        ours = mean([miss_cycles(run[mechanism]) for run in chosen])
        rows.append((f"cycles of a miss in the L2 TLB, {mechanism}", figure, ours))
    if name == "native":
        rows += [
            ("misses of the L2 TLB per kilo-instruction", paper.walks.l2_tlb_mpki,
             mean([run.l2_tlb_mpki for run in radix])),
            ("cycles of a walk", paper.walks.mean_cycles, mean([r.ptw_mean_cycles for r in radix])),
            ("cycles of the longest walk", paper.walks.most_cycles,
             max(r.counts["longest_walk"] for r in radix)),
            ("share of cycles in translation", paper.walks.share_of_cycles,
             mean([share_of_cycles(run) for run in radix])),
        ]  # fmt: skip
    return [{"what": what, "paper": figure, "ours": ours} for what, figure, ours in rows]


def _speedups(run: Mapping[str, TranslationRun]) -> dict[str, Cell]:
    found: dict[str, Cell] = {name: speedup(run[name], run["radix"]) for name in OTHERS}
    return found | {"victima_over_pom_tlb": speedup(run["victima"], run["pom_tlb"])}


def _walks(run: Mapping[str, TranslationRun]) -> dict[str, Cell]:
    radix, ours = run["radix"], run["victima"]
    return {
        "l2_tlb_mpki": radix.l2_tlb_mpki,
        "walks_radix": radix.mpki(radix.ptw),
        "walks_victima": ours.mpki(ours.ptw),
        "fewer": 1 - ours.ptw / radix.ptw if radix.ptw else 0.0,
        "background_walks": ours.mpki(ours.counts["background_walks"]),
        "walk_cycles_radix": radix.ptw_mean_cycles,
        "longest": radix.counts["longest_walk"],
        "walk_cycles_victima": ours.ptw_mean_cycles,
        "share_radix": share_of_cycles(radix),
        "share_victima": share_of_cycles(ours),
    }


def _given(run: Mapping[str, TranslationRun]) -> dict[str, Cell]:
    radix, ours = run["radix"], run["victima"]
    return {
        "data_hits_radix": radix.mpki(data_hits(radix)),
        "data_hits_lost": radix.mpki(data_hits(radix) - data_hits(ours)),
        "walks_saved": radix.mpki(radix.ptw - ours.ptw),
        "block_hits": ours.mpki(ours.served["tlb_block"]),
        "blocks_made": ours.mpki(ours.blocks_made),
        "lines_lost_to_blocks": ours.mpki(ours.counts["lines_lost_to_blocks"]),
    }


CORES = (
    (0.25, 1.0, 0.5), (0.25, 1.0, 0.0), (0.25, 1.0, 1.0), (0.25, 0.5, 0.5),
    (0.25, 0.25, 0.5), (0.25, 0.25, 1.0), (1.0, 1.0, 0.5),
)  # fmt: skip
"""Cycles per instruction, exposed share of translation, of data; the shipped ones first."""


def core_rows(runs: Runs) -> list[Row]:
    """Mean speedups under other models of the core."""
    return [_core_row(runs, *core) for core in CORES]


def _core_row(runs: Runs, base: float, translation: float, data: float) -> Row:
    changed = {
        name: {each: with_core(r, base, translation, data) for each, r in run.items()}
        for name, run in runs.items()
    }
    radix = [run["radix"] for run in paper_runs(changed)]
    row: dict[str, Cell] = {
        "cycles_per_instruction": base,
        "translation_exposed": translation,
        "data_exposed": data,
        "share_radix": mean([share_of_cycles(run) for run in radix]),
    }
    row |= {each: mean_speedup(changed, each) for each in OTHERS}
    return row | {"victima_over_pom_tlb": mean_speedup(changed, "victima", "pom_tlb")}


def _figure(title: str, runs: Runs) -> "Figure":
    figure = new_figure(11, 5)
    axes = figure.subplots()
    bars = {name: _speedups(run) for name, run in runs.items()}
    places = [*bars, "mean of 11"]
    for i, (mechanism, colour) in enumerate(_COLOURS.items()):
        found = [float(str(bars[name][mechanism])) for name in bars]
        heights = [100 * (each - 1) for each in (*found, mean_speedup(runs, mechanism))]
        at = [x + 0.2 * (i - 1.5) for x in range(len(places))]
        axes.bar(at, heights, 0.19, color=colour, label=mechanism)
    published = victima().speedup
    figures = published.native if title.startswith("Native") else published.virtualised
    axes.plot(
        [len(places) - 1.45, len(places) - 0.55], [100 * (figures["radix"] - 1)] * 2,
        color=VERMILION, linewidth=2, label="paper: victima, mean",
    )  # fmt: skip
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(places)), places, rotation=20)
    axes.set_ylabel("faster than radix (%)")
    axes.legend(fontsize=8, ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.1), frameon=False)
    tidy(axes)
    figure.suptitle(title)
    return figure
