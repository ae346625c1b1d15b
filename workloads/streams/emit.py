"""How a compiled algorithm emits its accesses (numba).

An algorithm is a generator, written as its textbook loop. It records each access in ``out`` and,
once per turn of every loop, yields when there are ``FULL`` of them:

    n = load(out, n, address, gap)
    if n >= FULL:
        yield n
        n = 0

so that it stops and goes on anywhere, and its state stays in registers in between.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lockstep.workloads.streams.chunk import ADDRESS_BITS, INVALIDATE, LOAD, STORE, Chunk

P = ParamSpec("P")
R = TypeVar("R")
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
U64 = NDArray[np.uint64]

FULL = 1 << 15
"""Accesses after which an algorithm hands over; 256 KiB of them, which stay in a cache."""

MOST_BETWEEN_CHECKS = 1 << 10
"""Accesses an algorithm may record between two checks."""

_FILES = sorted(Path(__file__).parent.glob("*.py"))
_SOURCES = hashlib.sha256(b"".join(file.read_bytes() for file in _FILES)).hexdigest()[:12]
_UNCOUNTED: dict[str, Any] = {"_nrt": False}
"""Option of numba: no reference counts of arrays."""

_GAP_SHIFT = ADDRESS_BITS + 2
_MASK = (1 << ADDRESS_BITS) - 1


def algorithm(function: Callable[P, Iterator[int]]) -> Callable[P, Iterator[int]]:
    """A generator of accesses, compiled and cached on disk; it must not allocate.

    Numba never lets go of the arrays of a generator that is not run to its end. So it does not count
    their references here, and what is returned holds them as long as it lives.
    """
    compiled: Callable[P, Iterator[int]] = njit(cache=True, **_UNCOUNTED)(_versioned(function))

    def started(*args: P.args, **kwargs: P.kwargs) -> Iterator[int]:
        yield from compiled(*args, **kwargs)

    return started


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """A loop that is no generator, compiled and cached on disk."""
    compiled: Callable[P, R] = njit(cache=True)(_versioned(function))
    return compiled


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A part of an algorithm or a kernel, compiled into it; it must not allocate."""
    compiled: Callable[P, R] = njit(forceinline=True, **_UNCOUNTED)(function)
    return compiled


def _versioned(function: Callable[P, R]) -> Callable[P, R]:
    """Numba's cache notices edits of the function's own file, not of what is inlined into it."""
    function.__qualname__ += f"_{_SOURCES}"
    return function


@inlined
def load(out: I64, n: int, address: int, gap: int) -> int:
    """Record a load; returns the number of accesses recorded."""
    out[n] = gap << _GAP_SHIFT | LOAD << ADDRESS_BITS | address
    return n + 1


@inlined
def store(out: I64, n: int, address: int, gap: int) -> int:
    """Record a store."""
    out[n] = gap << _GAP_SHIFT | STORE << ADDRESS_BITS | address
    return n + 1


@inlined
def invalidate(out: I64, n: int, address: int) -> int:
    """Record the shootdown of the page of ``address``."""
    out[n] = INVALIDATE << ADDRESS_BITS | address
    return n + 1


@kernel
def _unpack(out: I64, address: I64, kind: NDArray[np.uint8], gap: NDArray[np.uint16]) -> None:
    for i in range(address.shape[0]):
        address[i] = out[i] & _MASK
        kind[i] = (out[i] >> ADDRESS_BITS) & 3
        gap[i] = out[i] >> _GAP_SHIFT


def buffer() -> I64:
    """Room for what an algorithm records before it hands over."""
    return np.empty(FULL + MOST_BETWEEN_CHECKS, np.int64)


def blocks(algorithm: Iterator[int], out: I64) -> Iterator[Chunk]:
    """What a started algorithm records in ``out``, chunk by chunk."""
    for n in algorithm:
        block = Chunk(np.empty(n, np.int64), np.empty(n, np.uint8), np.empty(n, np.uint16))
        _unpack(out, block.address, block.kind, block.gap)
        yield block
