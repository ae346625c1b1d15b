"""Run batches through an arithmetic unit under Verilator and count where it differs from the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.mac import AccumulateConfig, DotConfig, MultiplyConfig
from lockstep.arch.posit import PositConfig
from lockstep.arch.simd import SimdConfig
from lockstep.sim.cycle import mac as model
from lockstep.sim.cycle.posit import stream_cycles
from lockstep.verify.cosim import simulate

Unit = MultiplyConfig | AccumulateConfig | DotConfig | PositConfig | SimdConfig
"""Units with one stream in, one stream out, and one latency."""

TESTBENCH = "lockstep.verify.tb_stream"
PAUSES = ((0.5, 1.0), (1.0, 0.5), (0.7, 0.7))
"""Chances of a valid word and of a ready consumer, of the stalled batches."""
EXHAUSTIVE_BITS = 8
"""Widest operands of which every pair is tried."""


class Batch(Protocol):
    """Words for the input stream, and what must come out."""

    @property
    def words(self) -> list[int]:
        """One per beat."""

    @property
    def ends(self) -> Sequence[int] | NDArray[np.int64]:
        """(results,): the index of the word after which each result is complete."""

    @property
    def valid_p(self) -> float:
        """Chance that the producer offers a word."""

    @property
    def ready_p(self) -> float:
        """Chance that the consumer takes a result."""

    @property
    def vectors(self) -> int:
        """Numbers in all results."""

    def mismatches(self, outputs: list[int]) -> int:
        """How many of them are wrong, given as many output words as there are results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one simulation came to; see :class:`lockstep.verify.agreement.FormatRow`."""

    vectors: int
    stalled_vectors: int
    mismatches: int
    cycle_error_max: int

    @property
    def agrees(self) -> bool:
        """No difference of any kind."""
        return not (self.mismatches or self.cycle_error_max)


def compare(cfg: Unit, verilog: str, batches: Sequence[Batch], *, seed: int = 1) -> Outcome:
    """Simulate a design of ``cfg`` and count where it differs from the models.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    lockstep.verify.cosim.SimulationError
        If the design stops answering.
    """
    plan = {
        "batches": [
            {
                "words": [f"{word:x}" for word in batch.words],
                "results": len(batch.ends),
                "valid_p": batch.valid_p,
                "ready_p": batch.ready_p,
            }
            for batch in batches
        ]
    }
    reports = simulate(verilog, TESTBENCH, plan, seed=seed)["batches"]
    pairs = list(zip(batches, reports, strict=True))
    return Outcome(
        vectors=sum(batch.vectors for batch in batches),
        stalled_vectors=sum(batch.vectors for batch in batches if _stalled(batch)),
        mismatches=sum(_mismatches(*pair) for pair in pairs),
        cycle_error_max=max(_cycle_error(cfg, *pair) for pair in pairs),
    )


def _stalled(batch: Batch) -> bool:
    return min(batch.valid_p, batch.ready_p) < 1


def _mismatches(batch: Batch, report: dict[str, Any]) -> int:
    """Numbers that are wrong; all, if results are too few or too many; changed offers."""
    outputs = [int(word, 16) for word in report["outputs"]]
    if len(outputs) != len(batch.ends):
        return batch.vectors
    return batch.mismatches(outputs) + int(report["unstable"])


def _cycle_error(cfg: Unit, batch: Batch, report: dict[str, Any]) -> int:
    """The greatest difference from the latency, over all results; without stalls, from the whole.

    A stalled cycle does not count: in all others the unit is as far as it would be without stalls.
    """
    counted = np.concatenate([[0], np.cumsum(report["moved"])])
    accepted, emitted = (counted[report[key]] for key in ("accepted", "emitted"))
    results = min(len(emitted), len(batch.ends))
    taken = emitted[:results] - accepted[np.asarray(batch.ends)[:results]]
    error = int(np.abs(taken - cfg.latency_cycles).max(initial=0))
    if _stalled(batch):
        return error
    whole = int(report["emitted"][-1] - report["accepted"][0])
    return max(error, abs(whole - model_cycles(cfg, len(batch.words))))


def model_cycles(cfg: Unit, beats: int) -> int:
    """Cycles of the cycle model for ``beats`` beats that nothing stalls."""
    match cfg:
        case MultiplyConfig():
            return model.multiply(cfg, beats * cfg.lanes).cycles
        case AccumulateConfig():
            return model.accumulate(cfg, beats).cycles
        case DotConfig():
            return model.dot(cfg, beats // cfg.beats_per_block).cycles
        case PositConfig() | SimdConfig():
            return stream_cycles(cfg, beats)
