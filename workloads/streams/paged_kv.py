"""Serving a language model with a paged key/value cache (vLLM, Kwon et al., SOSP'23).

Requests arrive at random and wait for room. Every step, each running sequence writes the keys and
values of its new tokens (the whole prompt in its first step, then one) and attends: it reads all its
keys, then all its values, block by block through its block table, layer after layer. Blocks come from
a stack of free ones. When none is left, the sequence that came last gives its blocks back and starts
again later. A first step reads the prompt's keys and values once, as one tile of queries does.

| access | instructions | which |
| --- | --- | --- |
| store a block's number in the table | 6 | allocator: load top, decrement, compare-and-branch, address, store |
| load a line of weights | 4 | vector load, multiply-add, increment, compare-and-branch |
| store a line of a new token | 3 | vector store, increment, compare-and-branch |
| load a block's number | 6 | increment, compare-and-branch, load, multiply, 2 adds |
| load a line of keys or values | 7 | vector load, 4 multiply-adds (queries that share it), increment, branch |
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    FULL,
    I64,
    algorithm,
    blocks,
    buffer,
    invalidate,
    load,
    store,
)
from lockstep.workloads.streams.kv_server import (
    N_RUNNING,
    Requests,
    Server,
    admit,
    arrive,
    exponential,
    finish,
    idle_server,
    preempt,
    take_blocks,
)
from lockstep.workloads.streams.options import PagedKvOptions

LINE_BYTES = 64
PAGE_BYTES = 4096
KEYS, VALUES = 0, 1


class Place(NamedTuple):
    """Addresses and sizes; ``cache`` has the start of keys and of values of each layer."""

    cache: I64
    table: int
    weights: int
    token_bytes: int
    block_tokens: int
    weight_bytes: int


def paged_kv(options: PagedKvOptions, seed: int) -> Stream:
    """One step of the server after another."""
    layout = Layout()
    block_bytes = options.block_tokens * options.token_bytes
    per_sequence = -(-options.max_tokens // options.block_tokens)
    place = Place(
        cache=np.array([
            [
                layout.place(f"{what} of layer {i}", options.blocks * block_bytes)
                for what in ("keys", "values")
            ]
            for i in range(options.layers)
        ]),
        table=layout.place("block tables", 4 * options.max_running * per_sequence),
        weights=layout.place("weights", options.layers * options.weight_bytes_per_layer),
        token_bytes=options.token_bytes,
        block_tokens=options.block_tokens,
        weight_bytes=options.weight_bytes_per_layer,
    )
    requests = Requests(
        seed,
        options.arrivals_per_step,
        options.mean_prompt_tokens,
        options.mean_output_tokens,
        options.max_tokens,
    )

    def start() -> Run:
        out = buffer()
        server = idle_server(options)
        run = _serve(out, server, place, requests, options.invalidate)
        return Run(blocks(run, out), server._asdict())

    return Stream("paged-kv", seed, tuple(layout.regions), start)


@algorithm
def _serve(
    out: I64, s: Server, place: Place, requests: Requests, has_shootdown: bool
) -> Iterator[int]:
    n, now, next_arrival = 0, 0, exponential(s, requests, 1 / requests.per_step)
    block_tokens, token_bytes = place.block_tokens, place.token_bytes
    block_bytes = block_tokens * token_bytes
    while True:
        now = now + 1 if s.scalar[N_RUNNING] else int(next_arrival) + 1
        next_arrival = arrive(s, requests, next_arrival, now)
        admit(s, block_tokens)
        i = 0
        while i < s.scalar[N_RUNNING]:
            had = (s.cached[i] + block_tokens - 1) // block_tokens
            have = take_blocks(s, i, block_tokens)
            if have * block_tokens < s.tokens[i]:
                preempt(s)
                continue
            for j in range(had, have):
                n = store(out, n, place.table + (i * s.table.shape[1] + j) * 4, 6)
                if n >= FULL:
                    yield n
                    n = 0
            i += 1
        for block in range(s.is_stale.shape[0] if has_shootdown else 0):
            if s.is_stale[block]:
                s.is_stale[block] = False
                for start in place.cache.flat:
                    address = (int(start) + block * block_bytes) // PAGE_BYTES * PAGE_BYTES
                    while address < start + (block + 1) * block_bytes:
                        n = invalidate(out, n, address)
                        address += PAGE_BYTES
                        if n >= FULL:
                            yield n
                            n = 0
        for layer in range(place.cache.shape[0]):
            weights = place.weights + layer * place.weight_bytes
            for byte in range(0, place.weight_bytes, LINE_BYTES):
                n = load(out, n, weights + byte, 4)
                if n >= FULL:
                    yield n
                    n = 0
            for i in range(s.scalar[N_RUNNING]):
                for part in (KEYS, VALUES):
                    for token in range(s.cached[i], s.tokens[i]):
                        block = s.table[i, token // block_tokens]
                        address = place.cache[layer, part] + block * block_bytes
                        address += token % block_tokens * token_bytes
                        for byte in range(0, token_bytes, LINE_BYTES):
                            n = store(out, n, address + byte, 3)
                            if n >= FULL:
                                yield n
                                n = 0
                for part in (KEYS, VALUES):
                    for token in range(0, s.tokens[i], block_tokens):
                        j = token // block_tokens
                        n = load(out, n, place.table + (i * s.table.shape[1] + j) * 4, 6)
                        address = place.cache[layer, part] + s.table[i, j] * block_bytes
                        held = min(block_tokens, s.tokens[i] - token)
                        for byte in range(0, held * token_bytes, LINE_BYTES):
                            n = load(out, n, address + byte, 7)
                            if n >= FULL:
                                yield n
                                n = 0
        i = 0
        while i < s.scalar[N_RUNNING]:
            if not finish(s, i):
                i += 1
