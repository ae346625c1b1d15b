import numpy as np
import pytest

from lockstep.workloads.streams.chunk import Layout
from lockstep.workloads.streams.graph import _IN_A, _IN_B, _IN_C, rmat, sources
from lockstep.workloads.streams.options import GraphOptions
from lockstep.workloads.streams.scramble import permuted, random_below, random_unit, random_word


def graph(scale, edge_factor, seed=1):
    return rmat(GraphOptions(scale=scale, edge_factor=edge_factor), seed, Layout())


def reference_edges(scale, edge_factor, seed):
    """The edges of both directions, quarter by quarter."""
    edges = set()
    for i in range(edge_factor << scale):
        u = v = 0
        for level in range(scale):
            word = int(random_word(seed, 8 * i + level // 4))
            pick = word >> 16 * (level % 4) & 0xFFFF
            quarter = (pick >= _IN_A) + (pick >= _IN_B) + (pick >= _IN_C)
            u, v = 2 * u + quarter // 2, 2 * v + quarter % 2
        u, v = permuted(seed, u, scale), permuted(seed, v, scale)
        if u != v:
            edges |= {(u, v), (v, u)}
    return edges


@pytest.mark.parametrize(("scale", "edge_factor", "seed"), [(1, 1, 1), (4, 3, 7), (6, 4, 2)])
def test_rows_are_the_sorted_edges(scale, edge_factor, seed):
    g = graph(scale, edge_factor, seed)
    got = [(u, int(v)) for u in range(1 << scale) for v in g.target[g.first[u] : g.first[u + 1]]]
    assert got == sorted(reference_edges(scale, edge_factor, seed))


def test_quarters_have_the_chances_of_graph500():
    assert np.allclose(
        np.diff([0, _IN_A, _IN_B, _IN_C, 1 << 16]) / 65536, [0.57, 0.19, 0.19, 0.05], atol=1e-4
    )


def test_degrees_are_skewed_as_in_a_graph_of_the_world():
    g = graph(14, 16)
    degree = np.sort(np.diff(g.first))[::-1]
    assert degree[:164].sum() > 0.15 * degree.sum()  # 1 % of the vertices; 2.5 % if all were alike
    assert degree[0] > 50 * degree.mean()
    assert (degree == 0).mean() > 0.1


def test_names_are_shuffled():
    degree = np.diff(graph(12, 16).first)
    halves = degree.reshape(2, -1).sum(axis=1)
    assert 0.6 < halves[0] / halves[1] < 1.6  # 4.9 if vertex 0 had stayed the hub


def test_sources_are_all_vertices_with_edges():
    g = graph(8, 4)
    order = sources(g, 3)
    assert sorted(order) == list(np.flatnonzero(np.diff(g.first)))
    assert not np.array_equal(order, np.sort(order))
    assert not np.array_equal(order, sources(g, 4))


@pytest.mark.parametrize("bits", [1, 2, 5, 10])
@pytest.mark.parametrize("seed", [1, 99])
def test_permuted_is_a_permutation(bits, seed):
    got = [permuted(seed, value, bits) for value in range(1 << bits)]
    assert sorted(got) == list(range(1 << bits))


def test_random_word_is_splitmix64():
    """First outputs of the reference generator for state 0 (prng.di.unimi.it/splitmix64.c)."""
    words = [int(random_word(0, i)) for i in range(3)]
    assert words == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_random_numbers_fill_their_range():
    below = [random_below(5, i, 6) for i in range(3000)]
    assert (np.bincount(below, minlength=6) > 400).all()
    assert len(np.bincount(below)) == 6
    unit = [random_unit(5, i) for i in range(3000)]
    assert 0 <= min(unit) < 0.01
    assert 0.99 < max(unit) < 1
    assert abs(np.mean(unit) - 0.5) < 0.02
