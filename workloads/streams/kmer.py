"""K-mer counting: every k bases of a genome's reads, in a hash table with open addressing.

The genome has repeats, as real ones do; reads start anywhere on either strand and have misread bases.
A k-mer and its reverse complement are one. A slot of 16 bytes holds the k-mer and its count; the
next slot is tried when one is taken. The host keeps a slot in 8 bytes: the k-mer plus 1, which no
canonical k-mer makes overflow, above a count of 16 bits that stops at its maximum; 0 is an empty slot.

| access | instructions | which |
| --- | --- | --- |
| load a line of the read's text | 4 | increment, compare-and-branch, load, end of read |
| load a slot | 22 | base to 2 bits (3), shift both strands in (7), minimum (2), hash (7), address, load, compare |
| load the next slot | 4 | compare-and-branch, increment, mask, load |
| store a slot | 4 | compare-and-branch, add, store, next base |
| store a cleared line | 3 | store, increment, compare-and-branch |
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    FULL,
    I64,
    U64,
    algorithm,
    blocks,
    buffer,
    inlined,
    kernel,
    load,
    store,
)
from lockstep.workloads.streams.options import GenOptions
from lockstep.workloads.streams.scramble import random_below, random_unit, random_word

U8 = NDArray[np.uint8]

SLOT_BYTES = 16
LINE_BYTES = 64
TEXT_BYTES = 64 << 20
"""Reads are parsed from a ring of this size, one byte per base, each from a new line on."""

_LONGEST_REPEAT = 6000
"""Length of a long interspersed repeat in the human genome, in bases."""

_COUNT_BITS = np.uint64(16)
_MOST = np.uint64((1 << 16) - 1)
_THREE = np.uint64(3)
_TWO = np.uint64(2)
_ONE = np.uint64(1)


def kmer(options: GenOptions, seed: int) -> Stream:
    """Count the k-mers of reads, then of other reads into an empty table."""
    layout = Layout()
    genome = make_genome(options.genome_log2, options.repeats, seed)
    text_at = layout.place("reads", TEXT_BYTES)
    slots = 1 << options.table_log2
    table_at = layout.place("table", SLOT_BYTES * slots)
    reads = max(1, round(options.coverage * len(genome) / options.read_bases))

    def start() -> Run:
        out = buffer()
        table = np.zeros(slots, np.uint64)
        run = _count(
            out,
            genome,
            table,
            np.empty(options.read_bases, np.uint64),
            (text_at, table_at),
            (options.k, reads, options.read_bases, options.rounds or 0),
            options.error_rate,
            seed,
        )
        return Run(blocks(run, out), {"table": table})

    return Stream("gen", seed, tuple(layout.regions), start)


@kernel
def make_genome(bases_log2: int, repeats: float, seed: int) -> U8:
    """Bases 0 to 3, complement of b is 3 - b; copies of earlier stretches, one base in ten changed."""
    n = 1 << bases_log2
    genome = np.empty(n, np.uint8)
    at, draw = 0, 0
    while at < n:
        length = min(n - at, 1 + random_below(seed, draw, min(_LONGEST_REPEAT, n // 4)))
        source = random_below(seed, draw + 1, max(1, at - length))
        is_copy = at > length and random_unit(seed, draw + 2) < repeats
        draw += 3
        for i in range(length):
            fresh = random_word(seed, draw + i)
            if is_copy and fresh >> np.uint64(32) >= np.uint64(429496730):  # 9 in 10
                genome[at + i] = genome[source + i]
            else:
                genome[at + i] = fresh & _THREE
        draw += length
        at += length
    return genome


@inlined
def slot_of(kmer: np.uint64, slots: int) -> int:
    """The slot a k-mer is looked for first."""
    return int(np.int64(random_word(0, kmer) & np.uint64(slots - 1)))


@inlined
def read_base(genome: U8, seed: int, read: int, i: int, length: int, error_rate: float) -> int:
    """Base ``i`` of a read; random words of a read follow each other."""
    first = read * (length + 2)
    start = random_below(seed, first, genome.shape[0] - length + 1)
    if random_word(seed, first + 1) & _ONE:
        base = 3 - genome[start + length - 1 - i]
    else:
        base = genome[start + i] + 0
    if error_rate > 0 and random_unit(seed, first + 2 + i) < error_rate:
        base = (base + 1 + random_below(seed + 1, first + 2 + i, 3)) & 3
    return int(base)


@inlined
def _read_kmers(
    kmers: U64, genome: U8, seed: int, read: int, length: int, k: int, error_rate: float
) -> None:
    """The canonical k-mer that ends at each base, plus 1; none at the first k - 1."""
    mask = np.uint64((1 << 2 * k) - 1)
    forward = backward = np.uint64(0)
    for i in range(length):
        base = np.uint64(read_base(genome, seed, read, i, length, error_rate))
        forward = (forward << _TWO | base) & mask
        backward = backward >> _TWO | (_THREE - base) << np.uint64(2 * k - 2)
        kmers[i] = min(forward, backward) + _ONE


@algorithm
def _count(
    out: I64,
    genome: U8,
    table: U64,
    kmers: U64,
    at: tuple[int, int],
    shape: tuple[int, int, int, int],
    error_rate: float,
    seed: int,
) -> Iterator[int]:
    text_at, table_at = at
    k, reads, length, rounds = shape
    read_lines = (length + LINE_BYTES - 1) // LINE_BYTES
    ring = TEXT_BYTES // LINE_BYTES // read_lines
    slots, n, turn = table.shape[0], 0, 0
    while rounds == 0 or turn < rounds:
        for slot in range(slots if turn else 0):  # the first comes zeroed from the system
            table[slot] = 0
            if slot * SLOT_BYTES % LINE_BYTES == 0:
                n = store(out, n, table_at + slot * SLOT_BYTES, 3)
            if n >= FULL:
                yield n
                n = 0
        used = 0
        for read in range(turn * reads, (turn + 1) * reads):
            text = text_at + read % ring * read_lines * LINE_BYTES
            _read_kmers(kmers, genome, seed, read, length, k, error_rate)
            for i in range(length):
                if i % LINE_BYTES == 0:
                    n = load(out, n, text + i, 4)
                if i < k - 1:
                    continue
                slot = slot_of(kmers[i], slots)
                n = load(out, n, table_at + slot * SLOT_BYTES, 22)
                while table[slot] >> _COUNT_BITS != kmers[i] and table[slot] != 0:
                    slot = (slot + 1) & (slots - 1)
                    n = load(out, n, table_at + slot * SLOT_BYTES, 4)
                    if n >= FULL:
                        yield n
                        n = 0
                if table[slot] != 0 or used < slots - slots // 8:
                    if table[slot] == 0:
                        table[slot] = kmers[i] << _COUNT_BITS
                        used += 1
                    if table[slot] & _MOST < _MOST:
                        table[slot] += _ONE
                    n = store(out, n, table_at + slot * SLOT_BYTES, 4)
                if n >= FULL:
                    yield n
                    n = 0
        turn += 1
    yield n
