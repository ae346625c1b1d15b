"""Duplex (MICRO'24): throughput and energy over models, batches and lengths."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lockstep.papers.duplex_published import duplex
from lockstep.papers.duplex_servers import served, server
from lockstep.papers.reproduction import Cell, Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy
from lockstep.sim.serving import Load

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BATCHES = (32, 64, 128)
LENGTHS = ((256, 256), (1024, 1024), (4096, 1024))
"""Mean tokens of prompts and of answers."""

SHOWN = ("2xGPU", "Bank-PIM", "Duplex", "Duplex+PE", "Duplex+PE+ET")
MOE = ("mixtral-8x7b", "glam-143b", "grok-1")
WHISKERS = {"linewidth": 0.8, "capsize": 2}
_COLOURS = dict(zip(SHOWN, (GREY, ORANGE, GREEN, BLUE, VERMILION), strict=True))


def load(batch: int, prompt: int, answer: int) -> Load:
    """A quarter of the batch, eight at least, is answered after the start."""
    return Load(batch=batch, input_tokens=prompt, output_tokens=answer, requests=max(8, batch // 4))


def grid(models: Sequence[str], progress: Progress) -> Iterator[Row]:
    """Every model, batch and length: speed of each variant over the GPU, and energy per token."""
    for model in models:
        for batch in BATCHES:
            progress(f"{model}, batch {batch}")
            for prompt, answer in LENGTHS:
                runs = {
                    name: served(model, name, load(batch, prompt, answer))
                    for name in ("GPU", *SHOWN)
                }
                gpu = runs["GPU"]
                row: dict[str, Cell] = {
                    "model": model,
                    "batch": batch,
                    "prompt_tokens": prompt,
                    "answer_tokens": answer,
                    "running_on_average": float(gpu.stage_running.mean()),
                    "gpu_tokens_per_s": gpu.tokens_per_s,
                }
                for name in SHOWN:
                    row[f"speedup {name}"] = runs[name].tokens_per_s / gpu.tokens_per_s
                for name, run in runs.items():
                    row[f"joules {name}"] = run.joules_per_token
                    count = server(model, name).devices.count
                    row[f"device_seconds {name}"] = count / run.tokens_per_s
                yield row


def column(rows: Sequence[Row], name: str, models: Sequence[str]) -> list[float]:
    """Numbers of one column, of some models."""
    found = [row[name] for row in rows if row["model"] in models]
    return [float(x) for x in found if isinstance(x, int | float)]


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, as the paper's averages."""
    return sum(values) / len(values)


def _grid(progress: Progress) -> list[Row]:
    """The whole grid; its runs are made once."""
    return list(grid(list(duplex().setup.models), progress))


def speedup(progress: Progress) -> Part:
    """Throughput over the GPU's."""
    rows = _grid(progress)
    models = [*duplex().setup.models]
    return Part(
        name="speedup",
        title="Throughput under continuous batching",
        tables=(
            Table(
                name="claims",
                title="Beside the paper",
                rows=claims(rows),
                note=WHY,
            ),
            Table(
                name="models",
                title="Mean and range over batches and lengths, over the GPU",
                rows=[
                    {"model": model}
                    | {name: _range(column(rows, f"speedup {name}", [model])) for name in SHOWN}
                    for model in models
                ],
            ),
            Table(name="grid", title="Every run", rows=rows, on_page=False),
        ),
        figures={"speedup": _figure(rows, models)},
    )


WHY = """The three models with experts; the grid is ours, since the paper does not list its own. Ours are 1.0 to 1.7 times the paper's, for these
reasons. (1) Ours is a roofline: a processor beside the DRAM has 4 (or 16) times the pins' *sustained* bandwidth, and nothing
else slows it; the paper replays commands of DRAM (Ramulator). (2) Stages have no cost but their operators and links: no launch of
kernels, no scheduling; such time is the same on all machines and draws ratios together (`sensitivity`). (3) An operator goes where it is
done sooner, so at 32 sequences dense layers do too. (4) Where devices deal experts out, the slowest device counts, which burdens
the GPU as well and is what ET cures. BankGroup-PIM is Logic-PIM in speed by definition."""


def claims(rows: Sequence[Row]) -> list[Row]:
    """Published speedups beside ours."""
    paper = duplex().results

    def over(one: str, other: str | None, models: Sequence[str]) -> list[float]:
        top = column(rows, f"speedup {one}", models)
        if other is None:
            return top
        bottom = column(rows, f"speedup {other}", models)
        return [a / b for a, b in zip(top, bottom, strict=True)]

    best, mixtral = "Duplex+PE+ET", MOE[:1]
    found = [
        ("Duplex over GPU, most", paper.speedup_max["Duplex"], max(over("Duplex", None, MOE))),
        ("Duplex+PE+ET over GPU, most", paper.speedup_max[best], max(over(best, None, MOE))),
        ("Duplex+PE+ET over GPU, mean", paper.speedup_mean, mean(over(best, None, MOE))),
        ("PE over Duplex, mean", paper.co_processing_mean, mean(over("Duplex+PE", "Duplex", MOE))),
        ("PE+ET over Duplex, most", paper.co_processing_et_max, max(over(best, "Duplex", MOE))),
        ("Mixtral over Bank-PIM, most", paper.bank_pim_max, max(over(best, "Bank-PIM", mixtral))),
        ("Mixtral over Bank-PIM, mean", paper.bank_pim_mean, mean(over(best, "Bank-PIM", mixtral))),
    ]
    return [
        {"what": what, "paper": stated, "ours": ours, "ours_over_paper": ours / stated}
        for what, stated, ours in found
    ]


def changes(rows: Sequence[Row], name: str, models: Sequence[str], static_w: float) -> list[float]:
    """Energy per token over the GPU's, less 1, where every device takes ``static_w`` on top."""

    def joules(variant: str) -> list[float]:
        dynamic = column(rows, f"joules {variant}", models)
        seconds = column(rows, f"device_seconds {variant}", models)
        return [e + static_w * t for e, t in zip(dynamic, seconds, strict=True)]

    return [a / b - 1 for a, b in zip(joules(name), joules("GPU"), strict=True)]


def energy(progress: Progress) -> Part:
    """Energy per token over the GPU's."""
    rows = _grid(progress)
    paper = duplex().results
    dynamic: list[Row] = [
        {
            "model": model,
            "paper_most": paper.energy_max.get(model),
            **_energy_columns(rows, [model]),
        }
        for model in duplex().setup.models
    ]
    static: list[Row] = []
    for static_w in STATIC_W:
        found = changes(rows, "Duplex+PE+ET", MOE, static_w)
        static.append({
            "static_w_per_device": static_w,
            "paper_mean": paper.energy_mean,
            "ours_mean": mean(found),
            "paper_most": min(paper.energy_max.values()),
            "ours_most": min(found),
        })
    return Part(
        name="energy",
        title="Energy per token",
        tables=(
            Table(
                name="dynamic",
                title="Change over the GPU, dynamic energy",
                rows=dynamic,
                note=WHY_ENERGY,
            ),
            Table(
                name="static",
                title="... with static power, Duplex+PE+ET, models with experts",
                rows=static,
                note=WHY_STATIC,
            ),
        ),
        figures={"energy": _energy_figure(rows)},
    )


def _energy_columns(rows: Sequence[Row], models: Sequence[str]) -> dict[str, Cell]:
    best = changes(rows, "Duplex+PE+ET", models, 0.0)
    return {
        "ours_most": min(best),
        "ours_mean": mean(best),
        "Duplex_mean": mean(changes(rows, "Duplex", models, 0.0)),
        "Bank-PIM_mean": mean(changes(rows, "Bank-PIM", models, 0.0)),
    }


STATIC_W = (0.0, 25.0, 50.0, 100.0)
WHY_ENERGY = """AttAcc's figures per byte and operation; it has no static power. A byte costs 28.7 pJ at the pins and 3.7 to the
registers of the xPU, or 26.3 at the logic die (12.5 at a bank group, 4.4 at a bank), and arithmetic the same anywhere: Logic-PIM
cannot save more than 19 % of what reads take. PE and ET cost a little, for the bytes of experts that the xPU takes go the
longer way."""
WHY_STATIC = """With this much power on top at all times, on every device: a shorter run then saves too. The paper does not say what it
counts; 50 W per device, about what a GPU of this size takes idle (from memory, no source), give its savings."""


def _range(values: Sequence[float]) -> str:
    return f"{mean(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def _bars(axes: "Axes", names: Sequence[str], values: dict[str, list[list[float]]]) -> None:
    """Groups of bars at the means, with whiskers from least to greatest."""
    width = 0.8 / len(values)
    for i, (variant, columns) in enumerate(values.items()):
        means = [mean(c) for c in columns]
        spread = [
            [m - min(c) for m, c in zip(means, columns, strict=True)],
            [max(c) - m for m, c in zip(means, columns, strict=True)],
        ]
        places = [at + (i - (len(values) - 1) / 2) * width for at in range(len(names))]
        axes.bar(
            places,
            means,
            width * 0.92,
            yerr=spread,
            color=_COLOURS[variant],
            label=variant,
            error_kw=WHISKERS,
        )
    axes.set_xticks(range(len(names)), names)
    tidy(axes)


def _figure(rows: Sequence[Row], models: Sequence[str]) -> "Figure":
    figure = new_figure(10, 5.5)
    axes = figure.subplots()
    _bars(axes, models, {v: [column(rows, f"speedup {v}", [m]) for m in models] for v in SHOWN})
    paper = duplex().results
    for value, label in (
        (paper.speedup_mean, "paper, Duplex+PE+ET, mean"),
        (paper.speedup_max["Duplex+PE+ET"], "paper, Duplex+PE+ET, most"),
    ):
        axes.axhline(value, color="black", linestyle="--" if "mean" in label else ":", label=label)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel("tokens per second over the GPU's")
    axes.legend(fontsize=8, ncols=2)
    figure.suptitle("Throughput: mean and range over batches 32-128 and lengths 256-4096")
    return figure


def _energy_figure(rows: Sequence[Row]) -> "Figure":
    figure = new_figure(9, 5)
    axes = figure.subplots()
    paper = duplex().results
    at = range(len(MOE))
    axes.bar(
        [x - 0.4 for x in at],
        [100 * paper.energy_max[m] for m in MOE],
        0.15,
        color=GREY,
        label="paper, most",
    )
    colours = (ORANGE, GREEN, BLUE, VERMILION)
    for i, (static_w, colour) in enumerate(zip(STATIC_W, colours, strict=True)):
        found = [changes(rows, "Duplex+PE+ET", [m], static_w) for m in MOE]
        means = [100 * mean(c) for c in found]
        spread = [
            [100 * (mean(c) - min(c)) for c in found],
            [100 * (max(c) - mean(c)) for c in found],
        ]
        label = f"ours, {static_w:.0f} W static"
        places = [x - 0.24 + 0.16 * i for x in at]
        axes.bar(places, means, 0.15, yerr=spread, color=colour, label=label, error_kw=WHISKERS)
    axes.axhline(100 * paper.energy_mean, color="black", linestyle="--", label="paper, mean")
    axes.set_xticks(at, MOE)
    axes.set_ylabel("energy per token, change over the GPU, %")
    axes.legend(fontsize=8, loc="lower left", ncols=3)
    axes.margins(y=0.2)
    tidy(axes)
    figure.suptitle("Energy per token of Duplex+PE+ET: mean and range over batches and lengths")
    return figure
