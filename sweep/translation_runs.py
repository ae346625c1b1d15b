"""Points that are runs of address translation. The one place where sweeps meet its simulator."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, fsum, log
from pathlib import Path

from lockstep.arch.document import Document
from lockstep.arch.error import InputError
from lockstep.arch.load import load, resolve, validate
from lockstep.arch.mmu import MmuConfig
from lockstep.sim.cycle.translation.run import TranslationRun
from lockstep.sim.cycle.translation.simulator import simulate_all
from lockstep.sweep.keys import is_shipped
from lockstep.sweep.point import INTERNAL_ERROR, Result, Settings
from lockstep.sweep.translation import OPTION, Translation
from lockstep.sweep.translation_sram import sram_bits
from lockstep.workloads.streams.catalogue import WORKLOADS, stream
from lockstep.workloads.streams.chunk import Stream

_LOG = logging.getLogger(__name__)

_GEOMETRIC = ("speedup_vs_radix", "cycles_per_instruction", "cycles")
_COPIED = (
    "cycles", "instructions", "dtlb_mpki", "l2_tlb_mpki", "l2_mpki", "ptw", "ptw_per_kilo_instruction",
    "ptw_mean_cycles", "translation_cycles", "data_cycles", "tlb_block_hits", "tlb_blocks_mean",
    "tlb_blocks_unused_share", "reach_bytes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accesses:
    """What MMUs are run on: a workload, with options as JSON in order of their names."""

    workload: str
    options: str
    seed: int
    warmup: int
    total: int


@dataclass(frozen=True, slots=True)
class Task:
    """A point: an MMU, the same with radix page tables alone, and what both are run on."""

    cfg: MmuConfig
    radix: MmuConfig
    accesses: tuple[Accesses, ...]


Run = TranslationRun | str
"""A run, or why there is none."""

_radix_runs: dict[tuple[Accesses, MmuConfig], TranslationRun] = {}
_MOST_RADIX_RUNS = 256


def results(points: Sequence[Settings]) -> list[Result]:
    """Of points, in their order; a point is told the same whichever others there are."""
    tasks = [_task(point) for point in points]
    wanted: dict[Accesses, dict[MmuConfig, None]] = {}
    for task in tasks:
        if isinstance(task, Task):
            for accesses in task.accesses:
                wanted.setdefault(accesses, {}).update({task.cfg: None, task.radix: None})
    runs = {accesses: _runs(accesses, list(cfgs)) for accesses, cfgs in wanted.items()}
    return [_result(task, runs) if isinstance(task, Task) else task for task in tasks]


def _task(settings: Settings) -> Task | Result:
    name = str(settings["mmu"])
    path = resolve("mmu", name) if is_shipped("mmu", name) else Path(name)
    try:
        own: dict[str, object] = {k: settings[k] for k in settings if k in Translation.model_fields}
        chosen = validate(Translation, Document(path=path, data=own, origins={(): ""}))
        overrides = [
            f"{key}={json.dumps(value)}"
            for key, value in settings.items()
            if key not in own and not key.startswith(OPTION)
        ]
        cfg = load(MmuConfig, path, overrides)
        accesses = tuple(
            Accesses(name, _options(name, settings), chosen.seed, chosen.warmup, chosen.accesses)
            for name in dict.fromkeys(chosen.workload)
        )
        return Task(cfg, cfg.model_copy(update={"mechanism": "radix"}), accesses)
    except InputError as error:
        reason = " ".join(str(error).split())
        # Files by their name, for they may lie elsewhere next time.
        reason = reason.replace(f"{path.parent}{os.sep}", "")
        return Result(metrics={}, reason=reason)


def _options(workload: str, settings: Settings) -> str:
    prefix = f"{OPTION}{workload}."
    chosen = {k.removeprefix(prefix): v for k, v in settings.items() if k.startswith(prefix)}
    return json.dumps(chosen, sort_keys=True)


def _runs(accesses: Accesses, cfgs: Sequence[MmuConfig]) -> dict[MmuConfig, Run]:
    """Each MMU under the accesses, which are made once."""
    known = {cfg: _radix_runs[accesses, cfg] for cfg in cfgs if (accesses, cfg) in _radix_runs}
    new = [cfg for cfg in cfgs if cfg not in known]
    found = _simulated(accesses, new) if new else {}
    for cfg, run in found.items():
        if cfg.mechanism == "radix" and isinstance(run, TranslationRun):
            if len(_radix_runs) == _MOST_RADIX_RUNS:
                del _radix_runs[next(iter(_radix_runs))]
            _radix_runs[accesses, cfg] = run
    return known | found


def _simulated(accesses: Accesses, cfgs: Sequence[MmuConfig]) -> dict[MmuConfig, Run]:
    try:
        made = _stream(accesses.workload, accesses.options, accesses.seed)
        runs = simulate_all(cfgs, made.chunks(accesses.total), warmup=accesses.warmup)
        if runs[0].accesses == 0:
            raise InputError(
                f"warmup: {accesses.warmup}; {accesses.workload} has no more accesses, use a smaller one"
            )
    except InputError as error:
        return dict.fromkeys(cfgs, str(error))
    except Exception as error:  # a bug that one odd MMU meets must not end a night's sweep
        if len(cfgs) > 1:  # nor the points beside it
            return {cfg: run for each in cfgs for cfg, run in _simulated(accesses, [each]).items()}
        _LOG.exception("%s on %s", accesses, cfgs[0])
        reason = f"{INTERNAL_ERROR}, {type(error).__name__}: {' '.join(str(error).split())}"
        return {cfgs[0]: reason}
    return dict(zip(cfgs, runs, strict=True))


@lru_cache(maxsize=len(WORKLOADS))
def _stream(workload: str, options: str, seed: int) -> Stream:
    """Graphs and tables are made once."""
    return stream(workload, seed=seed, **json.loads(options))


def _result(task: Task, runs: Mapping[Accesses, Mapping[MmuConfig, Run]]) -> Result:
    found = []
    for accesses in task.accesses:
        run, radix = runs[accesses][task.cfg], runs[accesses][task.radix]
        if isinstance(run, str) or isinstance(radix, str):
            reason = run if isinstance(run, str) else str(radix)
            return Result(metrics={}, reason=reason)
        found.append(_metrics(run, radix))
    sram = {"sram_kib": sram_bits(task.cfg) / 8192}
    return Result(
        metrics={key: _mean(key, [each[key] for each in found]) for key in found[0]} | sram
    )


def _metrics(run: TranslationRun, radix: TranslationRun) -> dict[str, float]:
    summary = run.summary()
    exposed = run.cfg.core.translation_exposed * run.translation_cycles
    return {
        "speedup_vs_radix": radix.cycles / run.cycles,
        "cycles_per_instruction": run.cycles / run.instructions,
        **{key: summary[key] for key in _COPIED},
        "translation_cycles_share": exposed / run.cycles,
    }


def _mean(key: str, values: Sequence[float]) -> float:
    """Of the workloads of a point; of one workload its value."""
    if len(values) == 1:
        return values[0]
    if key in _GEOMETRIC:
        return exp(fsum(map(log, values)) / len(values))
    return fsum(values) / len(values)
