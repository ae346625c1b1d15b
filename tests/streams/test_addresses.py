"""The accesses of whole runs, against the same loops in plain Python over plain lists."""

from collections import deque
from itertools import count, islice

import numpy as np
import pytest

from lockstep.workloads.streams.chunk import LOAD, STORE, Layout
from lockstep.workloads.streams.dlrm import zipf_limits, zipf_rank
from lockstep.workloads.streams.graph import rmat, sources
from lockstep.workloads.streams.gups import PERIOD, sequence
from lockstep.workloads.streams.kmer import make_genome, read_base, slot_of
from lockstep.workloads.streams.options import GenOptions, GraphOptions, XsOptions
from lockstep.workloads.streams.scramble import permuted, random_unit
from lockstep.workloads.streams.xs import make_grids


def starts(stream):
    return {region.name: region.start for region in stream.regions}


def compare(chunk, expected):
    expected = list(islice(expected, len(chunk)))
    assert len(expected) == len(chunk)
    got = zip(chunk.address.tolist(), chunk.kind.tolist(), chunk.gap.tolist(), strict=True)
    for i, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert a == b, f"access {i}"


def bfs_accesses(g, at, order, rounds, vertex_bytes=64, edge_bytes=16):
    vertex, edge, queue_at = at["vertices"], at["edges"], at["queue"]
    for source in order[:rounds]:
        level = {}
        for v in range(g.n_vertices):
            yield vertex + v * vertex_bytes + 16, STORE, 3
        level[source] = 0
        yield vertex + source * vertex_bytes + 16, STORE, 3
        queue, taken, put = deque([source]), count(), count()
        yield queue_at + 8 * next(put), STORE, 2
        while queue:
            u = queue.popleft()
            yield queue_at + 8 * next(taken), LOAD, 4
            yield vertex + u * vertex_bytes, LOAD, 4
            for e in range(g.first[u], g.first[u + 1]):
                v = int(g.target[e])
                yield edge + e * edge_bytes, LOAD, 4
                yield vertex + v * vertex_bytes + 16, LOAD, 3
                if v not in level:
                    level[v] = level[u] + 1
                    queue.append(v)
                    yield vertex + v * vertex_bytes + 16, STORE, 3
                    yield queue_at + 8 * next(put), STORE, 2


@pytest.mark.parametrize(("vertex_bytes", "edge_bytes"), [(64, 16), (136, 24)])
def test_bfs(small, vertex_bytes, edge_bytes):
    sizes = {"vertex_bytes": vertex_bytes, "edge_bytes": edge_bytes}
    got = small("bfs", rounds=3, **sizes)
    g = rmat(GraphOptions(**small.options["bfs"]), 1, Layout())
    expected = list(bfs_accesses(g, starts(got), sources(g, 1).tolist(), 3, **sizes))
    chunk = small.joined(got.chunks(10**9))
    assert len(chunk) == len(expected)
    compare(chunk, expected)


def hpcc(steps, number=1):
    """The benchmark's definition: shift left; if the top bit was set, exclusive-or with 7."""
    for _ in range(steps):
        number = (number << 1 & 0xFFFFFFFFFFFFFFFF) ^ (7 if number >> 63 else 0)
        yield number


@pytest.mark.parametrize("table_log2", [1, 12, 40])
def test_gups_is_the_sequence_of_the_benchmark(small, table_log2):
    got = small("gups", table_log2=table_log2)
    table = starts(got)["table"]
    expected = (
        access
        for number in hpcc(100_000)
        for address in [table + 8 * (number % (1 << table_log2))]
        for access in ((address, LOAD, 7), (address, STORE, 4))
    )
    compare(small.joined(got.chunks(90_000)), expected)


def test_gups_of_another_seed_starts_further_on(small):
    got = small("gups", seed=3)
    numbers = hpcc(1000, sequence(2 << 40))
    chunk = small.joined(got.chunks(2000))
    assert chunk.address[::2].tolist() == [starts(got)["table"] + 8 * (x % 4096) for x in numbers]


def test_jumping_in_the_sequence_is_stepping():
    assert [sequence(i) for i in range(1, 200)] == list(hpcc(199))
    assert sequence(10**15 + 5) == list(hpcc(5, sequence(10**15)))[-1]
    assert sequence(PERIOD) == sequence(0) == 1


def kmer_accesses(options, at, turns, seed=1):
    genome = make_genome(options.genome_log2, options.repeats, seed)
    reads = round(options.coverage * len(genome) / options.read_bases)
    k, length, slots = options.k, options.read_bases, 1 << options.table_log2
    lines = -(-length // 64)
    for turn in range(turns):
        for line in range(slots // 4 if turn else 0):
            yield at["table"] + 64 * line, STORE, 3
        table = {}
        for read in range(turn * reads, (turn + 1) * reads):
            bases = [
                read_base(genome, seed, read, i, length, options.error_rate) for i in range(length)
            ]
            for i in range(length):
                if i % 64 == 0:
                    ring = (64 << 20) // 64 // lines
                    yield at["reads"] + read % ring * lines * 64 + i, LOAD, 4
                if i < k - 1:
                    continue
                word = bases[i - k + 1 : i + 1]
                pair = (word, [3 - b for b in word[::-1]])
                kmer = 1 + min(sum(b << 2 * (k - 1 - j) for j, b in enumerate(w)) for w in pair)
                slot, gap = slot_of(np.uint64(kmer), slots), 22
                while True:
                    yield at["table"] + 16 * slot, LOAD, gap
                    if table.setdefault(slot, kmer) == kmer:
                        break
                    slot, gap = (slot + 1) % slots, 4
                yield at["table"] + 16 * slot, STORE, 4


@pytest.mark.parametrize(("k", "read_bases"), [(7, 40), (24, 129)])
def test_kmer(small, k, read_bases):
    sizes = {"k": k, "read_bases": read_bases, "table_log2": 13}
    got = small("gen", rounds=2, **sizes)
    options = GenOptions(**small.options["gen"] | sizes)
    expected = list(kmer_accesses(options, starts(got), 2))
    chunk = small.joined(got.chunks(10**9))
    assert len(chunk) == len(expected)
    assert (chunk.gap == 4).sum() > (chunk.gap == 22).sum()  # some probes go on
    compare(chunk, expected)


def xs_accesses(options, at, seed=1):
    g = make_grids(options, seed, Layout())
    own = [np.sort(g.energy[g.owner == nuclide]) for nuclide in range(options.nuclides)]
    widest = g.material.shape[1]
    for turn in count():
        wanted, kind = random_unit(seed, 2 * turn), random_unit(seed, 2 * turn + 1)
        m = min(int(np.searchsorted(g.chance, kind, "right")), len(g.chance) - 1)
        low, high = 0, len(g.energy) - 1
        while high - low > 1:
            middle = (low + high) // 2
            yield at["energy grid"] + 8 * middle, LOAD, 6
            low, high = (low, middle) if g.energy[middle] > wanted else (middle, high)
        assert low == np.clip(np.searchsorted(g.energy, wanted) - 1, 0, len(g.energy) - 2)
        for i, nuclide in enumerate(g.material[m, : g.n_nuclides[m]].tolist()):
            yield at["materials"] + 4 * (m * widest + i), LOAD, 4
            yield at["concentrations"] + 8 * (m * widest + i), LOAD, 2
            yield at["index table"] + 4 * (low * options.nuclides + nuclide), LOAD, 4
            index = np.searchsorted(own[nuclide], g.energy[low], "right") - 1
            point = nuclide * options.gridpoints + int(np.clip(index, 0, options.gridpoints - 2))
            first = at["gridpoints"] + 48 * point
            yield first, LOAD, 8
            for line in range(first // 64 + 1, (first + 95) // 64 + 1):
                yield 64 * line, LOAD, 16


@pytest.mark.parametrize(
    "sizes", [{}, {"nuclides": 40, "gridpoints": 77}, {"nuclides": 1, "gridpoints": 2}]
)
def test_xs(small, sizes):
    got = small("xs", **sizes)
    options = XsOptions(**small.options["xs"] | sizes)
    compare(small.joined(got.chunks(60_000)), xs_accesses(options, starts(got)))


def test_xs_index_table_of_the_default_is_that_of_xsbench():
    options = XsOptions()
    assert (options.nuclides * options.gridpoints, options.gridpoints) == (4012565, 11303)
    assert options.nuclides * options.nuclides * options.gridpoints * 4 == 5697842300


def dlrm_accesses(at, tables, batch, pooling, rows_log2, row_bytes, zipf, seed=1):
    draw, limits = 0, zipf_limits(1 << rows_log2, zipf)
    while True:
        for table in range(tables):
            for sample in range(batch):
                bag = table * batch + sample
                yield at["offsets"] + 8 * bag, LOAD, 4
                for i in range(pooling):
                    rank, draw = zipf_rank(seed, draw, 1 << rows_log2, zipf, limits)
                    row = permuted(seed + table, rank - 1, rows_log2)
                    yield at["row numbers"] + 8 * (bag * pooling + i), LOAD, 4
                    for byte in range(0, row_bytes, 64):
                        first = at["embedding tables"] + (table << rows_log2) * row_bytes
                        yield first + row * row_bytes + byte, LOAD, 6
                for byte in range(0, row_bytes, 64):
                    yield at["sums"] + bag * row_bytes + byte, STORE, 5


@pytest.mark.parametrize(("row_bytes", "zipf"), [(64, 0.9), (192, 0.0), (256, 1.0)])
def test_dlrm(small, row_bytes, zipf):
    got = small("dlrm", row_bytes=row_bytes, zipf=zipf)
    sizes = small.options["dlrm"] | {"row_bytes": row_bytes, "zipf": zipf}
    compare(small.joined(got.chunks(50_000)), dlrm_accesses(starts(got), **sizes))


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.4, 4.0])
def test_ranks_follow_zipf(exponent):
    rows, n = 30, 20_000
    limits, draw, seen = zipf_limits(rows, exponent), 0, np.zeros(rows + 1)
    for _ in range(n):
        rank, draw = zipf_rank(7, draw, rows, exponent, limits)
        seen[rank] += 1
    expected = np.arange(1, rows + 1) ** -exponent
    expected *= n / expected.sum()
    big = expected > 20
    chi2 = ((seen[1:] - expected) ** 2 / expected)[big].sum()
    assert chi2 < big.sum() + 5 * np.sqrt(2 * big.sum())
    assert abs(seen[1:][~big].sum() - expected[~big].sum()) < 40
    assert draw < 1.3 * n
