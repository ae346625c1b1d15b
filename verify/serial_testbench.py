"""Testbench of the serial engines: every bit against the golden model, every cycle against its model.

Runs inside the simulator; :mod:`lockstep.verify.serial` writes its plan: ``cfg``, and the jobs to run
``unstalled`` and ``stalled``, each a shape and a kind of operands.
"""

import random
import time
from dataclasses import asdict
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from pydantic import TypeAdapter

from lockstep.arch.serial import BitSliceConfig, LaconicConfig
from lockstep.sim.cycle.serial import job_cycles
from lockstep.sim.cycle.tensor import job_counts, stream_vectors
from lockstep.verify import cosim
from lockstep.verify.serial_traffic import SerialJob, random_job
from lockstep.verify.tb_report import Report
from lockstep.verify.tensor_driver import Driver, Tally
from lockstep.verify.tensor_traffic import job_word

PERIOD_NS = 2
PLAN = cosim.plan()
CFG: BitSliceConfig | LaconicConfig = TypeAdapter(BitSliceConfig | LaconicConfig).validate_python(
    PLAN["cfg"]
)
RNG = np.random.default_rng(cocotb.RANDOM_SEED)
COIN = random.Random(cocotb.RANDOM_SEED)  # far quicker than NumPy for single bits
INPUTS = ("i_job", "i_a", "i_b", "i_c")


REPORT = Report()


async def reset(dut: Any) -> None:
    """Two cycles of reset with every stream idle."""
    for name in INPUTS:
        getattr(dut, f"{name}__valid").value = 0
    dut.o_c__ready.value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0


async def abandon(dut: Any) -> None:
    """Start a job on garbage and reset the engine in the middle of it."""
    for name in INPUTS:
        payload = getattr(dut, f"{name}__payload")
        payload.value = COIN.getrandbits(len(payload))
        getattr(dut, f"{name}__valid").value = 1
    shape = (CFG.rows, CFG.cols, 2 * CFG.lanes_per_step)
    dut.i_job__payload.value = job_word(CFG, shape)
    dut.o_c__ready.value = 1
    for _ in range(COIN.randrange(1, 40)):
        await RisingEdge(dut.clk)
    await reset(dut)


async def run_batch(dut: Any, jobs: list[SerialJob], *, stalled: bool) -> None:
    """Drive jobs back to back and hold what happened to the models."""
    driver = Driver(dut, CFG, [job.job for job in jobs], stalled=stalled, coin=COIN)
    start = time.perf_counter()
    tallies = await driver.run()
    REPORT.driven_s += time.perf_counter() - start
    REPORT.driven_cycles += driver.cycle
    for i, (job, tally) in enumerate(zip(jobs, tallies, strict=True)):
        cycles = job_cycles(CFG, job.a, job.b)
        _compare_counts(job, tally, cycles, stalled=stalled)
        if not stalled:
            _compare_times(job, tally, cycles, tallies[i + 1] if i + 1 < len(tallies) else None)


def _compare_counts(job: SerialJob, tally: Tally, cycles: int, *, stalled: bool) -> None:
    shape = job.job.shape
    REPORT.jobs += 1
    REPORT.vectors += tally.vectors["c_out"]
    REPORT.stalled_vectors += tally.vectors["c_out"] * stalled
    REPORT.mismatches += tally.mismatches
    REPORT.compare("mismatching rows", job.job.shape, tally.mismatches, 0)
    vectors = stream_vectors(CFG, *shape)
    counts = job_counts(CFG, *shape)
    if job.job.accumulate:
        vectors["c_in"] += vectors["c_out"]
        counts["c_reads"] += counts["c_writes"]
    REPORT.compare("transfers", job.job.shape, tally.vectors, vectors)
    keys = {"a": "a_reads", "b": "b_reads", "c_in": "c_reads", "c_out": "c_writes"}
    elements = {name: counts[key] for name, key in keys.items()}
    REPORT.compare("elements", job.job.shape, tally.elements, elements)
    REPORT.cycles("busy cycles", job.job.shape, tally.busy_cycles - tally.stalled_cycles, cycles)


def _compare_times(job: SerialJob, tally: Tally, cycles: int, following: Tally | None) -> None:
    REPORT.compare("stalled cycles", job.job.shape, tally.stalled_cycles, 0)
    latency = tally.last_output_at - tally.first_operand_at + 1
    padding = -job.job.shape[0] % CFG.rows  # rows of the last fold that do not exist leave last
    REPORT.cycles("latency", job.job.shape, latency, cycles - padding)
    dispatch = tally.first_operand_at - tally.accepted_at
    REPORT.cycles("dispatch", job.job.shape, dispatch, CFG.dispatch_cycles)
    if following is not None:
        interval = following.accepted_at - tally.accepted_at
        REPORT.cycles("interval", job.job.shape, interval, cycles + CFG.dispatch_cycles)


@cocotb.test()
async def the_engine_agrees_with_its_models(dut: Any) -> None:
    """Batches of one to twelve jobs; before some of them, a job is cut short by a reset."""
    Clock(dut.clk, PERIOD_NS, "ns").start()
    await reset(dut)
    try:
        for stalled in (False, True):
            planned = PLAN["stalled" if stalled else "unstalled"]
            while planned:
                size = COIN.randint(1, 12)
                batch, planned = planned[:size], planned[size:]
                if COIN.random() < 0.25:
                    await abandon(dut)
                jobs = [random_job(CFG, tuple(shape), data, RNG) for shape, data in batch]
                await run_batch(dut, jobs, stalled=stalled)
    except AssertionError as error:  # of the driver: the engine broke the protocol, or stopped
        REPORT.complaints.append(str(error).splitlines()[0])
    finally:
        cosim.write_report(asdict(REPORT))
    assert not REPORT.complaints, "\n".join(REPORT.complaints)
