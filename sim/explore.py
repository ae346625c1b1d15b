"""Many machines, one workload: what :func:`lockstep.sim.run.simulate` says, a hundred times a second.

A workload's graphs are built once, as arrays of distinct operators with the number of times each
occurs; of a machine file only the overrides are read for every point; and the tile search is compiled
(``sim/explore_search.py``, needs numba). Vector operators and DRAM rates use the functions that
``simulate`` uses. The numbers are its numbers, to the bit; tests hold them together.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec

from lockstep.arch.machine import Machine, System
from lockstep.arch.roofline import RooflineConfig
from lockstep.arch.tensor import ParallelBase
from lockstep.sim.activity import Activity
from lockstep.sim.dram_calibration import calibrated
from lockstep.sim.explore_workload import Workload, workload
from lockstep.sim.operand_formats import check_formats, default_formats
from lockstep.sim.run import (
    OpTotal,
    PhaseResult,
    RunResult,
    check_sizes,
    decode_phase,
    simulate,
)
from lockstep.workloads.model import Model
from lockstep.workloads.phases import Formats, Phase, graph

COVERED = frozenset({"kind", "name", "clock_mhz", "tech", "tensor", "vector", "scratchpad", "dram"})
"""Keys of a machine that the fast way knows; one that has another goes through ``simulate``."""


def covers(system: System) -> bool:
    """Whether the fast way is taken.

    Not for machines with a section beyond ``COVERED`` (``pim``, and with it all routing of experts
    between processors), nor for serial tensor engines, whose cycles are expected values of
    distributions; nor where numba is not installed.
    """
    machine = system.machine
    present = {name for name in Machine.model_fields if getattr(machine, name) is not None}
    plain = isinstance(machine.tensor, ParallelBase | RooflineConfig)
    return plain and present <= COVERED and find_spec("numba") is not None


@dataclass(slots=True, kw_only=True)
class Explorer:
    """A workload that many machines are tried on, one at a time.

    Parameters
    ----------
    model : Model
    prefill, decode, batch : int
        As of :func:`lockstep.sim.run.simulate`.

    Raises
    ------
    lockstep.arch.error.InputError
        If a size is too small.
    """

    model: Model
    prefill: int
    decode: int = 0
    batch: int = 1
    _workloads: dict[Formats, Workload] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        check_sizes(prefill=self.prefill, decode=self.decode, batch=self.batch)

    def summary(self, system: System, formats: Formats | None = None) -> dict[str, object]:
        """The summary of :meth:`run`: the keys of ``simulate``'s, and its numbers."""
        return self.run(system, formats).summary()

    def run(self, system: System, formats: Formats | None = None) -> RunResult:
        """The run on this machine; formats are the machine's own unless given.

        Where the fast way was taken (see :func:`covers`) each phase has one operator, ``all``, the sum
        of its operators: sums are those of ``simulate``, but there is no table of operators in it.

        Raises
        ------
        lockstep.arch.error.InputError
            As ``simulate`` does.
        """
        formats = formats or default_formats(system)
        if not covers(system):
            return simulate(
                system,
                self.model,
                prefill=self.prefill,
                decode=self.decode,
                batch=self.batch,
                formats=formats,
            )
        from lockstep.sim.explore_cost import phase_totals  # needs numba

        check_formats(system, formats)
        system = calibrated(system)
        work = self._workload(formats)
        totals = phase_totals(system, work)
        phases = [
            _phase(name, *found, work, i)
            for i, (name, found) in enumerate(zip(("prefill", "decode"), totals, strict=False))
        ]
        return RunResult(
            system=system,
            model=self.model,
            formats=formats,
            batch=self.batch,
            prefill_tokens=self.prefill,
            decode_tokens=self.decode,
            prefill=phases[0],
            decode=phases[1] if self.decode else None,
        )

    def _workload(self, formats: Formats) -> Workload:
        if formats not in self._workloads:
            first = Phase(kind="prefill", batch=self.batch, tokens=self.prefill)
            steps = [decode_phase(self.batch, self.prefill, i) for i in range(self.decode)]
            self._workloads[formats] = workload([
                [graph(self.model, phase, formats) for phase in phases]
                for phases in ([first], steps)
                if phases
            ])
        return self._workloads[formats]


def _phase(
    name: str, steps: list[float], totals: dict[str, float], work: Workload, i: int
) -> PhaseResult:
    """Phase ``i`` of the workload, from :func:`lockstep.sim.explore_cost.phase_totals`."""
    times = {
        "compute": totals["array_cycles"],
        "dram": totals["dma_cycles"],
        "scratchpad": totals["scratchpad_cycles"],
        "vector": totals["vector_cycles"],
    }
    whole = OpTotal(
        name="all",
        kind="phase",
        occurrences=1,
        latency_cycles=totals["latency_cycles"],
        tensor_cycles=times["compute"],
        pim_cycles=0.0,
        vector_cycles=times["vector"],
        dma_cycles=times["dram"],
        scratchpad_cycles=times["scratchpad"],
        translation_cycles=0.0,
        bound_by=max(times, key=lambda resource: times[resource]),
        activity=Activity(
            macs=work.macs[i],
            scratchpad_read_bytes=totals["scratchpad_read_bytes"],
            scratchpad_write_bytes=totals["scratchpad_write_bytes"],
            dram_read_bytes=totals["dram_read_bytes"],
            dram_write_bytes=totals["dram_write_bytes"],
            primitives=work.primitives[i],
        ),
        mapping=None,
    )
    return PhaseResult(name=name, ops=(whole,), steps=tuple(steps))


def explore(
    systems: Iterable[System],
    model: Model,
    *,
    prefill: int,
    decode: int = 0,
    batch: int = 1,
    formats: Formats | None = None,
) -> list[dict[str, object]]:
    """Summaries of one workload on many machines, in their order: rows for a table.

    See :class:`Explorer`, which takes machines one by one, and :class:`MachineVariants`.
    """
    explorer = Explorer(model=model, prefill=prefill, decode=decode, batch=batch)
    return [explorer.summary(system, formats) for system in systems]
