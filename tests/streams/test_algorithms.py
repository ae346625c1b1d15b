"""The generators work out what their algorithms are for, checked against plain Python."""

import heapq
from collections import Counter, deque
from itertools import combinations

import numpy as np
import pytest

from lockstep.workloads.streams.chunk import Layout
from lockstep.workloads.streams.colouring import before
from lockstep.workloads.streams.graph import rmat, sources
from lockstep.workloads.streams.kmer import make_genome, read_base
from lockstep.workloads.streams.options import GenOptions, GraphOptions
from lockstep.workloads.streams.sssp import UNREACHED, weight

SEEDS = [1, 2, 3]


def finished(small, name, seed, **options):
    """Results after the rounds asked for."""
    run = small(name, seed=seed, **options).start()
    for _ in run.chunks(10**12):
        pass
    return run.results


def rows(small, seed):
    g = rmat(GraphOptions(**small.options["bfs"]), seed, Layout())
    return [g.target[g.first[u] : g.first[u + 1]].tolist() for u in range(g.n_vertices)], g


def levels(neighbours, source):
    level, queue = {source: 0}, deque([source])
    while queue:
        u = queue.popleft()
        for v in neighbours[u]:
            if v not in level:
                level[v] = level[u] + 1
                queue.append(v)
    return level


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rounds", [1, 3])
def test_bfs_levels(small, seed, rounds):
    neighbours, g = rows(small, seed)
    expected = levels(neighbours, int(sources(g, seed)[rounds - 1]))
    got = finished(small, "bfs", seed, rounds=rounds)["level"]
    assert got.tolist() == [expected.get(v, -1) for v in range(g.n_vertices)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("delta", "max_weight"), [(32, 255), (1, 9), (1000, 255)])
def test_sssp_distances(small, seed, delta, max_weight):
    neighbours, g = rows(small, seed)
    source = int(sources(g, seed)[1])
    distance, heap = {}, [(0, source)]
    while heap:
        d, u = heapq.heappop(heap)
        if u not in distance:
            distance[u] = d
            for v in neighbours[u]:
                heapq.heappush(heap, (d + weight(seed, u, v, max_weight), v))
    options = {"delta": delta, "max_weight": max_weight, "rounds": 2}
    got = finished(small, "sssp", seed, **options)["distance"]
    assert got.tolist() == [distance.get(v, UNREACHED) for v in range(g.n_vertices)]


def test_weights_are_the_same_both_ways_and_fill_their_range():
    got = [weight(1, u, v, 9) for u, v in combinations(range(60), 2)]
    assert set(got) == set(range(1, 10))
    assert all(weight(1, u, v, 9) == weight(1, v, u, 9) for u, v in combinations(range(20), 2))


@pytest.mark.parametrize("seed", SEEDS)
def test_components(small, seed):
    neighbours, g = rows(small, seed)
    expected = [min(levels(neighbours, u)) for u in range(g.n_vertices)]
    assert finished(small, "cc", seed, rounds=1)["label"].tolist() == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_triangles(small, seed):
    neighbours, _ = rows(small, seed)
    pairs = {(u, v) for u, row in enumerate(neighbours) for v in row}
    expected = sum(
        (u, v) in pairs and (v, w) in pairs and (u, w) in pairs
        for u, v, w in combinations(range(len(neighbours)), 3)
    )
    assert expected > 0
    assert finished(small, "tc", seed, rounds=2)["triangles"].tolist() == [expected]


@pytest.mark.parametrize("seed", SEEDS)
def test_pagerank_solves_its_linear_system(small, seed):
    neighbours, g = rows(small, seed)
    flow = np.zeros((g.n_vertices, g.n_vertices))
    for u, row in enumerate(neighbours):
        flow[row, u] = 1 / max(1, len(row))
    base = np.full(g.n_vertices, 0.15 / g.n_vertices)
    expected = np.linalg.solve(np.eye(g.n_vertices) - 0.85 * flow, base)
    got = finished(small, "pr", seed, rounds=1, tolerance=1e-13, iterations=1000)["rank"]
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    rough = finished(small, "pr", seed, rounds=1, iterations=2)["rank"]
    assert abs(rough - expected).max() > 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_betweenness_counts_shortest_paths(small, seed):
    """By definition: the share of shortest paths s-t through v is paths(s,v) paths(v,t) / paths(s,t)."""
    neighbours, g = rows(small, seed)
    n = g.n_vertices
    distance, paths = np.full((n, n), np.inf), np.zeros((n, n))
    for s in range(n):
        paths[s, s] = 1
        level = levels(neighbours, s)
        for v in level:  # in order of level
            distance[s, v] = level[v]
            paths[s, v] += sum(paths[s, u] for u in neighbours[v] if level[u] == level[v] - 1)
    expected = np.zeros(n)
    for v in range(n):
        on_path = (distance[:, v, None] + distance[None, v, :] == distance) & np.isfinite(distance)
        on_path[v, :] = on_path[:, v] = False
        share = np.outer(paths[:, v], paths[v, :])[on_path] / paths[on_path]
        expected[v] = share.sum()
    got = finished(small, "bc", seed, rounds=len(sources(g, seed)))["score"]
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_colouring_is_greedy_in_the_random_order(small, seed):
    neighbours, g = rows(small, seed)
    order = sorted(
        range(g.n_vertices), key=lambda v: sum(before(seed, u, v) for u in range(g.n_vertices))
    )
    colour = {}
    for u in order:
        taken = {colour[v] for v in neighbours[u] if v in colour}
        colour[u] = min(set(range(len(taken) + 1)) - taken)
    assert max(colour.values()) > 2
    got = finished(small, "gc", seed, rounds=2)["colour"]
    assert got.tolist() == [colour[v] for v in range(g.n_vertices)]


def counted(options, seed, turn=0):
    """K-mers of a round's reads, as text."""
    genome = make_genome(options.genome_log2, options.repeats, seed)
    reads = round(options.coverage * len(genome) / options.read_bases)
    complement = str.maketrans("ACGT", "TGCA")
    counts = Counter()
    for read in range(turn * reads, (turn + 1) * reads):
        text = "".join(
            "ACGT"[read_base(genome, seed, read, i, options.read_bases, options.error_rate)]
            for i in range(options.read_bases)
        )
        for i in range(options.read_bases - options.k + 1):
            word = text[i : i + options.k]
            counts[min(word, word.translate(complement)[::-1])] += 1
    return counts


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [3, 7, 24])
def test_kmer_counts(small, seed, k):
    options = GenOptions(**small.options["gen"] | {"k": k})
    expected = counted(options, seed, turn=1)
    table = finished(small, "gen", seed, k=k, rounds=2)["table"]
    got = {}
    for word in table[table != 0].tolist():
        value = (word >> 16) - 1
        text = "".join("ACGT"[value >> 2 * (k - 1 - i) & 3] for i in range(k))
        assert text not in got
        got[text] = word & 0xFFFF
    assert got == expected


def test_a_full_table_takes_no_new_kmers(small):
    table = finished(small, "gen", 1, k=12, table_log2=6, rounds=1)["table"]
    assert np.count_nonzero(table) == 56
    counts = counted(GenOptions(**small.options["gen"] | {"k": 12}), 1)
    for word in table[table != 0].tolist():
        value = (word >> 16) - 1
        assert (
            counts["".join("ACGT"[value >> 2 * (11 - i) & 3] for i in range(12))] == word & 0xFFFF
        )


def test_reads_are_stretches_of_the_genome_on_both_strands():
    genome = make_genome(10, 0.5, 4)
    text = "".join("ACGT"[b] for b in genome)
    other = text.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    found = Counter()
    for read in range(40):
        bases = "".join("ACGT"[read_base(genome, 4, read, i, 50, 0.0)] for i in range(50))
        found[bases in text, bases in other] += 1
    assert set(found) <= {(True, False), (False, True)}
    assert min(found.values()) > 5


def test_misread_bases_have_their_rate():
    genome = make_genome(10, 0.0, 4)
    wrong = sum(
        read_base(genome, 4, read, i, 50, 0.1) != read_base(genome, 4, read, i, 50, 0.0)
        for read in range(200)
        for i in range(50)
    )
    assert 850 < wrong < 1150


def test_a_genome_with_repeats_has_fewer_kmers():
    def distinct(repeats):
        genome = make_genome(16, repeats, 1)
        return len(np.unique(np.lib.stride_tricks.sliding_window_view(genome, 14), axis=0))

    unique, repeated = distinct(0.0), distinct(0.8)
    assert unique > 65000
    assert repeated < 0.95 * unique
