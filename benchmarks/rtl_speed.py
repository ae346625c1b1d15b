"""The RTL itself: how long it takes to build, and how many cycles a second it simulates."""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amaranth.sim import Simulator

from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.machine import load_machine
from lockstep.arch.tensor import TensorConfig
from lockstep.rtl.build import to_verilog
from lockstep.rtl.tensor.engine import SystolicEngine
from lockstep.verify.cosim import simulate
from lockstep.verify.tensor import TESTBENCH
from lockstep.verify.tensor_traffic import job_word
from lockstep.verify.verilator import TOP, build

ARRAYS = (8, 16)
DRIVEN = [[48, 48, 64]] * 12
LONG = [256, 256, 512]
PYSIM_CYCLES = {8: 1000, 16: 300}


def measure(session: Session) -> Table:
    """One row for each array."""
    return Table(
        name="rtl",
        title="RTL of an output-stationary int8 array: build and simulation",
        rows=[_row(session, array) for array in ARRAYS],
        notes=[
            "Build: Verilator and g++, from an empty cache, Verilator's own runtime included.",
            (
                "Driven: the testbench of `lockstep verify`; Python feeds and checks every "
                "cycle. Free running: operands tied, one job, no Python until it ends."
            ),
            "amaranth.sim: the same engine in Amaranth's own simulator, operands tied.",
        ],
    )


def _row(session: Session, array: int) -> Row:
    size = f"{array}x{array}"
    session.say(f"rtl: building {size}")
    overrides = [f"tensor.rows={array}", f"tensor.cols={array}"]
    cfg = load_machine("edge-os16", overrides).machine.tensor
    verilog = to_verilog(cfg, TOP)
    with _empty_cache():
        begin = time.perf_counter()
        build(verilog)
        build_s = time.perf_counter() - begin
        session.say(f"rtl: running {size}")
        plan = {"cfg": cfg.model_dump(), "shapes": DRIVEN, "stalled": [], "long": [LONG]}
        report = simulate(verilog, TESTBENCH, plan)
    session.say(f"rtl: amaranth.sim, {size}")
    return {
        "array": size,
        "verilog_bytes": len(verilog),
        "build_s": build_s,
        "driven_cycles_per_s": report["driven_cycles_per_s"],
        "free_running_cycles_per_s": report["long"][0]["cycles_per_s"],
        "amaranth_sim_cycles_per_s": _pysim_cycles_per_s(cfg, PYSIM_CYCLES[array]),
    }


@contextmanager
def _empty_cache() -> Iterator[None]:
    """Build simulators in a folder of their own, and forget them afterwards."""
    before = os.environ.get("LOCKSTEP_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOCKSTEP_CACHE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["LOCKSTEP_CACHE"]
            else:
                os.environ["LOCKSTEP_CACHE"] = before


def _pysim_cycles_per_s(cfg: TensorConfig, cycles: int) -> float:
    """Cycles per second of amaranth.sim while one job runs on tied operands."""
    engine = SystolicEngine(cfg)
    coin = random.Random(1)
    seconds = 0.0

    async def testbench(ctx: Any) -> None:
        nonlocal seconds
        for port in (engine.i_a, engine.i_b):
            bits = port.payload.as_value()
            ctx.set(bits, coin.getrandbits(len(bits)))
            ctx.set(port.valid, 1)
        ctx.set(engine.o_c.ready, 1)
        ctx.set(engine.i_job.payload.as_value(), job_word(cfg, (cfg.rows, cfg.cols, cfg.job_max)))
        ctx.set(engine.i_job.valid, 1)
        await ctx.tick().until(engine.busy)
        begin = time.perf_counter()
        await ctx.tick().repeat(cycles)
        seconds = time.perf_counter() - begin

    simulator = Simulator(engine)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return cycles / seconds
