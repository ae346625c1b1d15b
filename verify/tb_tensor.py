"""Testbench of the tensor engine: every bit against the golden model, every cycle against its model.

Runs inside the simulator; :mod:`lockstep.verify.tensor` writes its plan: ``cfg``, the ``shapes`` to run
unstalled, those to run ``stalled``, and ``long`` ones, that run with no Python in between.
"""

import random
import time
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from lockstep.arch.tensor import ParallelBase, tensor_config
from lockstep.sim.cycle import tensor as model
from lockstep.verify import cosim
from lockstep.verify.tb_report import Report
from lockstep.verify.tensor_driver import Driver, Tally
from lockstep.verify.tensor_traffic import Job, Shape, job_word, random_job

PERIOD_NS = 2
PLAN = cosim.plan()
CFG = cast("ParallelBase", tensor_config(PLAN["cfg"]))
RNG = np.random.default_rng(cocotb.RANDOM_SEED)
COIN = random.Random(cocotb.RANDOM_SEED)  # far quicker than NumPy for single bits


@dataclass(slots=True, kw_only=True)
class LongReport(Report):
    """With the jobs that ran with no Python in between."""

    driven_cycles_per_s: float = 0.0
    long: list[dict[str, Any]] = field(default_factory=list)


REPORT = LongReport()


async def reset(dut: Any) -> None:
    """Two cycles of reset with every stream idle."""
    for name in ("i_job", "i_a", "i_b", "i_c"):
        getattr(dut, f"{name}__valid").value = 0
    dut.o_c__ready.value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0


async def abandon(dut: Any) -> None:
    """Start a job on garbage and reset the engine in the middle of it."""
    for name in ("i_job", "i_a", "i_b", "i_c"):
        payload = getattr(dut, f"{name}__payload")
        payload.value = COIN.getrandbits(len(payload))
        getattr(dut, f"{name}__valid").value = 1
    dut.i_job__payload.value = job_word(CFG, (CFG.rows, CFG.cols, CFG.rows))
    dut.o_c__ready.value = 1
    for _ in range(COIN.randrange(1, 4 * CFG.rows + CFG.cols)):
        await RisingEdge(dut.clk)
    await reset(dut)


async def run_batch(dut: Any, jobs: list[Job], *, stalled: bool) -> None:
    """Drive jobs back to back and hold what happened to the models."""
    driver = Driver(dut, CFG, jobs, stalled=stalled, coin=COIN)
    start = time.perf_counter()
    tallies = await driver.run()
    REPORT.driven_s += time.perf_counter() - start
    REPORT.driven_cycles += driver.cycle
    REPORT.driven_cycles_per_s = REPORT.driven_cycles / REPORT.driven_s
    for i, (job, tally) in enumerate(zip(jobs, tallies, strict=True)):
        _compare_counts(job, tally, stalled=stalled)
        if not stalled:
            _compare_times(job, tally, tallies[i + 1] if i + 1 < len(tallies) else None)


def _compare_counts(job: Job, tally: Tally, *, stalled: bool) -> None:
    shape = job.shape
    REPORT.jobs += 1
    REPORT.vectors += tally.vectors["c_out"]
    REPORT.stalled_vectors += tally.vectors["c_out"] * stalled
    REPORT.mismatches += tally.mismatches
    REPORT.compare("mismatching rows", shape, tally.mismatches, 0)
    vectors = model.stream_vectors(CFG, *shape)
    counts = model.job_counts(CFG, *shape)
    if job.accumulate:
        vectors["c_in"] += shape[0] * -(-shape[1] // CFG.cols)
        counts["c_reads"] += shape[0] * shape[1]
    REPORT.compare("transfers", shape, tally.vectors, vectors)
    elements = {
        "a": counts["a_reads"],
        "b": counts["b_reads"],
        "c_in": counts["c_reads"],
        "c_out": counts["c_writes"],
    }
    REPORT.compare("elements", shape, tally.elements, elements)
    moving = tally.busy_cycles - tally.stalled_cycles
    REPORT.cycles("busy cycles", shape, moving, int(model.compute_cycles(CFG, *shape)))


def _compare_times(job: Job, tally: Tally, following: Tally | None) -> None:
    shape = job.shape
    REPORT.compare("stalled cycles", shape, tally.stalled_cycles, 0)
    latency = tally.last_output_at - tally.first_operand_at + 1
    REPORT.cycles("latency", shape, latency, int(model.job_latency_cycles(CFG, *shape)))
    dispatch = tally.first_operand_at - tally.accepted_at
    REPORT.cycles("dispatch", shape, dispatch, CFG.dispatch_cycles)
    if following is not None:
        interval = following.accepted_at - tally.accepted_at
        REPORT.cycles("interval", shape, interval, int(model.job_interval_cycles(CFG, *shape)))


@cocotb.test()
async def the_engine_agrees_with_its_models(dut: Any) -> None:
    """Batches of one to twelve jobs; before some of them, a job is cut short by a reset."""
    Clock(dut.clk, PERIOD_NS, "ns").start()
    await reset(dut)
    try:
        for stalled in (False, True):
            shapes = [tuple(s) for s in PLAN["stalled" if stalled else "shapes"]]
            while shapes:
                size = COIN.randint(1, 12)
                batch, shapes = shapes[:size], shapes[size:]
                if COIN.random() < 0.25:
                    await abandon(dut)
                jobs = [random_job(CFG, shape, RNG) for shape in batch]
                await run_batch(dut, jobs, stalled=stalled)
        for shape in PLAN["long"]:
            await reset(dut)
            await run_freely(dut, tuple(shape))
    except AssertionError as error:  # of the driver: the engine broke the protocol, or stopped
        REPORT.complaints.append(str(error).splitlines()[0])
    finally:
        cosim.write_report(asdict(REPORT))
    assert not REPORT.complaints, "\n".join(REPORT.complaints)


async def run_freely(dut: Any, shape: Shape) -> None:
    """One job with every stream always ready and no Python per cycle; only its cycles are checked."""
    for name in ("i_a", "i_b", "i_c"):
        payload = getattr(dut, f"{name}__payload")
        payload.value = COIN.getrandbits(len(payload))
        getattr(dut, f"{name}__valid").value = 1
    dut.o_c__ready.value = 1
    dut.i_job__payload.value = job_word(CFG, shape)
    dut.i_job__valid.value = 1
    await RisingEdge(dut.busy)
    dut.i_job__valid.value = 0
    started_ns, start = get_sim_time("ns"), time.perf_counter()
    await FallingEdge(dut.busy)
    cycles = round((get_sim_time("ns") - started_ns) / PERIOD_NS)
    REPORT.long.append({
        "shape": shape,
        "cycles": cycles,
        "cycles_per_s": cycles / (time.perf_counter() - start),
    })
    REPORT.cycles("busy cycles", shape, cycles, int(model.compute_cycles(CFG, *shape)))
