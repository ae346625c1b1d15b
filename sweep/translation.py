"""The runner ``translation``: MMUs under address streams, as ``lockstep tlb`` runs them."""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from lockstep.arch.config import Config
from lockstep.arch.document import Document
from lockstep.arch.error import InputError, Location, error_at, show, suggest
from lockstep.arch.load import validate
from lockstep.arch.mmu import MmuConfig
from lockstep.sweep.keys import check_dotted, is_shipped, named_file
from lockstep.sweep.point import Result, Settings
from lockstep.workloads.streams.catalogue import MAX_SEED, WORKLOADS

METRICS = {
    "speedup_vs_radix": "over the same MMU with mechanism radix",
    "cycles_per_instruction": "of the program",
    "cycles": "of the program",
    "instructions": "retired, of the accesses that count",
    "dtlb_mpki": "misses of the L1 data TLB per 1000 instructions",
    "l2_tlb_mpki": "misses of the L2 TLB per 1000 instructions",
    "l2_mpki": "misses of the L2 cache per 1000 instructions",
    "ptw": "page-table walks that an access waits for",
    "ptw_per_kilo_instruction": "the same per 1000 instructions",
    "ptw_mean_cycles": "from the miss that causes a walk to the translation",
    "translation_cycles": "beyond what a hit in the L1 TLB takes",
    "translation_cycles_share": "of the program's cycles, as far as the core does not hide them",
    "data_cycles": "beyond what a hit in the first cache takes",
    "tlb_block_hits": "misses of the L2 TLB that a TLB block serves",
    "tlb_blocks_mean": "TLB blocks in the L2 cache",
    "tlb_blocks_unused_share": "of the TLB blocks made, those that were never hit",
    "reach_bytes": "memory that can be translated without a walk, at the end",
    "sram_kib": "data, tags, order of TLBs, page-walk caches, caches; a POM-TLB is in DRAM",
}
"""What a point has; names as in ``lockstep tlb --json``."""

AT_ONCE = 4
"""Points take seconds; those of an MMU with each of its mechanisms share streams."""

OPTION = "option."
"""How keys begin that are options of a workload: ``option.bfs.scale``."""


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


class Translation(Config):
    """Keys of a point that are neither the MMU's nor options of workloads.

    Parameters
    ----------
    mmu : str
        A shipped name or a file.
    workload : str, or list of str
        Of several, metrics are means: geometric of cycles and speedups, else arithmetic.
    accesses, warmup : int
        How many accesses, and how many of them, the first, are not counted.
    seed : int
        Of the workloads.
    """

    mmu: str
    workload: Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    accesses: Annotated[int, Field(ge=1, le=10**12)] = 10**7
    warmup: Annotated[int, Field(ge=0)] = 0
    seed: Annotated[int, Field(ge=1, le=MAX_SEED)] = 1

    @model_validator(mode="after")
    def _something_counts(self) -> "Translation":
        if self.warmup >= self.accesses:
            raise ValueError(f"warmup must be less than accesses, {self.accesses}")
        return self


REQUIRED = tuple(name for name, field in Translation.model_fields.items() if field.is_required())


def check(key: str, value: JsonValue, where: str, folder: Path) -> JsonValue:
    """See :class:`lockstep.sweep.runner.Runner`; values of the MMU are left to its loader."""
    if key.startswith(OPTION):
        _check_option(key, where)
        return value
    if key not in Translation.model_fields:
        check_dotted(MmuConfig, key, where, inside="an MMU", others=Translation.model_fields)
        return value
    stand_in: dict[str, object] = {"mmu": "", "workload": "bfs", "accesses": 10**12}
    origins: dict[Location, str] = {(): where, (key,): where}
    validate(Translation, Document(path=folder, data=stand_in | {key: value}, origins=origins))
    if key == "workload":
        names = value if isinstance(value, list) else [value]
        for name in map(str, names):
            if name not in WORKLOADS:
                message = f"unknown workload, value {show(name)}; {suggest(name, WORKLOADS)}"
                raise error_at(where, (key,), message)
    if key == "mmu":
        _require_numba(where)
        return named_file("mmu", key, str(value), where, folder)
    return value


def _check_option(key: str, where: str) -> None:
    """That ``option.WORKLOAD.NAME`` names an option of a workload."""
    workload, _, name = key.removeprefix(OPTION).partition(".")
    if workload not in WORKLOADS:
        message = f"unknown key, no workload {show(workload)}; {suggest(workload, WORKLOADS)}"
        raise error_at(where, (key,), message)
    known = WORKLOADS[workload].options.model_fields
    if name not in known:
        message = f"unknown key, {workload} has no option {show(name)}; {suggest(name, known)}"
        raise error_at(where, (key,), message)


def _require_numba(where: str) -> None:
    if find_spec("numba") is None:
        raise InputError(
            f"{where}: runner translation needs the package numba; install it with "
            "pip install 'lockstep-sim[sweep]'"
        )


def files(settings: Settings) -> Iterable[Path]:
    """The MMU's file, unless it is shipped; it names no others."""
    name = str(settings["mmu"])
    return [] if is_shipped("mmu", name) else [Path(name)]


def evaluate(points: Sequence[Settings]) -> list[Result]:
    """Run the points, those of the same accesses side by side; what fails has the reason instead."""
    from lockstep.sweep.translation_runs import results  # numba, which loading a sweep needs not

    return results(points)
