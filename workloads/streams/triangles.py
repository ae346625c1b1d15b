"""Triangle counting by intersection of sorted rows, each triangle once, as in the GAP suite.

| access | instructions | which |
| --- | --- | --- |
| load a vertex | 4 | next record, branch, load first edge, load degree (same line) |
| load one of its edges | 5 | increment, compare-and-branch, load; compare-and-branch with the vertex |
| load the neighbour's vertex | 4 | shift, add, load first edge, load degree (same line) |
| load the vertex's edges from the first on | 2 | load, increment |
| load an edge of the neighbour | 5 | increment, compare-and-branch, load; compare-and-branch |
| load the vertex's next edge | 3 | compare-and-branch, increment, load |
"""

from collections.abc import Iterator

import numpy as np

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    FULL,
    I64,
    algorithm,
    blocks,
    buffer,
    load,
)
from lockstep.workloads.streams.graph import Graph, rmat
from lockstep.workloads.streams.options import GraphOptions


def triangles(options: GraphOptions, seed: int) -> Stream:
    """Count the triangles, again and again."""
    layout = Layout()
    graph = rmat(options, seed, layout)

    def start() -> Run:
        out = buffer()
        total = np.zeros(1, np.int64)
        return Run(
            blocks(_count(out, graph, total, options.rounds or 0), out), {"triangles": total}
        )

    return Stream("tc", seed, tuple(layout.regions), start)


@algorithm
def _count(out: I64, graph: Graph, total: I64, rounds: int) -> Iterator[int]:
    n, turn = 0, 0
    first, target = graph.first, graph.target
    while rounds == 0 or turn < rounds:
        total[0] = 0
        for u in range(first.shape[0] - 1):
            n = load(out, n, graph.vertices + u * graph.vertex_bytes, 4)
            for e in range(first[u], first[u + 1]):
                v = target[e]
                n = load(out, n, graph.edges + e * graph.edge_bytes, 5)
                if v > u:
                    break
                n = load(out, n, graph.vertices + v * graph.vertex_bytes, 4)
                mine = first[u]
                n = load(out, n, graph.edges + mine * graph.edge_bytes, 2)
                for other in range(first[v], first[v + 1]):
                    w = target[other]
                    n = load(out, n, graph.edges + other * graph.edge_bytes, 5)
                    if w > v:
                        break
                    while target[mine] < w:  # ends, as v is among them and w <= v
                        mine += 1
                        n = load(out, n, graph.edges + mine * graph.edge_bytes, 3)
                        if n >= FULL:
                            yield n
                            n = 0
                    if target[mine] == w:
                        total[0] += 1
                    if n >= FULL:
                        yield n
                        n = 0
                if n >= FULL:
                    yield n
                    n = 0
            if n >= FULL:
                yield n
                n = 0
        turn += 1
    yield n
