"""Speed of the translation simulator: ``python -m benchmarks translation``.

The streams are made beforehand and not timed. A chain of dependent reads, each at a random place in
as much memory as the simulated TLBs and caches take, shows what the host's memory allows.
"""

import resource
import statistics
import time

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig
from lockstep.sim.cycle.translation.simulator import TranslationSimulator
from lockstep.workloads.streams.catalogue import stream

ACCESSES = 10_000_000
RUNS = 3
CASES = [
    (workload, mechanism, virtualised)
    for virtualised in (False, True)
    for workload in ("gups", "bfs")
    for mechanism in ("radix", "victima")
]
PROBE_BYTES = 1 << 20
PROBE_READS = 5_000_000


def measure(session: Session) -> Table:
    """One row per stream, mechanism and mode: accesses per second, and what was simulated."""
    rows: list[Row] = []
    chunks = {}
    for workload in ("gups", "bfs"):
        session.say(f"translation: stream {workload}")
        chunks[workload] = list(stream(workload).chunks(ACCESSES))
    streams_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for workload, mechanism, virtualised in CASES:
        session.say(f"translation: {workload} {mechanism}")
        changes = (f"mechanism={mechanism}", f"virtualised={str(virtualised).lower()}")
        simulator = TranslationSimulator(load(MmuConfig, resolve("mmu", "victima"), changes))
        simulator.run(chunks[workload][0][:1000])  # compiles, the first time
        part = chunks[workload][:1] if virtualised else chunks[workload]
        accesses = sum(map(len, part))
        seconds, cpu_seconds = [], []
        for _ in range(RUNS):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            for chunk in part:
                simulator.run(chunk)
            seconds.append(time.perf_counter() - begin)
            cpu_seconds.append(time.process_time() - begin_cpu)
        run = simulator.result()
        rows.append({
            "stream": workload,
            "mechanism": mechanism,
            "mode": "virtualised" if virtualised else "native",
            "million_accesses_per_s": accesses / statistics.median(seconds) / 1e6,
            "per_cpu_second": accesses / min(cpu_seconds) / 1e6,
            "page_walks_per_access": run.ptw / run.accesses,
            "l2_tlb_mpki": run.l2_tlb_mpki,
        })
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reads = _dependent_reads_per_s() / 1e6
    gigabytes = (
        f"{peak_kb / 1e6:.2f} GB at most, {streams_kb / 1e6:.2f} GB of it before the first run"
    )
    notes = [
        f"{ACCESSES:,} accesses, virtualised 2**20, made beforehand; the median of {RUNS} passes, the best by CPU time.",
        f"Memory: {gigabytes}, for streams, interpreter and compiler; gups covers 64 GiB.",
        f"Dependent random reads in {PROBE_BYTES >> 20} MiB: {reads:.0f} M per second of CPU time.",
    ]
    return Table(name="translation", title="Translation simulator: speed", rows=rows, notes=notes)


@njit  # type: ignore[untyped-decorator]
def _chase(following: NDArray[np.int64], reads: int) -> int:
    at = 0
    for _ in range(reads):
        at = following[at]
    return at


def _dependent_reads_per_s() -> float:
    rng = np.random.default_rng(1)
    order = rng.permutation(PROBE_BYTES // 8)
    following = np.empty_like(order)
    following[order] = np.roll(order, 1)
    _chase(following, 1)
    begin = time.process_time()
    _chase(following, PROBE_READS)
    return PROBE_READS / (time.process_time() - begin)
