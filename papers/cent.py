"""CENT (ASPLOS 2025): Llama 2 in the banks of GDDR6-AiM, with our command-level model."""

from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING

from lockstep.papers.cent_published import DecodeRow, cent
from lockstep.papers.cent_runs import Step, steps
from lockstep.papers.reproduction import Paper, Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONTEXTS = range(640, 4097, 128)
"""Those that CENT's means are over."""

_BLOCK_NOTE = """\
Latency of one transformer block for one token. CENT's `pim` holds all commands, also those of element-wise products and copies between
banks, which here are vector work; ours is split into products with weights and attention. At 128 attention is small, so that products
with weights can be compared: without tensor parallelism they agree. Vector work of stages that share a device adds up, in both."""


def decode(progress: Progress) -> Part:
    """Tokens per second and energy per token by model and parallelism."""
    rows: list[Row] = []
    for setting in cent().decode.rows:
        progress(f"{setting.model} {setting.parallel}")
        rows.append(_decode_row(setting, steps(setting, CONTEXTS)))
    return Part(
        name="decode",
        title="CENT: decoding Llama 2",
        tables=[
            Table(
                name="decode",
                title="Tokens per second and energy per token",
                rows=rows,
                note=_decode_note(rows),
            )
        ],
        figures={"decode": _decode_figure(rows)},
    )


def _decode_note(rows: Sequence[Row]) -> str:
    faster = [_number(row, "ratio") for row in rows]
    working = [_number(row, "active ratio") for row in rows]
    return f"""\
Means over contexts {CONTEXTS[0]} to {CONTEXTS[-1]}, one token in flight per stage. **Ours is {min(faster):.2f} to {max(faster):.2f} times as fast.** The blocks below show
why: products with weights take as long as CENT's, attention grows by less with the context. CENT multiplies queries, keys and values
as we do, but writes the scores of all heads into banks, scales them there (EWMUL) and reads them back (its `TransformerBlock.py`,
`store_for_EWMUL_score_only_trace`); ours go to the vector unit as they are read. And CENT charges links in pipelines of whole
devices as in tensor parallelism; ours sends one vector per stage.

**Energy per event is CENT's; without standby ours is {min(working):.2f} to {max(working):.2f} of CENT's** (`active`). Standby is what differs: CENT's script divides the
standby cycles, summed over 32 channels, by 32 twice, and has none for devices that wait; ours is whole. `CENT W` is its energy
over the time its banks work; ours is over the whole step."""


def _decode_row(setting: DecodeRow, taken: Sequence[Step]) -> Row:
    tokens = setting.pipeline
    tokens_per_s = mean(tokens / step.seconds for step in taken)
    mj = mean(step.joules / tokens for step in taken) * 1e3
    working = mean((step.joules - step.standby_joules) / tokens for step in taken) * 1e3
    return {
        "model": setting.model.removeprefix("llama-2-"),
        "devices": setting.devices,
        "PPxTP": setting.parallel,
        "tokens/s": tokens_per_s,
        "CENT tokens/s": setting.tokens_per_s,
        "ratio": tokens_per_s / setting.tokens_per_s,
        "mJ": mj,
        "active mJ": working,
        "CENT mJ": setting.mj_per_token,
        "active ratio": working / setting.mj_per_token,
        "W": mean(step.joules / step.seconds for step in taken),
        "CENT W": setting.power_w,
    }


def blocks(progress: Progress) -> Part:
    """Where the time of a block goes, over the context."""
    rows: list[Row] = []
    for setting in cent().blocks.rows:
        progress(f"{setting.model} {setting.parallel}, context {setting.context}")
        (step,) = steps(setting, [setting.context])
        ours = step.block_us
        rows.append({
            "model": setting.model.removeprefix("llama-2-"),
            "PPxTP": setting.parallel,
            "context": setting.context,
            "weights us": ours["weights"],
            "attention us": ours["attention"],
            "CENT pim us": setting.pim_us,
            "pim ratio": (ours["weights"] + ours["attention"]) / setting.pim_us,
            "vector us": ours["vector"],
            "CENT vector us": setting.vector_us,
            "link us": ours["link"],
            "CENT link us": setting.link_us,
        })
    return Part(
        name="blocks",
        title="CENT: where a block's time goes",
        tables=[Table(name="blocks", title="One block, one token", rows=rows, note=_BLOCK_NOTE)],
        figures={"blocks": _blocks_figure(rows)},
    )


def _number(row: Row, column: str) -> float:
    value = row[column]
    assert isinstance(value, int | float)
    return value


def _decode_figure(rows: Sequence[Row]) -> "Figure":
    figure = new_figure()
    speed, energy = figure.subplots(1, 2)
    labels = [f"{row['model']} {row['PPxTP']}" for row in rows]
    for axes, unit, bars in (
        (speed, "tokens/s", (("ours", "tokens/s", BLUE), ("CENT", "CENT tokens/s", ORANGE))),
        (
            energy,
            "mJ per token",
            (
                ("ours", "mJ", BLUE),
                ("ours, without standby", "active mJ", GREEN),
                ("CENT", "CENT mJ", ORANGE),
            ),
        ),
    ):
        width = 0.8 / len(bars)
        for i, (name, column, colour) in enumerate(bars):
            places = [at + (i + 0.5) * width - 0.4 for at in range(len(rows))]
            axes.bar(
                places,
                [_number(row, column) for row in rows],
                0.9 * width,
                color=colour,
                label=name,
            )
        axes.set_yscale("log")
        axes.set_ylabel(unit)
        axes.set_xticks(range(len(rows)), labels, rotation=35, ha="right")
        tidy(axes)
        axes.legend(fontsize=8)
    figure.suptitle("Llama 2 by size and PPxTP, mean of contexts 640 to 4096", fontsize=11)
    return figure


def _blocks_figure(rows: Sequence[Row]) -> "Figure":
    """A pair of bars, ours and CENT's, for every setting and context."""
    figure = new_figure(11, 6)
    settings = list(dict.fromkeys((row["model"], row["PPxTP"]) for row in rows))
    ours = (("weights us", BLUE), ("attention us", ORANGE), ("vector us", GREEN), ("link us", GREY))
    theirs = (("CENT pim us", VERMILION), ("CENT vector us", GREEN), ("CENT link us", GREY))
    for axes, setting in zip(figure.subplots(2, 3).flat, settings, strict=True):
        members = [row for row in rows if (row["model"], row["PPxTP"]) == setting]
        for shift, parts in ((-0.2, ours), (0.2, theirs)):
            bottom = [0.0] * len(members)
            for column, colour in parts:
                heights = [_number(row, column) for row in members]
                places = [at + shift for at in range(len(members))]
                axes.bar(places, heights, 0.36, bottom=bottom, color=colour, label=column)
                bottom = [b + h for b, h in zip(bottom, heights, strict=True)]
        axes.set_xticks(range(len(members)), [str(row["context"]) for row in members])
        axes.set_title(f"Llama 2 {setting[0]}, PPxTP {setting[1]}", fontsize=9)
        axes.set_ylabel("us per block")
        tidy(axes)
    handles, names = figure.axes[0].get_legend_handles_labels()
    shown = dict(zip((name.removesuffix(" us") for name in names), handles, strict=True))
    shown = {name: h for name, h in shown.items() if name not in {"CENT vector", "CENT link"}}
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=5, fontsize=9)
    figure.suptitle("One block over the context; left bars ours, right bars CENT's", fontsize=11)
    return figure


PAPER = Paper(
    name="cent",
    title="CENT (ASPLOS 2025): language models in the banks of GDDR6-AiM, without a GPU",
    experiments={"decode": decode, "blocks": blocks},
)
