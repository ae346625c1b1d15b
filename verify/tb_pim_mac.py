"""Testbench of one bank's unit: its sums in every cycle.

Runs inside the simulator; :mod:`lockstep.verify.pim` writes its plan: ``cfg``, and the ``batches`` to
run, each a number of operands, a kind of data, and the chance of operands in a cycle.
"""

import random
import time
from collections import deque
from dataclasses import asdict
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from lockstep.arch.pim import PimMacConfig
from lockstep.sim.golden.pim import I64, mac_step
from lockstep.verify import cosim
from lockstep.verify.pim_traffic import packed, random_codes, random_sums
from lockstep.verify.tb_report import Report

PERIOD_NS = 2
PLAN = cosim.plan()
CFG = PimMacConfig.model_validate(PLAN["cfg"])
RNG = np.random.default_rng(cocotb.RANDOM_SEED)
COIN = random.Random(cocotb.RANDOM_SEED)
REPORT = Report()
MASK = (1 << CFG.acc_bits) - 1


class Driver:
    """Ports, and what the sums should be in each cycle."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.sums: I64 = np.zeros(CFG.accumulators, np.int64)
        self.late: deque[tuple[int, int, I64, I64]] = deque()  # when seen, which, operands
        self.cycle = 0

    async def step(
        self, operands: tuple[int, I64, I64] | None, load: tuple[int, int] | None
    ) -> int:
        """One cycle; returns the sums it showed."""
        dut, bits = self.dut, CFG.format.element_bits
        dut.take.value = int(operands is not None)
        dut.load.value = int(load is not None)
        dut.operands.value = COIN.getrandbits(len(dut.operands))
        dut.initial.value = COIN.getrandbits(len(dut.initial))
        if operands is not None:
            index, a, b = operands
            word = packed(np.array([index]), 8) << 2 * CFG.burst_bits
            dut.operands.value = word | packed(b, bits) << CFG.burst_bits | packed(a, bits)
            self.late.append((self.cycle + CFG.latency_cycles, index, a, b))
        if load is not None:
            dut.initial.value = load[0] << CFG.acc_bits | load[1] & MASK
        await ReadOnly()
        shown = int(dut.sums.value)
        while self.late and self.late[0][0] == self.cycle:
            _, index, a, b = self.late.popleft()
            self.sums[index] = mac_step(CFG, self.sums[index], a, b)
        if shown != packed(self.sums, CFG.acc_bits):
            REPORT.mismatches += 1
            REPORT.complain(f"sums differ in cycle {self.cycle}")
            for k in range(CFG.accumulators):  # go on from what is there
                word = shown >> k * CFG.acc_bits & MASK
                is_negative = not CFG.product.is_float and word >> CFG.acc_bits - 1
                self.sums[k] = word - (1 << CFG.acc_bits) * is_negative
        if load is not None:
            self.sums[load[0]] = load[1]
        self.cycle += 1
        await RisingEdge(dut.clk)
        return shown

    async def settle(self) -> None:
        """Wait until no operands are on their way."""
        while self.late:
            await self.step(None, None)

    async def latency(self, kind: str) -> int | None:
        """Cycles from operands to a changed sum; None if it did not change in time."""
        await self.settle()
        index = COIN.randrange(CFG.accumulators)
        a, b = random_codes(CFG, kind, (2, CFG.lanes), RNG)
        if int(mac_step(CFG, self.sums[index], a, b)) == int(self.sums[index]):
            return CFG.latency_cycles
        before = await self.step((index, a, b), None)
        for cycles in range(1, 3 * CFG.latency_cycles):
            if await self.step(None, None) != before:
                return cycles
        return None


async def run_batch(driver: Driver, count: int, kind: str, chance: float) -> None:
    """Operands at random, accumulators overwritten now and then, and a few alone for their latency."""
    taken = 0
    while taken < count:
        load = None
        if COIN.random() < 0.02:
            await driver.settle()
            index = COIN.randrange(CFG.accumulators)
            load = (index, int(random_sums(CFG, kind, (1,), RNG)[0]))
        operands = None
        if COIN.random() < chance:
            a, b = random_codes(CFG, kind, (2, CFG.lanes), RNG)
            operands = (COIN.randrange(CFG.accumulators), a, b)
            taken += 1
        await driver.step(operands, load)
    for _ in range(4):
        latency = await driver.latency(kind)
        if latency is None:
            REPORT.complain("a sum did not change")
        else:
            REPORT.cycle_errors.append(latency - CFG.latency_cycles)
    await driver.settle()
    REPORT.jobs += 1
    REPORT.vectors += taken
    REPORT.stalled_vectors += taken * (chance < 1)


@cocotb.test()
async def the_unit_agrees_with_its_model(dut: Any) -> None:
    """Batches one after another; the sums of one are where the next begins."""
    Clock(dut.clk, PERIOD_NS, "ns").start()
    dut.take.value = 0
    dut.load.value = 0
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    driver = Driver(dut)
    start = time.perf_counter()
    for count, kind, chance in PLAN["batches"]:
        await run_batch(driver, count, kind, chance)
    REPORT.driven_s, REPORT.driven_cycles = time.perf_counter() - start, driver.cycle
    if any(REPORT.cycle_errors):
        REPORT.complain("sums come in other cycles than the config's latency says")
    cosim.write_report(asdict(REPORT))
    assert not REPORT.complaints, "\n".join(REPORT.complaints)
