"""Shortest paths from one source: delta-stepping (Meyer and Sanders, 2003) with real buckets.

Buckets are doubly linked lists through the vertices' records. All edges of a vertex are relaxed when
it leaves its bucket, as in the GAP suite.

| access | instructions | which |
| --- | --- | --- |
| store a distance (reset) | 4 | 2 stores (distance, bucket; same line), next record, branch |
| load a bucket's head | 4 | mask, add, load, compare-and-branch |
| load the vertex | 6 | shift, add, load next, first edge, degree, distance (same line) |
| load an edge | 4 | increment, compare-and-branch, load target, load weight (same line) |
| load a neighbour's distance | 4 | add, shift, add, load |
| store a neighbour's distance | 3 | compare, branch, store |
| load a bucket's head (insert) | 4 | shift (bucket of the distance), mask, add, load |
| store a link or a head | 3 | compare-and-branch, address, store |
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    FULL,
    I32,
    I64,
    algorithm,
    blocks,
    buffer,
    inlined,
    load,
    store,
)
from lockstep.workloads.streams.graph import Graph, rmat, sources
from lockstep.workloads.streams.options import SsspOptions
from lockstep.workloads.streams.scramble import random_below

DISTANCE, LINKS = 16, 32
"""Bytes of a vertex's distance and bucket, and of its links, in its record."""

UNREACHED = np.iinfo(np.int64).max
_NONE = -1


class Buckets(NamedTuple):
    """Lists of vertices by distance; bucket b lies at b modulo their number.

    ``head`` per bucket; per vertex ``following`` and ``previous`` in its list, and ``bucket``, -1
    outside all.
    """

    head: I32
    following: I32
    previous: I32
    bucket: I64


def sssp(options: SsspOptions, seed: int) -> Stream:
    """Distances from one source after another; edges have random whole weights."""
    layout = Layout()
    graph = rmat(options, seed, layout)
    n_buckets = options.max_weight // options.delta + 2
    heads_at = layout.place("bucket heads", 8 * n_buckets)
    starts = sources(graph, seed)

    def start() -> Run:
        out = buffer()
        n = graph.n_vertices
        distance = np.full(n, UNREACHED)
        buckets = Buckets(
            np.full(n_buckets, _NONE, np.int32),
            np.full(n, _NONE, np.int32),
            np.full(n, _NONE, np.int32),
            np.full(n, _NONE, np.int64),
        )
        run = _step(
            out,
            graph,
            heads_at,
            distance,
            buckets,
            starts,
            seed,
            options.delta,
            options.max_weight,
            options.rounds or 0,
        )
        return Run(blocks(run, out), {"distance": distance})

    return Stream("sssp", seed, tuple(layout.regions), start)


@inlined
def weight(seed: int, u: int, v: int, max_weight: int) -> int:
    """Weight of an edge, the same both ways: 1 to ``max_weight``."""
    return 1 + random_below(seed, min(u, v) << 31 | max(u, v), max_weight)


@inlined
def _unlink(out: I64, n: int, graph: Graph, heads_at: int, b: Buckets, v: int) -> int:
    """Take a vertex out of its list."""
    links_at = graph.vertices + LINKS
    before, after = b.previous[v], b.following[v]
    if before == _NONE:
        slot = b.bucket[v] % b.head.shape[0]
        b.head[slot] = after
        n = store(out, n, heads_at + slot * 8, 3)
    else:
        b.following[before] = after
        n = store(out, n, links_at + before * graph.vertex_bytes, 3)
    if after != _NONE:
        b.previous[after] = before
        n = store(out, n, links_at + after * graph.vertex_bytes, 3)
    b.bucket[v] = _NONE
    return n


@inlined
def _link(out: I64, n: int, graph: Graph, heads_at: int, b: Buckets, v: int, bucket: int) -> int:
    """Put a vertex at the head of a bucket."""
    links_at = graph.vertices + LINKS
    slot = bucket % b.head.shape[0]
    after = b.head[slot]
    n = load(out, n, heads_at + slot * 8, 4)
    b.following[v], b.previous[v], b.bucket[v] = after, _NONE, bucket
    n = store(out, n, links_at + v * graph.vertex_bytes, 3)
    if after != _NONE:
        b.previous[after] = v
        n = store(out, n, links_at + after * graph.vertex_bytes, 3)
    b.head[slot] = v
    return store(out, n, heads_at + slot * 8, 3)


@algorithm
def _step(
    out: I64,
    graph: Graph,
    heads_at: int,
    distance: I64,
    b: Buckets,
    starts: I64,
    seed: int,
    delta: int,
    max_weight: int,
    rounds: int,
) -> Iterator[int]:
    n, turn = 0, 0
    distance_at = graph.vertices + DISTANCE
    while rounds == 0 or turn < rounds:
        for v in range(distance.shape[0]):
            distance[v] = UNREACHED
            n = store(out, n, distance_at + v * graph.vertex_bytes, 4)
            if n >= FULL:
                yield n
                n = 0
        source = starts[turn % starts.shape[0]]
        distance[source] = 0
        n = store(out, n, distance_at + source * graph.vertex_bytes, 3)
        n = _link(out, n, graph, heads_at, b, source, 0)
        current, waiting = 0, 1
        while waiting > 0:
            u = b.head[current % b.head.shape[0]]
            n = load(out, n, heads_at + current % b.head.shape[0] * 8, 4)
            if n >= FULL:
                yield n
                n = 0
            if u == _NONE:
                current += 1
                continue
            n = load(out, n, graph.vertices + u * graph.vertex_bytes, 6)
            n = _unlink(out, n, graph, heads_at, b, u)
            waiting -= 1
            for e in range(graph.first[u], graph.first[u + 1]):
                v = graph.target[e]
                n = load(out, n, graph.edges + e * graph.edge_bytes, 4)
                n = load(out, n, distance_at + v * graph.vertex_bytes, 4)
                new = distance[u] + weight(seed, u, v, max_weight)
                if new < distance[v]:
                    distance[v] = new
                    n = store(out, n, distance_at + v * graph.vertex_bytes, 3)
                    if b.bucket[v] != new // delta:
                        if b.bucket[v] == _NONE:
                            waiting += 1
                        else:
                            n = _unlink(out, n, graph, heads_at, b, v)
                        n = _link(out, n, graph, heads_at, b, v, new // delta)
                if n >= FULL:
                    yield n
                    n = 0
        turn += 1
    yield n
