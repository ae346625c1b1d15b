"""Breadth-first search, top down, with a queue.

| access | instructions | which |
| --- | --- | --- |
| store a level (reset) | 3 | store, next record, branch |
| load from the queue | 4 | compare with the tail, branch, load, increment |
| load a vertex | 4 | shift, add, load first edge, load degree (same line) |
| load an edge | 4 | compare, branch, increment, load |
| load a neighbour's level | 3 | shift, add, load |
| store a neighbour's level | 3 | compare, branch, store |
| store to the queue | 2 | store, increment |
"""

from collections.abc import Iterator

import numpy as np

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
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

LEVEL = 16
"""Byte of a vertex's level in its record."""


def bfs(options: GraphOptions, seed: int) -> Stream:
    """Levels of all vertices from one source after another."""
    layout = Layout()
    graph = rmat(options, seed, layout)
    queue_at = layout.place("queue", 8 * graph.n_vertices)
    starts = sources(graph, seed)

    def start() -> Run:
        out = buffer()
        level = np.full(graph.n_vertices, -1, np.int32)
        queue = np.empty(graph.n_vertices, np.int32)
        run = _search(out, graph, queue_at, level, queue, starts, options.rounds or 0)
        return Run(blocks(run, out), {"level": level})

    return Stream("bfs", seed, tuple(layout.regions), start)


@algorithm
def _search(
    out: I64, graph: Graph, queue_at: int, level: I32, queue: I32, starts: I64, rounds: int
) -> Iterator[int]:
    n, turn = 0, 0
    level_at = graph.vertices + LEVEL
    while rounds == 0 or turn < rounds:
        for v in range(level.shape[0]):
            level[v] = -1
            n = store(out, n, level_at + v * graph.vertex_bytes, 3)
            if n >= FULL:
                yield n
                n = 0
        source = starts[turn % starts.shape[0]]
        level[source] = 0
        n = store(out, n, level_at + source * graph.vertex_bytes, 3)
        queue[0] = source
        n = store(out, n, queue_at, 2)
        head, tail = 0, 1
        while head < tail:
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
                if n >= FULL:
                    yield n
                    n = 0
        turn += 1
    yield n
