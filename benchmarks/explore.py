"""Design points per second and core: ``sim/explore.py`` beside ``simulate`` on the same machines."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.machine import System, load_machine
from lockstep.sim.explore import Explorer
from lockstep.sim.explore_cost import map_gemms, phase_totals
from lockstep.sim.explore_machines import MachineVariants
from lockstep.sim.explore_workload import workload
from lockstep.sim.operand_formats import default_formats
from lockstep.sim.run import decode_phase, simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.phases import Phase, graph

MODEL = "llama-3-8b"
SIZES = {"prefill": 2048, "decode": 128, "batch": 8}
POINTS, COMPARED = 500, 25
TARGET = 300
LARGEST = {
    "cloud-ws128": 256,
    "cloud-mx32": 256,
    "edge-os16": 64,
    "edge-cube8": 32,
    "edge-tree16": 64,
}
"""Machines, and the most rows and columns that their variants have."""

Overrides = list[str]


def measure(session: Session) -> Table:
    """One row per machine.

    Raises
    ------
    RuntimeError
        If the fast way and ``simulate`` give different results.
    """
    rows = []
    for name, largest in LARGEST.items():
        session.say(f"explore: {name}")
        rows.append(_row(name, _points(name, largest)))
    return Table(
        name="explore",
        title=(
            f"Design points: {MODEL}, prefill {SIZES['prefill']}, decode {SIZES['decode']}, "
            f"batch {SIZES['batch']}"
        ),
        rows=rows,
        notes=[
            (
                f"Each of {POINTS} points differs from the last in rows, columns, scratchpad, channels "
                "and clock. Rates are points per second of processor time of one thread, from "
                "overrides to summary; what is read, compiled or built once is not in them. The target "
                f"is {TARGET} per second and core."
            ),
            (
                f"simulate: load_machine, simulate and summary, {COMPARED} of the same points. All "
                "numbers of both are equal to the bit, or there would be no table."
            ),
            (
                "Rates are means over the points, ms of a point medians: load (overrides and validation), "
                "map (all GEMMs), other costs (vector operators, overlap, sums), summary (energy, area)."
            ),
        ],
        details={"points_per_row": POINTS, "target_points_per_s": TARGET},
    )


def _points(name: str, largest: int) -> list[Overrides]:
    """Random variants, the same in every run."""
    rng = np.random.default_rng(7)
    kib = load_machine(name).machine.scratchpad.size_bytes // 1024
    return [
        [
            f"tensor.rows={rng.integers(8, largest + 1)}",
            f"tensor.cols={rng.integers(8, largest + 1)}",
            f"scratchpad.size_bytes={rng.integers(kib, 4 * kib) * 1024}",
            f"dram.channels={rng.integers(1, 33)}",
            f"clock_mhz={rng.integers(400, 2000)}",
        ]
        for _ in range(POINTS)
    ]


def _row(name: str, points: Sequence[Overrides]) -> Row:
    model = load_model(MODEL)
    explorer, variants = Explorer(model=model, **SIZES), MachineVariants(name)
    first = variants.system(points[0])
    explorer.summary(first)  # builds the workload, loads what is compiled
    work = _workload(first, model)
    slow_s, slow = _timed(_simulated(name, model), points[:COMPARED])
    fast_s, fast = _timed(lambda point: explorer.summary(variants.system(point)), points)
    load_s, systems = _timed(variants.system, points)
    # Stage by stage on one point before the next, so that a change of clock hits all stages alike.
    stages: tuple[Callable[[System], Any], ...] = (
        lambda system: map_gemms(system, work.gemms),
        lambda system: phase_totals(system, work),  # maps, too
        explorer.summary,  # both, too
    )
    staged = np.array([[_timed(stage, [x])[0][0] for stage in stages] for x in systems])
    mapped, other, summary = np.median(np.diff(staged, axis=1, prepend=0.0), axis=0)
    if fast[:COMPARED] != slow:
        raise RuntimeError(f"{name}: explore and simulate differ")
    rate, slow_rate = (1 / statistics.mean(times) for times in (fast_s, slow_s))
    return {
        "machine": name,
        "points_per_s": rate,
        "simulate_points_per_s": slow_rate,
        "ratio": rate / slow_rate,
        "load_ms": 1e3 * statistics.median(load_s),
        "map_ms": 1e3 * float(mapped),
        "other_costs_ms": 1e3 * float(other),
        "summary_ms": 1e3 * float(summary),
    }


def _simulated(name: str, model: Any) -> Callable[[Overrides], dict[str, Any]]:
    return lambda point: simulate(load_machine(name, point), model, **SIZES).summary()


def _timed(call: Callable[[Any], Any], inputs: Sequence[Any]) -> tuple[list[float], list[Any]]:
    """Processor seconds of each call, and all results."""
    times, results = [], []
    for x in inputs:
        begin = time.process_time()
        results.append(call(x))
        times.append(time.process_time() - begin)
    return times, results


def _workload(system: System, model: Any) -> Any:
    formats = default_formats(system)
    batch, prefill = SIZES["batch"], SIZES["prefill"]
    phases = (
        [Phase(kind="prefill", batch=batch, tokens=prefill)],
        [decode_phase(batch, prefill, i) for i in range(SIZES["decode"])],
    )
    return workload([[graph(model, phase, formats) for phase in steps] for steps in phases])
