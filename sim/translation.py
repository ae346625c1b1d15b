"""Address translation of scattered accesses, by operator.

The requests of a run's operators go in execution order, layer by layer and pass by pass, through the
trace simulator of the machine's MMU, so that TLBs and caches hold what earlier operators left there.
One walker serves them all: an operator's translation takes the sum of what its requests take beyond
a hit in the first TLB, what the walker does after a response included. It runs beside the operator's
DMA and compute.

A run of more than ``MOST_REQUESTS``, or of more than ``MOST_STEPS`` decode steps, is sampled: the first
steps, while caches settle, then evenly spaced ones up to the last, each with what the one before
left; in between, numbers are interpolated. If prefill and two steps alone are too long, layers are
sampled too, two at least.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.machine import System
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import LINE_BYTES
from lockstep.sim.activity import Activity
from lockstep.sim.cost import OpCost
from lockstep.sim.dram_calibration import require_engine
from lockstep.sim.translation_layout import VirtualMemory, first_layer, is_scattered
from lockstep.sim.translation_requests import page_requests
from lockstep.workloads.model import Model
from lockstep.workloads.ops import Op
from lockstep.workloads.phases import Formats, Phase, graph
from lockstep.workloads.streams.chunk import Chunk

if TYPE_CHECKING:  # needs numba
    from lockstep.sim.cycle.translation.simulator import TranslationSimulator

F64 = NDArray[np.float64]

MOST_REQUESTS, MOST_STEPS = 1 << 22, 32
"""One or two seconds."""

SETTLING = 8
"""Decode steps until TLB blocks are where they stay, about."""

CYCLES, REQUESTS, WALKS, DRAM_READS = range(4)
"""What is measured of an operator: cycles of the MMU's clock, and counts."""


MMU_EVENTS = ("request", "walk", "dram_read_byte")
"""Keys of ``Activity.mmu``."""


@dataclass(frozen=True, slots=True)
class Translated:
    """One occurrence of an operator: the mean over its layers, and over passes that repeat it.

    ``cycles`` are the machine's; ``activity`` counts pages asked for and walked, and lines of page
    tables that came from DRAM.
    """

    cycles: float
    activity: Activity


@dataclass(frozen=True, slots=True)
class Translation:
    """What translation by an MMU takes of each scattered operator of a run.

    ``passes``, ``layers`` and ``requests`` are those that were simulated, ``all_passes`` and
    ``all_layers`` those of the run.
    """

    mmu: MmuConfig
    by_op: Mapping[Op, Translated]
    passes: int
    all_passes: int
    layers: int
    all_layers: int
    requests: int

    def summary(self) -> dict[str, object]:
        """The MMU, and how much was simulated."""
        return {
            "mmu": self.mmu.name,
            "translation_mechanism": self.mmu.mechanism,
            "translation_requests_simulated": self.requests,
            "translation_passes_simulated": f"{self.passes} of {self.all_passes}",
            "translation_layers_simulated": f"{self.layers} of {self.all_layers}",
        }


def with_translation(system: System, cost: OpCost, translation: Translation | None) -> OpCost:
    """The cost of an operator whose DMA waits for translations, where it is scattered."""
    found = translation.by_op.get(cost.op) if translation else None
    if found is None:
        return cost
    # The last page's data come a DRAM latency after its translation.
    least = found.cycles + system.dram_latency_cycles if found.cycles else 0.0
    return replace(
        cost,
        latency_cycles=max(cost.latency_cycles, least),
        translation_cycles=found.cycles,
        bound_by="translation" if least > cost.latency_cycles else cost.bound_by,
        activity=cost.activity + found.activity,
    )


def translate(
    system: System,
    model: Model,
    phases: Sequence[Phase],
    formats: Formats,
    most_requests: int = MOST_REQUESTS,
) -> Translation | None:
    """Simulate the scattered accesses of a prefill and the decode steps that follow it.

    Returns None if the machine has no MMU.

    Raises
    ------
    lockstep.arch.error.InputError
        If numba is missing, the model cannot run a phase, or it does not fit the address space.
    """
    use, mmu = system.machine.mmu, system.mmu
    if use is None or mmu is None:
        return None
    require_engine("address translation (mmu)")
    from lockstep.sim.cycle.translation.simulator import TranslationSimulator

    memory = VirtualMemory(model, phases, formats, use)
    passes = [
        _Pass(memory, model, mmu, number, phase, graph(model, phase, formats))
        for number, phase in enumerate(phases)
    ]
    taken, layers = _sample(passes, model.layers, most_requests)
    simulator = TranslationSimulator(mmu)
    measured = {number: passes[number].measure(simulator, layers) for number in taken}
    per_op: dict[Op, list[F64]] = {}
    for one, figures in zip(passes, _interpolated(measured, len(passes)), strict=True):
        for op, row in zip(one.ops, figures, strict=True):
            per_op.setdefault(op, []).append(row)
    clocks = system.machine.clock_mhz / mmu.clock_mhz
    return Translation(
        mmu=mmu,
        by_op={op: _translated(np.mean(rows, axis=0), clocks) for op, rows in per_op.items()},
        passes=len(taken),
        all_passes=len(passes),
        layers=len(layers),
        all_layers=model.layers,
        requests=_counters(simulator)[REQUESTS],
    )


def _translated(figures: F64, clocks: float) -> Translated:
    dram_bytes = float(figures[DRAM_READS]) * LINE_BYTES
    return Translated(
        cycles=float(figures[CYCLES]) * clocks,
        activity=Activity(
            dram_read_bytes=dram_bytes,
            mmu=dict(
                zip(MMU_EVENTS, (*figures[[REQUESTS, WALKS]].tolist(), dram_bytes), strict=True)
            ),
        ),
    )


class _Pass:
    """A forward pass and its scattered operators."""

    def __init__(
        self,
        memory: VirtualMemory,
        model: Model,
        mmu: MmuConfig,
        number: int,
        phase: Phase,
        ops: Sequence[Op],
    ) -> None:
        self._memory, self._mmu, self._number, self._phase = memory, mmu, number, phase
        self.ops = [op for op in ops if is_scattered(op)]
        self._first = [first_layer(model, op) for op in self.ops]

    def _requests(self, op: Op, layer: int) -> Chunk:
        return page_requests(self._mmu, self._memory.runs(op, layer, self._phase, self._number))

    def size(self) -> int:
        """Requests of the pass, about: layers of a kind differ little."""
        return sum(
            op.repeat * len(self._requests(op, layer))
            for op, layer in zip(self.ops, self._first, strict=True)
        )

    def least_layers(self) -> set[int]:
        """One layer of each operator."""
        return set(self._first)

    def measure(self, simulator: "TranslationSimulator", layers: Sequence[int]) -> F64:
        """Run some layers, in order; figures by operator, the mean over its layers among them."""
        total, count = np.zeros((len(self.ops), 4)), np.zeros((len(self.ops), 1))
        before = _counters(simulator)
        for layer in layers:
            for i, (op, first) in enumerate(zip(self.ops, self._first, strict=True)):
                if first <= layer < first + op.repeat:
                    simulator.run(self._requests(op, layer))
                    now = _counters(simulator)
                    total[i] += np.subtract(now, before)
                    count[i] += 1
                    before = now
        figures: F64 = total / count
        return figures


def _counters(simulator: "TranslationSimulator") -> tuple[int, int, int, int]:
    """The simulator's figures so far, in the order of ``CYCLES``, ``REQUESTS`` and the others."""
    from lockstep.sim.cycle.translation.state import BACKGROUND_WALK, LEVELS_OF_SERVICE, POM, WALK

    run = simulator.result()
    from_dram = run.requests[[WALK, BACKGROUND_WALK, POM], LEVELS_OF_SERVICE.index("dram")]
    return (
        run.translation_cycles + run.counts["background_cycles"],
        run.accesses,
        run.ptw + run.counts["background_walks"],
        int(from_dram.sum()),
    )


def _sample(
    passes: Sequence[_Pass], layers: int, most_requests: int
) -> tuple[list[int], list[int]]:
    """Numbers of the passes and of the layers to simulate."""
    first, last = passes[0].size(), passes[-1].size()
    steps = len(passes) - 1
    fitting = min((most_requests - first) // max(last, 1), MOST_STEPS)
    if fitting >= min(steps, 2):
        settling = min(SETTLING, fitting // 2) if fitting < steps else steps
        rest = _spread(settling + 1, steps, fitting - settling)
        return [0, *range(1, settling + 1), *rest], list(range(layers))
    share = most_requests / (first + min(steps, 2) * last)
    some = {*_spread(0, layers - 1, max(2, int(layers * share))), *passes[0].least_layers()}
    return [0, *_spread(1, steps, 2)], sorted(some)


def _spread(first: int, last: int, most: int) -> list[int]:
    """Up to ``most`` evenly spaced numbers from ``first`` to ``last``, which is among them."""
    count = max(min(last - first + 1, most), 0)
    return sorted({round(x) for x in np.linspace(last, first, count)})


def _interpolated(measured: Mapping[int, F64], passes: int) -> Iterator[F64]:
    """Figures of every pass; those of the first, a prefill, stand for no other."""
    yield measured[0]
    steps = sorted(measured)[1:]
    if not steps:
        return
    known = np.array([measured[step] for step in steps])
    for step in range(1, passes):
        after = min(int(np.searchsorted(steps, step)), len(steps) - 1)
        before = max(after - 1, 0) if steps[after] != step else after
        gap = steps[after] - steps[before]
        way = (step - steps[before]) / gap if gap else 0.0
        yield known[before] * (1 - way) + known[after] * way
