"""Hold the posit units and the SIMD unit to their golden and cycle models."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from lockstep.arch.posit import OPERATIONS, Operation, PositConfig
from lockstep.arch.simd import MODES, SimdConfig, SimdMode
from lockstep.rtl.build import to_verilog
from lockstep.sim.cycle.posit import stream_cycles
from lockstep.verify import posit_traffic as traffic
from lockstep.verify.agreement import FormatRow
from lockstep.verify.cosim import SimulationError, simulate
from lockstep.verify.posit_mutants import mutated
from lockstep.verify.posit_traffic import Batch
from lockstep.verify.verilator import TOP

Progress = Callable[[str], None]
"""Called with one line for each simulation that is done."""

TESTBENCH = "lockstep.verify.tb_stream"
FORMATS = ("posit4_1", "posit8_0", "posit16_1")
LANES: dict[Operation, int] = {"multiply": 16, "add": 16, "dot": 4}
PAUSES = ((0.5, 1.0), (1.0, 0.5), (0.7, 0.7))
"""Chances of a valid word and of a ready consumer, of the stalled batches."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a simulation came to."""

    vectors: int = 0
    stalled_vectors: int = 0
    mismatches: int = 0
    cycle_error_max: int = 0

    @property
    def agrees(self) -> bool:
        """No difference of any kind."""
        return not (self.mismatches or self.cycle_error_max)


def compare(
    cfg: PositConfig | SimdConfig, verilog: str, batches: Sequence[Batch], *, seed: int = 1
) -> Tally:
    """Run batches through a design, and count where it differs from the models.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    SimulationError
        If the design stops answering.
    """
    plan = {
        "batches": [
            {
                "words": [f"{word:x}" for word in batch.words],
                "results": len(batch.results),
                "valid_p": batch.valid_p,
                "ready_p": batch.ready_p,
            }
            for batch in batches
        ]
    }
    tally = Tally()
    reports = simulate(verilog, TESTBENCH, plan, seed=seed)["batches"]
    for batch, report in zip(batches, reports, strict=True):
        _add(tally, cfg, batch, report)
    return tally


def _add(tally: Tally, cfg: PositConfig | SimdConfig, batch: Batch, report: dict[str, Any]) -> None:
    outputs = [int(word, 16) for word in report["outputs"]]
    vectors = len(batch.results) * batch.lanes
    tally.vectors += vectors
    tally.stalled_vectors += vectors if batch.stalled else 0
    pairs = zip(outputs, batch.results, strict=False)
    tally.mismatches += sum(got != wanted for got, wanted in pairs)
    tally.mismatches += abs(len(outputs) - len(batch.results)) + report["unstable"]

    # A stalled cycle does not count: in all others the unit is as far as it would be without stalls.
    counted = np.concatenate([[0], np.cumsum(report["moved"])])
    accepted, emitted = (counted[report[key]] for key in ("accepted", "emitted"))
    ends = np.array(batch.ends)[: len(emitted)]
    errors = [np.abs(emitted[: len(ends)] - accepted[ends] - cfg.latency_cycles).max(initial=0)]
    if not batch.stalled:
        cycles = report["emitted"][-1] - report["accepted"][0]
        errors.append(abs(cycles - stream_cycles(cfg, len(batch.words))))
    tally.cycle_error_max = max(tally.cycle_error_max, *(int(error) for error in errors))


def verify_posit(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> Iterator[FormatRow]:
    """Rows of every posit operation in every format, and of the SIMD unit in every mode.

    Parameters
    ----------
    quick : bool
        20,000 random pairs of 16-bit posits instead of a million, and fewer sums.
    progress : callable or None
        Told of each row, once it is there.
    seed : int
        Of operands and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    told = progress or (lambda line: None)
    for operation in OPERATIONS:
        missed = missed_mutants(operation, seed=seed)
        told(f"mutants of posit {operation}")
        for name in FORMATS:
            yield _posit_row(operation, name, missed, quick=quick, seed=seed)
            told(f"posit {operation}, {name}")
    missed = missed_mutants("simd", seed=seed)
    told("mutants of simd")
    for mode in (*MODES, None):
        row = _simd_row(mode, missed, quick=quick, seed=seed)
        yield row
        told(f"simd, {row.format}")


def posit_batches(cfg: PositConfig, *, quick: bool, seed: int) -> list[Batch]:
    """Traffic for a posit unit: without pauses, then with."""
    rng = np.random.default_rng(seed)
    if cfg.operation == "dot":
        batches = [traffic.dot_batch(cfg, 300 if quick else 5_000, rng)]
        if cfg.posit.n == 8 or not quick:
            batches.append(traffic.fullest_dot_batch(cfg))
        return batches + [
            replace(traffic.dot_batch(cfg, 100, rng), valid_p=v, ready_p=r) for v, r in PAUSES
        ]
    a, b = traffic.lane_pairs(cfg, 20_000 if quick else 1_000_000, rng)
    batches = [traffic.lane_batch(cfg, a, b)]
    for valid_p, ready_p in PAUSES:
        some = rng.integers(0, a.size, 200 * cfg.lanes)
        few = traffic.lane_batch(cfg, a[some], b[some])
        batches.append(replace(few, valid_p=valid_p, ready_p=ready_p))
    return batches


def simd_batches(cfg: SimdConfig, mode: SimdMode | None, *, quick: bool, seed: int) -> list[Batch]:
    """Traffic for the SIMD unit in one mode, or (None) in a new one each word."""
    rng = np.random.default_rng(seed)
    modes = (mode,) if mode else MODES
    batches = [traffic.simd_sums(cfg, modes, 100 if quick else 5_000, rng)]
    if mode:
        batches.append(traffic.simd_pairs(cfg, mode, 20_000 if quick else 1_000_000, rng))
    return batches + [
        replace(traffic.simd_sums(cfg, modes, 50, rng), valid_p=v, ready_p=r) for v, r in PAUSES
    ]


def missed_mutants(unit: Operation | Literal["simd"], *, seed: int = 1) -> dict[str, bool]:
    """For each mutant of a unit, an operation or "simd", whether nothing was noticed."""
    missed = {}
    cfg: PositConfig | SimdConfig
    if unit == "simd":
        cfg = small = SimdConfig(dots=2)
        ties = traffic.simd_pairs(small, MODES[0], 0, np.random.default_rng(seed))
        batches = [ties, *simd_batches(small, None, quick=True, seed=seed)]
    else:
        cfg = lanes = PositConfig(operation=unit, format="posit8_0", lanes=LANES[unit])
        batches = posit_batches(lanes, quick=True, seed=seed)
    for name, verilog in mutated(cfg).items():
        try:
            missed[name] = compare(cfg, verilog, batches, seed=seed).agrees
        except SimulationError:  # it got stuck
            missed[name] = False
    return missed


def _posit_row(
    operation: Operation, name: str, missed: dict[str, bool], *, quick: bool, seed: int
) -> FormatRow:
    cfg = PositConfig(operation=operation, format=name, lanes=LANES[operation])
    tally = compare(
        cfg, to_verilog(cfg, TOP), posit_batches(cfg, quick=quick, seed=seed), seed=seed
    )
    exhaustive = operation != "dot" and cfg.posit.n <= traffic.EXHAUSTIVE_BITS
    return _row(f"posit {operation}", name, exhaustive, tally, missed)


def _simd_row(
    mode: SimdMode | None, missed: dict[str, bool], *, quick: bool, seed: int
) -> FormatRow:
    cfg = SimdConfig(dots=16)
    batches = simd_batches(cfg, mode, quick=quick, seed=seed)
    tally = compare(cfg, to_verilog(cfg, TOP), batches, seed=seed)
    exhaustive = mode is not None and mode.format.element_bits <= traffic.EXHAUSTIVE_BITS
    return _row("simd dot", mode.format.name if mode else "mixed", exhaustive, tally, missed)


def _row(
    unit: str, name: str, exhaustive: bool, tally: Tally, missed: dict[str, bool]
) -> FormatRow:
    return FormatRow(
        unit=unit,
        format=name,
        vectors=tally.vectors,
        exhaustive=exhaustive,
        mismatches=tally.mismatches,
        cycle_error_max=tally.cycle_error_max,
        stalled_vectors=tally.stalled_vectors,
        mutants=len(missed),
        mutants_caught=len(missed) - sum(missed.values()),
    )
