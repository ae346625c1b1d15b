"""Drives jobs through a simulated tensor engine and counts what it does, cycle by cycle.

Runs inside the simulator. Inputs change after a clock edge, everything is sampled once it has settled.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cocotb.triggers import ReadOnly, RisingEdge

from lockstep.arch.tensor import TensorBase
from lockstep.verify.tensor_traffic import Job

# A fold has R + C cycles without transfers, a random stall tens of cycles.
NO_PROGRESS_CYCLES = 2000
_CHANCES = (0.1, 0.25, 0.5, 0.9, 1.0)  # per cycle, that a stream which may stall does not
_PACE_CYCLES = 50  # then every stream gets another chance, so that few jobs see many combinations


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the engine did for one job; cycles count from the start of the batch."""

    accepted_at: int
    busy_cycles: int = 0
    stalled_cycles: int = 0
    first_operand_at: int = -1
    last_output_at: int = -1
    mismatches: int = 0
    vectors: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0, "c_in": 0, "c_out": 0})
    elements: dict[str, int] = field(
        default_factory=lambda: {"a": 0, "b": 0, "c_in": 0, "c_out": 0}
    )


class Source:
    """An input stream: a word stays valid until it is taken, garbage stands in between."""

    def __init__(self, dut: Any, name: str, coin: random.Random) -> None:
        self.valid, self.ready, self.payload = (
            getattr(dut, f"{name}__{part}") for part in ("valid", "ready", "payload")
        )
        self.chance = 1.0
        self.coin = coin
        # Word, useful lanes, job; None where the word is not known yet.
        self.words: list[tuple[int, int, int] | None] = []
        self.position = 0
        self.offered = False
        self.taken = True  # what was offered last; its valid still stands

    def offer(self, jobs: int) -> None:
        """At the start of a cycle: offer the next word, if it belongs to one of the first ``jobs``."""
        if self.offered:
            return
        word = self._next()
        if word is not None and word[2] < jobs and self.coin.random() < self.chance:
            self.offered = True
            self.valid.value = 1
            self.payload.value = word[0]
        elif self.taken:
            self.valid.value = 0
            self.payload.value = self.coin.getrandbits(len(self.payload))
        self.taken = False

    def _next(self) -> tuple[int, int, int] | None:
        return self.words[self.position] if self.position < len(self.words) else None

    def takes(self) -> bool:
        """In the settled cycle: whether its end takes the word."""
        return self.offered and self.ready.value == 1

    def step(self) -> tuple[int, int]:
        """After the edge that took a word: its useful lanes and its job."""
        taken = self._next()
        assert taken is not None
        _, lanes, job = taken
        self.position += 1
        self.offered = False
        self.taken = True
        return lanes, job


class Driver:
    """One batch of jobs, back to back.

    Parameters
    ----------
    dut : cocotb handle
        The engine.
    cfg : TensorBase
        Of that engine.
    jobs : sequence of Job
    stalled : bool
        Whether the streams stall at random, each at its own pace.
    coin : random.Random
    """

    def __init__(
        self,
        dut: Any,
        cfg: TensorBase,
        jobs: Sequence[Job],
        *,
        stalled: bool,
        coin: random.Random,
    ) -> None:
        self.dut = dut
        self.cfg = cfg
        self.coin = coin
        self.stalled = stalled
        self.ready_chance = 1.0
        # Operands wait in line, or come only once their job has been accepted.
        self.late = False
        # Jobs wait in line, or come only once the engine is idle, when rows of C may still wait.
        self.patient = False
        names = {"job": "i_job", "a": "i_a", "b": "i_b", "c_in": "i_c"}
        self.sources = {key: Source(dut, name, coin) for key, name in names.items()}
        self.expected: list[tuple[int, int, int, bool]] = []  # word, useful lanes, job, feeds back
        for index, job in enumerate(jobs):
            self.sources["job"].words.append((job.word(cfg), 4, index))
            self.sources["a"].words.extend((v.word, v.lanes, index) for v in job.a)
            self.sources["b"].words.extend((v.word, v.lanes, index) for v in job.b)
            self.sources["c_in"].words.extend(
                (v.word, v.lanes, index) if v else None for v in job.c_in
            )
            self.expected.extend(
                (v.word, v.lanes, index, back)
                for v, back in zip(job.c_out, job.feeds_back, strict=True)
            )
        self.n_jobs = len(jobs)
        self.emitted = 0
        self.fed_back = 0  # where in the words of c_in the search for the next gap starts
        self.tallies: list[Tally] = []
        self.cycle = 0

    async def run(self) -> list[Tally]:
        """Drive the batch until the engine is idle again.

        Raises
        ------
        AssertionError
            If the engine breaks the stream protocol, stops, emits too much or takes too little.
        """
        dut = self.dut
        ready = occupied = False
        dut.o_c__ready.value = 0
        waiting: int | None = None  # the word o_c offered in the last cycle and nobody took
        progress_at = 0
        while True:
            if self.stalled and self.cycle % _PACE_CYCLES == 0:
                self._change_pace()
            accepted = len(self.tallies)
            for name, source in self.sources.items():
                wait = self.patient and occupied if name == "job" else self.late
                source.offer(accepted if wait else self.n_jobs)
            if (now := self.coin.random() < self.ready_chance) != ready:
                ready = now
                dut.o_c__ready.value = int(ready)
            await ReadOnly()
            taken = [name for name, source in self.sources.items() if source.takes()]
            busy = dut.busy.value == 1
            occupied = busy or "job" in taken
            if busy:
                self.tallies[-1].busy_cycles += 1
                self.tallies[-1].stalled_cycles += int(dut.stalled.value)
            offered = dut.o_c__valid.value == 1
            word = int(dut.o_c__payload.value) if offered else None
            assert waiting is None or word == waiting, (
                f"o_c changed while it waited: {self._where()}"
            )
            waiting = None if ready else word
            await RisingEdge(dut.clk)
            if word is not None and ready:
                self._emit(word)
            for name in taken:
                self._take(name)
            if taken or (offered and ready):
                progress_at = self.cycle
            self.cycle += 1
            if not busy and not taken and self.emitted == len(self.expected):
                break
            assert self.cycle - progress_at < NO_PROGRESS_CYCLES, f"deadlock: {self._where()}"
        left = {n: len(s.words) - s.position for n, s in self.sources.items()}
        assert not any(left.values()), f"operands not taken: {left}"
        return self.tallies

    def _change_pace(self) -> None:
        self.ready_chance = self.coin.choice(_CHANCES)
        self.late = self.coin.random() < 0.75
        self.patient = self.coin.random() < 0.5
        for source in self.sources.values():
            source.chance = self.coin.choice(_CHANCES)

    def _take(self, name: str) -> None:
        lanes, job = self.sources[name].step()
        if name == "job":
            self.tallies.append(Tally(accepted_at=self.cycle))
            return
        assert job < len(self.tallies), f"operand {name} taken ahead of its job: {self._where()}"
        tally = self.tallies[job]
        tally.vectors[name] += 1
        tally.elements[name] += lanes
        if tally.first_operand_at < 0:
            tally.first_operand_at = self.cycle

    def _emit(self, word: int) -> None:
        assert self.emitted < len(self.expected), f"one row too many: {self._where()}"
        expected, lanes, job, feeds_back = self.expected[self.emitted]
        assert job < len(self.tallies), f"row emitted ahead of its job: {self._where()}"
        self.emitted += 1
        tally = self.tallies[job]
        tally.mismatches += word != expected
        tally.last_output_at = self.cycle
        tally.vectors["c_out"] += 1
        tally.elements["c_out"] += lanes
        if feeds_back:
            # Edge lanes come back as garbage, as from a memory that keeps only the matrix.
            used = lanes * self.cfg.mac.acc_bits
            noise = self.coin.getrandbits(self.cfg.cols * self.cfg.mac.acc_bits) >> used << used
            words = self.sources["c_in"].words
            self.fed_back = words.index(None, self.fed_back)
            words[self.fed_back] = (word & ((1 << used) - 1) | noise, lanes, job)

    def _where(self) -> str:
        return f"cycle {self.cycle}, {len(self.tallies)} jobs accepted, {self.emitted} rows emitted"
