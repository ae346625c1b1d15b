"""Testbench of the LUT slice: every bit against the golden model, every cycle against its model.

Runs inside the simulator; :mod:`lockstep.verify.lut` writes its plan: ``cfg``, and how many jobs to run
``unstalled`` and ``stalled``.
"""

import random
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from lockstep.arch.lut import LutConfig
from lockstep.sim.cycle.lut import builds, job_cycles, transfers
from lockstep.verify import cosim
from lockstep.verify.lut_traffic import DATA, LutJob, random_job
from lockstep.verify.tb_report import Report
from lockstep.verify.tensor_driver import Source

PERIOD_NS = 2
NO_PROGRESS_CYCLES = 2000  # a build has at most 247 cycles, a random stall tens
PACE_CYCLES = 40  # then every stream gets another chance not to stall
CHANCES = (0.1, 0.3, 0.6, 0.9, 1.0)
STREAMS = {"job": "i_job", "a": "i_a", "w": "i_w"}
PLAN = cosim.plan()
CFG = LutConfig.model_validate(PLAN["cfg"])
RNG = np.random.default_rng(cocotb.RANDOM_SEED)
COIN = random.Random(cocotb.RANDOM_SEED)


REPORT = Report()


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the slice did for one job; cycles count from the start of the batch."""

    accepted_at: int
    first_operand_at: int = -1
    last_output_at: int = -1
    busy_cycles: int = 0
    build_cycles: int = 0
    mismatches: int = 0
    moved: dict[str, int] = field(default_factory=lambda: {"a": 0, "w": 0, "o": 0})


class Driver:
    """One batch of jobs, back to back; ``stalled``: every stream stalls at random, at its own pace."""

    def __init__(self, dut: Any, jobs: list[LutJob], *, stalled: bool) -> None:
        self.dut = dut
        self.stalled = stalled
        self.jobs = len(jobs)
        self.late = False  # activations and weights come once their job has been accepted, or wait
        self.ready_chance = 1.0
        self.sources = {key: Source(dut, name, COIN) for key, name in STREAMS.items()}
        for i, job in enumerate(jobs):
            self.sources["job"].words.append((job.word, 1, i))
            self.sources["a"].words.extend((word, 1, i) for word in job.a)
            self.sources["w"].words.extend((word, 1, i) for word in job.w)
        self.expected = [(word, i) for i, job in enumerate(jobs) for word in job.o]
        self.emitted = 0
        self.tallies: list[Tally] = []
        self.cycle = 0

    async def run(self) -> list[Tally]:
        """Drive the batch until the slice is idle again.

        Raises
        ------
        AssertionError
            If the slice breaks the stream protocol, stops, emits too much or takes too little.
        """
        dut = self.dut
        waiting: int | None = None  # what was offered in the last cycle and nobody took
        progress_at = 0
        while True:
            if self.stalled and self.cycle % PACE_CYCLES == 0:
                self._change_pace()
            accepted = len(self.tallies)
            for name, source in self.sources.items():
                source.offer(accepted if self.late and name != "job" else self.jobs)
            ready = COIN.random() < self.ready_chance
            dut.o__ready.value = int(ready)
            await ReadOnly()
            taken = [name for name, source in self.sources.items() if source.takes()]
            busy = dut.busy.value == 1
            if busy and dut.stalled.value == 0:
                self.tallies[-1].busy_cycles += 1
                self.tallies[-1].build_cycles += int(dut.building.value)
            word = int(dut.o__payload.value) if dut.o__valid.value == 1 else None
            assert waiting in (None, word), f"o changed while it waited: {self._where()}"
            waiting = None if ready else word
            await RisingEdge(dut.clk)
            if word is not None and ready:
                self._emit(word)
            for name in taken:
                self._take(name)
            if taken or (word is not None and ready):
                progress_at = self.cycle
            self.cycle += 1
            if not busy and not taken and self.emitted == len(self.expected):
                break
            assert self.cycle - progress_at < NO_PROGRESS_CYCLES, f"deadlock: {self._where()}"
        left = {name: len(s.words) - s.position for name, s in self.sources.items()}
        assert not any(left.values()), f"operands not taken: {left}"
        return self.tallies

    def _change_pace(self) -> None:
        self.ready_chance = COIN.choice(CHANCES)
        self.late = COIN.random() < 0.5
        for source in self.sources.values():
            source.chance = COIN.choice(CHANCES)

    def _take(self, name: str) -> None:
        _, job = self.sources[name].step()
        if name == "job":
            self.tallies.append(Tally(accepted_at=self.cycle))
            return
        assert job == len(self.tallies) - 1, f"{name} not of the job at hand: {self._where()}"
        tally = self.tallies[job]
        tally.moved[name] += 1
        if tally.first_operand_at < 0:
            tally.first_operand_at = self.cycle

    def _emit(self, word: int) -> None:
        assert self.emitted < len(self.expected), f"one transfer too many: {self._where()}"
        expected, job = self.expected[self.emitted]
        assert job == len(self.tallies) - 1, f"o not of the job at hand: {self._where()}"
        self.emitted += 1
        tally = self.tallies[job]
        tally.mismatches += word != expected
        tally.last_output_at = self.cycle
        tally.moved["o"] += 1

    def _where(self) -> str:
        return f"cycle {self.cycle}, {len(self.tallies)} jobs accepted, {self.emitted} emitted"


async def reset(dut: Any) -> None:
    """Two cycles of reset with every stream idle."""
    for name in STREAMS.values():
        getattr(dut, f"{name}__valid").value = 0
    dut.o__ready.value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0


async def abandon(dut: Any) -> None:
    """Start a job on garbage and reset the slice in the middle of it."""
    job = random_job(CFG, "uniform", RNG)
    dut.i_job__payload.value = job.word
    dut.i_a__payload.value = job.a[0]
    dut.i_w__payload.value = job.w[0]
    for name in STREAMS.values():
        getattr(dut, f"{name}__valid").value = 1
    dut.o__ready.value = 1
    for _ in range(COIN.randrange(1, 40)):
        await RisingEdge(dut.clk)
    await reset(dut)


async def run_batch(dut: Any, jobs: list[LutJob], *, stalled: bool) -> None:
    """Drive jobs back to back and hold what happened to the models."""
    driver = Driver(dut, jobs, stalled=stalled)
    start = time.perf_counter()
    tallies = await driver.run()
    REPORT.driven_s += time.perf_counter() - start
    REPORT.driven_cycles += driver.cycle
    for i, (job, tally) in enumerate(zip(jobs, tallies, strict=True)):
        n_builds = builds(CFG, job.activations)
        bits = job.weight_bits
        cycles = int(job_cycles(CFG, job.n, job.k, weight_bits=bits, n_builds=n_builds))
        REPORT.jobs += 1
        REPORT.vectors += tally.moved["o"]
        REPORT.stalled_vectors += tally.moved["o"] * stalled
        REPORT.mismatches += tally.mismatches
        REPORT.compare("mismatching results", job, tally.mismatches, 0)
        REPORT.compare("transfers", job, tally.moved, transfers(CFG, job.n, job.k, bits))
        REPORT.cycles("busy cycles", job, tally.busy_cycles, cycles)
        REPORT.cycles("build cycles", job, tally.build_cycles, n_builds * CFG.build_cycles)
        if stalled:
            continue
        latency = tally.last_output_at - tally.first_operand_at + 1
        REPORT.cycles("latency", job, latency, cycles)
        dispatch = tally.first_operand_at - tally.accepted_at
        REPORT.cycles("dispatch", job, dispatch, CFG.dispatch_cycles)
        if i + 1 < len(tallies):
            interval = tallies[i + 1].accepted_at - tally.accepted_at
            REPORT.cycles("interval", job, interval, cycles + CFG.dispatch_cycles)


@cocotb.test()
async def the_slice_agrees_with_its_models(dut: Any) -> None:
    """Batches of one to eight jobs; before some of them, a job is cut short by a reset."""
    Clock(dut.clk, PERIOD_NS, "ns").start()
    await reset(dut)
    kinds = list(DATA)
    try:
        for stalled in (False, True):
            left = PLAN["stalled" if stalled else "unstalled"]
            while left:
                size = min(left, COIN.randint(1, 8))
                if COIN.random() < 0.25:
                    await abandon(dut)
                jobs = [random_job(CFG, COIN.choice(kinds), RNG) for _ in range(size)]
                left -= size
                await run_batch(dut, jobs, stalled=stalled)
    except AssertionError as error:  # of the driver: the slice broke the protocol, or stopped
        REPORT.complaints.append(str(error).splitlines()[0])
    finally:
        cosim.write_report(asdict(REPORT))
    assert not REPORT.complaints, "\n".join(REPORT.complaints)
