"""Whole runs: a prefill and a decode over growing context, summed exactly; and single GEMMs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lockstep.arch.formats import format_named
from lockstep.arch.load import InputError
from lockstep.arch.machine import System
from lockstep.sim.activity import Activity
from lockstep.sim.area import area_mm2
from lockstep.sim.cost import OpCost
from lockstep.sim.cycle.tensor import compute_cycles
from lockstep.sim.energy import energy_pj, mac_energy_pj
from lockstep.sim.engine import cost_graphs
from lockstep.sim.mapper import Mapping, Problem, map_problems
from lockstep.workloads.model import Model
from lockstep.workloads.phases import Formats, Phase, graph


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
    """One prefill and one decode of a model on a system."""

    system: System
    model: Model
    formats: Formats
    batch: int
    prefill_tokens: int
    decode_tokens: int
    prefill: PhaseResult
    decode: PhaseResult | None

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
        return self.activity.macs / (self.cycles * self.system.machine.macs_per_cycle)

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
        }


def simulate(
    system: System,
    model: Model,
    *,
    prefill: int,
    decode: int = 0,
    batch: int = 1,
    formats: Formats | None = None,
) -> RunResult:
    """Run a prefill of ``prefill`` tokens, then ``decode`` steps of one token per sequence.

    Decode step ``i`` attends to ``prefill + i`` cached tokens and its own; every step is costed at
    its own context and the steps are summed.

    Raises
    ------
    lockstep.arch.load.InputError
        If a size is not positive, a format does not fit the MAC, or the model cannot decode.
    """
    for name, value, least in (("prefill", prefill, 1), ("decode", decode, 0), ("batch", batch, 1)):
        if value < least:
            raise InputError(f"--{name}: must be at least {least}, not {value}")
    formats = formats or default_formats(system)
    _check_formats(system, formats)
    phases = [
        Phase(kind="prefill", batch=batch, tokens=prefill),
        *(decode_phase(batch, prefill, i) for i in range(decode)),
    ]
    costs = cost_graphs(system, [graph(model, phase, formats) for phase in phases])
    return RunResult(
        system=system,
        model=model,
        formats=formats,
        batch=batch,
        prefill_tokens=prefill,
        decode_tokens=decode,
        prefill=_phase("prefill", costs[:1]),
        decode=_phase("decode", costs[1:]) if decode else None,
    )


def decode_phase(batch: int, prefill: int, step: int) -> Phase:
    """Decode step ``step``, counted from 0: it finds the prompt and all earlier steps cached."""
    return Phase(kind="decode", batch=batch, tokens=1, context=prefill + step)


def default_formats(system: System) -> Formats:
    """Formats of the machine's own MAC: weights as operand B, activations and KV cache as A."""
    a, b = system.machine.operand_formats
    return Formats(weights=b, activations=a, kv=a)


def _check_formats(system: System, formats: Formats) -> None:
    machine = system.machine
    a, b = (format_named(name).element_bits for name in machine.operand_formats)
    key_a, key_b = ("tensor.mac.a", "tensor.mac.b") if machine.tensor else ("pim.format",) * 2
    for option, name, key, bits in (
        ("weights", formats.weights, key_b, b),
        ("activations", formats.activations, key_a, a),
        ("kv", formats.kv, key_a, a),
    ):
        if format_named(name).element_bits > bits:
            raise InputError(
                f"--{option}: {name} is wider than the MAC's {key} of {bits} bits; "
                f"choose a narrower format, or a machine with wider MACs"
            )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class GemmResult:
    """One GEMM on a system, operands and result in DRAM.

    ``compute_cycles`` is the tensor engine running the whole GEMM as one job whose operands are
    always ready; ``cycles`` is the chosen tiling with its memory stalls.
    """

    compute_cycles: int
    mapping: Mapping
    utilization: float
    energy_pj: dict[str, float]

    def summary(self) -> dict[str, object]:
        """The numbers, flat and JSON-able."""
        return {
            "cycles": round(self.mapping.latency_cycles),
            "compute_cycles": self.compute_cycles,
            "array_cycles": round(self.mapping.array_cycles),
            "dram_cycles": round(self.mapping.dma_cycles),
            "utilization": self.utilization,
            "energy_pj": sum(self.energy_pj.values()),
            "energy_by_component_pj": self.energy_pj,
            "dram_bytes": self.mapping.dram_read_bytes + self.mapping.dram_write_bytes,
            "bound_by": self.mapping.bound_by,
            "mapping": self.mapping.explain(),
        }


def simulate_gemm(system: System, m: int, n: int, k: int) -> GemmResult:
    """Run ``C[m, n] = A[m, k] @ B[k, n]`` in the formats of the machine's MAC.

    Raises
    ------
    lockstep.arch.load.InputError
        If a size is not positive.
    """
    for name, value in (("M", m), ("N", n), ("K", k)):
        if not 1 <= value <= 1 << 20:
            raise InputError(f"{name}: must be 1 to {1 << 20}, not {value}")
    machine = system.machine
    mac = machine.engine.mac
    problem = Problem(m=m, n=n, k=k, a_bits=mac.a_bits, b_bits=mac.b_bits, c_bits=mac.acc_bits)
    (mapping,) = map_problems(system, [problem])
    activity = Activity(
        macs=float(m) * n * k,
        scratchpad_read_bytes=mapping.scratchpad_read_bytes,
        scratchpad_write_bytes=mapping.scratchpad_write_bytes,
        dram_read_bytes=mapping.dram_read_bytes,
        dram_write_bytes=mapping.dram_write_bytes,
    )
    return GemmResult(
        compute_cycles=int(compute_cycles(machine.engine, m, n, k)),
        mapping=mapping,
        utilization=activity.macs / (mapping.latency_cycles * machine.engine.pes),
        energy_pj=energy_pj(system, activity, mapping.latency_cycles / machine.clock_hz),
    )
