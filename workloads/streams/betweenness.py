"""Betweenness centrality: Brandes (2001), one source after another.

| access | instructions | which |
| --- | --- | --- |
| store level, paths, dependency (reset) | 5 | 3 stores (same line), next record, branch |
| load from the queue | 4 | compare with the end, branch, load, increment |
| load a vertex | 4 | shift, add, load first edge, load degree (same line) |
| load an edge | 4 | compare, branch, increment, load |
| load a neighbour's level | 3 | shift, add, load |
| store a neighbour's level | 3 | compare, branch, store |
| store to the queue | 2 | store, increment |
| store a neighbour's paths | 5 | compare, branch, load (same line), add, store |
| load a neighbour's paths | 8 | compare, branch, 2 loads (same line), add, multiply, divide, add |
| store dependency and score | 4 | store, load score (same line), add, store |
"""

from collections.abc import Iterator

import numpy as np

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    F64,
    FULL,
    I32,
    I64,
    algorithm,
    blocks,
    buffer,
    load,
    store,
)
from lockstep.workloads.streams.graph import Graph, rmat, sources
from lockstep.workloads.streams.options import GraphOptions

LEVEL, PATHS, DEPENDENCY = 16, 24, 32
"""Bytes of a vertex's properties in its record."""


def betweenness(options: GraphOptions, seed: int) -> Stream:
    """Add each source's dependencies to the scores of all vertices; a round is a source."""
    layout = Layout()
    graph = rmat(options, seed, layout)
    queue_at = layout.place("queue", 8 * graph.n_vertices)
    starts = sources(graph, seed)

    def start() -> Run:
        out = buffer()
        n = graph.n_vertices
        score = np.zeros(n)
        run = _accumulate(
            out,
            graph,
            queue_at,
            np.zeros(n, np.int32),
            np.zeros(n),
            np.zeros(n),
            score,
            np.zeros(n, np.int32),
            starts,
            options.rounds or 0,
        )
        return Run(blocks(run, out), {"score": score})

    return Stream("bc", seed, tuple(layout.regions), start)


@algorithm
def _accumulate(
    out: I64,
    graph: Graph,
    queue_at: int,
    level: I32,
    paths: F64,
    dependency: F64,
    score: F64,
    queue: I32,
    starts: I64,
    rounds: int,
) -> Iterator[int]:
    n, turn = 0, 0
    level_at = graph.vertices + LEVEL
    paths_at = graph.vertices + PATHS
    while rounds == 0 or turn < rounds:
        for v in range(level.shape[0]):
            level[v], paths[v], dependency[v] = -1, 0.0, 0.0
            n = store(out, n, level_at + v * graph.vertex_bytes, 5)
            if n >= FULL:
                yield n
                n = 0
        source = starts[turn % starts.shape[0]]
        level[source], paths[source] = 0, 1.0
        n = store(out, n, level_at + source * graph.vertex_bytes, 4)
        queue[0] = source
        n = store(out, n, queue_at, 2)
        head, tail = 0, 1
        while head < tail:  # forward: levels, and shortest paths to each vertex
            u = queue[head]
            n = load(out, n, queue_at + head * 8, 4)
            head += 1
            n = load(out, n, graph.vertices + u * graph.vertex_bytes, 4)
            for e in range(graph.first[u], graph.first[u + 1]):
                v = graph.target[e]
                n = load(out, n, graph.edges + e * graph.edge_bytes, 4)
                n = load(out, n, level_at + v * graph.vertex_bytes, 3)
                if level[v] < 0:
                    level[v] = level[u] + 1
                    n = store(out, n, level_at + v * graph.vertex_bytes, 3)
                    queue[tail] = v
                    n = store(out, n, queue_at + tail * 8, 2)
                    tail += 1
                if level[v] == level[u] + 1:
                    paths[v] += paths[u]
                    n = store(out, n, paths_at + v * graph.vertex_bytes, 5)
                if n >= FULL:
                    yield n
                    n = 0
        for i in range(tail - 1, -1, -1):  # backward: what depends on each vertex
            u = queue[i]
            n = load(out, n, queue_at + i * 8, 4)
            n = load(out, n, graph.vertices + u * graph.vertex_bytes, 4)
            for e in range(graph.first[u], graph.first[u + 1]):
                v = graph.target[e]
                n = load(out, n, graph.edges + e * graph.edge_bytes, 4)
                n = load(out, n, level_at + v * graph.vertex_bytes, 3)
                if level[v] == level[u] + 1:
                    dependency[u] += paths[u] / paths[v] * (1 + dependency[v])
                    n = load(out, n, paths_at + v * graph.vertex_bytes, 8)
                if n >= FULL:
                    yield n
                    n = 0
            if u != source:
                score[u] += dependency[u]
            n = store(out, n, graph.vertices + DEPENDENCY + u * graph.vertex_bytes, 4)
        turn += 1
    yield n
