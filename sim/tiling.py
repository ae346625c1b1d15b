"""What a tiling of a GEMM costs.

A GEMM is cut into ``Tm x Tn x Tk`` tiles. Each tile is one job of the tensor engine; while it runs,
DMA brings the next tile's operands into the other half of a double buffer.

Traffic of a loop order: an operand is fetched again at each step that changes one of its two
indices, and stays put while only the third changes. Output tiles leave as finished results when K
is walked to its end first, and as partial sums of ``acc_bits`` that come back later otherwise.
``sim/dram_rate.py`` says how tensors lie in DRAM and how long their runs of bytes take.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.machine import System
from lockstep.sim.cycle.tensor import compute_cycles, job_counts
from lockstep.sim.dram_rate import burst_rounding, dma_cycles_per_byte

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


class Costs:
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
        self._bits = {
            x: np.array([float(getattr(p, f"{x}_bits")) for p in problems])[which] for x in "abc"
        }
        self._bits["acc"] = np.full(len(which), float(system.machine.engine.mac.acc_bits))
        self._in_dram = {
            x: np.array([getattr(p, f"{x}_in_dram") for p in problems])[which] for x in "abc"
        }
        self._traffic()
        self._dma(system)
        self.overlap(system)

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

    def _traffic(self) -> None:
        """Bytes DMA moves at each class of step: when the inner, middle or outer loop advances."""
        order = np.array([["mnk".index(d) for d in o] for o in ORDERS])[self.table[:, 3]]
        trips = np.array(self._trips)
        t_outer, t_middle, t_inner = (
            np.take_along_axis(trips, order[:, i][None], axis=0)[0] for i in range(3)
        )
        # Mean tile sizes, so that bytes summed over the tiles are exact.
        m, n, k = self._mean_tile = tuple(
            d / t for d, t in zip(self._dims, self._trips, strict=True)
        )
        a, b, c = self._tile_bytes(m, n, k)
        # Partial sums leave the chip when an output tile is left before K is done.
        k_at = np.argmax(order == 2, axis=1)
        spills = (trips[2] > 1) & (
            ((k_at == 1) & (t_inner > 1)) | ((k_at == 0) & (t_inner * t_middle > 1))
        )

        # steps[i]: times the loop at depth i (0 outer .. 2 inner) is the outermost one to advance.
        steps = (t_outer - 1, t_outer * (t_middle - 1), t_outer * t_middle * (t_inner - 1))
        self._loads: list[tuple[F64, F64, F64]] = []  # bytes of A and of B, and how often
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
            moves_a, moves_b = moved[0] | moved[2], moved[1] | moved[2]
            self._loads.append((a * moves_a, b * moves_b, steps[depth]))
        self._first_load = a, b
        self._read_a = a + sum(load * count for load, _, count in self._loads)
        self._read_b = b + sum(load * count for _, load, count in self._loads)
        tiles_c = trips[0] * trips[1]
        spilled = m * n * self._bits["acc"] / 8 * tiles_c * (trips[2] - 1)
        self._spilled = np.where(spills, spilled, 0.0)
        self._written_c = c * tiles_c

    def _tile_bytes(self, m: F64, n: F64, k: F64) -> tuple[F64, F64, F64]:
        """Bytes of one tile of A, B and C as they cross DRAM."""
        a, b, c = (self._bits[x] / 8 * self._in_dram[x] for x in "abc")
        return m * k * a, k * n * b, m * n * c

    def _dma(self, system: System) -> None:
        """Cycles of DMA, each operand at the rate of its own runs."""
        mean = self._runs(*self._mean_tile)
        pins_a, pins_b, pins_c, pins_partial = (burst_rounding(system, run) for run, _ in mean)
        partial = self._spilled * pins_partial
        read = self._read_a * pins_a + self._read_b * pins_b + partial
        written = self._written_c * pins_c + partial
        read_share = read / np.maximum(read + written, 1.0)

        def rates(runs: list[tuple[F64, F64]], read_shares: Sequence[F64]) -> Iterator[F64]:
            """Cycles per byte asked for."""
            for (run, pitch), share in zip(runs, read_shares, strict=True):
                per_byte = dma_cycles_per_byte(system, run, pitch, share)
                yield burst_rounding(system, run) * per_byte

        rate_a, rate_b, rate_c, rate_partial = rates(mean, [read_share] * 4)
        self._steps = [(a * rate_a + b * rate_b, count) for a, b, count in self._loads]
        first_a, first_b = self._first_load
        self._first = first_a * rate_a + first_b * rate_b
        stores = self._written_c * rate_c + 2 * self._spilled * rate_partial
        self._stores_per_step = stores / np.prod(self._trips, axis=0)
        dma = self._read_a * rate_a + self._read_b * rate_b + stores
        self._dma_cycles = self.instances * dma
        # The first load and last store are not overlapped: charge whole tiles, edges or not.
        whole = [tile.astype(np.float64) for tile in self._tiles]
        one, zero = np.ones_like(read_share), np.zeros_like(read_share)
        alone = rates(self._runs(*whole)[:3], (one, one, zero))
        self._exposed = sum(
            size * rate for size, rate in zip(self._tile_bytes(*whole), alone, strict=True)
        )

    def _runs(self, m: F64, n: F64, k: F64) -> list[tuple[F64, F64]]:
        """Bytes of a run, and from run to run, for tiles of A, B, C and partial sums."""
        _, whole_n, whole_k = self._dims
        _, trips_n, trips_k = self._trips
        elements = (
            (np.where(trips_k == 1, m * whole_k, k), whole_k, "a"),
            (np.where(trips_k == 1, n * whole_k, k), whole_k, "b"),
            (np.where(trips_n == 1, m * whole_n, n), whole_n, "c"),
            (m * n, m * n, "acc"),
        )
        return [
            (run * self._bits[x] / 8, np.maximum(run, pitch) * self._bits[x] / 8)
            for run, pitch, x in elements
        ]

    def overlap(self, system: System, slowdown: float = 1.0) -> None:
        """Double buffering: each step takes the longer of its compute and the next step's DMA.

        ``slowdown`` stretches all DMA times alike.
        """
        scratchpad = system.machine.scratchpad.bytes_per_cycle
        self.dram_read_bytes = self.instances * (self._read_a + self._read_b + self._spilled)
        self.dram_write_bytes = self.instances * (self._written_c + self._spilled)
        self.dram_bytes = self.dram_read_bytes + self.dram_write_bytes
        # What DMA writes into the scratchpad and reads out of it comes on top of the array's share.
        self.scratchpad_read_bytes = self.instances * self._reads + self.dram_write_bytes
        self.scratchpad_write_bytes = self.instances * self._writes + self.dram_read_bytes
        self.scratchpad_cycles = (
            self.scratchpad_read_bytes + self.scratchpad_write_bytes
        ) / scratchpad
        self.dma_cycles = self._dma_cycles * slowdown

        busy = np.maximum(self.array_cycles, self.scratchpad_cycles) / self.jobs
        stores = self._stores_per_step
        total: F64 = busy  # the last step's compute; every other step may be longer than its own
        for load, count in self._steps:
            step = np.maximum(busy, (load + stores) * slowdown)
            total = total + self.instances * count * step
        between = np.maximum(busy, (self._first + stores) * slowdown)
        total = total + (self.instances - 1) * between
        latency = np.where(self.dram_bytes > 0, system.dram_latency_cycles, 0.0)
        drain = system.machine.engine.output_latency_cycles
        total = total + self._exposed * slowdown + latency + drain
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
