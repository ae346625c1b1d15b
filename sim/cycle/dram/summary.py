"""A run in numbers, for people and for JSON."""

from typing import Any

import numpy as np

from lockstep.sim.cycle.dram import state as st
from lockstep.sim.cycle.dram.address import I64
from lockstep.sim.cycle.dram.energy import energy_pj
from lockstep.sim.cycle.dram.engine import DramRun

PERCENTILES = (50, 90, 99)


def summarize(run: DramRun) -> dict[str, Any]:
    """Cycles, latencies, row outcomes, commands, bandwidth and energy; ready for ``json.dumps``.

    ``row_*`` count how requests met their bank when their first command issued; ``energy_pj`` is
    None where currents are unknown.
    """
    spec, n = run.spec, int(run.done.size)
    seconds = run.cycles * spec.clock_ps * 1e-12
    moved = n - int((run.kind == st.FORWARDED).sum())
    bandwidth = moved * spec.geometry.burst_bytes / seconds if seconds else 0.0
    energy = energy_pj(run)
    bits = 8 * moved * spec.geometry.burst_bytes
    is_write = run.is_write == 1
    return {
        "preset": spec.name,
        "mode": run.mode,
        "requests": n,
        "reads": int((~is_write).sum()),
        "writes": int(is_write.sum()),
        "cycles": run.cycles,
        "clock_ps": spec.clock_ps,
        "seconds": seconds,
        "read_latency_cycles": _distribution(run.latency_cycles[~is_write]),
        "write_latency_cycles": _distribution(run.latency_cycles[is_write]),
        "row_hits": int((run.kind == st.HIT).sum()),
        "row_misses": int((run.kind == st.MISS).sum()),
        "row_conflicts": int((run.kind == st.CONFLICT).sum()),
        "served_by_queued_writes": n - moved,
        "commands": run.commands,
        "bandwidth_gb_s": bandwidth * 1e-9,
        "peak_gb_s": spec.peak_bytes_per_s * 1e-9,
        "utilization": bandwidth / spec.peak_bytes_per_s,
        "energy_pj": energy,
        "energy_pj_per_bit": energy["total"] / bits if energy and bits else None,
    }


def _distribution(cycles: I64) -> dict[str, float] | None:
    if not cycles.size:
        return None
    ranks = np.percentile(cycles, PERCENTILES, method="inverted_cdf").astype(int).tolist()
    named = {f"p{p}": value for p, value in zip(PERCENTILES, ranks, strict=True)}
    return {"mean": float(cycles.mean()), **named, "max": int(cycles.max())}
