"""report.html of runs: one page that needs no other file and no network, for one run or several."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lockstep.sim.report import breakdown, compare, shell
from lockstep.sim.report.cards import machine_card, model_card
from lockstep.sim.report.gemm_classes import gemm_classes
from lockstep.sim.report.operators import operator_columns, operator_rows
from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.run_files import RunFiles
from lockstep.sim.report.sources import FILES, Constant, constants
from lockstep.sim.report.timeline import timeline

SECTIONS = {
    "summary": "Summary", "differences": "Differences", "breakdown": "Breakdown", "timeline": "Timeline",
    "roofline": "Roofline", "operators": "Operators", "cards": "Machine and model",
    "approximations": "Approximations", "sources": "Sources", "again": "Run it again",
}  # fmt: skip


def render(runs: Sequence[RunFiles]) -> str:
    """The page of one or several runs; the same runs give the same bytes.

    Parameters
    ----------
    runs : sequence of RunFiles
        The first one is what the others are compared with.
    """
    labels = compare.labels(runs)
    tables = [constants(run.record) for run in runs]
    several = len(runs) > 1
    title = f"{len(runs)} runs compared" if several else runs[0].title
    areas = [run.summary["area_by_component_mm2"] for run in runs]
    energies = [run.summary["energy_by_component_j"] for run in runs]
    energy_tips = breakdown.tips(breakdown.energy_tips, runs, tables, labels)
    area_tips = breakdown.tips(breakdown.area_tips, runs, tables, labels)
    return shell.render(
        "run.html.j2",
        title=title,
        sections={id: name for id, name in SECTIONS.items() if several or id != "differences"},
        data={
            "runs": [_drawn(run, label) for run, label in zip(runs, labels, strict=True)],
            "colours": breakdown.BOUNDS,
        },
        scripts=("roofline.js", "timeline.js", "run.js"),
        styles=("run.css",),
        runs=runs,
        labels=labels,
        headlines=compare.headlines(runs),
        notes=_notes(runs[0].summary, quantity(runs[0].rates.peak_macs_per_s, "MAC/s")),
        operators=compare.op_differences(runs) if several else [],
        configs=compare.config_differences(runs, tables) if several else [],
        times=compare.times,
        latency=breakdown.latencies(runs),
        energy=breakdown.breakdown(
            "energy by component", energies, "J", breakdown.COMPONENTS, energy_tips
        ),
        area=breakdown.breakdown(
            "area by component", areas, "mm²", breakdown.COMPONENTS, area_tips
        ),
        busy=breakdown.busy(runs),
        classes=[gemm_classes(run.rows) for run in runs],
        columns=operator_columns(runs),
        rows=operator_rows(runs, labels),
        phases=breakdown.phases(runs),
        bounds=sorted({str(row["bound_by"]) for run in runs for row in run.rows}),
        machines=[machine_card(run, table) for run, table in zip(runs, tables, strict=True)],
        models=[model_card(run, table) for run, table in zip(runs, tables, strict=True)],
        constants=_merged(labels, tables),
        heads=dict.fromkeys((c.brief, c.source) for t in tables for c in t if c.brief),
    )


def _merged(
    labels: Sequence[str], tables: Sequence[Sequence[Constant]]
) -> list[tuple[str, Constant]]:
    """Constants of all runs, each once, with the runs that have it."""
    users: dict[Constant, list[str]] = {}
    for label, table in zip(labels, tables, strict=True):
        for each in table:
            users.setdefault(each, []).append(label)
    order = {name: i for i, name in enumerate(FILES)}
    merged = sorted(users.items(), key=lambda item: order[item[0].file])
    return [
        ("all" if len(names) == len(labels) else ", ".join(names), each) for each, names in merged
    ]


def _notes(summary: Mapping[str, Any], peak: str) -> dict[str, str]:
    """Small print of the tiles of a single run."""
    batch, prefill, decode = (summary[k] for k in ("batch", "prefill_tokens", "decode_tokens"))
    return {
        "ttft_s": f"{batch} × {prefill} tokens in",
        "tpot_s": f"{decode} steps of {batch} tokens",
        "latency_s": f"{summary['cycles']:,} cycles",
        "utilization": f"of {peak}",
        "energy_j": f"{quantity(summary['energy_j'] / summary['latency_s'], 'W')} on average",
    }


def _drawn(run: RunFiles, label: str) -> dict[str, object]:
    """What the scripts draw of a run."""
    rates = run.rates
    return {
        "label": label,
        "timeline": timeline(run.trace),
        "peak": rates.peak_macs_per_s,
        "pim": run.record["machine"]["pim"] is not None,
        "bandwidth": rates.dram_bytes_per_s,
        "points": [asdict(point) for point in gemm_classes(run.rows)],
    }
