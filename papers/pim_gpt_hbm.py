"""Samsung's HBM-PIM against its own host: square matrix-vector products by size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockstep.arch.machine import System, load_machine
from lockstep.arch.near_memory import BankPim
from lockstep.papers.pim_gpt_published import pim_gpt
from lockstep.papers.reproduction import Part, Progress, Row, Table
from lockstep.papers.style import BLUE, ORANGE, new_figure, tidy
from lockstep.sim.near_bank import cost_gemm
from lockstep.workloads.ops import Gemm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (512, 1024, 2048, 3072, 4096, 6144, 8192)


def gemv(progress: Progress) -> Part:
    """Times of PIM and of a host that does nothing but read."""
    system = load_machine("hbm-pim")
    rows: list[Row] = []
    for size in SIZES:
        progress(f"{size} x {size}")
        rows.append(gemv_row(system, size))
    stated, cfg, pim = pim_gpt().gemv, system.channel, system.machine.pim
    units = cfg.banks * system.machine.dram.channels
    assert isinstance(pim, BankPim)
    assert pim.launch
    commands = pim.launch.reads + pim.launch.writes
    note = f"""\
64 pseudo-channels, FP16. The host reads matrix and vectors at the bandwidth that the command-level engine sustains, and computes for
nothing. PIM is to be slower at {stated.pim_slower_at} and more than {stated.least_gain:g} times as fast at {stated.pim_faster_at} ({stated.source}).
Two costs do not shrink with the matrix. `launch`: mode changes and loading the program, {commands} commands to single banks. `tile used`:
a tile is {cfg.mac.accumulators} outputs in each of {units} units, {units * cfg.mac.accumulators} in all, and the kernel works it through whole, so that below that the
time follows the inputs alone."""
    return Part(
        name="gemv",
        title="HBM-PIM: host against banks",
        tables=[Table(name="gemv", title="Matrix times vector, by size", rows=rows, note=note)],
        figures={"gemv": _figure(rows)},
    )


def gemv_row(system: System, size: int) -> Row:
    """One size on the machine ``hbm-pim``."""
    pim, cfg = system.machine.pim, system.channel
    assert isinstance(pim, BankPim)
    fmt = cfg.mac.element
    op = Gemm(name="gemv", m=1, n=size, k=size, a_format=fmt, b_format=fmt, c_format=fmt)
    plain = pim.model_copy(update={"launch": None})
    clock_hz = system.machine.clock_hz
    pim_us = cost_gemm(system, pim, op).latency_cycles / clock_hz * 1e6
    launch_us = pim_us - cost_gemm(system, plain, op).latency_cycles / clock_hz * 1e6
    moved = (size * size + 2 * size) * cfg.mac.format.element_bits / 8
    host_cycles = moved / system.dram_bytes_per_cycle + system.dram_latency_cycles
    host_us = host_cycles / clock_hz * 1e6
    tile = cfg.banks * cfg.mac.accumulators * system.machine.dram.channels
    return {
        "size": size,
        "host us": host_us,
        "pim us": pim_us,
        "launch us": launch_us,
        "tile used": size / (-(-size // tile) * tile),
        "speedup": host_us / pim_us,
    }


def _figure(rows: Sequence[Row]) -> "Figure":
    figure = new_figure()
    axes = figure.subplots()
    sizes = [float(row["size"] or 0) for row in rows]
    for column, colour in (("host us", ORANGE), ("pim us", BLUE)):
        axes.loglog(
            sizes,
            [float(row[column] or 0) for row in rows],
            "o-",
            color=colour,
            label=column.split()[0],
        )
    for size, row in zip(sizes, rows, strict=True):
        speedup = float(row["speedup"] or 0)
        axes.annotate(
            f"{speedup:.2f}x",
            (size, float(row["pim us"] or 0)),
            (0, -14),
            textcoords="offset points",
            fontsize=9,
            ha="center",
        )
    axes.set_xticks(sizes, [str(row["size"]) for row in rows])
    axes.minorticks_off()
    axes.set_xlabel("rows and columns")
    axes.set_ylabel("time, us")
    tidy(axes)
    axes.legend()
    figure.suptitle("HBM-PIM, 64 pseudo-channels: matrix times vector", fontsize=11)
    return figure
