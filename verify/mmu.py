"""Hold the RTL of the whole MMU to the golden model and to the fast simulator, over many configs."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lockstep.arch.load import load, resolve
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import LINE_BYTES
from lockstep.rtl.build import to_verilog
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.mmu_check import Accesses, check, random_accesses
from lockstep.verify.mmu_mutants import MMU_BUGS
from lockstep.verify.mmu_pool import CheckPool
from lockstep.verify.pool import Progress, agreement_row
from lockstep.verify.tb_report import Report
from lockstep.verify.tlb_mutants import mutants
from lockstep.verify.verilator import TOP
from lockstep.workloads.streams.catalogue import stream

_FULL = (5_000, 3_000)  # accesses without and with stalls, of each config
_QUICK = (1_500, 1_000)
_MUTANT = (2_000, 0)
_STREAM = 4_000  # accesses of each workload
_SKIPPED = 20_000  # those before, which set its data up
_STREAMS: Mapping[str, Mapping[str, int]] = {"gups": {"table_log2": 20}, "bfs": {"scale": 14}}
_QUICK_CONFIGS = 2
_QUICK_EVERY = 8

_BASE: dict[str, Any] = {
    "mechanism": "victima",
    "l1d": None,
    "llc": None,
    "dram_cycles": 30,
    "itlb": {"entries": 4, "ways": 1, "latency_cycles": 1},
    "dtlb": {"entries": 4, "ways": 2, "latency_cycles": 1},
    "l2_tlb": {"entries": 16, "ways": 4, "latency_cycles": 5},
    "walk_cache": {
        "l4_entries": 2, "l3_entries": 2, "l2_entries": 4, "ways": 2, "latency_cycles": 4},
    "l2": {"size_bytes": 4096, "ways": 4, "latency_cycles": 8, "tag_cycles": 3},
    "victima": {
        "window_instructions": 500, "bypass_mpki": 150.0, "pressure_mpki": 40.0,
        "predictor": {"min_frequency": 2, "max_frequency": 6}},
}  # fmt: skip
"""Small, so that a few thousand accesses evict from everything, and both flags change often."""

_TINY: dict[str, Any] = {
    "itlb": {"entries": 1, "ways": 1, "latency_cycles": 2},
    "dtlb": {"entries": 3, "ways": 3, "latency_cycles": 1},
    "l2_tlb": {"entries": 6, "ways": 3, "latency_cycles": 1},
    "walk_cache": {
        "l4_entries": 1, "l3_entries": 1, "l2_entries": 1, "ways": 1, "latency_cycles": 1},
    "l2": {
        "size_bytes": 704, "ways": 11, "latency_cycles": 2, "tag_cycles": 1, "rrpv_bits": 1},
    "dram_cycles": 1,
}  # fmt: skip

_VARIANTS: dict[str, dict[str, Any]] = {
    "all rules": {},
    "radix": {"mechanism": "radix"},
    "tiny, serial probe, no predictor": {
        **_TINY, "victima": {"hit_cycles": 3, "probe": "serial", "predictor": None}},
    "tiny, no bypass, blocks of one entry": {
        **_TINY, "victima": {"hit_cycles": 20, "block_ptes": 1, "bypass_mpki": None}},
    "long latencies, no insertion on eviction, small pages only": {
        "l2": {"size_bytes": 1024, "ways": 16, "latency_cycles": 20, "tag_cycles": 7, "rrpv_bits": 4},
        "victima": {"hit_cycles": 9, "insert_on_eviction": False, "probe_sizes": "4k",
                    "aware_promotion": False}},
    "no insertion on miss, large pages only": {
        "large_page_share": 0.7,
        "l2": {"size_bytes": 384, "ways": 3, "latency_cycles": 3, "tag_cycles": 2, "rrpv_bits": 3},
        "victima": {"insert_on_miss": False, "probe_sizes": "2m", "aware_victim": False,
                    "predictor": {"frequency_bits": 2, "cost_bits": 1, "max_frequency": 2}}},
    "one way each, blocks are inserted as data": {
        "l2_tlb": {"entries": 8, "ways": 1, "latency_cycles": 12},
        "l2": {"size_bytes": 1024, "ways": 1, "latency_cycles": 5, "tag_cycles": 4},
        "victima": {"aware_insertion": False, "window_instructions": 1}},
    "no shootdown of blocks, plain SRRIP": {
        "victima": {"shootdown": False, "aware_insertion": False, "aware_victim": False,
                    "aware_promotion": False}},
    "tiny, radix, large pages only": {**_TINY, "mechanism": "radix", "large_page_share": 1.0},
    "small pages only": {"large_page_share": 0.0},
}  # fmt: skip


def verify_mmu(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """One row: random accesses and those of programs, each compared in all that it does and returns.

    Who served it, physical address, data, cycles of translation, data and work in the background, every
    event in the L2 cache, and the counters of the page tables in memory at the end. ``jobs`` and
    ``vectors`` are accesses.

    Parameters
    ----------
    quick : bool
        A sample instead of all configs and mutants; random accesses only.
    progress : callable or None
        Told of each run that is done.
    seed : int
        Of accesses and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    tried = dict(list(configs().items())[: _QUICK_CONFIGS if quick else None])
    with CheckPool(progress) as pool:
        reports = [
            pool.submit(
                name,
                partial(_check, cfg, to_verilog(cfg, TOP), _QUICK if quick else _FULL, seed, quick),
            )
            for name, cfg in tried.items()
        ]
        name, mutated = next(iter(tried.items()))
        texts = mutants(
            partial(to_verilog, mutated, TOP), MMU_BUGS, every=_QUICK_EVERY if quick else 1
        )
        missed = [
            pool.mutant(name, bug, partial(_check, mutated, text, _MUTANT, seed, True))
            for bug, text in texts.items()
        ]
        return [
            agreement_row(
                "MMU",
                list(tried),
                [report.result() for report in reports],
                [bug.result() for bug in missed],
            )
        ]


def verify_machine_mmu(
    cfg: MmuConfig, *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """One row for a machine's own MMU: its ways, latencies and rules, in fewer sets and shorter windows.

    No row if that MMU has no RTL: it is virtualised, or of a mechanism that only the simulator has.
    """
    if cfg.mechanism not in ("radix", "victima") or cfg.virtualised or cfg.llc:
        return []
    name, small = f"{cfg.name} in fewer sets", _with_fewer_sets(cfg)
    with CheckPool(progress) as pool:
        counts = _QUICK if quick else _FULL
        report = pool.submit(
            name, partial(_check, small, to_verilog(small, TOP), counts, seed, quick)
        )
        row = agreement_row("MMU, as configured", [name], [report.result()], [])
    return [replace(row, scaled_from=cfg.name)]


def _with_fewer_sets(cfg: MmuConfig) -> MmuConfig:
    """Small enough that a few thousand accesses evict from everything."""
    tlbs = {name: getattr(cfg, name) for name in ("itlb", "dtlb", "l2_tlb")}
    changes: dict[str, Any] = {
        name: {"entries": min(tlb.entries, 4 * tlb.ways)} for name, tlb in tlbs.items()
    }
    changes["l2"] = {"size_bytes": min(cfg.l2.sets, 16) * cfg.l2.ways * LINE_BYTES}
    changes["victima"] = {"window_instructions": min(cfg.victima.window_instructions, 500)}
    whole = cfg.model_dump()
    return MmuConfig.model_validate(
        whole | {name: whole[name] | change for name, change in changes.items()}
    )


def configs() -> dict[str, MmuConfig]:
    """What is tried, by name; the first is put bugs into."""
    shipped = load(MmuConfig, resolve("mmu", "victima")).model_dump()
    return {
        name: MmuConfig.model_validate(_merged(_merged(shipped, _BASE), variant))
        for name, variant in _VARIANTS.items()
    }


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with changes; those of section ``victima`` entry by entry."""
    rules = {**base["victima"], **changes.get("victima", {})}
    return {**base, **changes, "victima": rules}


def program_accesses(name: str, seed: int) -> Accesses:
    """Accesses of a workload, a while after its start."""
    (chunk,) = stream(name, seed=seed, **_STREAMS[name]).chunks(_SKIPPED + _STREAM)
    chunk = chunk[_SKIPPED:]
    return Accesses(
        address=chunk.address, kind=chunk.kind, gap=chunk.gap, asid=np.zeros(len(chunk), np.int64)
    )


def _check(
    cfg: MmuConfig,
    verilog: str,
    counts: tuple[int, int],
    seed: int,
    random_only: bool,
    report: Report,
) -> None:
    for stalled, count in enumerate(counts):
        if count:
            accesses = random_accesses(count, seed + stalled)
            check(verilog, cfg, accesses, seed=seed, stalled=bool(stalled), report=report)
    for name in () if random_only else _STREAMS:
        check(verilog, cfg, program_accesses(name, seed), seed=seed, stalled=False, report=report)
