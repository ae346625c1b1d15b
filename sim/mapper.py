"""The mapper: which tiles of a GEMM to move, in which order, so that it finishes soonest.

Candidates are every power-of-two multiple of the array's fold in each dimension, times the six loop
orders; all candidates of all problems are costed in one vectorised pass (``sim/tiling.py``), and the
winner has the fewest cycles, then the least DRAM traffic, then the smallest buffers, then comes
first. No randomness: the same problem always gets the same mapping.
"""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.machine import System
from lockstep.sim.dram_exact import ExactSystem
from lockstep.sim.tiling import I64, ORDERS, Costs, Mapping, Problem

__all__ = ["ORDERS", "Mapping", "Problem", "map_problems", "with_dma_cycles"]


def _canonical() -> NDArray[np.bool_]:
    """Whether an order is tried: ``(8, 6)``, by which dimensions have several trips (m is bit 2).

    Orders that differ only in where a loop of one trip stands are the same; the first is kept.
    """
    table = np.ones((8, len(ORDERS)), dtype=np.bool_)
    for bits, looped in enumerate(product((False, True), repeat=3)):
        for code, order in enumerate(ORDERS):
            dims = ["mnk".index(d) for d in order]
            # A loop of one trip must not stand outside a loop of more, nor two idle ones disorder.
            table[bits, code] = all(
                (looped[x] or not looped[y]) and (looped[x] or looped[y] or x < y)
                for x, y in pairwise(dims)
            )
    return table


CANONICAL = _canonical()
"""Orders to try, see :func:`_canonical`."""


def map_problems(system: System, problems: Sequence[Problem]) -> list[Mapping]:
    """Choose a mapping for each problem, by calibrated DRAM bandwidth.

    With the command-level engine (:class:`lockstep.sim.dram_exact.ExactSystem`) the mappings chosen
    stay, and their costs are those of the DMA times that it measures.

    Raises
    ------
    ValueError
        If a problem has no tiling that fits; a loaded machine always has one.
    """
    if not problems:
        return []
    tiles = [_tilings(system, p) for p in problems]
    sizes = np.array([len(t) for t in tiles])
    which = np.repeat(np.arange(len(problems)), sizes)
    table = np.concatenate(tiles)
    cost = Costs(system, problems, which, table)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    # Sort by problem, then by preference; the first row of each problem's block wins.
    ranked = np.lexsort((cost.buffer_bytes, cost.dram_bytes, cost.latency_cycles, which))
    found = [cost.mapping(int(i), int(sizes[p])) for p, i in enumerate(ranked[starts])]
    if isinstance(system, ExactSystem):
        return [
            with_dma_cycles(system, p, mapping, system.exact.gemm(p, mapping))
            for p, mapping in zip(problems, found, strict=True)
        ]
    return found


def _steps(size: int, unit: int, limit: int) -> list[int]:
    """Tile sizes to try: ``unit * 2**i`` up to the whole dimension, at most ``limit``."""
    whole = min(size, limit)
    steps = [whole]
    while unit < whole:
        steps.append(unit)
        unit *= 2
    return steps


def _tilings(system: System, p: Problem) -> I64:
    """Rows of (Tm, Tn, Tk, order) that fit the tile half of the scratchpad."""
    t = system.machine.engine
    grid = np.array(
        np.meshgrid(
            *(
                _steps(s, u, t.job_max)
                for s, u in zip((p.m, p.n, p.k), t.smallest_tile, strict=True)
            ),
            indexing="ij",
        )
    ).reshape(3, -1)
    fits = t.tile_bits(grid[0], grid[1], grid[2]) <= 8 * system.machine.tile_bytes
    grid = grid[:, fits]
    if not grid.size:
        raise ValueError(
            f"no tile of {p.m}x{p.n}x{p.k} fits {system.machine.tile_bytes} bytes of scratchpad"
        )
    looped = np.array([[p.m], [p.n], [p.k]]) > grid
    tried = CANONICAL[looped[0] * 4 + looped[1] * 2 + looped[2]]
    orders, at = np.nonzero(tried.T)
    return np.vstack([grid[:, at], orders]).T


def with_dma_cycles(
    system: System, problem: Problem, mapping: Mapping, dma_cycles: float
) -> Mapping:
    """The same tiles in the same order, if DMA took ``dma_cycles`` in all."""
    order = ORDERS.index(tuple(mapping.order))
    table = np.array([[mapping.tile_m, mapping.tile_n, mapping.tile_k, order]])
    cost = Costs(system, [problem], np.zeros(1, np.int64), table)
    if dma_cycles:
        cost.overlap(system, dma_cycles / cost.dma_cycles)
    return cost.mapping(0, mapping.candidates)
