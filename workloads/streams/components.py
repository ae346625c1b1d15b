"""Connected components: Shiloach and Vishkin (1982), hook and compress, as in the GAP suite.

| access | instructions | which |
| --- | --- | --- |
| store a label (reset) | 3 | store, next record, branch |
| load a vertex | 4 | next record, branch, load first edge, load degree (same line) |
| load an edge | 3 | increment, compare-and-branch, load |
| load the vertex's own label | 1 | load |
| load a neighbour's label | 3 | shift, add, load |
| load the larger label's label | 6 | compare, branch, minimum, maximum, address, load |
| store it (hook) | 3 | compare, branch, store |
| load a label (compress) | 3 | next record, branch, load |
| load the label's label | 2 | address, load |
| store a label (compress) | 3 | compare, branch, store |
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
from lockstep.workloads.streams.graph import Graph, rmat
from lockstep.workloads.streams.options import GraphOptions

LABEL = 16
"""Byte of a vertex's label in its record."""


def components(options: GraphOptions, seed: int) -> Stream:
    """Label every vertex with the smallest vertex of its component, again and again."""
    layout = Layout()
    graph = rmat(options, seed, layout)

    def start() -> Run:
        out = buffer()
        label = np.zeros(graph.n_vertices, np.int32)
        run = _label(out, graph, label, options.rounds or 0)
        return Run(blocks(run, out), {"label": label})

    return Stream("cc", seed, tuple(layout.regions), start)


@algorithm
def _label(out: I64, graph: Graph, label: I32, rounds: int) -> Iterator[int]:
    n, turn = 0, 0
    label_at = graph.vertices + LABEL
    while rounds == 0 or turn < rounds:
        for u in range(label.shape[0]):
            label[u] = u
            n = store(out, n, label_at + u * graph.vertex_bytes, 3)
            if n >= FULL:
                yield n
                n = 0
        changed = True
        while changed:
            changed = False
            for u in range(label.shape[0]):
                n = load(out, n, graph.vertices + u * graph.vertex_bytes, 4)
                for e in range(graph.first[u], graph.first[u + 1]):
                    v = graph.target[e]
                    n = load(out, n, graph.edges + e * graph.edge_bytes, 3)
                    n = load(out, n, label_at + u * graph.vertex_bytes, 1)
                    n = load(out, n, label_at + v * graph.vertex_bytes, 3)
                    if label[u] != label[v]:
                        low = min(label[u], label[v])
                        high = max(label[u], label[v])
                        n = load(out, n, label_at + high * graph.vertex_bytes, 6)
                        if label[high] == high:
                            changed = True
                            label[high] = low
                            n = store(out, n, label_at + high * graph.vertex_bytes, 3)
                    if n >= FULL:
                        yield n
                        n = 0
                if n >= FULL:
                    yield n
                    n = 0
            for u in range(label.shape[0]):
                n = load(out, n, label_at + u * graph.vertex_bytes, 3)
                n = load(out, n, label_at + label[u] * graph.vertex_bytes, 2)
                while label[u] != label[label[u]]:
                    label[u] = label[label[u]]
                    n = store(out, n, label_at + u * graph.vertex_bytes, 3)
                    n = load(out, n, label_at + label[u] * graph.vertex_bytes, 2)
                    if n >= FULL:
                        yield n
                        n = 0
                if n >= FULL:
                    yield n
                    n = 0
        turn += 1
    yield n
