"""Energy per operation of single PEs (TPE, HPCA'25, arXiv 2503.06342), from toggles of their gates."""

from lockstep.arch.tensor import MacConfig, SystolicConfig
from lockstep.papers.reproduction import Cell, Part, Progress, Table
from lockstep.papers.tpe_published import tpe
from lockstep.verify.activity import measure_pe, synthesize_pe
from lockstep.verify.activity_operands import (
    normal,
    sampled,
    transformer_products,
    uniform,
    zero,
)
from lockstep.workloads.model import load_model

SHAPE = (4, 64, 64)
"""Folds, K and streams side by side."""
SIGMAS = (10.0, 30.0, 50.0)
MODEL, TOKENS = "gpt2", 64


def energy(progress: Progress) -> Part:
    """PJ per multiply-accumulate of the plain MAC's PE and of OPT1's, by operands."""
    mac = MacConfig()
    progress(f"a layer of {MODEL}")
    products = transformer_products(load_model(MODEL), TOKENS)
    operands = {
        "zero": zero(SHAPE),
        **{f"normal, sigma {sigma:g}": normal(mac, sigma, SHAPE) for sigma in SIGMAS},
        "uniform": uniform(mac, SHAPE),
        **{f"{MODEL} {product.name}": sampled(product, SHAPE) for product in products},
    }
    rows: list[dict[str, Cell]] = []
    for name in ("mac", "opt1"):
        cfg = SystolicConfig(
            kind="systolic",
            dataflow="output_stationary",
            rows=8,
            cols=8,
            mac=MacConfig.model_validate({"reduction": name}),
        )
        progress(f"gates of the PE {name}")
        pe = synthesize_pe(cfg)
        for what, (a, b) in operands.items():
            progress(f"PE {name} on {what}")
            found = measure_pe(cfg, pe, a, b)
            rows.append({
                "pe": name,
                "operands": what,
                "toggles_per_cycle": round(found.toggles_per_cycle, 1),
                "settled_pj": round(found.energy_pj_per_cycle, 4),
                "glitch_pj": round(found.glitch_pj_per_cycle, 4),
            })
    claimed = tpe().paper_ratios
    return Part(
        name="energy",
        title="One PE: energy per multiply-accumulate",
        tables=(
            Table(
                name="ratios",
                title="OPT1 over the plain MAC",
                rows=_ratios(rows),
                note=(
                    "Below 1 OPT1 takes less. `settled` counts one edge per net and cycle and the clock "
                    "pins, a lower bound; `with_glitches` adds what toggles on the way when every gate "
                    "takes one unit of delay, an upper bound. The two disagree on who wins, so no claim "
                    "is made: a carry chain glitches, a compressor hardly does, and which bound is nearer "
                    "depends on delays that only a layout has. Paper, energy efficiency of OPT1 on a "
                    f"systolic array: {claimed.energy_efficiency['systolic_os']:g} ({claimed.source})."
                ),
            ),
            Table(
                name="pes",
                title="pJ per cycle, INT8 x INT8 into 32 bits, shipped 28 nm library, no wires",
                rows=rows,
                note=(
                    "Every sum of the gates was compared with the golden model. "
                    f"Tensors of {MODEL}: one layer with random weights, quantized to INT8."
                ),
            ),
        ),
    )


def _ratios(rows: list[dict[str, Cell]]) -> list[dict[str, Cell]]:
    by_key = {(row["pe"], row["operands"]): row for row in rows}

    def pj(pe: str, what: Cell, *keys: str) -> float:
        return sum(float(str(by_key[pe, what][key])) for key in keys)

    both = ("settled_pj", "glitch_pj")
    return [
        {
            "operands": row["operands"],
            "settled": round(
                pj("opt1", row["operands"], "settled_pj")
                / pj("mac", row["operands"], "settled_pj"),
                3,
            ),
            "with_glitches": round(
                pj("opt1", row["operands"], *both) / pj("mac", row["operands"], *both), 3
            ),
        }
        for row in rows
        if row["pe"] == "mac"
    ]
