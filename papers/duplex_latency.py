"""Duplex (MICRO'24): latencies of GLaM at batch 64, and what our idealisations are worth."""

from dataclasses import replace
from typing import TYPE_CHECKING

from lockstep.arch.machine import load_machine
from lockstep.papers.duplex_published import duplex
from lockstep.papers.duplex_servers import FORMATS, LONGEST, VARIANTS, served, server
from lockstep.papers.reproduction import Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy
from lockstep.sim.duplex_stage import Server, serve_on
from lockstep.sim.serving import Load, Served, serve
from lockstep.workloads.model import load_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL = "glam-143b"
LOAD = Load(batch=64, input_tokens=1024, output_tokens=1024, requests=64)
BEST = "Duplex+PE+ET"
_COLOURS = {
    "GPU": "black",
    "2xGPU": GREY,
    "Bank-PIM": ORANGE,
    "Duplex": GREEN,
    "Duplex+PE": BLUE,
    BEST: VERMILION,
}


def latency(progress: Progress) -> Part:
    """Time between tokens, to the first token and to the last."""
    runs: dict[str, Served] = {}
    for name in VARIANTS:
        progress(f"{MODEL} on {name}")
        runs[name] = served(MODEL, name, LOAD)
    gpu, twice, best = (runs[name] for name in ("GPU", "2xGPU", BEST))
    paper = duplex().results
    changes = (
        ("time between tokens, median, over the GPU", paper.glam_tbt_median, best.tbt_s(50) / gpu.tbt_s(50)),
        ("whole request, median, over the GPU", paper.glam_e2e, best.e2e_s(50) / gpu.e2e_s(50)),
        ("whole request, median, over 2xGPU", paper.glam_e2e_2gpu, best.e2e_s(50) / twice.e2e_s(50)),
    )  # fmt: skip
    return Part(
        name="latency",
        title=f"Latency of {MODEL}, batch {LOAD.batch}",
        tables=(
            Table(
                name="claims",
                title=f"{BEST} beside the paper",
                rows=[
                    {"what": what, "paper": stated, "ours": ratio - 1}
                    for what, stated, ratio in changes
                ],
                note=(
                    "The paper's lengths for this figure were not found; ours are "
                    f"{LOAD.input_tokens} and {LOAD.output_tokens} tokens on average. "
                    "Its most queries per second (GPU 9, Duplex 14) are not repeated: the limit on latency that "
                    "they keep was not found either."
                ),
            ),
            Table(
                name="latencies",
                title="Latencies and throughput",
                rows=[_row(name, run) for name, run in runs.items()],
                note=(
                    "A request always waits, so the time to the first token is that of one stage. Lengths are normal "
                    f"with a deviation of {LOAD.spread:.0%}; {LOAD.requests} requests after a start in full swing. "
                    "BankGroup-PIM is Duplex's Logic-PIM on the DRAM die: as fast, with a shorter way to the banks."
                ),
            ),
        ),
        figures={"latency": _figure(runs)},
    )


def _row(name: str, run: Served) -> Row:
    return {
        "machine": name,
        "between_tokens_p50_ms": run.tbt_s(50) * 1e3,
        "between_tokens_p99_ms": run.tbt_s(99) * 1e3,
        "first_token_p50_ms": run.ttft_s(50) * 1e3,
        "request_p50_s": run.e2e_s(50),
        "tokens_per_s": run.tokens_per_s,
        "joules_per_token": run.joules_per_token,
    }


def sensitivity(progress: Progress) -> Part:
    """The speedup when one of our idealisations is given up."""
    load = replace(LOAD, requests=16)
    rows: list[Row] = []
    for model in ("mixtral-8x7b", MODEL):
        gpu, best = server(model, "GPU"), server(model, BEST)
        progress(f"sensitivity of {model}")
        cases = [
            ("as it is", gpu, best),
            ("Logic-PIM reads 3 times the pins' bandwidth, not 4", gpu, _narrow(model, 3.0)),
            ("... 2 times", gpu, _narrow(model, 2.0)),
            ("collectives take 30 us, not 6", _slow_links(gpu, 30e-6), _slow_links(best, 30e-6)),
            ("... 60 us", _slow_links(gpu, 60e-6), _slow_links(best, 60e-6)),
        ]
        rows += [
            {
                "model": model,
                "what": what,
                "speedup": serve(after, load).tokens_per_s / serve(before, load).tokens_per_s,
            }
            for what, before, after in cases
        ]
    return Part(
        name="sensitivity",
        title="What our idealisations are worth",
        tables=(
            Table(
                name="speedup",
                title=f"{BEST} over the GPU, batch {LOAD.batch}, {LOAD.input_tokens} and {LOAD.output_tokens} tokens",
                rows=rows,
                note=(
                    "Two collectives per layer wait for all devices; what they take stands for any cost of a layer that is "
                    "the same on all machines."
                ),
            ),
        ),
    )


def _narrow(model: str, multiple: float) -> Server:
    """Duplex with less bandwidth into its banks."""
    found = VARIANTS[BEST]
    narrow = load_machine(found.machine, (*found.overrides, f"pim.bandwidth_multiple={multiple}"))
    devices = replace(server(model, BEST).devices, system=narrow)
    return serve_on(devices, load_model(model), FORMATS, LONGEST)


def _slow_links(fast: Server, latency_s: float) -> Server:
    links = replace(fast.devices.links, latency_s=latency_s)
    return replace(fast, devices=replace(fast.devices, links=links))


def _figure(runs: dict[str, Served]) -> "Figure":
    import numpy as np

    figure = new_figure(10, 4.8)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    runs = {name: runs[name] for name in _COLOURS}
    for name, run in runs.items():
        times = np.sort(np.repeat(run.stage_seconds, run.stage_running)) * 1e3
        shares = np.arange(1, len(times) + 1) / len(times)
        left.plot(times, shares, color=_COLOURS[name], label=name)
    left.set_xlabel("time between tokens, ms")
    left.set_ylabel("share of tokens")
    left.set_xlim(left=0)
    left.legend(fontsize=8)
    values = [run.e2e_s(50) for run in runs.values()]
    bars = right.bar(list(runs), values, color=[_COLOURS[name] for name in runs])
    right.bar_label(bars, [f"{v:.1f}" for v in values], fontsize=8)
    right.set_ylabel("whole request, median, s")
    right.tick_params(axis="x", labelrotation=35, labelsize=8)
    for axes in (left, right):
        tidy(axes)
    figure.suptitle(
        f"{MODEL}, batch {LOAD.batch}, {LOAD.input_tokens} and {LOAD.output_tokens} tokens"
    )
    return figure
