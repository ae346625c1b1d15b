"""The RTL itself: how long it takes to build, and how many cycles a second it simulates."""

import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from amaranth.sim import Simulator

from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.machine import load_machine
from lockstep.arch.tensor import TensorConfig
from lockstep.rtl.build import component, to_verilog
from lockstep.sim.cycle.tensor import compute_cycles
from lockstep.verify.cosim import simulate
from lockstep.verify.harness import build_harness, run_freely
from lockstep.verify.tensor import TESTBENCH
from lockstep.verify.tensor_traffic import job_word, random_job
from lockstep.verify.verilator import TOP, build

ARRAYS = (8, 16, 32)
DRIVEN = [[48, 48, 64]] * 12
LONG = [256, 256, 512]
PYSIM_CYCLES = {8: 1000, 16: 300}
HARNESS_BATCHES = {8: 100, 16: 100}  # of the jobs in DRIVEN; 0.7 M cycles at 8x8


def measure(session: Session) -> Table:
    """One row for each array."""
    return Table(
        name="rtl",
        title="RTL of an output-stationary int8 array: build and simulation",
        rows=[_row(session, array) for array in ARRAYS],
        notes=[
            "Verilog: Amaranth and its Yosys, from the machine file to text.",
            (
                "Build: Verilator and g++, from an empty cache, Verilator's own runtime included; "
                "wall-clock seconds, and the processor's, which do not depend on the load."
            ),
            (
                "Driven: the testbench of `lockstep verify`; Python feeds and checks every "
                "cycle. Free running: operands tied, one job, no Python until it ends."
            ),
            (
                "C++: job after job of random operands fed by C++, every output word compared with "
                "the golden model's, busy cycles equal to the cycle model's; median of five runs."
            ),
            "amaranth.sim: the same engine in Amaranth's own simulator, operands tied.",
        ],
    )


def _row(session: Session, array: int) -> Row:
    size = f"{array}x{array}"
    session.say(f"rtl: building {size}")
    overrides = [f"tensor.rows={array}", f"tensor.cols={array}"]
    cfg = load_machine("edge-os16", overrides).machine.engine
    begin = time.perf_counter()
    verilog = to_verilog(cfg, TOP)
    verilog_s = time.perf_counter() - begin
    harness_s = harness = pysim = None
    with _empty_cache():
        build_s, build_cpu_s = _build_s(lambda: build(verilog))
        session.say(f"rtl: running {size}")
        plan = {"cfg": cfg.model_dump(), "shapes": DRIVEN, "stalled": [], "long": [LONG]}
        report = simulate(verilog, TESTBENCH, plan)
        if array in HARNESS_BATCHES:
            session.say(f"rtl: C++ harness, {size}")
            harness_s, _ = _build_s(lambda: build_harness(verilog))
            harness = _harness_cycles_per_s(cfg, verilog, HARNESS_BATCHES[array])
    if array in PYSIM_CYCLES:
        session.say(f"rtl: amaranth.sim, {size}")
        pysim = _pysim_cycles_per_s(cfg, PYSIM_CYCLES[array])
    return {
        "array": size,
        "verilog_s": verilog_s,
        "verilog_bytes": len(verilog),
        "build_s": build_s,
        "build_cpu_s": build_cpu_s,
        "driven_cycles_per_s": report["driven_cycles_per_s"],
        "free_running_cycles_per_s": report["long"][0]["cycles_per_s"],
        "cpp_build_s": harness_s,
        "cpp_cycles_per_s": harness,
        "amaranth_sim_cycles_per_s": pysim,
    }


def _build_s(make: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds of what runs in child processes."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    make()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begin, cpu_s


def _harness_cycles_per_s(cfg: TensorConfig, verilog: str, batches: int) -> float:
    """Median of five runs, each of which must agree with both models.

    Raises
    ------
    RuntimeError
        If one does not.
    """
    shapes = [(m, n, k) for m, n, k in DRIVEN]
    jobs = [random_job(cfg, s, np.random.default_rng(seed)) for seed, s in enumerate(shapes)]
    busy = batches * sum(int(compute_cycles(cfg, *shape)) for shape in shapes)
    runs = [run_freely(verilog, cfg, jobs, batches=batches) for _ in range(5)]
    for run in runs:
        if run.mismatches or run.busy_cycles != busy:
            raise RuntimeError(f"{run.mismatches} mismatches, {run.busy_cycles} of {busy} cycles")
    return statistics.median(run.cycles_per_s for run in runs)


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
    engine: Any = component(cfg)
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
