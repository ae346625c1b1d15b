"""Whole runs: a prefill and a decode over growing context, summed exactly; and single GEMMs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lockstep.arch.load import InputError
from lockstep.arch.machine import System
from lockstep.arch.near_memory import BankPim
from lockstep.sim.activity import Activity
from lockstep.sim.area import area_mm2
from lockstep.sim.cost import OpCost
from lockstep.sim.dram_calibration import calibrated
from lockstep.sim.dram_exact import (
    ExactSystem,
    Progress,
    check_dram_mode,
    no_progress,
    relative_error,
    with_exact_dram,
)
from lockstep.sim.energy import energy_pj, mac_energy_pj
from lockstep.sim.mapper import Mapping
from lockstep.sim.operand_formats import check_formats, default_formats
from lockstep.sim.passes import cost_passes
from lockstep.sim.translation import MMU_EVENTS, Translation, translate
from lockstep.workloads.model import Model
from lockstep.workloads.phases import Formats, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTotal:
    """One operator over a phase: ``occurrences`` of it (layers, decode steps), costs summed."""

    name: str
    kind: str
    occurrences: int
    latency_cycles: float
    tensor_cycles: float
    pim_cycles: float
    vector_cycles: float
    dma_cycles: float
    scratchpad_cycles: float
    translation_cycles: float
    bound_by: str
    activity: Activity
    mapping: Mapping | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseResult:
    """A phase: its operators in execution order, and its wall clock.

    ``steps`` has the cycles of each forward pass: one for prefill, one per token for decode.
    """

    name: str
    ops: tuple[OpTotal, ...]
    steps: tuple[float, ...]

    @property
    def cycles(self) -> float:
        """Wall clock, in machine cycles."""
        return sum(self.steps)

    @property
    def activity(self) -> Activity:
        """Events of the whole phase."""
        return sum((op.activity for op in self.ops), Activity())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One prefill and one decode of a model on a system.

    ``fast`` is the same run by calibrated DRAM bandwidth, where this one simulated its DRAM;
    ``translation`` is what address translation takes, on a machine with an MMU.
    """

    system: System
    model: Model
    formats: Formats
    batch: int
    prefill_tokens: int
    decode_tokens: int
    prefill: PhaseResult
    decode: PhaseResult | None
    fast: "RunResult | None" = None
    translation: Translation | None = None

    @property
    def phases(self) -> tuple[PhaseResult, ...]:
        """The phases that ran, in order."""
        return (self.prefill,) if self.decode is None else (self.prefill, self.decode)

    @property
    def cycles(self) -> float:
        """Wall clock of all phases, in machine cycles."""
        return sum(phase.cycles for phase in self.phases)

    @property
    def latency_s(self) -> float:
        """Wall clock of all phases, in seconds."""
        return self.cycles / self.system.machine.clock_hz

    @property
    def ttft_s(self) -> float:
        """Time to first token: the prefill."""
        return self.prefill.cycles / self.system.machine.clock_hz

    @property
    def tpot_s(self) -> float | None:
        """Time per output token, the mean over the decode steps; None without a decode."""
        if self.decode is None:
            return None
        return self.decode.cycles / self.decode_tokens / self.system.machine.clock_hz

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens of all sequences per second of the whole run; prompt tokens without decode."""
        return self.batch * (self.decode_tokens or self.prefill_tokens) / self.latency_s

    @property
    def activity(self) -> Activity:
        """Events of the whole run."""
        return sum((phase.activity for phase in self.phases), Activity())

    @property
    def utilization(self) -> float:
        """Useful MACs over what the machine could do in the same time, 0 to 1."""
        return self.activity.macs / (self.cycles * self.system.macs_per_cycle)

    @property
    def dma_cycles(self) -> float:
        """DMA time of all operators, in machine cycles."""
        return sum(op.dma_cycles for phase in self.phases for op in phase.ops)

    def _dram_summary(self) -> dict[str, object]:
        """How DRAM time was found; what calibrated bandwidth would have been off by."""
        if not (isinstance(self.system, ExactSystem) and self.fast):
            return {"dram_mode": "fast"}
        return {
            "dram_mode": "exact",
            "dram_error": {
                "dma": relative_error(self.fast.dma_cycles, self.dma_cycles),
                "latency": relative_error(self.fast.cycles, self.cycles),
            },
            **self.system.exact.summary(),
        }

    def _pim_summary(self) -> dict[str, float]:
        """Of banks that compute: the share of their row accesses that found the row open."""
        if not isinstance(self.system.machine.pim, BankPim):
            return {}
        pim = self.activity.pim
        return {"pim_row_hit_share": 1 - pim["row_miss"] / pim["row_access"]}

    def _translation_summary(self) -> dict[str, object]:
        """Of scattered accesses of a machine with an MMU; the share is of the wall clock."""
        if self.translation is None:
            return {}
        ops = [op for phase in self.phases for op in phase.ops]
        bound = sum(op.latency_cycles for op in ops if op.bound_by == "translation")
        return {
            **self.translation.summary(),
            **{f"translation_{name}s": self.activity.mmu.get(name, 0.0) for name in MMU_EVENTS},
            "translation_cycles": sum(op.translation_cycles for op in ops),
            "translation_bound_share": bound / self.cycles,
        }

    def energy_pj(self) -> dict[str, float]:
        """Energy by component, in pJ."""
        return energy_pj(self.system, self.activity, self.latency_s)

    def summary(self) -> dict[str, object]:
        """The headline numbers, JSON-able; ``qsnr_db`` is of Gaussian tensors, not of the model's."""
        from lockstep.sim.qsnr import formats_qsnr_db  # only summaries need the golden models

        energy = {name: pj * 1e-12 for name, pj in self.energy_pj().items()}
        area = area_mm2(self.system)
        generated = self.batch * (self.decode_tokens or self.prefill_tokens)
        return {
            "machine": self.system.machine.name,
            "model": self.model.name,
            "batch": self.batch,
            "prefill_tokens": self.prefill_tokens,
            "decode_tokens": self.decode_tokens,
            **asdict(self.formats),
            "qsnr_db": formats_qsnr_db(self.formats),
            "cycles": round(self.cycles),
            "latency_s": self.latency_s,
            "ttft_s": self.ttft_s,
            "tpot_s": self.tpot_s,
            "tokens_per_s": self.tokens_per_s,
            "utilization": self.utilization,
            "mac_energy_pj": mac_energy_pj(self.system),
            "energy_j": sum(energy.values()),
            "energy_per_token_j": sum(energy.values()) / generated,
            "energy_by_component_j": energy,
            "area_mm2": sum(area.values()),
            "area_by_component_mm2": area,
            "macs": self.activity.macs,
            "dram_bytes": self.activity.dram_bytes,
            **self._dram_summary(),
            **self._pim_summary(),
            **self._translation_summary(),
        }


def simulate(
    system: System,
    model: Model,
    *,
    prefill: int,
    decode: int = 0,
    batch: int = 1,
    formats: Formats | None = None,
    dram: str = "fast",
    progress: Progress = no_progress,
) -> RunResult:
    """Run a prefill of ``prefill`` tokens, then ``decode`` steps of one token per sequence.

    Decode step ``i`` attends to ``prefill + i`` cached tokens and its own; every step is costed at
    its own context and the steps are summed. ``dram`` is "fast" (calibrated bandwidth) or "exact"
    (the command-level engine, which tells ``progress`` of each stream that it has run).

    Raises
    ------
    lockstep.arch.load.InputError
        If a size is not positive, a format does not fit the MAC, the model cannot decode, or the
        memory or the MMU cannot be simulated.
    """
    check_dram_mode(dram)
    check_sizes(prefill=prefill, decode=decode, batch=batch)
    formats = formats or default_formats(system)
    check_formats(system, formats)
    phases = [
        Phase(kind="prefill", batch=batch, tokens=prefill),
        *(decode_phase(batch, prefill, i) for i in range(decode)),
    ]

    def result(system: System, fast: RunResult | None = None) -> RunResult:
        costs = cost_passes(system, model, phases, formats, translation)
        return RunResult(
            system=system,
            model=model,
            formats=formats,
            batch=batch,
            prefill_tokens=prefill,
            decode_tokens=decode,
            prefill=_phase("prefill", costs[:1]),
            decode=_phase("decode", costs[1:]) if decode else None,
            fast=fast,
            translation=translation,
        )

    system = calibrated(system)
    translation = translate(system, model, phases, formats)
    if dram == "fast":
        return result(system)
    exact = with_exact_dram(system, progress)
    return result(exact, fast=result(system))


def default_prefill(model: Model, decode: int) -> int:
    """Prompt tokens if none are asked for: 2048, or what learned positions leave room for."""
    return max(1, min(2048, (model.longest or 2048) - decode))


def check_sizes(*, prefill: int, decode: int, batch: int) -> None:
    """Raise an ``InputError`` if a size of a run is too small."""
    for name, value, least in (("prefill", prefill, 1), ("decode", decode, 0), ("batch", batch, 1)):
        if value < least:
            raise InputError(f"--{name}: must be at least {least}, not {value}")


def decode_phase(batch: int, prefill: int, step: int) -> Phase:
    """Decode step ``step``, counted from 0: it finds the prompt and all earlier steps cached."""
    return Phase(kind="decode", batch=batch, tokens=1, context=prefill + step)


def _phase(name: str, steps: Sequence[Sequence[OpCost]]) -> PhaseResult:
    """Sum the steps' operators position by position; their names agree, their sizes grow."""
    totals = []
    for column in zip(*steps, strict=True):
        last = column[-1]
        totals.append(
            OpTotal(
                name=last.op.name,
                kind=type(last.op).__name__.lower(),
                occurrences=sum(c.op.repeat for c in column),
                latency_cycles=sum(c.latency_cycles * c.op.repeat for c in column),
                tensor_cycles=sum(c.tensor_cycles * c.op.repeat for c in column),
                pim_cycles=sum(c.pim_cycles * c.op.repeat for c in column),
                vector_cycles=sum(c.vector_cycles * c.op.repeat for c in column),
                dma_cycles=sum(c.dma_cycles * c.op.repeat for c in column),
                scratchpad_cycles=sum(c.scratchpad_cycles * c.op.repeat for c in column),
                translation_cycles=sum(c.translation_cycles * c.op.repeat for c in column),
                bound_by=last.bound_by,
                activity=sum((c.activity * c.op.repeat for c in column), Activity()),
                mapping=last.mapping,
            )
        )
    return PhaseResult(
        name=name,
        ops=tuple(totals),
        steps=tuple(sum(c.latency_cycles * c.op.repeat for c in step) for step in steps),
    )
