"""Hold the RTL of the cache with TLB blocks to its golden model, over many configs."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lockstep.arch.tlb import LINE_BYTES, CacheConfig, VictimaConfig
from lockstep.rtl.build import part_to_verilog
from lockstep.rtl.tlb.cache import TlbCache
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.mmu_pool import CheckPool
from lockstep.verify.pool import Progress, agreement_row
from lockstep.verify.tb_report import Report
from lockstep.verify.tlb_cache_check import check
from lockstep.verify.tlb_cache_mutants import CACHE_BUGS
from lockstep.verify.tlb_mutants import mutants
from lockstep.verify.verilator import TOP

_FULL = (12_000, 6_000)  # operations without and with stalls, of each config
_QUICK = (2_000, 1_000)
_MUTANT = (3_000, 1_500)
_QUICK_CONFIGS = 2
_QUICK_EVERY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheCase:
    """Geometry, cycles and rules of one cache."""

    sets: int
    ways: int
    latency: int
    tags: int
    rrpv_bits: int = 2
    dram: int = 23
    rules: dict[str, Any] = field(default_factory=dict)

    @property
    def cache(self) -> CacheConfig:
        """Its config."""
        return CacheConfig(
            size_bytes=self.sets * self.ways * LINE_BYTES,
            ways=self.ways,
            latency_cycles=self.latency,
            tag_cycles=self.tags,
            rrpv_bits=self.rrpv_bits,
        )

    @property
    def victima(self) -> VictimaConfig:
        """The rules it follows."""
        return VictimaConfig.model_validate(self.rules)

    @property
    def name(self) -> str:
        """What it is, in words."""
        rules = ", ".join(f"{name} {value}" for name, value in self.rules.items())
        return (
            f"{self.sets} sets of {self.ways} ways, {self.latency} cycles, tags {self.tags}, "
            f"{self.rrpv_bits}-bit RRPVs" + (f", {rules}" if rules else "")
        )

    def emit(self) -> str:
        """Its Verilog."""
        return part_to_verilog(TlbCache(self.cache, self.victima), TOP)


CASES = (
    CacheCase(sets=4, ways=4, latency=6, tags=3),  # the one that bugs are put into
    CacheCase(sets=1, ways=1, latency=2, tags=1, rrpv_bits=1, dram=1),
    CacheCase(sets=2, ways=3, latency=4, tags=1, rrpv_bits=4, rules={"probe_sizes": "4k"}),
    CacheCase(sets=2, ways=11, latency=20, tags=19, rrpv_bits=3, rules={"aware_promotion": False}),
    CacheCase(
        sets=8, ways=2, latency=5, tags=2, rules={"probe_sizes": "2m", "aware_victim": False}
    ),
    CacheCase(sets=1, ways=16, latency=16, tags=3, rrpv_bits=1, rules={"aware_insertion": False}),
    CacheCase(
        sets=2,
        ways=4,
        latency=3,
        tags=1,
        rules={"aware_insertion": False, "aware_victim": False, "aware_promotion": False},
    ),
)


def verify_tlb_cache(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """One row: random operations of all kinds, each compared in all that it does and returns.

    Hit or miss, way, RRPVs of the set, data and entries of TLB blocks, lines written back, cycles.
    ``jobs`` and ``vectors`` are operations.

    Parameters
    ----------
    quick : bool
        A sample instead of all configs and mutants.
    progress : callable or None
        Told of each run that is done.
    seed : int
        Of operations and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    tried = CASES[: _QUICK_CONFIGS if quick else None]
    with CheckPool(progress) as pool:
        reports = [
            pool.submit(
                case.name, partial(_check, case, case.emit(), _QUICK if quick else _FULL, seed)
            )
            for case in tried
        ]
        mutated = CASES[0]
        texts = mutants(mutated.emit, CACHE_BUGS, every=_QUICK_EVERY if quick else 1)
        missed = [
            pool.mutant(mutated.name, bug, partial(_check, mutated, text, _MUTANT, seed))
            for bug, text in texts.items()
        ]
        return [
            agreement_row(
                "L2 cache with TLB blocks",
                [case.name for case in tried],
                [report.result() for report in reports],
                [bug.result() for bug in missed],
            )
        ]


def _check(
    case: CacheCase, verilog: str, counts: tuple[int, int], seed: int, report: Report
) -> None:
    for stalled, count in enumerate(counts):
        check(
            verilog,
            case.cache,
            case.victima,
            count=count,
            seed=seed + stalled,
            stalled=bool(stalled),
            report=report,
            dram_cycles=case.dram,
        )
