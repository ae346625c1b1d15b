"""R-MAT graphs in compressed sparse rows, and where their records lie (numba).

R-MAT (Chakrabarti et al., SDM 2004) with the probabilities of the Graph500 benchmark. The graph is
undirected: each edge is in the rows of both its ends, rows are sorted, loops and doubles are gone.

As in GraphBIG (Nai et al., SC'15), vertices and edges are objects that carry their properties. Sizes
are our choice: a vertex is one cache line with the number of its first edge, its degree and its
properties; an edge is a target and a weight of 8 bytes each. The host keeps 4 bytes per edge, as no
other value of an edge steers an address.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lockstep.workloads.streams.chunk import Layout
from lockstep.workloads.streams.emit import I32, I64, inlined, kernel
from lockstep.workloads.streams.options import GraphOptions
from lockstep.workloads.streams.scramble import permuted, random_word

_A, _B, _C = 0.57, 0.19, 0.19
"""Graph500: the chance of an edge in the upper left, upper right and lower left quarter."""

_FIELD_BITS = 16
"""Bits of randomness per choice of a quarter; four choices per random word."""

_IN_A = int(_A * 2**_FIELD_BITS)
_IN_B = int((_A + _B) * 2**_FIELD_BITS)
_IN_C = int((_A + _B + _C) * 2**_FIELD_BITS)


class Graph(NamedTuple):
    """A graph and the addresses of its records.

    Parameters
    ----------
    first : int64 array of vertices + 1
        Where each vertex's edges start in ``target``.
    target : int32 array of edges, each in both directions
    vertices, edges : int
        Addresses of the two tables of records.
    vertex_bytes, edge_bytes : int
        Size of a record. A vertex starts with the number of its first edge and its degree.
    """

    first: I64
    target: I32
    vertices: int
    edges: int
    vertex_bytes: int
    edge_bytes: int

    @property
    def n_vertices(self) -> int:
        """Vertices, those without edges included."""
        return len(self.first) - 1


def rmat(options: GraphOptions, seed: int, layout: Layout) -> Graph:
    """The graph of a seed, its records placed in ``layout``."""
    first, target = _rows(options.scale, options.edge_factor, seed)
    return Graph(
        first=first,
        target=target,
        vertices=layout.place("vertices", options.vertex_bytes * (len(first) - 1)),
        edges=layout.place("edges", options.edge_bytes * len(target)),
        vertex_bytes=options.vertex_bytes,
        edge_bytes=options.edge_bytes,
    )


@lru_cache(maxsize=1)
def _rows(scale: int, edge_factor: int, seed: int) -> tuple[I64, I32]:
    """Rows of the last graph made, which the next workload on the same graph takes over.

    Edge i is a function of the seed and i. Making the edges twice, once to count and once to place
    them, takes less time than a list of them, and half the memory.
    """
    n_edges = edge_factor << scale
    first = np.zeros((1 << scale) + 1, np.int64)
    _count(first, n_edges, scale, seed)
    np.cumsum(first, out=first)
    target = np.empty(int(first[-1]), np.int32)
    _place(first[:-1].copy(), target, n_edges, scale, seed)
    target = target[: _sort_and_thin(first, target)]
    first.flags.writeable = target.flags.writeable = False
    return first, target


@inlined
def _edge(seed: int, i: int, scale: int) -> tuple[int, int]:
    """Ends of edge ``i``: one quarter of the matrix after another, then a shuffle of the names."""
    u = v = 0
    word = np.uint64(0)
    per_word = 64 // _FIELD_BITS
    for level in range(scale):
        if level % per_word == 0:
            word = random_word(seed, i * 8 + level // per_word)
        pick = int(word & np.uint64((1 << _FIELD_BITS) - 1))
        word >>= np.uint64(_FIELD_BITS)
        u = u << 1 | (pick >= _IN_B)
        v = v << 1 | ((pick >= _IN_A) ^ (pick >= _IN_B) ^ (pick >= _IN_C))
    return permuted(seed, u, scale), permuted(seed, v, scale)


@kernel
def _count(first: I64, n_edges: int, scale: int, seed: int) -> None:
    for i in range(n_edges):
        u, v = _edge(seed, i, scale)
        if u != v:
            first[u + 1] += 1
            first[v + 1] += 1


@kernel
def _place(free: I64, target: I32, n_edges: int, scale: int, seed: int) -> None:
    for i in range(n_edges):
        u, v = _edge(seed, i, scale)
        if u != v:
            target[free[u]] = v
            free[u] += 1
            target[free[v]] = u
            free[v] += 1


@kernel
def _sort_and_thin(first: I64, target: I32) -> int:
    """Sort each row and drop its doubles, moving rows together; returns the edges kept."""
    kept, start = 0, 0
    for u in range(first.shape[0] - 1):
        end = first[u + 1]
        target[start:end].sort()
        for e in range(start, end):
            if e == start or target[e] != target[e - 1]:
                target[kept] = target[e]
                kept += 1
        start = end
        first[u + 1] = kept
    return kept


def sources(graph: Graph, seed: int) -> I64:
    """The vertices with edges in random order: where a search starts in one round after another."""
    connected = np.flatnonzero(np.diff(graph.first))
    if not len(connected):
        return np.zeros(1, np.int64)
    return np.random.default_rng(seed).permutation(connected)
