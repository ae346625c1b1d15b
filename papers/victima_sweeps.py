"""Victima (MICRO'23): size of the L2 cache, each rule taken away, and footprints of GUPS."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lockstep.papers.reproduction import Cell, Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy
from lockstep.papers.victima_published import L2Size, victima
from lockstep.papers.victima_runs import (
    MECHANISMS,
    PAPERS_OWN,
    SHORT,
    Runs,
    Size,
    data_hits,
    geometric_mean,
    measured,
    mmu,
    speedup,
    workload,
)
from lockstep.sim.cycle.translation.run import TranslationRun
from lockstep.workloads.streams.catalogue import stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOONER_CYCLES = 4
"""A TLB block is found so much sooner than a line of data (12 of 16 cycles); kept over all sizes."""


def l2_size(progress: Progress, size: Size = SHORT, names: Sequence[str] = PAPERS_OWN) -> Part:
    """Radix and Victima with caches of 1 to 8 MB."""
    sizes = victima().l2_sizes
    runs: dict[str, dict[str, TranslationRun]] = {}
    for name in names:
        progress(f"{name}: L2 caches of {', '.join(str(row.megabytes) for row in sizes.rows)} MB")
        cfgs = {
            f"{mechanism} {row.megabytes}": mmu(f"mechanism={mechanism}", *_l2(row))
            for row in sizes.rows
            for mechanism in ("radix", "victima")
        }
        runs[name] = measured(workload(name), cfgs, size)
    rows = [_l2_row(runs, row) for row in sizes.rows]
    return Part(
        name="l2-size",
        title="Size of the L2 cache",
        tables=(
            Table(
                name="sizes",
                title="Speedup of Victima over radix with the same cache",
                rows=rows,
                note=(
                    f"Geometric means of {len(names)} workloads, {size}. Latencies of {sizes.source}; a TLB "
                    f"block is found {SOONER_CYCLES} cycles sooner than data, as at 2 MB. The paper has "
                    "this as a figure only; we found no numbers of it."
                ),
            ),
            Table(
                name="workloads",
                title="By workload",
                rows=[
                    {"workload": name}
                    | {
                        f"{row.megabytes} MB": speedup(
                            found[f"victima {row.megabytes}"], found[f"radix {row.megabytes}"]
                        )
                        for row in sizes.rows
                    }
                    for name, found in runs.items()
                ],
            ),
        ),
    )


def _l2(row: L2Size) -> tuple[str, ...]:
    return (
        f"l2.size_bytes={row.megabytes << 20}",
        f"l2.latency_cycles={row.latency_cycles}",
        f"victima.hit_cycles={row.latency_cycles - SOONER_CYCLES}",
    )


def _l2_row(runs: Runs, row: L2Size) -> Row:
    pairs = [(r[f"victima {row.megabytes}"], r[f"radix {row.megabytes}"]) for r in runs.values()]
    found: dict[str, Cell] = {
        "l2_mb": row.megabytes,
        "latency_cycles": row.latency_cycles,
        "speedup": geometric_mean([speedup(ours, radix) for ours, radix in pairs]),
        "walks_fewer": 1
        - sum(o.mpki(o.ptw) for o, _ in pairs) / sum(r.mpki(r.ptw) for _, r in pairs),
        "reach_mb": sum(sum(ours.reach) for ours, _ in pairs) / len(pairs) / 1e6,
    }
    return found


RULES: Mapping[str, str] = {
    "one PTE per block": "victima.block_ptes=1",
    "look-up before the walk, not beside it": "victima.probe=serial",
    "blocks of 4 KB pages only": "victima.probe_sizes=4k",
    "blocks of 2 MB pages only": "victima.probe_sizes=2m",
    "no insertion on a miss": "victima.insert_on_miss=false",
    "no insertion on an eviction": "victima.insert_on_eviction=false",
    "no predictor: every page": "victima.predictor=null",
    "predictor asked always": "victima.bypass_mpki=null",
    "blocks start as data do": "victima.aware_insertion=false",
    "blocks are not spared": "victima.aware_victim=false",
    "a hit takes 1 from a block's RRPV": "victima.aware_promotion=false",
}
"""What is done without each rule, and its key."""

SHOWN = ("bfs", "sssp", "gups", "xs", "dlrm", "gen")
"""Workloads of the ablation: two graphs, and those with the longest walks."""


def ablation(progress: Progress, size: Size = SHORT, names: Sequence[str] = SHOWN) -> Part:
    """Every rule of Victima taken away, one at a time."""
    runs: dict[str, dict[str, TranslationRun]] = {}
    cfgs = {"radix": mmu("mechanism=radix"), "all rules": mmu("mechanism=victima")}
    cfgs |= {what: mmu("mechanism=victima", setting) for what, setting in RULES.items()}
    virtual = ("mechanism=victima", "virtualised=true")
    off = "no blocks of the host's"
    nested_cfgs = {
        "radix, virtualised": mmu("mechanism=radix", "virtualised=true"),
        "all rules, virtualised": mmu(*virtual),
        off: mmu(*virtual, "victima.nested_blocks=false"),
    }
    for name in names:
        progress(f"{name}: {len(RULES)} rules taken away in turn")
        runs[name] = measured(workload(name), cfgs | nested_cfgs, size)
    return Part(
        name="ablation",
        title="Each rule taken away",
        tables=(
            Table(
                name="rules",
                title="Speedup over radix, native",
                rows=[_rule_row(runs, what, RULES.get(what, "")) for what in list(cfgs)[1:]],
                note=(
                    f"{size}. Mean: geometric. Walks that the program waits for, over those of radix; background "
                    "walks per thousand instructions, mean. A rule can matter little here and still matter under "
                    "other pressure: 5 misses per thousand instructions, the threshold, are far exceeded by all of these."
                ),
            ),
            Table(
                name="nested",
                title="Speedup over radix, virtualised",
                rows=[
                    _rule_row(runs, "all rules, virtualised", "", "radix, virtualised"),
                    _rule_row(runs, off, "victima.nested_blocks=false", "radix, virtualised"),
                ],
            ),
        ),
    )


def _rule_row(runs: Runs, what: str, key: str, over: str = "radix") -> Row:
    row: dict[str, Cell] = {"rule": what, "setting": key}
    row |= {name: speedup(run[what], run[over]) for name, run in runs.items()}
    pairs = [(run[what], run[over]) for run in runs.values()]
    return row | {
        "mean": geometric_mean([speedup(ours, radix) for ours, radix in pairs]),
        "walks_left": sum(o.mpki(o.ptw) for o, _ in pairs) / sum(r.mpki(r.ptw) for _, r in pairs),
        "background_walks": sum(o.mpki(o.counts["background_walks"]) for o, _ in pairs)
        / len(pairs),
    }


FOOTPRINTS_LOG2 = tuple(range(21, 34))
"""Words of 8 bytes: 16 MB to 64 GB."""

CROSSOVER = Size(skipped=0, warmup=2, counted=2)
_COLOURS = dict(zip(MECHANISMS, (VERMILION, GREY, ORANGE, GREEN, BLUE), strict=True))


_WIDTHS = {"large_l2_tlb": 6, "l3_tlb": 4}
"""Of lines that lie under others: three mechanisms have TLBs of the same size."""


def crossover(
    progress: Progress, size: Size = CROSSOVER, tables_log2: Sequence[int] = FOOTPRINTS_LOG2
) -> Part:
    """GUPS over its footprint: where each mechanism's reach ends."""
    runs = {}
    cfgs = {name: mmu(f"mechanism={name}") for name in MECHANISMS}
    for table_log2 in tables_log2:
        progress(f"GUPS of {8 << table_log2 >> 20} MiB")
        runs[8 << table_log2 >> 20] = measured(stream("gups", table_log2=table_log2), cfgs, size)
    return Part(
        name="crossover",
        title="Footprints of GUPS",
        tables=(
            Table(
                name="walks",
                title="Walks per thousand instructions",
                rows=[
                    {"footprint_mib": mib}
                    | {name: run[name].mpki(run[name].ptw) for name in MECHANISMS}
                    for mib, run in runs.items()
                ],
                note=(
                    f"{size}. Every update is a load and a store of the same word, in 11 instructions: 91 "
                    "walks per thousand if every one walks."
                ),
            ),
            Table(
                name="speedup",
                title="Speedup over radix",
                rows=[
                    {"footprint_mib": mib}
                    | {name: speedup(run[name], run["radix"]) for name in MECHANISMS[1:]}
                    for mib, run in runs.items()
                ],
            ),
            Table(
                name="exchange",
                title="What Victima saves, and what it costs the L2 cache",
                rows=[{"footprint_mib": mib} | exchange(run) for mib, run in runs.items()],
                note=(
                    "Radix against Victima, per thousand instructions; all cycles, before the core model "
                    "takes its share. Walk cycles are means. At 64 GB a walk's entries of level 2 no longer stay in "
                    "the L2 cache beside TLB blocks that are hardly hit again."
                ),
            ),
        ),
        figures={"crossover": _crossover_figure(runs)},
    )


def exchange(run: Mapping[str, TranslationRun]) -> dict[str, Cell]:
    """Walks and hits of data, per thousand instructions, and reach."""
    radix, ours = run["radix"], run["victima"]
    return {
        "walks_saved": radix.mpki(radix.ptw - ours.ptw),
        "data_hits_lost": radix.mpki(data_hits(radix) - data_hits(ours)),
        "translation_cycles_saved": radix.mpki(radix.translation_cycles - ours.translation_cycles),
        "data_cycles_lost": radix.mpki(ours.data_cycles - radix.data_cycles),
        "walk_cycles_radix": radix.ptw_mean_cycles,
        "walk_cycles_victima": ours.ptw_mean_cycles,
        "tlb_blocks": ours.blocks,
        "reach_mb": sum(ours.reach) / 1e6,
    }


def _crossover_figure(runs: Mapping[int, Mapping[str, TranslationRun]]) -> "Figure":
    figure = new_figure(12, 5)
    left, right = figure.subplots(1, 2)
    sizes = list(runs)
    for name, colour in _COLOURS.items():
        walks = [run[name].mpki(run[name].ptw) for run in runs.values()]
        width = _WIDTHS.get(name, 1.5)
        left.plot(sizes, walks, "o-", color=colour, label=name, linewidth=width, markersize=4)
    exchanged = [exchange(run) for run in runs.values()]
    for key, colour, label in (
        ("translation_cycles_saved", BLUE, "translation cycles saved"),
        ("data_cycles_lost", VERMILION, "data cycles lost"),
    ):
        right.plot(
            sizes, [float(str(row[key])) / 1e3 for row in exchanged], "o-", color=colour, label=label,
            markersize=4,
        )  # fmt: skip
    right.axhline(0, color="black", linewidth=0.8)
    left.set_ylabel("walks per thousand instructions")
    right.set_ylabel("cycles per instruction, Victima against radix")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xlabel("footprint of GUPS (MiB)")
        axes.legend(fontsize=8, frameon=False)
        tidy(axes)
    figure.suptitle("GUPS: walks by footprint, and what TLB blocks save and cost")
    return figure
