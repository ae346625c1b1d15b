"""Hold the RTL of address translation to its golden models, unit by unit, over many configs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lockstep.arch.config import Config
from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import PredictorConfig, TlbConfig, VictimaConfig, WalkCacheConfig
from lockstep.rtl.build import part_to_verilog, to_verilog
from lockstep.rtl.tlb.walker import Walker
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.mmu import verify_mmu
from lockstep.verify.pool import Pool, Progress, agreement_row
from lockstep.verify.tlb_cache import verify_tlb_cache
from lockstep.verify.tlb_mutants import (
    PREDICTOR_BUGS,
    PRESSURE_BUGS,
    TLB_BUGS,
    WALKER_BUGS,
    Bugs,
    mutants,
)
from lockstep.verify.verilator import TOP

Counts = tuple[int, int]  # of accesses, unstalled and stalled

_QUICK_CONFIGS = 2
_QUICK_EVERY = 6  # of mutants

_TLBS = (
    (12, 3, 2),
    (6, 3, 1),
    (1, 1, 5),
    (4, 1, 2),
    (16, 16, 2),
    (8, 8, 1),
    (64, 4, 1),
    (96, 12, 12),
)
_WALK_CACHES = (
    (2, 4, 8, 2, 2),
    (1, 1, 1, 1, 1),
    (3, 6, 12, 3, 2),
    (16, 16, 32, 4, 4),
    (2, 1, 4, 1, 7),
)
_PREDICTORS: tuple[dict[str, int], ...] = (
    {},
    {"min_frequency": 2, "max_frequency": 5, "min_cost": 3, "max_cost": 9},
    {"frequency_bits": 1, "cost_bits": 2, "min_frequency": 0, "min_cost": 0, "max_cost": 2},
)
_WINDOWS: tuple[dict[str, Any], ...] = (
    {"window_instructions": 200, "bypass_mpki": 10.0},
    {"window_instructions": 1000, "bypass_mpki": 0.57, "pressure_mpki": 2.3},
    {"window_instructions": 1, "bypass_mpki": None, "pressure_mpki": 0.0},
    {"window_instructions": 64, "bypass_mpki": 1e6, "pressure_mpki": 62.5},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One config of a unit, and the bugs that are put into it.

    Parameters
    ----------
    name : str
    unit : Config or MmuConfig
        What it is built from; of an ``MmuConfig``, the walker.
    plan : dict
        For its testbench, without counts of accesses.
    counts : tuple of int
        Accesses unstalled and stalled, in a full run; ``quick`` in a quick one, ``mutant`` for a mutant.
    """

    name: str
    unit: Config
    plan: dict[str, object]
    counts: Counts
    quick: Counts
    mutant: Counts = (0, 0)
    bugs: Bugs = field(default_factory=dict)

    def verilog(self) -> str:
        """Of the unit, or of one with a bug while that is planted."""
        if isinstance(self.unit, MmuConfig):
            return part_to_verilog(Walker(self.unit), TOP)
        return to_verilog(self.unit, TOP)

    def planned(self, counts: Counts) -> dict[str, object]:
        """The testbench's plan."""
        return {**self.plan, "unstalled": counts[0], "stalled": counts[1]}


def verify_tlb(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """Rows of the TLB, the page walker, the PTW cost predictor, the L2 cache and the whole MMU.

    ``vectors`` and ``jobs`` are accesses: look-ups, walks with their walk caches, verdicts of the predictor
    and of the rates that overrule it, operations of the cache.

    Parameters
    ----------
    quick : bool
        A sample instead of all configs and mutants.
    progress : callable or None
        Told of each simulation that is done.
    seed : int
        Of addresses, page tables, latencies and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    return [
        *verify_units(quick=quick, progress=progress, seed=seed),
        *verify_tlb_cache(quick=quick, progress=progress, seed=seed),
        *verify_mmu(quick=quick, progress=progress, seed=seed),
    ]


def verify_units(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """The first three of these rows."""
    units = (
        ("TLB", "lockstep.verify.tb_tlb", tlb_cases()),
        ("page walker", "lockstep.verify.tb_walker", walker_cases()),
        ("PTW cost predictor", "lockstep.verify.tb_predictor", predictor_cases()),
    )
    with Pool(progress, seed) as pool:
        return [_verify(pool, unit, bench, cases, quick) for unit, bench, cases in units]


def _verify(
    pool: Pool, unit: str, testbench: str, cases: Sequence[Case], quick: bool
) -> AgreementRow:
    # Everything is queued before anything is waited for.
    tried = [case for i, case in enumerate(cases) if not quick or case.bugs or i < _QUICK_CONFIGS]
    reports = [
        pool.submit(
            case.name,
            case.verilog(),
            testbench,
            case.planned(case.quick if quick else case.counts),
        )
        for case in tried
    ]
    every = _QUICK_EVERY if quick else 1
    missed = [
        pool.mutant(case.name, bug, text, testbench, case.planned(case.mutant))
        for case in tried
        for bug, text in mutants(case.verilog, case.bugs, every=every).items()
    ]
    return agreement_row(
        unit,
        [case.name for case in tried],
        [report.result() for report in reports],
        [bug.result() for bug in missed],
    )


def tlb_cases() -> list[Case]:
    """TLBs of one set, of one way, and of odd numbers of ways; bugs go into the first."""
    cases = []
    for i, (entries, ways, latency) in enumerate(_TLBS):
        cfg = TlbConfig(entries=entries, ways=ways, latency_cycles=latency)
        cases.append(
            Case(
                name=f"{entries} entries in {ways} ways, {latency} cycles",
                unit=cfg,
                plan={"cfg": cfg.model_dump(), "pages": 3 * entries + 4},
                counts=(12_000, 8_000),
                quick=(1500, 1500),
                mutant=(3000, 3000),
                bugs=TLB_BUGS if i == 0 else {},
            )
        )
    return cases


def walker_cases() -> list[Case]:
    """Walkers with small walk caches, with and without counters; bugs go into the first."""
    shipped = load(MmuConfig, resolve("mmu", "victima"))
    cases = []
    for i, (l4, l3, l2, ways, latency) in enumerate(_WALK_CACHES):
        cache = WalkCacheConfig(
            l4_entries=l4, l3_entries=l3, l2_entries=l2, ways=ways, latency_cycles=latency
        )
        predictor = PredictorConfig.model_validate(_PREDICTORS[i]) if i < 3 else None
        cfg = shipped.model_copy(
            update={
                "mechanism": "radix" if i == 4 else "victima",
                "walk_cache": cache,
                "victima": VictimaConfig(predictor=predictor),
            }
        )
        counted = "counted" if predictor else "not counted"
        cases.append(
            Case(
                name=f"{l4}, {l3}, {l2} tables in {ways} ways, {latency} cycles, {counted}",
                unit=cfg,
                plan={"cfg": cfg.model_dump(), "pages": 12 + 3 * (l4 + l3 + l2)},
                counts=(14_000, 8_000),
                quick=(400, 400),
                mutant=(1000, 1000),
                bugs=WALKER_BUGS if i == 0 else {},
            )
        )
    return cases


def predictor_cases() -> list[Case]:
    """Boxes, with all counters tried, and windows; bugs go into one of each."""
    boxes = [PredictorConfig.model_validate(values) for values in _PREDICTORS]
    windows = [VictimaConfig.model_validate(values) for values in _WINDOWS]
    return [
        Case(
            name=f"{box.frequency_bits} and {box.cost_bits} bits, box "
            f"{box.limits('frequency')} by {box.limits('cost')}",
            unit=box,
            plan={"predictor": box.model_dump()},
            counts=(1, 0),
            quick=(1, 0),
            mutant=(1, 0),
            bugs=PREDICTOR_BUGS if i == 1 else {},
        )
        for i, box in enumerate(boxes)
    ] + [
        Case(
            name=f"windows of {rules.window_instructions}, MPKI above {rules.pressure_mpki:g} and "
            f"{rules.bypass_mpki}",
            unit=rules,
            plan={"pressure": rules.model_dump()},
            counts=(20_000, 10_000),
            quick=(3000, 1000),
            mutant=(5000, 1000),
            bugs=PRESSURE_BUGS if i == 0 else {},
        )
        for i, rules in enumerate(windows)
    ]
