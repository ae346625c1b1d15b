"""Testbench of PTW-CP and of the rates that overrule it: every verdict against the golden model.

Runs inside the simulator; :mod:`lockstep.verify.tlb` writes its plan: ``predictor``, whose counters are all
tried, or ``pressure``, for which so many instructions retire at random ``unstalled``, each cycle, and
``stalled``, with pauses.
"""

import random
import time
from dataclasses import asdict
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from lockstep.arch.tlb import PredictorConfig, VictimaConfig
from lockstep.sim.golden.predictor import Pressure, costly, counted
from lockstep.verify import cosim
from lockstep.verify.tb_report import Report

PERIOD_NS = 2
PACE = 50  # retirements, then misses come at another pace
RESET_AFTER = 5000
PLAN = cosim.plan()
COIN = random.Random(cocotb.RANDOM_SEED)

REPORT = Report()


async def compare_counters(dut: Any, cfg: PredictorConfig) -> None:
    """All counters, also those that no walk leads to, and both kinds of walks."""
    for word in range(1 << 8):
        dut.counters.value, dut.from_dram.value = word & 0x7F, word >> 7
        await Timer(1, "ns")
        counters = word & 7, word >> 3 & 0xF
        frequency, cost = counted(cfg, counters, bool(word >> 7))
        modelled = costly(cfg, counters), frequency | cost << 3
        measured = dut.costly.value == 1, int(dut.counted.value)
        _note("verdict and count", counters, measured, modelled, stalled=False)


async def compare_rates(dut: Any, rules: VictimaConfig) -> None:
    """Retirements, each after some misses."""
    Clock(dut.clk, PERIOD_NS, "ns").start()
    for stalled in (False, True):
        left = PLAN["stalled" if stalled else "unstalled"]
        while left > 0:
            await _retire(dut, rules, min(left, RESET_AFTER), stalled=stalled)
            left -= RESET_AFTER


async def _retire(dut: Any, rules: VictimaConfig, retirements: int, *, stalled: bool) -> None:
    await _reset(dut)
    golden = Pressure(rules)
    often = {"tlb": 0.0, "cache": 0.0}
    mean_gap = 1
    for n in range(retirements):
        if n % PACE == 0:
            mean_gap = COIN.choice((0, 1, 3, 20, rules.window_instructions, 1 << 15))
            often = {name: COIN.choice((0.0, 0.02, 0.1, 0.5, 1.0)) for name in often}
        for name, chance in often.items():
            missing = COIN.random() < chance
            getattr(dut, f"{name}_miss").value = missing
            setattr(golden, f"{name}_misses", getattr(golden, f"{name}_misses") + missing)
        await RisingEdge(dut.clk)
        dut.tlb_miss.value = dut.cache_miss.value = 0
        dut.gap.value = COIN.getrandbits(16)
        while stalled and COIN.random() < 0.3:
            await RisingEdge(dut.clk)
            REPORT.driven_cycles += 1
        gap = min(COIN.randrange(2 * mean_gap + 1), (1 << 16) - 1)
        if COIN.random() < 0.1:
            gap = _gap_to_tie(golden) or gap
        dut.retire.value, dut.gap.value = 1, gap
        await RisingEdge(dut.clk)
        dut.retire.value = 0
        await ReadOnly()
        golden.retire(gap)
        measured = dut.tlb_high.value == 1, dut.cache_high.value == 1
        modelled = golden.tlb_high, golden.cache_high
        _note("flags", f"retirement {n}", measured, modelled, stalled=stalled)
        await Timer(1, "ps")
        REPORT.driven_cycles += 2


def _gap_to_tie(golden: Pressure) -> int | None:
    """Instructions after which there have been exactly as many misses as a threshold allows."""
    rules = golden.rules
    for misses, rate in (
        (golden.tlb_misses, rules.pressure_rate),
        (golden.cache_misses, rules.bypass_rate),
    ):
        if rate and rate[0] and misses * rate[1] % rate[0] == 0:
            gap = misses * rate[1] // rate[0] - golden.instructions
            if 0 <= gap < 1 << 16:
                return gap
    return None


async def _reset(dut: Any) -> None:
    for name in ("retire", "gap", "tlb_miss", "cache_miss"):
        getattr(dut, name).value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0


def _note(what: str, job: object, measured: object, modelled: object, *, stalled: bool) -> None:
    """Nothing here takes a cycle more or less than the next one."""
    REPORT.compare(what, job, measured, modelled)
    REPORT.jobs += 1
    REPORT.vectors += 1
    REPORT.stalled_vectors += stalled
    REPORT.mismatches += measured != modelled


@cocotb.test()
async def verdicts_agree_with_the_model(dut: Any) -> None:
    """One of the two units, whichever the plan names."""
    start = time.perf_counter()
    try:
        if "predictor" in PLAN:
            await compare_counters(dut, PredictorConfig.model_validate(PLAN["predictor"]))
        else:
            await compare_rates(dut, VictimaConfig.model_validate(PLAN["pressure"]))
    finally:
        REPORT.driven_s = time.perf_counter() - start
        cosim.write_report(asdict(REPORT))
    assert not REPORT.complaints, "\n".join(REPORT.complaints)
