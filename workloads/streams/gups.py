"""GUPS: the RandomAccess benchmark of HPC Challenge, one word updated after another.

The words' values steer nothing, so there is no table in the host.

| access | instructions | which |
| --- | --- | --- |
| load a word | 7 | shift, sign, select, xor (next random number); mask, address, load |
| store it | 4 | xor, store, increment, branch |
"""

from collections.abc import Iterator

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    FULL,
    I64,
    algorithm,
    blocks,
    buffer,
    load,
    store,
)
from lockstep.workloads.streams.options import GupsOptions

POLYNOMIAL = 7
"""x^63 + x^2 + x + 1 over GF(2), as the benchmark writes it."""

PERIOD = 1317624576693539401
"""Length of the sequence."""

_MASK = (1 << 64) - 1
_APART_LOG2 = 40
"""The sequences of neighbouring seeds start this many steps apart."""


def gups(options: GupsOptions, seed: int) -> Stream:
    """Read, change and write words at random. Seed 1 is the benchmark's own sequence."""
    layout = Layout()
    table_at = layout.place("table", 8 << options.table_log2)
    first = sequence((seed - 1) << _APART_LOG2)
    signed = first - (1 << 64) if first >> 63 else first

    def start() -> Run:
        out = buffer()
        return Run(blocks(_update(out, table_at, signed, (1 << options.table_log2) - 1), out))

    return Stream("gups", seed, tuple(layout.regions), start)


def sequence(step: int) -> int:
    """The sequence's number ``step``, as 64 bits: x**step modulo the polynomial."""
    result, power, step = 1, 2, step % PERIOD
    while step:
        if step & 1:
            result = _product(result, power)
        power = _product(power, power)
        step >>= 1
    return result


def _product(a: int, b: int) -> int:
    """Product of polynomials, modulo the benchmark's."""
    result = 0
    while b:
        if b & 1:
            result ^= a
        a = (a << 1 & _MASK) ^ (POLYNOMIAL if a >> 63 else 0)
        b >>= 1
    return result


@algorithm
def _update(out: I64, table_at: int, number: int, mask: int) -> Iterator[int]:
    n = 0
    while True:
        number = (number << 1) ^ (POLYNOMIAL if number < 0 else 0)
        address = table_at + (number & mask) * 8
        n = load(out, n, address, 7)
        n = store(out, n, address, 4)
        if n >= FULL:
            yield n
            n = 0
