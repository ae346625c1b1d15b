"""PageRank by pulling the neighbours' contributions, as in the GAP suite (Beamer et al., 2015).

| access | instructions | which |
| --- | --- | --- |
| store a rank (reset) | 3 | store, next record, branch |
| load a rank | 4 | next record, branch, load rank, load degree (same line) |
| store its contribution | 2 | divide, store |
| load a vertex | 4 | next record, branch, load first edge, load degree (same line) |
| load an edge | 4 | add (sum), increment, compare-and-branch, load |
| load a contribution | 3 | shift, add, load |
| store a rank | 8 | multiply, add, load old rank (same line), subtract, absolute, add, store, branch |
"""

from collections.abc import Iterator

import numpy as np

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    F64,
    FULL,
    I64,
    algorithm,
    blocks,
    buffer,
    load,
    store,
)
from lockstep.workloads.streams.graph import Graph, rmat
from lockstep.workloads.streams.options import PageRankOptions

RANK, CONTRIBUTION = 16, 24
"""Bytes of a vertex's properties in its record."""


def pagerank(options: PageRankOptions, seed: int) -> Stream:
    """Ranks of all vertices, iterated until they settle, then from the start again."""
    layout = Layout()
    graph = rmat(options, seed, layout)

    def start() -> Run:
        out = buffer()
        rank = np.zeros(graph.n_vertices)
        run = _iterate(
            out,
            graph,
            rank,
            np.zeros(graph.n_vertices),
            options.damping,
            options.tolerance,
            options.iterations,
            options.rounds or 0,
        )
        return Run(blocks(run, out), {"rank": rank})

    return Stream("pr", seed, tuple(layout.regions), start)


@algorithm
def _iterate(
    out: I64,
    graph: Graph,
    rank: F64,
    contribution: F64,
    damping: float,
    tolerance: float,
    iterations: int,
    rounds: int,
) -> Iterator[int]:
    n, turn, n_vertices = 0, 0, rank.shape[0]
    rank_at = graph.vertices + RANK
    contribution_at = graph.vertices + CONTRIBUTION
    base = (1 - damping) / n_vertices
    while rounds == 0 or turn < rounds:
        for u in range(n_vertices):
            rank[u] = 1 / n_vertices
            n = store(out, n, rank_at + u * graph.vertex_bytes, 3)
            if n >= FULL:
                yield n
                n = 0
        change, iteration = tolerance + 1, 0
        while change > tolerance and iteration < iterations:
            for u in range(n_vertices):
                contribution[u] = rank[u] / max(1, graph.first[u + 1] - graph.first[u])
                n = load(out, n, rank_at + u * graph.vertex_bytes, 4)
                n = store(out, n, contribution_at + u * graph.vertex_bytes, 2)
                if n >= FULL:
                    yield n
                    n = 0
            change = 0.0
            for u in range(n_vertices):
                n = load(out, n, graph.vertices + u * graph.vertex_bytes, 4)
                pulled = 0.0
                for e in range(graph.first[u], graph.first[u + 1]):
                    v = graph.target[e]
                    n = load(out, n, graph.edges + e * graph.edge_bytes, 4)
                    pulled += contribution[v]
                    n = load(out, n, contribution_at + v * graph.vertex_bytes, 3)
                    if n >= FULL:
                        yield n
                        n = 0
                new = base + damping * pulled
                change += abs(new - rank[u])
                rank[u] = new
                n = store(out, n, rank_at + u * graph.vertex_bytes, 8)
                if n >= FULL:
                    yield n
                    n = 0
            iteration += 1
        turn += 1
    yield n
