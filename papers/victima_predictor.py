"""Victima (MICRO'23): how well a comparator on two counters finds the pages that are costly to translate."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lockstep.papers.reproduction import Part, Progress, Row, Table
from lockstep.papers.style import VERMILION, new_figure
from lockstep.papers.victima_pages import (
    COSTS,
    FREQUENCIES,
    Bits,
    Pages,
    best_box,
    best_table,
    box_of,
    counted,
    counters_network,
    profile_network,
    sampled,
    scores,
)
from lockstep.papers.victima_published import victima
from lockstep.papers.victima_runs import FULL, PAPERS_OWN, Size, measured, mmu, workload

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGES = 5_000
"""Of each workload, at most."""

SHARE, ARTIFACT_SHARE = 0.3, 0.4
"""Of all pages, those called costly: in the paper, and in its artifact's script."""

_SEED = 1


def predictor(progress: Progress, size: Size = FULL, names: Sequence[str] = PAPERS_OWN) -> Part:
    """Walks of every page under radix, and rules that tell the costly pages from the others."""
    # From the first access on: counters in page-table entries remember what cold caches cost.
    whole = Size(skipped=size.skipped, warmup=0, counted=size.warmup + size.counted)
    profiles = {}
    for name in names:
        progress(f"{name}: walks of every page")
        run = measured(workload(name), {"radix": mmu("mechanism=radix")}, whole, page_profile=True)
        assert run["radix"].pages
        profiles[name] = run["radix"].pages
    pages = sampled(profiles, PAGES)
    train = np.random.default_rng(_SEED).random(len(pages.walks)) < 0.5
    progress("training")
    return Part(
        name="predictor",
        title="Predictors of the cost of page walks",
        tables=(
            _published(),
            *(_comparison(pages, train, share) for share in (SHARE, ARTIFACT_SHARE)),
            _by_workload(pages, names),
        ),
        figures={"predictor": _figure(pages)},
    )


def _published() -> Table:
    paper = victima().predictor
    return Table(
        name="published",
        title="Published",
        rows=[{"predictor": name, **row.model_dump()} for name, row in paper.rows.items()],
        note=f"{paper.source}. Costly, {paper.label}.",
    )


def _comparison(pages: Pages, train: Bits, share: float) -> Table:
    label = pages.costly(share)
    seen, test = pages[train], pages[~train]
    seen_label, test_label = label[train], label[~train]
    shipped = mmu("mechanism=victima").victima.predictor
    assert shipped
    boxes = {
        "comparator, the shipped box": box_of(shipped),
        "comparator, best box": best_box(seen, seen_label),
        "frequency alone, best bounds": best_box(seen, seen_label, cost=False),
        "cost alone, best bounds": best_box(seen, seen_label, frequency=False),
    }
    found = {name: (_features(name), str(box), box.holds(test)) for name, box in boxes.items()}
    found["best table of both counters"] = (
        2, f"{FREQUENCIES * COSTS} bits", best_table(seen, seen_label)(test),
    )  # fmt: skip
    for name, features, train_network in (
        ("NN, the counters", 2, counters_network),
        ("NN, counts of the profile", 4, profile_network),
    ):
        said = train_network(seen, seen_label)(test)
        found[name] = (features, "two layers of 16", said)
    rows: list[Row] = [
        {"predictor": name, "features": features, "rule": rule, **scores(said, test_label)}
        for name, (features, rule, said) in found.items()
    ]
    return Table(
        name=f"costliest_{100 * share:.0f}",
        title=f"Costly: the {100 * share:.0f} % of pages with the most walk cycles",
        rows=rows,
        note=(
            f"{len(pages.walks)} pages, at most {PAGES} of each workload, {label.mean():.3f} of them above the bound; "
            "trained on a random half, tested on the other. The table is the most accurate rule that "
            "two counters allow: what is missing to 1 is what saturated counters do not tell. "
            "NN, counts: walks, walks that reached DRAM, their ratio, and pages of the same 32 KB, none saturated."
        ),
    )


def _features(name: str) -> int:
    return 1 if "alone" in name else 2


def _by_workload(pages: Pages, names: Sequence[str]) -> Table:
    label = pages.costly(SHARE)
    shipped = mmu("mechanism=victima").victima.predictor
    assert shipped
    rows: list[Row] = []
    for number, name in enumerate(names):
        own = pages.workload == number
        part = pages[own]
        rows.append({
            "workload": name,
            "pages": len(part.walks),
            "walks_per_page": round(float(part.walks.mean()), 3),
            "reached_dram": round(float(part.dram_walks.sum() / part.walks.sum()), 3),
            "costly": round(float(label[own].mean()), 3),
            **scores(box_of(shipped).holds(part), label[own]),
        })
    return Table(
        name="workloads",
        title=f"The shipped box by workload, label of {100 * SHARE:.0f} % of all pages together",
        rows=rows,
    )


def _figure(pages: Pages) -> "Figure":
    label = pages.costly(SHARE)
    pages_in, costly_in = counted(pages, label)
    share = np.where(pages_in > 0, costly_in / np.maximum(pages_in, 1), np.nan)
    box = best_box(pages, label)
    figure = new_figure(8, 6)
    axes = figure.subplots()
    image = axes.imshow(share.T, origin="lower", aspect="auto", cmap="Blues", vmin=0, vmax=1)
    for frequency in range(FREQUENCIES):
        for cost in range(COSTS):
            if pages_in[frequency, cost]:
                axes.text(
                    frequency, cost, f"{100 * pages_in[frequency, cost] / len(pages.walks):.1f}",
                    ha="center", va="center", fontsize=7,
                    color="white" if share[frequency, cost] > 0.6 else "black",
                )  # fmt: skip
    left, right = box.min_frequency - 0.5, box.max_frequency + 0.5
    low, high = box.min_cost - 0.5, box.max_cost + 0.5
    axes.plot(
        [left, right, right, left, left], [low, low, high, high, low],
        color=VERMILION, linewidth=2, label=f"best box: {box}",
    )  # fmt: skip
    axes.set_xlabel("frequency counter (walks, saturated)")
    axes.set_ylabel("cost counter (walks that reached DRAM, saturated)")
    axes.legend(fontsize=8, loc="upper left")
    figure.colorbar(image, ax=axes, label="share of costly pages")
    figure.suptitle("Pages by their counters; numbers are % of all pages")
    return figure
