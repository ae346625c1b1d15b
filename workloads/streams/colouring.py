"""Graph colouring: Jones and Plassmann (1993), a vertex once all neighbours before it are coloured.

| access | instructions | which |
| --- | --- | --- |
| store colour and priority (reset) | 10 | hash (5 steps), 2 stores (same line), next record, branch |
| store to the list (reset) | 2 | store, increment |
| load from the list | 3 | compare-and-branch, load, increment |
| load a vertex | 4 | shift, add, load first edge, load degree (same line) |
| load an edge | 3 | increment, compare-and-branch, load |
| load a neighbour's colour | 3 | shift, add, load (priority is in the same line) |
| store to the next list | 6 | compare-and-branch, load priority, 2 compare-and-branch, store, increment |
| store a mark | 4 | compare-and-branch, shift, add, store |
| load a mark | 4 | increment, shift-and-add, load, compare-and-branch |
| store a colour | 2 | address, store |
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
    inlined,
    load,
    store,
)
from lockstep.workloads.streams.graph import Graph, rmat
from lockstep.workloads.streams.options import GraphOptions
from lockstep.workloads.streams.scramble import random_word

COLOUR = 16
"""Byte of a vertex's colour in its record; its priority follows."""


def colouring(options: GraphOptions, seed: int) -> Stream:
    """Give neighbours different colours, again and again."""
    layout = Layout()
    graph = rmat(options, seed, layout)
    n = graph.n_vertices
    list_at = layout.place("uncoloured vertices", 8 * n)
    mark_at = layout.place("colours of neighbours", 8 * (n + 1))

    def start() -> Run:
        out = buffer()
        colour = np.full(n, -1, np.int32)
        waiting, mark = np.zeros(n, np.int32), np.zeros(n + 1, np.int32)
        run = _colour(
            out, graph, list_at, mark_at, colour, waiting, mark, seed, options.rounds or 0
        )
        return Run(blocks(run, out), {"colour": colour})

    return Stream("gc", seed, tuple(layout.regions), start)


@inlined
def before(seed: int, v: int, u: int) -> bool:
    """Whether ``v`` has to be coloured before ``u``: a random order of the vertices."""
    a, b = random_word(seed, v), random_word(seed, u)
    return bool(a > b or (a == b and v > u))


@algorithm
def _colour(
    out: I64,
    graph: Graph,
    list_at: int,
    mark_at: int,
    colour: I32,
    waiting: I32,
    mark: I32,
    seed: int,
    rounds: int,
) -> Iterator[int]:
    n, turn = 0, 0
    colour_at = graph.vertices + COLOUR
    while rounds == 0 or turn < rounds:
        for u in range(colour.shape[0]):
            colour[u], waiting[u], mark[u] = -1, u, -1
            n = store(out, n, colour_at + u * graph.vertex_bytes, 10)
            n = store(out, n, list_at + u * 8, 2)
            if n >= FULL:
                yield n
                n = 0
        mark[colour.shape[0]] = -1
        left = colour.shape[0]
        while left > 0:
            kept = 0
            for i in range(left):
                u = waiting[i]
                n = load(out, n, list_at + i * 8, 3)
                n = load(out, n, graph.vertices + u * graph.vertex_bytes, 4)
                is_next = True
                for e in range(graph.first[u], graph.first[u + 1]):
                    v = graph.target[e]
                    n = load(out, n, graph.edges + e * graph.edge_bytes, 3)
                    n = load(out, n, colour_at + v * graph.vertex_bytes, 3)
                    if n >= FULL:
                        yield n
                        n = 0
                    if colour[v] < 0 and before(seed, v, u):
                        is_next = False
                        break
                if not is_next:
                    waiting[kept] = u
                    n = store(out, n, list_at + kept * 8, 6)
                    kept += 1
                    continue
                for e in range(graph.first[u], graph.first[u + 1]):
                    v = graph.target[e]
                    n = load(out, n, graph.edges + e * graph.edge_bytes, 3)
                    n = load(out, n, colour_at + v * graph.vertex_bytes, 3)
                    if colour[v] >= 0:
                        mark[colour[v]] = u
                        n = store(out, n, mark_at + colour[v] * 8, 4)
                    if n >= FULL:
                        yield n
                        n = 0
                free = 0
                n = load(out, n, mark_at, 4)
                while mark[free] == u:
                    free += 1
                    n = load(out, n, mark_at + free * 8, 4)
                    if n >= FULL:
                        yield n
                        n = 0
                colour[u] = free
                n = store(out, n, colour_at + u * graph.vertex_bytes, 2)
            left = kept
        turn += 1
    yield n
