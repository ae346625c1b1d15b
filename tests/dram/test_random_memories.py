"""Random memories, controllers and traces: every request is served and no rule is broken."""

import numpy as np
import pytest

from lockstep.sim.cycle.dram.checker import check
from lockstep.sim.cycle.dram.engine import simulate
from lockstep.sim.cycle.dram.state import FORWARDED
from lockstep.sim.cycle.dram.trace import Trace

MODES = ("max", "serial", "period1", "period7", "period40")


def random_memory(memory, rng):
    """A memory of any shape; ``rfc`` and ``refi`` leave it time to work."""

    def pick(low, high):
        return int(rng.integers(low, high + 1))

    geometry = {
        name: 1 << pick(0, most)
        for name, most in {
            "channels": 1, "pseudo_channels": 1, "ranks": 2, "bank_groups": 2, "banks": 2,
            "rows": 6, "columns": 4,
        }.items()
    }  # fmt: skip
    longest = {
        "burst": 8, "cl": 30, "cwl": 30, "rcd_rd": 20, "rcd_wr": 20, "rp": 15, "rp_all": 20,
        "ras": 40, "rrd_s": 8, "rrd_l": 12, "faw": 50, "ccd_s": 8, "ccd_l": 12, "ccd_s_wr": 8,
        "ccd_l_wr": 40, "rtp": 15, "wr": 40, "wtr_s": 12, "wtr_l": 20, "rtw": 30, "cs": 4,
        "ppd": 4, "rfc": 80, "act_cycles": 3, "column_cycles": 2,
    }  # fmt: skip
    timing = {name: pick(1, most) for name, most in longest.items()}
    timing["rc"] = timing["ras"] + pick(0, 25)
    banks = geometry["bank_groups"] * geometry["banks"]
    timing["refi"] = 400 + 60 * banks + pick(0, 2000)
    controller = {
        "read_queue": pick(1, 40), "write_queue": pick(10, 40), "write_high": pick(4, 10),
        "write_low": pick(0, 3), "row_hit_cap": pick(1, 40), "page_cap": pick(1, 5),
        "page_policy": ("open", "closed", "capped")[pick(0, 2)],
        "refresh": ("none", "all_bank", "per_bank")[pick(0, 2)],
        "dual_command_bus": bool(pick(0, 1)),
    }  # fmt: skip
    if controller["refresh"] == "per_bank":
        timing |= {"rfc_pb": pick(2, 40), "rrefd": pick(1, 10)}
    if pick(0, 3) == 0:
        timing["wck_post"] = pick(0, 20)
        controller["dual_command_bus"] = False
    return memory(geometry, controller, **timing)


@pytest.mark.parametrize("seed", range(100))
def test_random_memory(seed, memory):
    rng = np.random.default_rng(seed)
    spec = random_memory(memory, rng)
    n = int(rng.integers(1, 600))
    bursts = min(spec.geometry.capacity_bytes // 64, 1 << int(rng.integers(4, 20)))
    is_write = (rng.random(n) < rng.choice([0, 0.1, 0.5, 1.0])).astype(np.int64)
    trace = Trace(is_write, rng.integers(0, bursts, n) * 64)
    run = simulate(spec, trace, mode=MODES[seed % len(MODES)])
    assert check(spec, run.log, run.cycles) == []
    assert (run.done >= run.arrival).all()
    assert (run.arrival >= 0).all()
    columns = sum(run.commands[name] for name in ("RD", "WR", "RDA", "WRA"))
    assert columns == n - (run.kind == FORWARDED).sum()
    assert (run.kind > 0).all()
