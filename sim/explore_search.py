"""The tile search of ``sim/mapper.py`` compiled with numba: one machine, all GEMMs of a workload.

The arithmetic is that of :class:`lockstep.sim.tiling.Costs`, operation by operation, so that equal costs
tie the same way and the same tiles win; ``tests/sim/test_explore.py`` holds one against the other. What
makes it fast: sums over tiles are taken dimension by dimension (whole numbers, so exactly), what does
not depend on the loop order is found once per tile, and tiles whose array time alone exceeds the best
latency so far are dropped.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockstep.sim.explore_array import engine_cycles, fold_sums
from lockstep.sim.explore_rates import Access, access, between, rate
from lockstep.sim.explore_runs import (
    F64,
    I64,
    MOST_STEPS,
    Engine,
    Memory,
    Problems,
    Runs,
    compiled,
    entry,
    find_runs,
)

Bool = NDArray[np.bool_]

COLUMNS = (
    "latency_cycles",
    "array_cycles",
    "dma_cycles",
    "scratchpad_cycles",
    "dram_read_bytes",
    "dram_write_bytes",
    "scratchpad_read_bytes",
    "scratchpad_write_bytes",
)
"""What a search finds of each problem: fields of :class:`lockstep.sim.tiling.Mapping`."""


class Tile(NamedTuple):
    """What a tile costs in any loop order."""

    instances: float
    jobs: int
    array_cycles: float
    reads: float
    writes: float
    a_bytes: float
    b_bytes: float
    c_bytes: float
    partial_bytes: float
    a: Access
    b: Access
    c: Access
    partial: Access
    exposed: float


class Scratch(NamedTuple):
    """Room to work in: a tile's place in the tables, its trips, its loads, its cost; sums by size."""

    at: I64
    trips: I64
    steps: I64
    moves: Bool
    cost: F64
    sums: I64


@compiled
def _tile(
    p: Problems, e: Engine, d: Memory, r: Runs, place: F64, i: int, at: I64, sums: I64, array: float
) -> Tile:
    """Cost of the tile whose sizes are numbers ``at`` of problem ``i``, in any order."""
    M, N, K = p.m[i], p.n[i], p.k[i]
    m, n, k = sums[0, at[0]], sums[1, at[1]], sums[2, at[2]]
    # Every job but the first along K also reads the partial sums its predecessors left.
    c_reads, b_reads, c_writes = M * N * (k[0] - 1), K * N * m[1], M * N * k[0]
    if not e.holds_outputs:
        b_reads, c_writes = K * N * m[0], M * N * k[1]
        c_reads += M * N * (k[1] - k[0])
    reads = (
        float(M * K * n[1]) * e.a_bits + float(b_reads) * e.b_bits + float(c_reads) * e.acc_bits
    ) / 8
    rows, cols, depths = r.sizes[i, 0], r.sizes[i, 1], r.sizes[i, 2]
    at_a = r.start[i] + at[0] * depths + at[2]
    at_b = r.start[i] + (rows + at[1]) * depths + at[2]
    at_c = r.start[i] + (rows + cols) * depths + at[0] * cols + at[1]
    tm, tn, tk = r.tiles[i, 0, at[0]], r.tiles[i, 1, at[1]], r.tiles[i, 2, at[2]]
    # The first load and last store are not overlapped: charge whole tiles, edges or not.
    reading, reading_share = between(d.share_axis, 1.0)
    writing, writing_share = between(d.share_axis, 0.0)
    load_a = rate(d, access(d, r, place, at_a, 1), reading, reading_share)
    load_b = rate(d, access(d, r, place, at_b, 1), reading, reading_share)
    store_c = rate(d, access(d, r, place, at_c, 1), writing, writing_share)
    exposed = tm * float(tk) * p.a_bytes[i] * load_a + tk * float(tn) * p.b_bytes[i] * load_b
    exposed += tm * float(tn) * p.c_bytes[i] * store_c
    # Mean tile sizes, so that bytes summed over the tiles are exact.
    mm, mn, mk = M / m[0], N / n[0], K / k[0]
    return Tile(
        p.instances[i],
        m[0] * n[0] * k[0],
        array,
        reads,
        float(c_writes) * e.acc_bits / 8,
        mm * mk * p.a_bytes[i],
        mk * mn * p.b_bytes[i],
        mm * mn * p.c_bytes[i] * (m[0] * n[0]),
        mm * mn * float(e.acc_bits) / 8 * (m[0] * n[0]) * (k[0] - 1),
        access(d, r, place, at_a, 0),
        access(d, r, place, at_b, 0),
        access(d, r, place, at_c, 0),
        access(d, r, place, at_c + rows * cols, 0),
        exposed,
    )


@compiled
def _loads(order: I64, trips: I64, steps: I64, moves: Bool) -> bool:
    """How often the loop at each depth is the outermost one to advance, and what it moves then.

    ``moves`` ``(3, 2)``: whether A and B are loaded. Returns whether partial sums leave the chip: an
    output tile is left before K is done.
    """
    outer, middle, inner = trips[order[0]], trips[order[1]], trips[order[2]]
    steps[0], steps[1], steps[2] = outer - 1, outer * (middle - 1), outer * middle * (inner - 1)
    for depth in range(3):
        moved = 1 << order[depth]
        for i in range(depth + 1, 3):
            if trips[order[i]] > 1:  # goes back to 0, a change if it had moved
                moved |= 1 << order[i]
        moves[depth, 0], moves[depth, 1] = moved & 0b101 != 0, moved & 0b110 != 0
    if order[1] == 2:
        return bool(trips[2] > 1 and inner > 1)
    return bool(order[0] == 2 and trips[2] > 1 and inner * middle > 1)


@compiled
def _in_order(
    e: Engine, d: Memory, t: Tile, steps: I64, moves: Bool, spills: bool, cost: F64
) -> None:
    """Cost of a tile in a loop order, into ``cost`` by ``COLUMNS``."""
    loads_a = (
        t.a_bytes * moves[0, 0] * steps[0]
        + t.a_bytes * moves[1, 0] * steps[1]
        + t.a_bytes * moves[2, 0] * steps[2]
    )
    loads_b = (
        t.b_bytes * moves[0, 1] * steps[0]
        + t.b_bytes * moves[1, 1] * steps[1]
        + t.b_bytes * moves[2, 1] * steps[2]
    )
    read_a, read_b = t.a_bytes + loads_a, t.b_bytes + loads_b
    spilled = t.partial_bytes if spills else 0.0
    partial = spilled * t.partial.rounding
    read = read_a * t.a.rounding + read_b * t.b.rounding + partial
    written = t.c_bytes * t.c.rounding + partial
    row, share = between(d.share_axis, read / max(read + written, 1.0))
    rate_a, rate_b = rate(d, t.a, row, share), rate(d, t.b, row, share)
    stores = t.c_bytes * rate(d, t.c, row, share) + 2 * spilled * rate(d, t.partial, row, share)
    dma = t.instances * (read_a * rate_a + read_b * rate_b + stores)
    each = stores / t.jobs
    dram_read = t.instances * (read_a + read_b + spilled)
    dram_write = t.instances * (t.c_bytes + spilled)
    pad_read = t.instances * t.reads + dram_write
    pad_write = t.instances * t.writes + dram_read
    pad = (pad_read + pad_write) / e.pad_bytes_per_cycle
    # Each step takes the longer of its compute and the next step's DMA.
    busy = max(t.array_cycles, pad) / (t.instances * t.jobs)
    total = busy
    for depth in range(3):
        load = t.a_bytes * moves[depth, 0] * rate_a + t.b_bytes * moves[depth, 1] * rate_b
        total += t.instances * steps[depth] * max(busy, load + each)
    total += (t.instances - 1) * max(busy, t.a_bytes * rate_a + t.b_bytes * rate_b + each)
    latency = d.latency_cycles if dram_read + dram_write > 0 else 0.0
    total = total + t.exposed + latency + e.output_latency_cycles
    cost[0] = max(total, max(max(t.array_cycles, pad), dma))
    cost[1], cost[2], cost[3] = t.array_cycles, dma, pad
    cost[4], cost[5], cost[6], cost[7] = dram_read, dram_write, pad_read, pad_write


@compiled
def _search_one(
    p: Problems, e: Engine, d: Memory, r: Runs, place: F64, i: int, orders: I64, canonical: Bool,
    use: Scratch, best: F64, chosen: I64,
) -> None:  # fmt: skip
    """The winner of problem ``i``: fewest cycles, least DRAM traffic, smallest buffers, first."""
    at, trips, cost, sums = use.at, use.trips, use.cost, use.sums
    rows, cols, depths = r.sizes[i, 0], r.sizes[i, 1], r.sizes[i, 2]
    size = (p.m[i], p.n[i], p.k[i])
    for dim in range(3):
        for x in range(r.sizes[i, dim]):
            fold_sums(e, dim, size[dim], r.tiles[i, dim, x], sums[dim, x])
    best[0] = np.inf
    best_buffer, best_rank = 0, 0
    at[0], at[1], at[2] = 0, 0, -1
    for number in range(rows * cols * depths):
        at[2] += 1
        if at[2] == depths:
            at[1], at[2] = at[1] + 1, 0
        if at[1] == cols:
            at[0], at[1] = at[0] + 1, 0
        tile = (r.tiles[i, 0, at[0]], r.tiles[i, 1, at[1]], r.tiles[i, 2, at[2]])
        m, n, k = tile
        buffer = 2 * (m * k * e.a_bits + k * n * e.b_bits + m * n * e.acc_bits)
        if buffer > e.room_bits:
            continue
        for dim in range(3):
            trips[dim] = sums[dim, at[dim], 0]
        jobs = p.instances[i] * (trips[0] * trips[1] * trips[2])
        cycles = engine_cycles(e, size, tile, sums[0, at[0]], sums[1, at[1]], sums[2, at[2]])
        array = p.instances[i] * cycles + jobs * e.dispatch_cycles
        if array > best[0]:
            continue
        t = _tile(p, e, d, r, place, i, at, sums, array)
        looped = 4 * (trips[0] > 1) + 2 * (trips[1] > 1) + (trips[2] > 1)
        for code in range(len(orders)):
            if not canonical[looped, code]:
                continue
            spills = _loads(orders[code], trips, use.steps, use.moves)
            _in_order(e, d, t, use.steps, use.moves, spills, cost)
            rank = code * (rows * cols * depths) + number
            ours = (cost[0], cost[4] + cost[5], buffer, rank)
            if ours < (best[0], best[4] + best[5], best_buffer, best_rank):
                for x in range(len(best)):
                    best[x] = cost[x]
                best_buffer, best_rank = buffer, rank
                chosen[0], chosen[1], chosen[2], chosen[3] = m, n, k, code


def _compile(sources: str) -> Callable[..., tuple[I64, F64]]:
    """The entry point. Numba's cache compares its closure, so it notices an edit of any source."""

    @entry
    def run(
        p: Problems, e: Engine, d: Memory, r: Runs, place: F64, orders: I64, canonical: Bool
    ) -> tuple[I64, F64]:
        assert sources
        chosen = np.zeros((len(p.m), 4), np.int64)
        found = np.empty((len(p.m), len(COLUMNS)))
        use = Scratch(
            np.empty(3, np.int64),
            np.empty(3, np.int64),
            np.empty(3, np.int64),
            np.empty((3, 2), np.bool_),
            np.empty(len(COLUMNS)),
            np.empty((3, MOST_STEPS, 4), np.int64),
        )
        for i in range(len(p.m)):
            _search_one(p, e, d, r, place, i, orders, canonical, use, found[i], chosen[i])
        return chosen, found

    return run


_run = _compile(
    "".join(
        Path(__file__).with_name(f"explore_{name}.py").read_text()
        for name in ("array", "rates", "runs")
    )
)


def search(p: Problems, e: Engine, d: Memory, orders: I64, canonical: Bool) -> tuple[I64, F64]:
    """The winner of each problem: ``(p, 4)`` tile sizes and order, ``(p, 8)`` cost by ``COLUMNS``.

    ``orders`` ``(6, 3)`` are dimensions by depth; ``canonical`` ``(8, 6)`` says which of them are tried
    where only some dimensions have more than one trip (m is bit 2, k bit 0).
    """
    r = find_runs(p, e, d)
    # NumPy's logarithm, not numba's: they differ in the last bit, and the mapper takes NumPy's.
    return _run(p, e, d, r, np.log2(r.bursts), orders, canonical)
