"""Single GEMMs on a system."""

from dataclasses import dataclass

from lockstep.arch.load import InputError
from lockstep.arch.machine import System
from lockstep.sim.activity import Activity
from lockstep.sim.cycle.tensor import compute_cycles
from lockstep.sim.dram_calibration import calibrated
from lockstep.sim.dram_exact import (
    Progress,
    check_dram_mode,
    no_progress,
    relative_error,
    with_exact_dram,
)
from lockstep.sim.energy import energy_pj
from lockstep.sim.mapper import Mapping, Problem, map_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class GemmResult:
    """One GEMM on a system, operands and result in DRAM.

    ``compute_cycles`` is the tensor engine running the whole GEMM as one job whose operands are
    always ready; ``cycles`` is the chosen tiling with its memory stalls. ``fast`` is that tiling by
    calibrated DRAM bandwidth, where ``mapping`` has the DMA time of the command-level engine.
    """

    compute_cycles: int
    mapping: Mapping
    utilization: float
    energy_pj: dict[str, float]
    fast: Mapping | None = None

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
            "dram_mode": "exact" if self.fast else "fast",
            **self._dram_error(),
        }

    def _dram_error(self) -> dict[str, object]:
        """What calibrated bandwidth would have been off by."""
        if self.fast is None:
            return {}
        return {
            "dram_error": {
                "dma": relative_error(self.fast.dma_cycles, self.mapping.dma_cycles),
                "latency": relative_error(self.fast.latency_cycles, self.mapping.latency_cycles),
            }
        }


def simulate_gemm(
    system: System, m: int, n: int, k: int, *, dram: str = "fast", progress: Progress = no_progress
) -> GemmResult:
    """Run ``C[m, n] = A[m, k] @ B[k, n]`` in the formats of the machine's MAC.

    ``dram`` and ``progress`` are as of :func:`lockstep.sim.run.simulate`.

    Raises
    ------
    lockstep.arch.load.InputError
        If a size is not positive, or the memory cannot be simulated.
    """
    for name, value in (("M", m), ("N", n), ("K", k)):
        if not 1 <= value <= 1 << 20:
            raise InputError(f"{name}: must be 1 to {1 << 20}, not {value}")
    check_dram_mode(dram)
    system = calibrated(system)
    machine = system.machine
    mac = machine.engine.mac
    problem = Problem(m=m, n=n, k=k, a_bits=mac.a_bits, b_bits=mac.b_bits, c_bits=mac.acc_bits)
    (mapping,) = map_problems(system, [problem])
    fast = None
    if dram == "exact":
        fast = mapping
        (mapping,) = map_problems(with_exact_dram(system, progress), [problem])
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
        fast=fast,
    )
