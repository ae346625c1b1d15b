"""Embedding lookups of a recommendation model (DLRM, Naumov et al., 2019): gather rows and sum them.

Table after table for a whole batch, as an embedding bag runs. Popular rows lie anywhere in a table.
Dense layers, whose weights stay in the caches, are left out.

| access | instructions | which |
| --- | --- | --- |
| load a sample's offset | 4 | increment, compare-and-branch, load, clear sums |
| load a row's number | 4 | increment, compare-and-branch, load, multiply (address) |
| load a line of the row | 6 | 2 vector loads, 2 adds, increment, compare-and-branch |
| store a line of the sum | 5 | 2 vector stores (same line), increment, compare-and-branch, address |
"""

import math
from collections.abc import Iterator

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    FULL,
    I64,
    algorithm,
    blocks,
    buffer,
    inlined,
    load,
    store,
)
from lockstep.workloads.streams.options import DlrmOptions
from lockstep.workloads.streams.scramble import permuted, random_unit

LINE_BYTES = 64


def dlrm(options: DlrmOptions, seed: int) -> Stream:
    """One batch after another, each with rows drawn anew."""
    layout = Layout()
    table_bytes = options.row_bytes << options.rows_log2
    table_at = layout.place("embedding tables", options.tables * table_bytes)
    # The loader writes the rows' numbers of each batch to the same place.
    samples = options.tables * options.batch
    offset_at = layout.place("offsets", 8 * samples)
    index_at = layout.place("row numbers", 8 * samples * options.pooling)
    sum_at = layout.place("sums", options.row_bytes * samples)

    def start() -> Run:
        out = buffer()
        run = _gather(
            out,
            seed,
            (options.tables, options.batch, options.pooling),
            options.rows_log2,
            options.row_bytes,
            options.zipf,
            (table_at, offset_at, index_at, sum_at),
        )
        return Run(blocks(run, out))

    return Stream("dlrm", seed, tuple(layout.regions), start)


@inlined
def _power_sum(x: float, exponent: float) -> float:
    """Integral of ``t**-exponent`` from 1 to ``x``."""
    log_x = math.log(x)
    y = (1 - exponent) * log_x
    return math.expm1(y) / (1 - exponent) if abs(y) > 1e-8 else log_x


@inlined
def _power_sum_inverse(area: float, exponent: float) -> float:
    y = (1 - exponent) * area
    return math.exp(math.log1p(y) / (1 - exponent)) if abs(y) > 1e-8 else math.exp(area)


@inlined
def zipf_limits(rows: int, exponent: float) -> tuple[float, float, float]:
    """What all draws of :func:`zipf_rank` share: the areas drawn from, and a width that is safe."""
    low = _power_sum(1.5, exponent) - 1.0
    high = _power_sum(rows + 0.5, exponent)
    safe = 2.0 - _power_sum_inverse(_power_sum(2.5, exponent) - 2.0**-exponent, exponent)
    return low, high, safe


@inlined
def zipf_rank(
    seed: int, draw: int, rows: int, exponent: float, limits: tuple[float, float, float]
) -> tuple[int, int]:
    """A rank from 1 to ``rows`` with chance in proportion to ``rank**-exponent``; the next draw.

    Rejection-inversion (Hoermann and Derflinger, 1996): no table, hardly more than one draw.
    """
    low, high, safe = limits
    while True:
        area = high + random_unit(seed, draw) * (low - high)
        draw += 1
        x = _power_sum_inverse(area, exponent)
        rank = min(max(int(x + 0.5), 1), rows)
        if rank - x <= safe or area >= _power_sum(rank + 0.5, exponent) - rank**-exponent:
            return rank, draw


@algorithm
def _gather(
    out: I64,
    seed: int,
    shape: tuple[int, int, int],
    rows_log2: int,
    row_bytes: int,
    zipf: float,
    at: tuple[int, int, int, int],
) -> Iterator[int]:
    tables, batch, pooling = shape
    table_at, offset_at, index_at, sum_at = at
    n, draw = 0, 0
    limits = zipf_limits(1 << rows_log2, zipf)
    while True:
        for table in range(tables):
            rows_at = table_at + table * (row_bytes << rows_log2)
            for sample in range(table * batch, (table + 1) * batch):
                n = load(out, n, offset_at + sample * 8, 4)
                for i in range(sample * pooling, (sample + 1) * pooling):
                    rank, draw = zipf_rank(seed, draw, 1 << rows_log2, zipf, limits)
                    row = permuted(seed + table, rank - 1, rows_log2)
                    n = load(out, n, index_at + i * 8, 4)
                    for byte in range(0, row_bytes, LINE_BYTES):
                        n = load(out, n, rows_at + row * row_bytes + byte, 6)
                    if n >= FULL:
                        yield n
                        n = 0
                for byte in range(0, row_bytes, LINE_BYTES):
                    n = store(out, n, sum_at + sample * row_bytes + byte, 5)
                if n >= FULL:
                    yield n
                    n = 0
