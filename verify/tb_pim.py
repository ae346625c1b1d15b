"""Testbench of a PIM channel, or of its sequencer alone: commands, cycles and every result.

Runs inside the simulator; :mod:`lockstep.verify.pim` writes its plan: ``cfg``, whether the design has
``banks``, and ``unstalled`` and ``stalled`` jobs, each as the arguments of :func:`job`.
"""

import random
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.pim_isa import RESULT_COMMANDS, ROW_COMMANDS, Command, Op
from lockstep.sim.cycle.pim import LOG_COLUMNS, run
from lockstep.sim.cycle.pim_checker import check_pim
from lockstep.sim.golden.pim import PimState, execute
from lockstep.verify import cosim
from lockstep.verify.pim_jobs import job
from lockstep.verify.pim_traffic import (
    Job,
    data_words,
    instruction_word,
    log_line,
    packed,
    random_instruction,
    result_widths,
)
from lockstep.verify.tb_report import Report

PERIOD_NS = 2
PLAN = cosim.plan()
CFG = PimChannelConfig.model_validate(PLAN["cfg"])
HAS_BANKS = bool(PLAN["banks"])
RNG = np.random.default_rng(cocotb.RANDOM_SEED)
COIN = random.Random(cocotb.RANDOM_SEED)
STATE = PimState.zero(CFG) if HAS_BANKS else None
NO_PROGRESS_CYCLES = 200 + 4 * (CFG.timing.rfc + CFG.timing.rc + CFG.timing.read_latency)


REPORT = Report()


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the design did with one program."""

    cycles: int = 0
    log: list[tuple[int, ...]] = field(default_factory=list)
    results: list[int] = field(default_factory=list)


class HostSide:
    """Data and results, as the design's ports know them."""

    def __init__(self, dut: Any, job: Job, *, stalled: bool) -> None:
        self.dut, self.stalled = dut, stalled
        self.data = data_words(CFG, job.program, job.words)
        self.sent = 0
        self.offers = False
        self.due: deque[int] = deque()  # of a sequencer alone: when its results can be taken
        self.waiting: int | None = None
        self.ready = False

    def coin(self) -> bool:
        """Whether a stream moves on in this cycle."""
        return not self.stalled or COIN.random() < 0.6

    def drive(self, cycle: int) -> None:
        """Inputs of this cycle."""
        self.offers = self.sent < len(self.data) and (self.offers or self.coin())
        if HAS_BANKS:
            bits = len(self.dut.i_data__payload)
            word = self.data[self.sent] if self.offers else COIN.getrandbits(bits)
            self.dut.i_data__valid.value = int(self.offers)
            self.dut.i_data__payload.value = word
            self.ready = self.coin()
            self.dut.o__ready.value = int(self.ready)
        else:
            self.dut.data_valid.value = int(self.offers)
            self.ready = bool(self.due) and self.due[0] <= cycle and self.coin()
            if self.ready:
                self.due.popleft()
            self.dut.result_taken.value = int(self.ready)

    def sample(self, cycle: int, command: Command | None, seen: Seen) -> None:
        """What happened in this cycle."""
        takes = command in (Command.WR, Command.WRGB, Command.WRMAC)
        if takes:
            if not self.offers:
                REPORT.complain(f"{command} without data")
            self.sent, self.offers = self.sent + 1, False
        if command in RESULT_COMMANDS and not HAS_BANKS:
            t = CFG.timing
            latency = t.read_latency if command == Command.RD else t.register_latency
            self.due.append(cycle + latency)
            if len(self.due) > CFG.result_queue:
                REPORT.complain("more results than the queue holds")
        if HAS_BANKS:
            if (self.dut.i_data__ready.value == 1) != takes:
                REPORT.complain("data taken by another command")
            offer = int(self.dut.o__payload.value) if self.dut.o__valid.value == 1 else None
            if self.waiting is not None and offer != self.waiting:
                REPORT.complain("a result was withdrawn, or changed")
            self.waiting = None if self.ready else offer
            if offer is not None and self.ready:
                seen.results.append(offer)


async def reset(dut: Any) -> None:
    """Two cycles of reset with garbage on the inputs."""
    dut.i__valid.value = 1
    dut.i__payload.value = COIN.getrandbits(len(dut.i__payload))
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0


async def abandon(dut: Any) -> None:
    """Start on instructions that only read, and let the reset come in the middle of them."""
    getattr(dut, "i_data__valid" if HAS_BANKS else "data_valid").value = 0
    getattr(dut, "o__ready" if HAS_BANKS else "result_taken").value = 0
    dut.i__valid.value = 1
    for _ in range(COIN.randrange(1, 60)):
        op = COIN.choice((Op.MAC_ABK, Op.RD_SBK, Op.RD_MAC))
        row = COIN.randrange(CFG.rows)
        dut.i__payload.value = instruction_word(CFG, random_instruction(CFG, op, row, RNG))
        await RisingEdge(dut.clk)


async def drive(dut: Any, job: Job, *, stalled: bool) -> Seen:
    """Run one program from reset to its EOC."""
    host, seen = HostSide(dut, job, stalled=stalled), Seen()
    program = [instruction_word(CFG, i) for i in job.program]
    sent, offers, last_progress = 0, False, 0
    bits = len(dut.i__payload)
    edge, settled = RisingEdge(dut.clk), ReadOnly()
    i_valid, i_ready, i_payload = dut.i__valid, dut.i__ready, dut.i__payload
    command_valid, command_word, done = dut.command_valid, dut.command, dut.done
    cycle, finished = 0, False
    while not finished:
        offers = sent < len(program) and (offers or host.coin())
        i_valid.value = int(offers)
        i_payload.value = program[sent] if offers else COIN.getrandbits(bits)
        host.drive(cycle)
        await settled
        command = None
        if command_valid.value == 1:
            line = log_line(CFG, cycle, int(command_word.value))
            seen.log.append(line)
            command = Command(line[1])
            last_progress = cycle if command != Command.REF else last_progress
        host.sample(cycle, command, seen)
        if offers and i_ready.value == 1:
            sent, offers, last_progress = sent + 1, False, cycle
        finished = done.value == 1
        cycle += 1
        assert cycle - last_progress < NO_PROGRESS_CYCLES, "no progress"
        await edge
    if host.due or host.sent < len(host.data) or sent < len(program):
        REPORT.complain("ended before all was done")
    seen.cycles = cycle
    return seen


def compare(job: Job, seen: Seen, *, stalled: bool) -> None:
    """Hold what a program did to the models and to the protocol."""
    log = np.array(seen.log, np.int64).reshape(-1, len(LOG_COLUMNS))
    for breach in check_pim(CFG, log, seen.cycles)[:3]:
        REPORT.complain(f"{breach.rule} broken by {breach.command} at cycle {breach.cycle}")
    model = run(CFG, job.program, log=True)
    assert model.log is not None
    if stalled:
        _compare_columns(log, model.log)
    else:
        REPORT.cycle_errors.append(seen.cycles - model.cycles)
        REPORT.cycle_errors += _command_errors(log, model.log)
        if seen.cycles != model.cycles:
            REPORT.complain(f"{seen.cycles} cycles, model {model.cycles}")
    REPORT.jobs += 1
    results = len(log)
    if HAS_BANKS:
        assert STATE is not None
        STATE.sums[:] = 0  # by the reset
        expected = execute(CFG, STATE, job.program, job.words)
        widths = result_widths(CFG, job.program)
        words = [packed(word, bits) for word, (bits, _) in zip(expected, widths, strict=True)]
        masks = [(1 << bits * count) - 1 for bits, count in widths]
        pairs = zip(seen.results, words, masks, strict=False)
        wrong = sum(got & mask != word for got, word, mask in pairs)
        wrong += abs(len(words) - len(seen.results))
        REPORT.mismatches += wrong
        if wrong:
            REPORT.complain(f"{wrong} of {len(words)} results differ")
        results = len(words)
    REPORT.vectors += results
    REPORT.stalled_vectors += results * stalled


def _command_errors(log: Any, model: Any) -> list[int]:
    """Cycle differences, command by command."""
    if log.shape != model.shape or not np.array_equal(log[:, 1:], model[:, 1:]):
        REPORT.complain("commands differ from the model's")
        return []
    errors = (log[:, 0] - model[:, 0]).tolist()
    if any(errors):
        REPORT.complain("commands come in other cycles than the model's")
    return [int(error) for error in errors]


def _compare_columns(log: Any, model: Any) -> None:
    """Stalls move refreshes, but not the order of all else."""
    columns = [*ROW_COMMANDS, Command.WRGB, Command.RDMAC, Command.WRMAC]
    mine, its = (x[np.isin(x[:, 1], columns)][:, 1:] for x in (log, model))
    if not np.array_equal(mine, its):
        REPORT.complain("column commands differ from the model's")


@cocotb.test()
async def the_channel_agrees_with_its_models(dut: Any) -> None:
    """Programs one after another, each from a reset; memory keeps what the one before left.

    Before some of them, reads and sums are cut short by the reset.
    """
    Clock(dut.clk, PERIOD_NS, "ns").start()
    try:
        for stalled in (False, True):
            for arguments in PLAN["stalled" if stalled else "unstalled"]:
                chosen = job(CFG, arguments, RNG)
                if COIN.random() < 0.25:
                    await abandon(dut)
                await reset(dut)
                start = time.perf_counter()
                seen = await drive(dut, chosen, stalled=stalled)
                REPORT.driven_s += time.perf_counter() - start
                REPORT.driven_cycles += seen.cycles
                compare(chosen, seen, stalled=stalled)
    except AssertionError as error:  # it stopped
        REPORT.complain(str(error).splitlines()[0])
    finally:
        cosim.write_report(asdict(REPORT))
    assert not REPORT.complaints, "\n".join(REPORT.complaints)
