"""Energy per operation of single PEs (TPE, HPCA'25, arXiv 2503.06342), from toggles of their gates."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.serial import BitSliceConfig
from lockstep.arch.tensor import MacConfig, ParallelBase, tensor_config
from lockstep.papers.reproduction import Cell, Part, Progress, Table
from lockstep.papers.tpe_energy_serial import (
    EnergyPerMac,
    measure_serial_pe,
    synthesize_serial_pe,
)
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

Ints = NDArray[np.int64]
Measure = Callable[[Ints, Ints], EnergyPerMac]

_SQUARE = {"rows": 8, "cols": 8}
_OS = {"kind": "systolic", "dataflow": "output_stationary", **_SQUARE}
_PES = {
    "systolic_os mac": _OS,
    "systolic_os opt1": {**_OS, "mac": {"reduction": "opt1"}},
    "bit_slice opt4c": {"kind": "bit_slice", **_SQUARE, "k_max": 128},
}
_BASE = "systolic_os mac"


def energy(progress: Progress) -> Part:
    """PJ per multiply-accumulate of PEs with the plain MAC, OPT1 and OPT4C, by operands."""
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
    for name, keys in _PES.items():
        progress(f"gates of the PE {name}")
        measure = _measured(keys)
        for what, (a, b) in operands.items():
            progress(f"PE {name} on {what}")
            found = measure(a, b)
            rows.append({
                "pe": name,
                "operands": what,
                "cycles_per_mac": round(found.cycles, 3),
                "toggles_per_mac": round(found.toggles, 1),
                "settled_pj": round(found.settled_pj, 4),
                "glitch_pj": round(found.glitch_pj, 4),
            })
    return energy_part(rows)


def _measured(keys: dict[str, object]) -> Measure:
    cfg = tensor_config(keys)
    if isinstance(cfg, BitSliceConfig):
        gates = synthesize_serial_pe(cfg)
        return lambda a, b: measure_serial_pe(cfg, gates, a, b)
    assert isinstance(cfg, ParallelBase)
    pe = synthesize_pe(cfg)

    def measure(a: Ints, b: Ints) -> EnergyPerMac:
        found = measure_pe(cfg, pe, a, b)
        return EnergyPerMac(
            cycles=1.0,
            toggles=found.toggles_per_cycle,
            settled_pj=found.energy_pj_per_cycle,
            glitch_pj=found.glitch_pj_per_cycle,
        )

    return measure


def energy_part(rows: Sequence[dict[str, Cell]]) -> Part:
    """Tables of PEs measured on the same operands, the plain MAC's of a systolic array among them."""
    claimed = tpe().paper_ratios
    ratios = ", ".join(f"{name} {gain:g}" for name, gain in claimed.energy_efficiency.items())
    return Part(
        name="energy",
        title="One PE: energy per multiply-accumulate",
        tables=(
            Table(
                name="ratios",
                title="Over the plain MAC",
                rows=_ratios(rows),
                note=(
                    "Below 1 the variant takes less. `settled` counts one edge per net and cycle and the "
                    "clock pins, a lower bound; `with_glitches` adds what toggles on the way when every gate "
                    "takes one unit of delay, an upper bound. The two disagree on who wins, so no claim "
                    "is made: a carry chain glitches, a compressor hardly does, and which bound is nearer "
                    "depends on delays that only a layout has. OPT4C is its PE and the lane that adds up its "
                    "sums, without the encoder that a row shares, in rows that wait for the slowest of "
                    f"{SHAPE[2]}; no clock is gated, so registers that wait count. Paper, energy efficiency "
                    f"of whole arrays: {ratios} ({claimed.source}); in this table that would be 1 over it."
                ),
            ),
            Table(
                name="pes",
                title="pJ per multiply-accumulate, INT8 x INT8 into 32 bits, shipped 28 nm library, no wires",
                rows=rows,
                note=(
                    "Every sum of the gates was compared with the golden model. "
                    f"Tensors of {MODEL}: one layer with random weights, quantized to INT8."
                ),
            ),
        ),
    )


def _ratios(rows: Sequence[dict[str, Cell]]) -> list[dict[str, Cell]]:
    by_key = {(row["pe"], row["operands"]): row for row in rows}

    def pj(pe: Cell, what: Cell, *keys: str) -> float:
        return sum(float(str(by_key[pe, what][key])) for key in keys)

    found: list[dict[str, Cell]] = []
    for pe, what in by_key:
        if pe == _BASE:
            continue
        settled, both = (
            pj(pe, what, *keys) / pj(_BASE, what, *keys)
            for keys in (("settled_pj",), ("settled_pj", "glitch_pj"))
        )
        found.append({
            "pe": pe,
            "operands": what,
            "settled": round(settled, 3),
            "with_glitches": round(both, 3),
        })
    return found
