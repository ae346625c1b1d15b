"""Accesses of the graph workloads, against the same algorithms in plain Python over plain lists."""

from collections import deque
from itertools import count

import numpy as np
import pytest

from lockstep.workloads.streams.chunk import LOAD, STORE, Layout
from lockstep.workloads.streams.colouring import before
from lockstep.workloads.streams.graph import rmat, sources
from lockstep.workloads.streams.options import GraphOptions
from lockstep.workloads.streams.sssp import weight


class World:
    """A graph as lists, and the accesses to its records."""

    def __init__(self, options, stream, vertex_bytes, edge_bytes):
        g = rmat(GraphOptions(**options), 1, Layout())
        self.n = g.n_vertices
        self.first = g.first.tolist()
        self.target = g.target.tolist()
        self.sources = sources(g, 1).tolist()
        self.at = {region.name: region.start for region in stream.regions}
        self.vertex_bytes, self.edge_bytes = vertex_bytes, edge_bytes

    def edges(self, u):
        return range(self.first[u], self.first[u + 1])

    def vertex(self, u, field, kind, gap):
        return self.at["vertices"] + u * self.vertex_bytes + field, kind, gap

    def edge(self, e, gap):
        return self.at["edges"] + e * self.edge_bytes, LOAD, gap

    def word(self, name, i, kind, gap):
        return self.at[name] + 8 * i, kind, gap


def pr(w, _turn):
    rank = [1 / w.n] * w.n
    for u in range(w.n):
        yield w.vertex(u, 16, STORE, 3)
    for _ in range(20):
        given = []
        for u in range(w.n):
            given.append(rank[u] / max(1, len(w.edges(u))))
            yield w.vertex(u, 16, LOAD, 4)
            yield w.vertex(u, 24, STORE, 2)
        new = []
        for u in range(w.n):
            yield w.vertex(u, 0, LOAD, 4)
            for e in w.edges(u):
                yield w.edge(e, 4)
                yield w.vertex(w.target[e], 24, LOAD, 3)
            new.append(0.15 / w.n + 0.85 * sum(given[w.target[e]] for e in w.edges(u)))
            yield w.vertex(u, 16, STORE, 8)
        change = sum(abs(a - b) for a, b in zip(rank, new, strict=True))
        rank = new
        if change <= 1e-4:
            return


def cc(w, _turn):
    label = list(range(w.n))
    for u in range(w.n):
        yield w.vertex(u, 16, STORE, 3)
    changed = True
    while changed:
        changed = False
        for u in range(w.n):
            yield w.vertex(u, 0, LOAD, 4)
            for e in w.edges(u):
                v = w.target[e]
                yield w.edge(e, 3)
                yield w.vertex(u, 16, LOAD, 1)
                yield w.vertex(v, 16, LOAD, 3)
                low, high = sorted((label[u], label[v]))
                if low < high:
                    yield w.vertex(high, 16, LOAD, 6)
                    if label[high] == high:
                        label[high], changed = low, True
                        yield w.vertex(high, 16, STORE, 3)
        for u in range(w.n):
            yield w.vertex(u, 16, LOAD, 3)
            yield w.vertex(label[u], 16, LOAD, 2)
            while label[u] != label[label[u]]:
                label[u] = label[label[u]]
                yield w.vertex(u, 16, STORE, 3)
                yield w.vertex(label[u], 16, LOAD, 2)


def tc(w, _turn):
    for u in range(w.n):
        yield w.vertex(u, 0, LOAD, 4)
        for e in w.edges(u):
            v = w.target[e]
            yield w.edge(e, 5)
            if v > u:
                break
            yield w.vertex(v, 0, LOAD, 4)
            mine = iter(w.edges(u))
            at = next(mine)
            yield w.edge(at, 2)
            for other in w.edges(v):
                yield w.edge(other, 5)
                if w.target[other] > v:
                    break
                while w.target[at] < w.target[other]:
                    at = next(mine)
                    yield w.edge(at, 3)


def bc(w, turn):
    source = w.sources[turn]
    for u in range(w.n):
        yield w.vertex(u, 16, STORE, 5)
    level, order = {source: 0}, [source]
    yield w.vertex(source, 16, STORE, 4)
    yield w.word("queue", 0, STORE, 2)
    for i, u in enumerate(order):  # grows meanwhile
        yield w.word("queue", i, LOAD, 4)
        yield w.vertex(u, 0, LOAD, 4)
        for e in w.edges(u):
            v = w.target[e]
            yield w.edge(e, 4)
            yield w.vertex(v, 16, LOAD, 3)
            if v not in level:
                level[v] = level[u] + 1
                yield w.vertex(v, 16, STORE, 3)
                yield w.word("queue", len(order), STORE, 2)
                order.append(v)
            if level[v] > level[u]:
                yield w.vertex(v, 24, STORE, 5)
    for i, u in reversed(list(enumerate(order))):
        yield w.word("queue", i, LOAD, 4)
        yield w.vertex(u, 0, LOAD, 4)
        for e in w.edges(u):
            v = w.target[e]
            yield w.edge(e, 4)
            yield w.vertex(v, 16, LOAD, 3)
            if level[v] > level[u]:
                yield w.vertex(v, 24, LOAD, 8)
        yield w.vertex(u, 32, STORE, 4)


def gc(w, _turn):
    for u in range(w.n):
        yield w.vertex(u, 16, STORE, 10)
        yield w.word("uncoloured vertices", u, STORE, 2)
    colour, waiting = {}, list(range(w.n))
    while waiting:
        kept = []
        for i, u in enumerate(waiting):
            yield w.word("uncoloured vertices", i, LOAD, 3)
            yield w.vertex(u, 0, LOAD, 4)
            for e in w.edges(u):
                v = w.target[e]
                yield w.edge(e, 3)
                yield w.vertex(v, 16, LOAD, 3)
                if v not in colour and before(1, v, u):
                    yield w.word("uncoloured vertices", len(kept), STORE, 6)
                    kept.append(u)
                    break
            else:
                taken = set()
                for e in w.edges(u):
                    yield w.edge(e, 3)
                    yield w.vertex(w.target[e], 16, LOAD, 3)
                    if w.target[e] in colour:
                        taken.add(colour[w.target[e]])
                        yield w.word("colours of neighbours", colour[w.target[e]], STORE, 4)
                for free in count():
                    yield w.word("colours of neighbours", free, LOAD, 4)
                    if free not in taken:
                        break
                colour[u] = free
                yield w.vertex(u, 16, STORE, 2)
        waiting = kept


def sssp(w, turn, delta=32, max_weight=255):
    source = w.sources[turn]
    n_buckets = max_weight // delta + 2
    buckets = [deque() for _ in range(n_buckets)]
    distance, home = {source: 0}, {}

    def unlink(v):
        bucket = buckets[home[v] % n_buckets]
        i = bucket.index(v)
        if i:
            yield w.vertex(bucket[i - 1], 32, STORE, 3)
        else:
            yield w.word("bucket heads", home[v] % n_buckets, STORE, 3)
        if i + 1 < len(bucket):
            yield w.vertex(bucket[i + 1], 32, STORE, 3)
        del bucket[i], home[v]

    def link(v, number):
        bucket = buckets[number % n_buckets]
        yield w.word("bucket heads", number % n_buckets, LOAD, 4)
        yield w.vertex(v, 32, STORE, 3)
        if bucket:
            yield w.vertex(bucket[0], 32, STORE, 3)
        bucket.appendleft(v)
        home[v] = number
        yield w.word("bucket heads", number % n_buckets, STORE, 3)

    for u in range(w.n):
        yield w.vertex(u, 16, STORE, 4)
    yield w.vertex(source, 16, STORE, 3)
    yield from link(source, 0)
    current = 0
    while home:
        yield w.word("bucket heads", current % n_buckets, LOAD, 4)
        if not buckets[current % n_buckets]:
            current += 1
            continue
        u = buckets[current % n_buckets][0]
        yield w.vertex(u, 0, LOAD, 6)
        yield from unlink(u)
        for e in w.edges(u):
            v = w.target[e]
            yield w.edge(e, 4)
            yield w.vertex(v, 16, LOAD, 4)
            new = distance[u] + weight(1, u, v, max_weight)
            if v not in distance or new < distance[v]:
                distance[v] = new
                yield w.vertex(v, 16, STORE, 3)
                if home.get(v) != new // delta:
                    if v in home:
                        yield from unlink(v)
                    yield from link(v, new // delta)


@pytest.mark.parametrize("algorithm", [pr, cc, tc, bc, gc, sssp])
@pytest.mark.parametrize(("vertex_bytes", "edge_bytes"), [(64, 16), (136, 24)])
def test_accesses_are_those_of_the_algorithm(small, algorithm, vertex_bytes, edge_bytes):
    name = algorithm.__name__
    got = small(name, rounds=2, vertex_bytes=vertex_bytes, edge_bytes=edge_bytes)
    world = World(small.options[name], got, vertex_bytes, edge_bytes)
    expected = np.array([access for turn in range(2) for access in algorithm(world, turn)])
    chunk = small.joined(got.chunks(10**9))
    assert len(chunk) == len(expected)
    for part, column in zip((chunk.address, chunk.kind, chunk.gap), expected.T, strict=True):
        np.testing.assert_array_equal(part, column)
