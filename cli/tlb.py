"""``lockstep tlb``: run an address stream through TLBs, page walks and caches."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockstep.arch.error import InputError, show
from lockstep.cli.complete import keys_of, one_of, shipped
from lockstep.cli.options import JsonOption, emit

if TYPE_CHECKING:  # needs the extra dram
    from lockstep.workloads.streams.chunk import Stream

EXAMPLES = (
    "lockstep tlb victima --workload gups --accesses 1e5",
    "lockstep tlb victima --workload bfs --option scale=16 --accesses 1e6 --mechanism pom_tlb",
    "lockstep tlb my-mmu.yaml --trace trace.champsim.xz --warmup 1e6 --virtualised --json",
)

MECHANISMS = ("radix", "large_l2_tlb", "l3_tlb", "pom_tlb", "victima")
WORKLOADS = tuple("bc bfs cc gc pr tc sssp gups xs dlrm gen paged-kv".split())  # noqa: SIM905

PATIENCE_S = 2.0
"""What takes longer shows a progress bar."""

MAX_ACCESSES = 10**12
DEFAULT_ACCESSES = 10**7

# Rows of the table: what it is called, the key of the summary.
ROWS = (
    ("instructions", "instructions"),
    ("cycles", "cycles"),
    ("L1 data TLB misses per 1000 instructions", "dtlb_mpki"),
    ("L2 TLB misses per 1000 instructions", "l2_tlb_mpki"),
    ("L2 cache misses per 1000 instructions", "l2_mpki"),
    ("page walks", "ptw"),
    ("page walks in the background", "background_walks"),
    ("cycles of a page walk, mean", "ptw_mean_cycles"),
    ("cycles of a page walk, most", "ptw_max_cycles"),
    ("translation cycles beyond the L1 TLB", "translation_cycles"),
    ("data cycles beyond the first cache", "data_cycles"),
    ("TLB block hits", "tlb_block_hits"),
    ("TLB blocks in the L2 cache, mean", "tlb_blocks_mean"),
    ("TLB blocks that were never used, share", "tlb_blocks_unused_share"),
    ("L2 cache hits for data", "l2_data_hits"),
    ("lines lost to TLB blocks", "lines_lost_to_tlb_blocks"),
    ("reach at the end, bytes", "reach_bytes"),
)


def tlb(
    mmu: Annotated[
        str,
        typer.Argument(
            help="A shipped MMU, such as victima, or an MMU YAML.", autocompletion=shipped("mmu")
        ),
    ],
    workload: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Where addresses come from: {', '.join(WORKLOADS)}. Either this or --trace.",
            autocompletion=one_of(*WORKLOADS),
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(help="A ChampSim or valgrind-lackey trace; .gz and .xz are unpacked."),
    ] = None,
    trace_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Of the trace: champsim or lackey.",
            show_default="told by the content",
            autocompletion=one_of("champsim", "lackey"),
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="KEY=VALUE",
            help="An option of the workload, as in scale=18; repeatable.",
        ),
    ] = None,
    accesses: Annotated[
        str | None,
        typer.Option(
            metavar="COUNT",
            help="Accesses to run, as 5000 or 1e8.",
            show_default="1e7 of a workload, all of a trace",
        ),
    ] = None,
    warmup: Annotated[
        str, typer.Option(metavar="COUNT", help="First accesses that are not counted.")
    ] = "0",
    seed: Annotated[int, typer.Option(help="Of the workload's random numbers, 1 or more.")] = 1,
    mechanism: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(MECHANISMS[:-1])} or {MECHANISMS[-1]}.",
            show_default="the file's",
            autocompletion=one_of(*MECHANISMS),
        ),
    ] = None,
    virtualised: Annotated[
        bool | None,
        typer.Option(
            "--virtualised/--native",
            help="In a virtual machine, or not.",
            show_default="the file's",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a key of the MMU, as in victima.block_ptes=1; repeatable. 'lockstep "
            "schema mmu' lists the keys.",
            autocompletion=keys_of("mmu", "lockstep.arch.mmu:MmuConfig"),
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run addresses through TLBs, page walks and caches.

    Prints misses, page walks and cycles, beside those of plain radix page tables.
    """
    if find_spec("numba") is None:
        raise InputError(
            "this command needs the package numba; install it with pip install 'lockstep-sim[dram]'"
        )
    from lockstep.arch.load import load, resolve
    from lockstep.arch.mmu import MmuConfig
    from lockstep.sim.cycle.translation.simulator import simulate_all

    changes = list(overrides or ())
    changes += [f"mechanism={mechanism}"] if mechanism is not None else []
    changes += [f"virtualised={str(virtualised).lower()}"] if virtualised is not None else []
    cfg = load(MmuConfig, resolve("mmu", mmu), changes)
    total = None if accesses is None else count("--accesses", accesses, least=1)
    unseen = count("--warmup", warmup, least=0)
    if trace is None and total is None:
        total = DEFAULT_ACCESSES
    if total is not None and unseen >= total:
        raise InputError(f"--warmup: {unseen}; must be below --accesses, {total}")
    stream = _stream(workload, trace, trace_format, options or [], seed)
    configs = [cfg]
    if cfg.mechanism != "radix":
        configs.append(cfg.model_copy(update={"mechanism": "radix"}))
    with _progress(total) as progress:
        chunks = stream.chunks(MAX_ACCESSES if total is None else total)
        runs = simulate_all(configs, chunks, warmup=unseen, progress=progress)
    if runs[0].accesses == 0:
        raise InputError(f"--warmup: {unseen}; the trace has no more accesses, use a smaller one")
    summary, radix = runs[0].summary(), runs[-1].summary()
    report = {
        "mmu": cfg.name,
        "workload": stream.name,
        "seed": stream.seed,
        "footprint_bytes": stream.footprint_bytes,
        "warmup_accesses": unseen,
        "speedup_vs_radix": radix["cycles"] / summary["cycles"],
        **summary,
        "radix": radix,
    }
    if as_json:
        emit(report)
    else:
        _show(report)


def count(option: str, text: str, *, least: int) -> int:
    """A number of accesses, written as 5000, 1_000 or 1e8.

    Raises
    ------
    InputError
        If it is none, or out of range.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (least <= value <= MAX_ACCESSES and value == int(value)):
        raise InputError(
            f"{option}: {show(text)} is not a number of accesses; write one from {least} to "
            f"{MAX_ACCESSES:.0e}, as 5000 or 1e8"
        )
    return int(value)


def _stream(
    workload: str | None,
    trace: Path | None,
    trace_format: str | None,
    options: list[str],
    seed: int,
) -> "Stream":
    from lockstep.arch.syntax import parse_yaml
    from lockstep.workloads.streams.catalogue import stream
    from lockstep.workloads.streams.traces import open_trace

    if (workload is None) == (trace is None):
        raise InputError("name either --workload NAME, such as gups, or --trace FILE")
    if trace is not None:
        if options:
            raise InputError("--option: belongs to a workload; leave it out with --trace")
        return open_trace(trace, format=trace_format)
    if trace_format is not None:
        raise InputError("--format: belongs to a trace; leave it out with --workload")
    chosen: dict[str, object] = {}
    for option in options:
        key, equals, text = option.partition("=")
        if not (equals and key.isidentifier()):
            raise InputError(f"--option {show(option)}: not KEY=VALUE; write it as in scale=18")
        chosen[key], _ = parse_yaml(text, lambda _line: "--option")
    for clash in {"name", "seed"} & chosen.keys():
        raise InputError(f"--option {clash}: no option of a workload; use --workload and --seed")
    assert workload is not None
    return stream(workload, seed=seed, **chosen)


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many accesses are done, once that takes long."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("accesses"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    begin = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("accesses", total=total, visible=False)
        yield lambda done: bar.update(
            task, advance=done, visible=time.monotonic() - begin > PATIENCE_S
        )


def _show(report: Mapping[str, Any]) -> None:
    from lockstep.cli import show as tables

    radix, mechanism = report["radix"], str(report["mechanism"])
    rows = []
    for name, key in ROWS:
        row = {"": name, "radix": tables.number(radix[key])}
        if mechanism != "radix":
            row[mechanism] = tables.number(report[key])
        rows.append(row)
    where = "virtualised" if report["virtualised"] else "native"
    tables.table(f"{report['workload']} on {report['mmu']}, {where}", rows)
    typer.echo(f"speedup over radix: {report['speedup_vs_radix']:.3f}")
