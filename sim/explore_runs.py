"""Runs of bytes that the tiles of a workload's GEMMs have in DRAM, found with numba.

First half of the compiled mapper; :mod:`lockstep.sim.explore_search` is the other. A run depends on two
tile sizes at most, so there are far fewer of them than tiles.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

P = ParamSpec("P")
R = TypeVar("R")

_PART: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
"""Division as NumPy's, and no reference counts of tables, which took a quarter of the time."""

MOST_STEPS = 34
"""Bound on the tile sizes tried in one dimension: the whole, and powers of two below 2**32."""


class Problems(NamedTuple):
    """GEMMs, each array ``(p,)``; ``*_bits`` are stored bits, ``*_bytes`` what crosses DRAM."""

    m: I64
    n: I64
    k: I64
    instances: F64
    a_bits: F64
    b_bits: F64
    c_bits: F64
    a_bytes: F64
    b_bytes: F64
    c_bytes: F64


class Engine(NamedTuple):
    """What the mapper asks of a tensor engine and of its scratchpad."""

    flow: int
    holds_outputs: bool
    rows: int
    cols: int
    lanes: int
    skew: int
    macs_per_cycle: float
    dispatch_cycles: int
    output_latency_cycles: int
    a_bits: int
    b_bits: int
    acc_bits: int
    job_max: int
    unit_m: int
    unit_n: int
    unit_k: int
    room_bits: int
    pad_bytes_per_cycle: float


class Memory(NamedTuple):
    """What the mapper asks of the DRAM; ``slowness`` is one over efficiency, its edges repeated."""

    burst_bytes: int
    open_bytes: int
    channels: int
    bytes_per_cycle: float
    latency_cycles: float
    share_axis: F64
    run_axis: F64
    slowness: F64


class Runs(NamedTuple):
    """Tile sizes and their runs.

    ``sizes`` ``(p, 3)`` has how many tile sizes each dimension has, ``tiles`` ``(p, 3, MOST_STEPS)``
    which. From row ``start[p]`` on, ``rounding`` and ``bursts`` have problem ``p``'s tables ``[m, k]`` of
    A, ``[n, k]`` of B, ``[m, n]`` of C and ``[m, n]`` of partial sums one after another; column 0 is of
    tiles of mean size, 1 of whole ones.
    """

    sizes: I64
    tiles: I64
    start: I64
    rounding: F64
    bursts: F64


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """A part of an entry point; it must not allocate."""
    part: Callable[P, R] = njit(**_PART)(function)
    return part


def entry(function: Callable[P, R]) -> Callable[P, R]:
    """A function called from Python, whose machine code is kept on disk."""
    found: Callable[P, R] = njit(cache=True, error_model="numpy")(function)
    return found


@compiled
def _steps(size: int, unit: int, limit: int, tile: I64) -> int:
    """Tile sizes to try, as :mod:`lockstep.sim.mapper` orders them; returns how many."""
    whole = min(size, limit)
    tile[0] = whole
    count = 1
    while unit < whole:
        tile[count] = unit
        unit *= 2
        count += 1
    return count


@compiled
def _note(d: Memory, run: float, pitch: float, at: int, side: int, r: Runs) -> None:
    """Bytes on the pins per byte asked for, and the bursts that count: see ``sim/dram_rate.py``."""
    rounding = 1.0
    if d.burst_bytes != 1:
        rounding = np.ceil(run / d.burst_bytes - 1e-9) * d.burst_bytes / run
    if d.open_bytes:
        run = run * rounding * max(d.open_bytes / pitch, 1.0)
    r.rounding[at, side] = rounding
    r.bursts[at, side] = max(run / (d.burst_bytes * d.channels), 1.0)


@compiled
def _operand(
    d: Memory, bits: float, width: int, down: I64, along: I64, height: int, at: int, r: Runs
) -> int:
    """Runs of an operand whose rows are ``width`` long; returns the row after them."""
    for i in range(len(down)):
        for j in range(len(along)):
            for side in range(2):
                rows, run = float(down[i]), float(along[j])
                if side == 0:
                    rows = height / -(-height // down[i])
                    run = width / -(-width // along[j])
                if along[j] >= width:  # a tile as wide as its matrix is one run
                    run = rows * width
                _note(d, run * bits / 8, max(run, width) * bits / 8, at, side, r)
            at += 1
    return at


@entry
def find_runs(p: Problems, e: Engine, d: Memory) -> Runs:
    """All tile sizes and all runs."""
    count = len(p.m)
    sizes, start = np.empty((count, 3), np.int64), np.zeros(count + 1, np.int64)
    tiles = np.empty((count, 3, MOST_STEPS), np.int64)
    for i in range(count):
        rows = _steps(p.m[i], e.unit_m, e.job_max, tiles[i, 0])
        cols = _steps(p.n[i], e.unit_n, e.job_max, tiles[i, 1])
        depths = _steps(p.k[i], e.unit_k, e.job_max, tiles[i, 2])
        sizes[i, 0], sizes[i, 1], sizes[i, 2] = rows, cols, depths
        start[i + 1] = start[i] + (rows + cols) * depths + 2 * rows * cols
    r = Runs(sizes, tiles, start, np.ones((start[count], 2)), np.ones((start[count], 2)))
    for i in range(count):
        m, n = tiles[i, 0, : sizes[i, 0]], tiles[i, 1, : sizes[i, 1]]
        k = tiles[i, 2, : sizes[i, 2]]
        at = _operand(d, p.a_bits[i], p.k[i], m, k, p.m[i], start[i], r)
        at = _operand(d, p.b_bits[i], p.k[i], n, k, p.n[i], at, r)
        at = _operand(d, p.c_bits[i], p.n[i], m, n, p.m[i], at, r)
        for x in range(len(m)):
            for y in range(len(n)):
                mean = p.m[i] / -(-p.m[i] // m[x]) * (p.n[i] / -(-p.n[i] // n[y]))
                run = mean * float(e.acc_bits) / 8
                _note(d, run, run, at, 0, r)
                at += 1
    return r
