"""The requests of an operator: its tiles' runs of bytes as bursts in the order DMA asks for them.

Loads and stores are two streams, each in order; DMA turns from one to the other after
``BLOCK_BURSTS`` per channel, spread evenly over the operator. ``sim/dram_rate.py`` says how tensors
lie in DRAM. Each instance has its operands to itself, on pages of their own.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np

from lockstep.sim.dram_interleaving import scattered
from lockstep.sim.tiling import I64, Bool, Mapping, Problem

BLOCK_BURSTS = 256
"""Bursts per channel between turns of DMA; enough that turning the bus costs a few percent."""

PAGE_BYTES = 4096
"""Alignment of tensors."""

TABLE_BYTES = 1 << 30
"""Where the rows of an embedding are gathered from."""

MOST_STEPS = 1 << 22
"""Tile steps of one instance that are laid out; of a longer walk, the first ones stand for all."""


class Turns:
    """Two streams of ``loads`` and ``stores`` bursts as one, in blocks of ``block``."""

    def __init__(self, loads: int, stores: int, block: int) -> None:
        lengths, places, kinds = [], [], []
        for kind, total in enumerate((loads, stores)):
            blocks = -(-total // block)
            length = np.full(blocks, block, np.int64)
            length[blocks - 1 :] -= blocks * block - total
            lengths.append(length)
            places.append((np.arange(blocks) + 0.5) / max(blocks, 1))
            kinds.append(np.full(blocks, kind, np.int64))
        order = np.argsort(np.concatenate(places), kind="stable")
        length, self._kind = np.concatenate(lengths)[order], np.concatenate(kinds)[order]
        self._first = np.cumsum(length) - length
        # Bursts of its own stream that come before each block.
        own = [np.where(self._kind == kind, length, 0) for kind in (0, 1)]
        self._before = np.select(
            [self._kind == 0, self._kind == 1], [np.cumsum(x) - x for x in own]
        )

    def at(self, position: I64) -> tuple[I64, I64]:
        """``is_store`` and the index within its own stream, for positions in the joint one."""
        block = np.searchsorted(self._first, position, side="right") - 1
        return self._kind[block], self._before[block] + position - self._first[block]


@dataclass(frozen=True, slots=True)
class Transfers:
    """Rectangles of bytes, in order: ``rows`` runs of ``run`` bytes, ``pitch`` bytes apart.

    Arrays of one length; ``start`` is the first byte. A run counts all bursts that it touches, by
    the place of the rectangle's first run.
    """

    start: I64
    rows: I64
    run: I64
    pitch: I64

    @property
    def size_bytes(self) -> int:
        """Bytes asked for."""
        return int((self.rows * self.run).sum())

    def bursts_per_run(self, burst_bytes: int) -> I64:
        """Bursts that one run touches, by transfer."""
        return -(-(self.start % burst_bytes + self.run) // burst_bytes)


def sequence(parts: "list[tuple[I64, Transfers]]") -> Transfers:
    """Transfers of several kinds, each with its times, as one sequence."""
    order = np.argsort(np.concatenate([at for at, _ in parts]), kind="stable")
    return Transfers(*(
        np.concatenate([getattr(t, name) for _, t in parts])[order]
        for name in ("start", "rows", "run", "pitch")
    ))  # fmt: skip


class Stream:
    """The bursts of ``instances`` equal walks, each with ``loads`` and ``stores`` of its own.

    ``span_bytes`` is what one instance occupies.
    """

    def __init__(
        self,
        loads: Transfers,
        stores: Transfers,
        *,
        instances: int = 1,
        span_bytes: int,
        burst_bytes: int,
        channels: int,
    ) -> None:
        self._streams = (loads, stores)
        self._span_bytes, self._burst_bytes = span_bytes, burst_bytes
        self._per_run = tuple(t.bursts_per_run(burst_bytes) for t in self._streams)
        bursts = [t.rows * n for t, n in zip(self._streams, self._per_run, strict=True)]
        self._first = tuple(np.cumsum(n) - n for n in bursts)
        self._totals = tuple(int(n.sum()) for n in bursts)
        n_loads, n_stores = (instances * n for n in self._totals)
        self._turns = Turns(n_loads, n_stores, BLOCK_BURSTS * channels)
        self.requests = instances * sum(self._totals)
        self.size_bytes = instances * (loads.size_bytes + stores.size_bytes)

    def at(self, position: I64) -> tuple[I64, I64]:
        """``is_write`` and byte ``address`` of the requests at these positions, ``(n,)`` each."""
        is_write, index = self._turns.at(position)
        address = np.zeros_like(position)
        for kind in (0, 1):
            mine = np.flatnonzero(is_write == kind)
            if mine.size:
                address[mine] = self._addresses(kind, index[mine])
        return is_write, address

    def _addresses(self, kind: int, index: I64) -> I64:
        transfers, burst = self._streams[kind], self._burst_bytes
        instance, index = np.divmod(index, self._totals[kind])
        at = np.searchsorted(self._first[kind], index, side="right") - 1
        row, column = np.divmod(index - self._first[kind][at], self._per_run[kind][at])
        start = transfers.start[at] + row * transfers.pitch[at]
        address: I64 = (start // burst + column) * burst + instance * self._span_bytes
        return address


def gemm_stream(
    problem: Problem, mapping: Mapping, *, acc_bits: int, burst_bytes: int, channels: int
) -> Stream:
    """The requests of a GEMM, tile by tile in the mapping's order."""
    walk = _Walk(problem, mapping)
    loads, stores = [], []
    base = 0
    for rows, bits, here in (
        ("m", problem.a_bits, problem.a_in_dram),
        ("n", problem.b_bits, problem.b_in_dram),
    ):
        if here:
            loads.append(walk.tiles(base, rows, "k", bits, walk.enters(rows, "k")))
        base += _pages(walk.sizes[rows] * problem.k * bits / 8)
    enters, leaves = walk.enters("m", "n"), walk.leaves_c()
    is_first, is_last = walk.at["k"] == 0, walk.at["k"] == walk.trips["k"] - 1
    if problem.c_in_dram:
        stores.append(walk.tiles(base, "m", "n", problem.c_bits, leaves & is_last))
    base += _pages(problem.m * problem.n * problem.c_bits / 8)
    loads.append(walk.partial_sums(base, acc_bits, enters & ~is_first))
    stores.append(walk.partial_sums(base, acc_bits, leaves & ~is_last))
    base += _pages(walk.trips["m"] * walk.trips["n"] * walk.slot_bytes(acc_bits))
    return Stream(
        sequence(loads), sequence(stores), instances=ceil(problem.instances), span_bytes=base,
        burst_bytes=burst_bytes, channels=channels,
    )  # fmt: skip


class _Walk:
    """The tile steps of one instance: ``at[d]`` is the tile index of each step."""

    def __init__(self, problem: Problem, mapping: Mapping) -> None:
        self.sizes = {"m": problem.m, "n": problem.n, "k": problem.k}
        self._tiles = {"m": mapping.tile_m, "n": mapping.tile_n, "k": mapping.tile_k}
        self.trips = {d: -(-self.sizes[d] // self._tiles[d]) for d in "mnk"}
        self._total = self.trips["m"] * self.trips["n"] * self.trips["k"]
        self._step = np.arange(min(self._total, MOST_STEPS), dtype=np.int64)
        index = np.unravel_index(self._step, [self.trips[d] for d in mapping.order])
        self.at = {d: np.asarray(index[mapping.order.index(d)], np.int64) for d in "mnk"}

    def enters(self, *dims: str) -> Bool:
        """Steps that need another tile of an operand than the step before."""
        changed = np.ones(self._step.size, np.bool_)
        changed[1:] = np.any([np.diff(self.at[d]) != 0 for d in dims], axis=0)
        return changed

    def leaves_c(self) -> Bool:
        """Steps after which the output tile makes room for another."""
        return np.append(self.enters("m", "n")[1:], self._step.size == self._total)

    def tiles(
        self, base: int, rows: str, columns: str, bits: float, when: Bool
    ) -> tuple[I64, Transfers]:
        """Tiles of the row-major matrix at ``base``, and their steps."""
        row, column = (self.at[d][when] * self._tiles[d] for d in (rows, columns))
        height, width = self._extent(rows, when), self._extent(columns, when)
        start = base + ((row * self.sizes[columns] + column) * bits / 8).astype(np.int64)
        if self.trips[columns] == 1:  # whole rows: one run
            height, width = np.ones_like(height), width * height
        run = np.ceil(width * bits / 8).astype(np.int64)
        pitch = np.full_like(run, ceil(self.sizes[columns] * bits / 8))
        return self._step[when], Transfers(start, height, run, pitch)

    def partial_sums(self, base: int, acc_bits: int, when: Bool) -> tuple[I64, Transfers]:
        """Output tiles in full width, packed one after another."""
        number = self.at["m"][when] * self.trips["n"] + self.at["n"][when]
        run = -(-self._extent("m", when) * self._extent("n", when) * acc_bits // 8)
        one = np.ones_like(number)
        return self._step[when], Transfers(base + number * self.slot_bytes(acc_bits), one, run, one)

    def slot_bytes(self, acc_bits: int) -> int:
        """Room of one tile of partial sums."""
        return -(-self._tiles["m"] * self._tiles["n"] * acc_bits // 8)

    def _extent(self, dim: str, when: Bool) -> I64:
        """Tile sizes in one dimension, edges included."""
        tile = self._tiles[dim]
        return np.minimum(tile, self.sizes[dim] - self.at[dim][when] * tile)


def _pages(size_bytes: float) -> int:
    return -(-ceil(size_bytes) // PAGE_BYTES) * PAGE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTraffic:
    """What a vector operator moves.

    Parameters
    ----------
    rows : int
    in_row_bytes, out_row_bytes : float
    sources : 0, 1 or 2
        Tensors of ``rows`` rows that are read from DRAM, row by row in turn.
    gathers : bool
        Whether rows lie at random places of a table of ``TABLE_BYTES`` (an embedding).
    stores : bool
        Whether the result goes to DRAM.
    """

    rows: int
    in_row_bytes: float
    out_row_bytes: float
    sources: int
    gathers: bool
    stores: bool

    @property
    def read_bytes(self) -> float:
        """Bytes from DRAM."""
        return self.rows * self.in_row_bytes * self.sources

    @property
    def written_bytes(self) -> float:
        """Bytes to DRAM."""
        return self.rows * self.out_row_bytes * self.stores


def vector_stream(traffic: RowTraffic, *, burst_bytes: int, channels: int) -> Stream:
    """The requests of a vector operator, row by row."""
    row = np.arange(traffic.rows, dtype=np.int64)

    def rows_of(base: int, row_bytes: float, place: I64) -> tuple[I64, Transfers]:
        start = base + (place * row_bytes).astype(np.int64)
        run = np.full_like(row, ceil(row_bytes))
        return row, Transfers(start, np.ones_like(row), run, run)

    none = row[:0], Transfers(*(row[:0],) * 4)
    base, loads, stores = 0, [none], [none]
    for _ in range(traffic.sources):
        size_bytes, place = traffic.rows * traffic.in_row_bytes, row
        if traffic.gathers:
            size_bytes = TABLE_BYTES
            place = scattered(row) % max(1, int(TABLE_BYTES / traffic.in_row_bytes))
        loads.append(rows_of(base, traffic.in_row_bytes, place))
        base += _pages(size_bytes)
    if traffic.stores:
        stores.append(rows_of(base, traffic.out_row_bytes, row))
        base += _pages(traffic.written_bytes)
    return Stream(
        sequence(loads), sequence(stores), span_bytes=base,
        burst_bytes=burst_bytes, channels=channels,
    )  # fmt: skip
