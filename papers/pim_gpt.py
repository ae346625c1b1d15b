"""PIM-GPT (arXiv 2310.09385): GPT models in GDDR6 banks beside a small ASIC; and HBM-PIM's GEMV."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockstep.arch.machine import load_machine
from lockstep.papers.pim_gpt_hbm import gemv
from lockstep.papers.pim_gpt_published import pim_gpt
from lockstep.papers.pim_gpt_runs import CONTEXTS, decode, model_of
from lockstep.papers.reproduction import Paper, Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLACK = "#000000"
CLOCKS_MHZ = (1000, 500, 250, 100)


def models(progress: Progress) -> Part:
    """Every model against a GPU at its roofline, and against the paper's statements."""
    stated = pim_gpt()
    system = load_machine("pim-gpt")
    claims = stated.claims
    least, greatest = claims.speedup_over_gpu
    bound = system.peak_macs_per_s * 2 / stated.gpu.bytes_per_s  # two bytes per MAC
    rows: list[Row] = []
    for row in stated.models.rows:
        progress(row.name)
        ours = decode(system, model_of(row))
        speedup = ours.unmoved_bytes / stated.gpu.bytes_per_s / ours.seconds
        rows.append({
            "model": row.name,
            "ms/token": ours.seconds * 1e3,
            "mJ/token": ours.joules * 1e3,
            "T4 ms": ours.unmoved_bytes / stated.gpu.bytes_per_s * 1e3,
            "speedup": speedup,
            f"at {least:g}x": speedup / least,
            f"at {greatest:g}x": speedup / greatest,
            "hits": ours.row_hit_share,
            "less moved": ours.unmoved_bytes / ours.pin_bytes,
            "other": ours.vector_share,
        })
    found = [_number(row, "speedup") for row in rows]
    opening_ns = system.channel.timing.rcd_mac * system.channel.clock_ps / 1e3
    moved = claims.movement_reduction
    note = f"""\
Contexts 1 to 1024, one sequence. Banks that never opened a row would be **{bound:.1f} times** a T4 that does nothing but read
({stated.gpu.source}): no roofline of a GPU gives the paper's {least:g} to {greatest:g}. Even at that bound the measured T4 would have run at
{bound / greatest:.0%} to {bound / least:.0%} of its own roofline; ours opens rows, refreshes and fills the global buffer, which leaves {min(found):.1f} to {max(found):.1f} times, and the
columns `at` say what part of its roofline the paper's ratios leave it. One sequence of a small model is bound by launches, not by memory. With AiM's
timing an opening costs {opening_ns:g} ns before the first MAC; the paper's own timing is not public.

The paper's other statements: {claims.row_hit_share:.0%} of row accesses hit (`hits`; what misses here is a new token's values, each in a row of
its own); {moved[0]:g} to {moved[1]:g} times less data moved (`less moved`: weights, keys and values over what crosses the pins, which here are FP32 sums
and the zeros they start from); {claims.other_than_products.share:.2%} of {claims.other_than_products.model}'s time is not products (`other`; the ASIC's size is our choice).
Small and medium models of GPT-2 and GPT-3 are alike but for their longest context."""
    return Part(
        name="models",
        title="PIM-GPT: eight models",
        tables=[
            Table(name="models", title="Decoding, and a T4 at its roofline", rows=rows, note=note)
        ],
        figures={"models": _models_figure(rows, bound, (least, greatest))},
    )


def clock(progress: Progress) -> Part:
    """What a slower ASIC costs."""
    stated = pim_gpt()
    rows: list[Row] = []
    for row in stated.models.rows:
        taken = {}
        for mhz in CLOCKS_MHZ:
            progress(f"{row.name} at {mhz} MHz")
            system = load_machine("pim-gpt", [f"clock_mhz={mhz}"])
            taken[mhz] = decode(system, model_of(row), CONTEXTS[3::4]).seconds
        fastest = taken[CLOCKS_MHZ[0]]
        rows.append({
            "model": row.name,
            **{f"{mhz} MHz": taken[mhz] / fastest for mhz in CLOCKS_MHZ},
        })
    slow = stated.claims.slow_asic
    ratio = CLOCKS_MHZ[0] / slow.clock_mhz
    note = f"""\
Time per token over that at 1 GHz; the banks keep their clock. The paper loses {slow.most_time_lost:.0%} at most at {slow.clock_mhz:g} MHz. That needs an ASIC
whose work takes {slow.most_time_lost / (ratio - 1):.1%} of the time or less at 1 GHz, for it takes {ratio:g} times as long then; with the lanes we chose, it takes more (`other` of the models)."""
    return Part(
        name="clock",
        title="PIM-GPT: the ASIC's clock",
        tables=[Table(name="clock", title="Time per token, relative", rows=rows, note=note)],
        figures={"clock": _clock_figure(rows, 1 + slow.most_time_lost)},
    )


def _number(row: Row, column: str) -> float:
    value = row[column]
    assert isinstance(value, int | float)
    return value


def _models_figure(rows: Sequence[Row], bound: float, stated: tuple[float, float]) -> "Figure":
    figure = new_figure()
    axes = figure.subplots()
    speedups = [_number(row, "speedup") for row in rows]
    bars = axes.bar(
        range(len(rows)), speedups, 0.6, color=BLUE, label="ours over a T4 at its roofline"
    )
    axes.bar_label(bars, [f"{s:.1f}" for s in speedups], fontsize=8)
    axes.axhline(
        bound,
        color=GREY,
        linestyle="--",
        label=f"bound {bound:.1f}: peak of the banks over 320 GB/s",
    )
    axes.axhspan(*stated, color=ORANGE, alpha=0.3, label="the paper, over a measured T4")
    axes.set_yscale("log")
    axes.set_ylim(1, 200)
    axes.set_ylabel("speedup")
    axes.set_xticks(range(len(rows)), [str(row["model"]) for row in rows], rotation=30, ha="right")
    tidy(axes)
    figure.legend(fontsize=9, loc="outside lower center", ncols=3)
    figure.suptitle("One sequence, contexts 1 to 1024", fontsize=11)
    return figure


def _clock_figure(rows: Sequence[Row], most: float) -> "Figure":
    figure = new_figure()
    axes = figure.subplots()
    curves: dict[tuple[float, ...], list[str]] = {}
    for row in rows:
        times = tuple(_number(row, f"{mhz} MHz") for mhz in CLOCKS_MHZ)
        curves.setdefault(times, []).append(str(row["model"]))
    looks = zip("osD^vP*X", (BLUE, VERMILION, GREEN, BLACK, GREY, BLUE, GREEN, BLACK), strict=True)
    for (times, names), (marker, colour) in zip(curves.items(), looks, strict=False):
        axes.plot(CLOCKS_MHZ, times, marker=marker, color=colour, label=", ".join(names))
    axes.axhline(most, color=ORANGE, linestyle="--", label="the paper's most, at 100 MHz")
    axes.set_xscale("log")
    axes.set_xticks(CLOCKS_MHZ, [str(mhz) for mhz in CLOCKS_MHZ])
    axes.minorticks_off()
    axes.set_xlabel("clock of the ASIC, MHz")
    axes.set_ylabel("time per token over that at 1 GHz")
    tidy(axes)
    axes.legend(fontsize=8)
    return figure


PAPER = Paper(
    name="pim-gpt",
    title="PIM-GPT (arXiv 2310.09385): GPT models in GDDR6 banks beside an ASIC; and HBM-PIM's GEMV",
    experiments={"models": models, "clock": clock, "gemv": gemv},
)
