"""What all experiments on Victima (MICRO'23) share: workloads, sizes of runs, machines, and running them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import exp, log

from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig
from lockstep.papers.reproduction import Progress
from lockstep.sim.cycle.translation.run import TranslationRun
from lockstep.sim.cycle.translation.simulator import TranslationSimulator
from lockstep.workloads.streams.catalogue import stream
from lockstep.workloads.streams.chunk import Stream

GRAPH = {"scale": 21}
"""2**21 vertices of 64 bytes, 2**25 edges of 16 bytes in both directions: 1.1 GB."""

OPTIONS: Mapping[str, Mapping[str, int]] = {
    "bc": GRAPH, "bfs": GRAPH, "cc": GRAPH, "gc": GRAPH, "pr": GRAPH, "tc": GRAPH, "sssp": GRAPH,
    "gups": {"table_log2": 30}, "xs": {}, "dlrm": {}, "gen": {"table_log2": 26}, "paged-kv": {},
}  # fmt: skip
"""Sizes of the workloads' data: 1 to 13 GB."""

WORKLOADS = tuple(OPTIONS)
PAPERS_OWN = WORKLOADS[:-1]
"""The paper's eleven; ours run the same algorithms, on data of our own."""

MECHANISMS = ("radix", "large_l2_tlb", "l3_tlb", "pom_tlb", "victima")

CHUNK = 1 << 20
"""Accesses that all machines take in turn."""


@dataclass(frozen=True, slots=True)
class Size:
    """Accesses of a run, in chunks: not simulated at all, only warming up, counted."""

    skipped: int
    warmup: int
    counted: int

    def __str__(self) -> str:
        skipped, warmup, counted = (
            round(n * CHUNK / 1e6, 1) for n in (self.skipped, self.warmup, self.counted)
        )
        return (
            f"{counted} million accesses, after {warmup} million that warm the machine up, and "
            f"{skipped} million that are skipped"
        )


FULL = Size(skipped=12, warmup=3, counted=5)
"""Runs that speed is told from; what is skipped builds data structures."""

SHORT = Size(skipped=12, warmup=2, counted=2)
"""Runs of sweeps, of which there are many."""


@lru_cache(maxsize=256)
def mmu(*settings: str) -> MmuConfig:
    """The paper's machine, ``configs/mmu/victima.yaml``, with settings ``key=value``."""
    return load(MmuConfig, resolve("mmu", "victima"), settings)


@lru_cache(maxsize=len(WORKLOADS))
def workload(name: str) -> Stream:
    """A workload at its size; graphs and tables are made once."""
    return stream(name, **OPTIONS[name])


def measured(
    accesses: Stream, cfgs: Mapping[str, MmuConfig], size: Size, *, page_profile: bool = False
) -> dict[str, TranslationRun]:
    """Run a stream through machines side by side."""
    simulators = {
        name: TranslationSimulator(cfg, page_profile=page_profile) for name, cfg in cfgs.items()
    }
    begin = size.skipped + size.warmup
    for i, chunk in enumerate(accesses.chunks((begin + size.counted) * CHUNK, CHUNK)):
        if i < size.skipped:
            continue
        for simulator in simulators.values():
            if i == begin:
                simulator.reset_counts()
            simulator.run(chunk)
    return {name: simulator.result() for name, simulator in simulators.items()}


@cache
def all_mechanisms(name: str, size: Size, *, virtualised: bool) -> dict[str, TranslationRun]:
    """A workload with every mechanism."""
    nested = f"virtualised={str(virtualised).lower()}"
    cfgs = {each: mmu(f"mechanism={each}", nested) for each in MECHANISMS}
    return measured(workload(name), cfgs, size)


Runs = Mapping[str, Mapping[str, TranslationRun]]
"""By workload, then by mechanism or machine."""


def speedup_runs(
    names: Sequence[str], size: Size, progress: Progress, *, virtualised: bool = False
) -> Runs:
    """All workloads with every mechanism; several experiments look at them."""
    found = {}
    for name in names:
        progress(f"{name} {'virtualised' if virtualised else 'native'}: {', '.join(MECHANISMS)}")
        found[name] = all_mechanisms(name, size, virtualised=virtualised)
    return found


def speedup(run: TranslationRun, over: TranslationRun) -> float:
    """Of a run over another one of the same instructions."""
    return over.cycles / run.cycles


def geometric_mean(values: Sequence[float]) -> float:
    """Of positive values."""
    return exp(sum(map(log, values)) / len(values))


def mean(values: Sequence[float]) -> float:
    """Arithmetic."""
    return sum(values) / len(values)


def data_hits(run: TranslationRun) -> int:
    """Of loads, stores and fetches in the L2 cache."""
    return int(run.summary()["l2_data_hits"])
