"""Hold the posit units and the SIMD unit to their golden and cycle models."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from lockstep.arch.posit import OPERATIONS, Operation, PositConfig
from lockstep.arch.simd import MODES, SimdConfig, SimdMode
from lockstep.verify import posit_traffic as traffic
from lockstep.verify.agreement import FormatRow
from lockstep.verify.mac_rows import Case, Progress, Trial, verify_cases
from lockstep.verify.mac_stream import EXHAUSTIVE_BITS, PAUSES
from lockstep.verify.posit_mutants import mutants
from lockstep.verify.posit_traffic import Batch

NAMED = ("posit4_1", "posit8_0", "posit16_1", "posit16_2", "posit32_2")
ODD = ("posit3_0", "posit5_2", "posit6_1", "posit12_3")
"""Posits that nothing but n and es describes."""

LANES: dict[Operation, int] = {"multiply": 16, "add": 16, "dot": 4}
MUTATED = "posit8_0"
"""The format whose rows have mutants: one for each operation."""

FULLEST = 1 << 15
"""Most products that are added to fill a quire."""

DOTS = 16
MUTANT_DOTS = 2


def posit_cases(*, quick: bool, seed: int) -> list[Case]:
    """Every posit operation in every format, and the SIMD unit in every mode and in all mixed."""
    found = [
        _posit_case(
            PositConfig(operation=operation, format=name, lanes=LANES[operation]), quick, seed
        )
        for operation in OPERATIONS
        for name in NAMED + ODD
    ]
    return found + [_simd_case(mode, quick, seed) for mode in (*MODES, None)]


def verify_posit(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> Iterator[FormatRow]:
    """Rows of :func:`posit_cases`.

    Parameters
    ----------
    quick : bool
        One row for each operation, and one of the SIMD unit.
    progress : callable or None
        Told what is done.
    seed : int
        Of operands and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    lockstep.verify.cosim.SimulationError
        If a design stops answering.
    """
    cases = posit_cases(quick=quick, seed=seed)
    return verify_cases(cases, quick=quick, progress=progress, seed=seed)


def posit_batches(cfg: PositConfig, *, quick: bool, seed: int, sweep: bool = True) -> list[Batch]:
    """Traffic for a posit unit: without pauses, then with; dots ``sweep`` all pairs if narrow."""
    rng = np.random.default_rng(seed)
    if cfg.operation == "dot":
        batches = [traffic.dot_batch(cfg, 300 if quick else 5_000, rng)]
        if sweep and cfg.posit.n <= EXHAUSTIVE_BITS:
            batches.append(traffic.dot_sweep(cfg))
        if traffic.quire_products(cfg.posit) <= FULLEST:
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


def _posit_case(cfg: PositConfig, quick: bool, seed: int) -> Case:
    return Case(
        unit=f"posit {cfg.operation}",
        format=cfg.format,
        cfg=cfg,
        batches=partial(posit_batches, cfg, quick=quick, seed=seed),
        exhaustive=cfg.posit.n <= EXHAUSTIVE_BITS,
        trial=posit_trial(cfg.operation, seed=seed) if cfg.format == MUTATED else None,
    )


def posit_trial(operation: Operation, *, seed: int) -> Trial:
    """The mutants of an operation."""
    cfg = PositConfig(operation=operation, format=MUTATED, lanes=LANES[operation])
    batches = partial(posit_batches, cfg, quick=True, seed=seed, sweep=False)
    return Trial(cfg=cfg, mutants=mutants(cfg), batches=batches)


def _simd_case(mode: SimdMode | None, quick: bool, seed: int) -> Case:
    cfg = SimdConfig(dots=DOTS)
    return Case(
        unit="simd dot",
        format=mode.format.name if mode else "mixed",
        cfg=cfg,
        batches=partial(simd_batches, cfg, mode, quick=quick, seed=seed),
        exhaustive=mode is not None and mode.format.element_bits <= EXHAUSTIVE_BITS,
        trial=None if mode else simd_trial(seed=seed),
    )


def simd_trial(*, seed: int) -> Trial:
    """The mutants of the SIMD unit."""
    cfg = SimdConfig(dots=MUTANT_DOTS)

    def batches() -> list[Batch]:
        ties = traffic.simd_pairs(cfg, MODES[0], 0, np.random.default_rng(seed))
        return [ties, *simd_batches(cfg, None, quick=True, seed=seed)]

    return Trial(cfg=cfg, mutants=mutants(cfg), batches=batches)
