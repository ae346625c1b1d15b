"""Hold the multiply-accumulate units and block dot products to their golden and cycle models."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lockstep.arch.formats import FORMATS, BlockFormat, FloatFormat, IntFormat
from lockstep.arch.mac import AccumulateConfig, DotConfig, MultiplyConfig
from lockstep.arch.tensor import MacConfig
from lockstep.rtl.build import to_verilog
from lockstep.sim.cycle import mac as model
from lockstep.verify import mac_blocks
from lockstep.verify import mac_traffic as traffic
from lockstep.verify.agreement import FormatRow
from lockstep.verify.cosim import SimulationError, simulate
from lockstep.verify.mac_mutants import mutants
from lockstep.verify.mac_traffic import Traffic
from lockstep.verify.verilator import TOP

Unit = MultiplyConfig | AccumulateConfig | DotConfig
Progress = Callable[[str], None]
"""Called with one line for each unit that is done."""

TESTBENCH = "lockstep.verify.tb_stream"
LANES = 16
PAUSES = ((0.5, 1.0), (1.0, 0.5), (0.7, 0.7))
"""Chances of a valid beat and of a ready consumer, of the stalled batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Random pairs for operands wider than 8 bits, pairs of each stalled batch, blocks of dots."""

    pairs: int
    stalled_pairs: int
    blocks: int


QUICK = Effort(pairs=20_000, stalled_pairs=1_000, blocks=3_000)
FULL = Effort(pairs=1_000_000, stalled_pairs=4_000, blocks=30_000)
MUTANT = Effort(pairs=4_000, stalled_pairs=400, blocks=1_200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one simulation came to."""

    vectors: int
    stalled_vectors: int
    mismatches: int
    cycle_error_max: int
    exhaustive: bool

    @property
    def agrees(self) -> bool:
        """No difference of any kind."""
        return not (self.mismatches or self.cycle_error_max)


def compare(cfg: Unit, verilog: str, effort: Effort, *, seed: int = 1) -> Outcome:
    """Simulate a design of ``cfg`` and count where it differs from the models.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    lockstep.verify.cosim.SimulationError
        If the design stops answering.
    """
    rng = np.random.default_rng(seed)
    batches = [(_traffic(cfg, effort, rng), 1.0, 1.0)]
    batches += [(_stalled(cfg, effort, rng), *pause) for pause in PAUSES]
    plan = {
        "batches": [
            {
                "words": [f"{word:x}" for word in batch.words],
                "results": len(batch.ends),
                "valid_p": valid_p,
                "ready_p": ready_p,
            }
            for batch, valid_p, ready_p in batches
        ]
    }
    reports = simulate(verilog, TESTBENCH, plan, seed=seed)["batches"]
    mismatches, errors = 0, []
    for (batch, _, _), report in zip(batches, reports, strict=True):
        mismatches += _mismatches(batch, report)
        errors.append(_cycle_error(cfg, batch, report))
    whole = reports[0]["emitted"][-1] - reports[0]["accepted"][0]
    errors.append(abs(whole - _model_cycles(cfg, batches[0][0])))
    return Outcome(
        vectors=sum(batch.vectors for batch, _, _ in batches),
        stalled_vectors=sum(batch.vectors for batch, _, _ in batches[1:]),
        mismatches=mismatches,
        cycle_error_max=max(errors),
        exhaustive=batches[0][0].exhaustive,
    )


def _traffic(cfg: Unit, effort: Effort, rng: np.random.Generator) -> Traffic:
    match cfg:
        case MultiplyConfig():
            return traffic.multiply(cfg, effort.pairs, rng)
        case AccumulateConfig():
            return traffic.accumulate(cfg, effort.pairs, rng)
        case DotConfig():
            return mac_blocks.dot(cfg, effort.blocks, rng)


def _stalled(cfg: Unit, effort: Effort, rng: np.random.Generator) -> Traffic:
    match cfg:
        case MultiplyConfig():
            return traffic.multiply(cfg, effort.stalled_pairs, rng, sample=True)
        case AccumulateConfig():
            return traffic.accumulate(cfg, effort.stalled_pairs, rng, sample=True)
        case DotConfig():
            return mac_blocks.dot(cfg, effort.blocks // 6, rng)


def _model_cycles(cfg: Unit, batch: Traffic) -> int:
    beats = len(batch.words)
    match cfg:
        case MultiplyConfig():
            return model.multiply(cfg, beats * cfg.lanes).cycles
        case AccumulateConfig():
            return model.accumulate(cfg, beats).cycles
        case DotConfig():
            return model.dot(cfg, beats // cfg.beats_per_block).cycles


def _mismatches(batch: Traffic, report: dict[str, Any]) -> int:
    """Vectors that are wrong; all, if results are too few or too many; changed offers."""
    outputs = [int(word, 16) for word in report["outputs"]]
    if len(outputs) != len(batch.ends):
        return batch.vectors
    return int(batch.wrong(outputs).sum()) + int(report["unstable"])


def _cycle_error(cfg: Unit, batch: Traffic, report: dict[str, Any]) -> int:
    """The greatest difference from the latency, over all results; stalled cycles do not count."""
    counted = np.concatenate([[0], np.cumsum(report["moved"])])
    accepted, emitted = (counted[report[key]] for key in ("accepted", "emitted"))
    results = min(len(emitted), len(batch.ends))
    taken = emitted[:results] - accepted[batch.ends[:results]]
    return int(np.abs(taken - cfg.latency_cycles).max(initial=0))


def name_of(cfg: Unit) -> tuple[str, str]:
    """A unit's kind and formats, as the table shows them."""
    match cfg:
        case MultiplyConfig():
            return f"multiply, {cfg.result}", _pair(cfg.a, cfg.b)
        case AccumulateConfig():
            return "multiply-accumulate", _pair(cfg.mac.a, cfg.mac.b)
        case DotConfig():
            return f"dot, {cfg.lanes} lanes", _pair(cfg.a, cfg.b)


def _pair(a: str, b: str) -> str:
    return a if a == b else f"{a} x {b}"


ELEMENTS = [
    f.name
    for f in FORMATS.values()
    if (isinstance(f, IntFormat) and f.bits <= 8)
    or (isinstance(f, FloatFormat) and f.element_bits <= 16)
]
"""Scalar formats of 16 bits or fewer; int16 and wider are for accumulators."""

BLOCKS = [f.name for f in FORMATS.values() if isinstance(f, BlockFormat)]


def units() -> list[Unit]:
    """Every unit that the table shows."""
    multipliers = [MultiplyConfig(a=f, b=f, lanes=LANES) for f in ELEMENTS]
    rounders = [
        MultiplyConfig(a=f, b=f, result=result, lanes=LANES)
        for f in ELEMENTS
        if isinstance(FORMATS[f], FloatFormat)
        for result in ("rounded", "saturated")
    ]
    mixed = [
        ("fp8_e4m3", "fp8_e5m2"),
        ("fp8_e4m3", "fp4_e2m1"),
        ("int8", "uint4"),
        ("int8", "int4"),
    ]
    accumulators = [
        AccumulateConfig(mac=MacConfig(a=a, b=b), lanes=LANES)
        for a, b in [*((f, f) for f in ELEMENTS), *mixed]
    ]
    dots = [
        DotConfig(a=f, b=f, lanes=lanes)
        for f in [*BLOCKS, "bfp8_e5_b24", "bfp16_e8_b6"]
        for lanes in _lanes(f)
    ]
    dots.append(DotConfig(a="mxfp8", b="mxfp4", lanes=16))
    return [*multipliers, *rounders, *accumulators, *dots]


def _lanes(block_format: str) -> tuple[int, int]:
    whole = DotConfig(a=block_format, b=block_format, lanes=1).a_block.block
    return whole, whole // (4 if whole % 4 == 0 else 2)


MUTATED: tuple[Unit, ...] = (
    MultiplyConfig(a="fp8_e4m3", b="fp8_e4m3", result="rounded", lanes=2),
    AccumulateConfig(mac=MacConfig(a="fp8_e5m2", b="fp8_e5m2"), lanes=2),
    DotConfig(a="mxfp8_e5m2", b="mxfp8_e5m2", lanes=2),
    AccumulateConfig(mac=MacConfig(a="int4", b="int4"), lanes=2),
    DotConfig(a="nvfp4", b="nvfp4", lanes=2),
)
"""Units whose mutants are tried; each stands for its kind, with lanes enough for all its logic."""


def verify_mac(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> Iterator[FormatRow]:
    """Rows of every unit in every format; see :func:`units`.

    Parameters
    ----------
    quick : bool
        20,000 random pairs of 16-bit formats instead of a million, and fewer dot products.
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
    effort = QUICK if quick else FULL
    told = progress or (lambda line: None)
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        # Emitting, mutants above all, is not for threads; it runs ahead of the simulations.
        runs = []
        for cfg in units():
            outcome = pool.submit(compare, cfg, to_verilog(cfg, TOP), effort, seed=seed)
            outcome.add_done_callback(partial(_tell, told, cfg))
            caught = []
            if narrow := mutated(cfg):
                texts = mutants(narrow).values()
                caught = [pool.submit(notices, narrow, text, seed=seed) for text in texts]
            runs.append((cfg, outcome, caught))
        try:
            for cfg, outcome, caught in runs:
                yield _row(cfg, outcome.result(), [c.result() for c in caught])
        finally:
            pool.shutdown(cancel_futures=True)


def _tell(told: Progress, cfg: Unit, _: Future[Outcome]) -> None:
    told(", ".join(name_of(cfg)))


def mutated(cfg: Unit) -> Unit | None:
    """The unit whose mutants count for the row of ``cfg``: like it, but narrower."""
    if isinstance(cfg, DotConfig) and cfg.beats_per_block > 1:
        return None  # the row of the whole block has them
    narrow = cfg.model_copy(update={"lanes": 2})
    return narrow if narrow in MUTATED else None


def notices(cfg: Unit, mutant: str, *, seed: int = 1) -> bool:
    """Whether the comparison tells a mutant of ``cfg`` from a sound unit."""
    try:
        return not compare(cfg, mutant, MUTANT, seed=seed).agrees
    except SimulationError as error:
        if "no progress" not in str(error):
            raise  # it failed for another reason than losing results
        return True


def _row(cfg: Unit, outcome: Outcome, caught: list[bool]) -> FormatRow:
    unit, formats = name_of(cfg)
    return FormatRow(
        unit=unit,
        format=formats,
        vectors=outcome.vectors,
        exhaustive=outcome.exhaustive,
        mismatches=outcome.mismatches,
        cycle_error_max=outcome.cycle_error_max,
        stalled_vectors=outcome.stalled_vectors,
        mutants=len(caught),
        mutants_caught=sum(caught),
    )
