"""The mapper: which tiles of a GEMM to move, in which order, so that it finishes soonest.

A GEMM is cut into ``Tm x Tn x Tk`` tiles. Each tile is one job of the tensor engine; while it runs,
DMA brings the next tile's operands into the other half of a double buffer. Candidates are every
power-of-two multiple of the array's fold in each dimension, times the six loop orders; all
candidates of all problems are costed in one vectorised pass, and the winner has the fewest cycles,
then the least DRAM traffic, then the smallest buffers, then comes first. No randomness: the same
problem always gets the same mapping.

Traffic of a loop order: an operand is fetched again at each step that changes one of its two
indices, and stays put while only the third changes. Output tiles leave as finished results when K
is walked to its end first, and as partial sums of ``acc_bits`` that come back later otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.machine import System
from lockstep.sim.cycle.tensor import compute_cycles, job_counts

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

ORDERS = tuple(permutations("mnk"))
"""Loop orders, outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One GEMM as the mapper sees it: sizes, stored bits per element, and what crosses DRAM.

    ``a_bits``, ``b_bits`` and ``c_bits`` are the stored widths in DRAM (scales included); an operand
    that stays in the scratchpad has its ``*_in_dram`` flag off and costs no DRAM traffic.
    """

    m: int
    n: int
    k: int
    instances: float = 1.0
    a_bits: float = 8.0
    b_bits: float = 8.0
    c_bits: float = 8.0
    a_in_dram: bool = True
    b_in_dram: bool = True
    c_in_dram: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """The chosen tiling of one problem and what it costs, over all instances.

    ``latency_cycles`` includes memory stalls; ``array_cycles`` is the tensor engine alone, tile by
    tile; ``dma_cycles`` and ``scratchpad_cycles`` are the times those two would take alone.
    """

    tile_m: int
    tile_n: int
    tile_k: int
    order: str
    candidates: int
    jobs: float
    latency_cycles: float
    array_cycles: float
    dma_cycles: float
    scratchpad_cycles: float
    dram_read_bytes: float
    dram_write_bytes: float
    scratchpad_read_bytes: float
    scratchpad_write_bytes: float

    @property
    def bound_by(self) -> str:
        """The resource that takes longest: compute, dram or scratchpad."""
        times = {
            "compute": self.array_cycles,
            "dram": self.dma_cycles,
            "scratchpad": self.scratchpad_cycles,
        }
        return max(times, key=lambda name: times[name])

    def explain(self) -> str:
        """One sentence: what was chosen, from how many, and what limits it."""
        return (
            f"tile {self.tile_m}x{self.tile_n}x{self.tile_k} (m, n, k), loops {self.order} outermost "
            f"first, best of {self.candidates} that fit; bound by {self.bound_by}: array "
            f"{self.array_cycles:.0f}, DRAM {self.dma_cycles:.0f}, scratchpad "
            f"{self.scratchpad_cycles:.0f} cycles"
        )


def map_problems(system: System, problems: Sequence[Problem]) -> list[Mapping]:
    """Choose a mapping for each problem.

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
    cost = _Costs(system, problems, which, table)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    # Sort by problem, then by preference; the first row of each problem's block wins.
    ranked = np.lexsort((cost.buffer_bytes, cost.dram_bytes, cost.latency_cycles, which))
    return [cost.mapping(int(i), int(sizes[p])) for p, i in enumerate(ranked[starts])]


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
    trips = -(-np.array([[p.m], [p.n], [p.k]]) // grid)
    # Orders that differ only in where a loop of one trip stands are the same: keep the first.
    rows = []
    looped = trips > 1
    for code, order in enumerate(ORDERS):
        idle = np.array(["mnk".index(d) for d in order])
        inner_first = looped[idle]
        canonical = np.ones(grid.shape[1], dtype=np.bool_)
        for i in (0, 1):
            # A loop of one trip must not stand outside a loop of more, nor two idle ones disorder.
            canonical &= inner_first[i] | ~inner_first[i + 1]
            canonical &= inner_first[i] | inner_first[i + 1] | (idle[i] < idle[i + 1])
        kept = grid[:, canonical]
        rows.append(np.vstack([kept, np.full(kept.shape[1], code)]).T)
    return np.concatenate(rows)


class _Costs:
    """Costs of all candidates of all problems, as flat arrays."""

    def __init__(self, system: System, problems: Sequence[Problem], which: I64, table: I64) -> None:
        self.table = table
        self._dims = [
            np.array([getattr(p, d) for p in problems], dtype=np.int64)[which] for d in "mnk"
        ]
        self._tiles = (table[:, 0], table[:, 1], table[:, 2])
        self._trips = [-(-d // t) for d, t in zip(self._dims, self._tiles, strict=True)]
        self.instances = np.array([p.instances for p in problems])[which]
        self.jobs = self.instances * np.prod(self._trips, axis=0)
        self.buffer_bytes = system.machine.engine.tile_bits(*self._tiles) / 8
        self._array(system)
        self._traffic(system, problems, which)
        self._overlap(system)

    def _array(self, system: System) -> None:
        """Tensor engine cycles and scratchpad traffic of the jobs of one instance, summed exactly."""
        tensor = system.machine.engine
        total = self._over_tiles(lambda m, n, k: compute_cycles(tensor, m, n, k))
        self.array_cycles = self.instances * total + self.jobs * tensor.dispatch_cycles
        mac = tensor.mac

        def moved(name: str) -> F64:
            return self._over_tiles(lambda m, n, k: job_counts(tensor, m, n, k)[name])

        # Every job but the first along K also reads the partial sums its predecessors left.
        m, n, _ = self._dims
        again = m * n * (self._trips[2] - 1)
        self._reads = (
            moved("a_reads") * mac.a_bits
            + moved("b_reads") * mac.b_bits
            + (moved("c_reads") + again) * mac.acc_bits
        ) / 8
        self._writes = moved("c_writes") * mac.acc_bits / 8

    def _over_tiles(self, f: Callable[[I64, I64, I64], I64]) -> F64:
        """Sum of ``f`` over the tiles of one instance: full and edge sizes in each dimension."""
        total = np.zeros(len(self.table))
        parts = []
        for size, tile in zip(self._dims, self._tiles, strict=True):
            full, rest = size // tile, size % tile
            parts.append(((full, tile), ((rest > 0).astype(np.int64), np.maximum(rest, 1))))
        for count_m, m in parts[0]:
            for count_n, n in parts[1]:
                for count_k, k in parts[2]:
                    count = count_m * count_n * count_k
                    if count.any():
                        total += count * f(m, n, k)
        return total

    def _traffic(self, system: System, problems: Sequence[Problem], which: I64) -> None:
        """Bytes DMA moves at each class of step: when the inner, middle or outer loop advances."""

        def flag(name: str) -> Bool:
            return np.array([getattr(p, name) for p in problems], dtype=np.bool_)[which]

        def bits(name: str) -> F64:
            return np.array([float(getattr(p, name)) for p in problems])[which]

        order = np.array([["mnk".index(d) for d in o] for o in ORDERS])[self.table[:, 3]]
        trips = np.array(self._trips)
        t_outer, t_middle, t_inner = (
            np.take_along_axis(trips, order[:, i][None], axis=0)[0] for i in range(3)
        )
        # Mean tile sizes, so that bytes summed over the tiles are exact.
        m, n, k = (d / t for d, t in zip(self._dims, self._trips, strict=True))
        acc_bits = system.machine.engine.mac.acc_bits
        a = m * k * bits("a_bits") / 8 * flag("a_in_dram")
        b = k * n * bits("b_bits") / 8 * flag("b_in_dram")
        c = m * n * bits("c_bits") / 8 * flag("c_in_dram")
        # Partial sums leave the chip when an output tile is left before K is done.
        k_at = np.argmax(order == 2, axis=1)
        spills = (trips[2] > 1) & (
            ((k_at == 1) & (t_inner > 1)) | ((k_at == 0) & (t_inner * t_middle > 1))
        )
        partial = m * n * acc_bits / 8

        # steps[i]: times the loop at depth i (0 outer .. 2 inner) is the outermost one to advance.
        steps = (t_outer - 1, t_outer * (t_middle - 1), t_outer * t_middle * (t_inner - 1))
        self._loads: list[F64] = []
        self._counts: list[F64] = []
        for depth in range(3):
            moved = np.zeros((3, len(self.table)), dtype=np.bool_)
            for i in range(depth, 3):
                # The loop itself advances; those inside it go back to 0, a change if they had moved.
                changes = (
                    np.ones(len(self.table), dtype=np.bool_)
                    if i == depth
                    else ((t_middle if i == 1 else t_inner) > 1)
                )
                np.put_along_axis(moved, order[:, i][None], changes[None], axis=0)
            self._loads.append(a * (moved[0] | moved[2]) + b * (moved[1] | moved[2]))
            self._counts.append(steps[depth])
        reload_a_b = np.sum(
            [load * count for load, count in zip(self._loads, self._counts, strict=True)], axis=0
        )
        tiles_c = trips[0] * trips[1]
        spilled = np.where(spills, partial * tiles_c * (trips[2] - 1), 0.0)
        self._first_load = a + b
        self._read_bytes = self._first_load + reload_a_b + spilled
        self._write_bytes = c * tiles_c + spilled
        self._partial_per_step = 2 * spilled / np.prod(trips, axis=0)
        self._store_per_step = c * tiles_c / np.prod(trips, axis=0)
        # The first load and last store are not overlapped: charge whole tiles, edges or not.
        tm, tn, tk = self._tiles
        self._exposed = (
            tm * tk * bits("a_bits") / 8 * flag("a_in_dram")
            + tk * tn * bits("b_bits") / 8 * flag("b_in_dram")
            + tm * tn * bits("c_bits") / 8 * flag("c_in_dram")
        )

    def _overlap(self, system: System) -> None:
        """Double buffering: each step takes the longer of its compute and the next step's DMA."""
        per_cycle = system.dram_bytes_per_cycle
        scratchpad = system.machine.scratchpad.bytes_per_cycle
        self.dram_read_bytes = self.instances * self._read_bytes
        self.dram_write_bytes = self.instances * self._write_bytes
        self.dram_bytes = self.dram_read_bytes + self.dram_write_bytes
        # What DMA writes into the scratchpad and reads out of it comes on top of the array's share.
        self.scratchpad_read_bytes = self.instances * self._reads + self.dram_write_bytes
        self.scratchpad_write_bytes = self.instances * self._writes + self.dram_read_bytes
        self.scratchpad_cycles = (
            self.scratchpad_read_bytes + self.scratchpad_write_bytes
        ) / scratchpad
        self.dma_cycles = self.dram_bytes / per_cycle

        busy = np.maximum(self.array_cycles, self.scratchpad_cycles) / self.jobs
        always = self._store_per_step + self._partial_per_step
        total: F64 = busy  # the last step's compute; every other step may be longer than its own
        for count, load in zip(self._counts, self._loads, strict=True):
            total = total + self.instances * count * np.maximum(busy, (load + always) / per_cycle)
        between = np.maximum(busy, (self._first_load + always) / per_cycle)
        total = total + (self.instances - 1) * between
        latency = np.where(self.dram_bytes > 0, system.dram_latency_cycles, 0.0)
        drain = system.machine.engine.output_latency_cycles
        total = total + self._exposed / per_cycle + latency + drain
        floor = np.maximum(np.maximum(self.array_cycles, self.scratchpad_cycles), self.dma_cycles)
        self.latency_cycles = np.maximum(total, floor)

    def mapping(self, i: int, candidates: int) -> Mapping:
        """Candidate ``i`` as a :class:`Mapping`."""
        return Mapping(
            tile_m=int(self.table[i, 0]),
            tile_n=int(self.table[i, 1]),
            tile_k=int(self.table[i, 2]),
            order="".join(ORDERS[int(self.table[i, 3])]),
            candidates=candidates,
            jobs=float(self.jobs[i]),
            latency_cycles=float(self.latency_cycles[i]),
            array_cycles=float(self.array_cycles[i]),
            dma_cycles=float(self.dma_cycles[i]),
            scratchpad_cycles=float(self.scratchpad_cycles[i]),
            dram_read_bytes=float(self.dram_read_bytes[i]),
            dram_write_bytes=float(self.dram_write_bytes[i]),
            scratchpad_read_bytes=float(self.scratchpad_read_bytes[i]),
            scratchpad_write_bytes=float(self.scratchpad_write_bytes[i]),
        )
