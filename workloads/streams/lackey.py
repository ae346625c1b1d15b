"""Reader of what ``valgrind --tool=lackey --trace-mem=yes`` writes (numba).

``I  ADDRESS,SIZE`` is an instruction, `` L``, `` S`` and `` M`` are its loads, stores and both; addresses
are hexadecimal. Lines that start with ``=`` or ``-``, valgrind's own, and empty lines are skipped.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.error import InputError, show
from lockstep.workloads.streams.chunk import ADDRESS_BITS, FETCH, LOAD, STORE, Chunk
from lockstep.workloads.streams.emit import inlined, kernel

_BLOCK_BYTES = 1 << 18
_SHORTEST_LINE = 7
_LINE_SHIFT = 6
_MOST_GAP = 65535
_UPPER = (1 << 64 - ADDRESS_BITS) - 1

LINES, INSTRUCTIONS, LAST_LINE, WRONG = range(4)
"""Columns of the parser's state: lines read, instructions since the last access, line of the last
fetch, and where the line starts that is wrong, or -1."""


def read_lackey(name: str, read: Callable[[int], bytes], fetch: bool) -> Iterator[Chunk]:
    """Accesses of a trace.

    Parameters
    ----------
    name : str
        The file, for messages.
    read : callable
        Gives the next so many bytes, fewer at the end.
    fetch : bool
        Give fetches too.

    Raises
    ------
    lockstep.arch.error.InputError
        If a line is no access, or its address is not canonical.
    """
    state = np.array([0, 0, -1, -1])
    rest = b""
    while True:
        raw = read(_BLOCK_BYTES)
        text = rest + raw if raw else rest + b"\n"
        end = text.rfind(b"\n") + 1
        text, rest = text[:end], text[end:]
        if len(rest) > _BLOCK_BYTES:
            raise InputError(
                f"{name}:{state[LINES] + 1}: endless line; is it the output of lackey?"
            )
        most = 2 * (len(text) // _SHORTEST_LINE + 1)
        block = Chunk(np.empty(most, np.int64), np.empty(most, np.uint8), np.empty(most, np.uint16))
        bytes_ = np.frombuffer(text, np.uint8)
        n = _parse(bytes_, block.address, block.kind, block.gap, state, fetch)
        if state[WRONG] >= 0:
            line = text[state[WRONG] : text.index(b"\n", state[WRONG])].decode("latin-1")
            raise InputError(
                f"{name}:{state[LINES] + 1}: not an access of a canonical address, line {show(line)}; "
                f"write I, L, S or M, address and size as valgrind --tool=lackey --trace-mem=yes does"
            )
        yield block[:n]
        if not raw:
            return


@inlined
def _address(text: NDArray[np.uint8], i: int) -> tuple[int, int]:
    """Read ``HEX,DECIMAL`` and the end of the line; its value and where it ends, -1 if wrong."""
    value, digits = np.uint64(0), 0
    while True:
        c = text[i]
        if 48 <= c <= 57:
            digit = c - 48
        elif 97 <= c <= 102:
            digit = c - 87
        elif 65 <= c <= 70:
            digit = c - 55
        else:
            break
        value = value << np.uint64(4) | np.uint64(digit)
        digits += 1
        i += 1
    if not 1 <= digits <= 16 or text[i] != 44:
        return 0, -1
    i += 1
    first = i
    while 48 <= text[i] <= 57:
        i += 1
    if i == first:
        return 0, -1
    if text[i] == 13:
        i += 1
    upper = value >> np.uint64(ADDRESS_BITS)
    if text[i] != 10 or (upper != 0 and upper != np.uint64(_UPPER)):
        return 0, -1
    return int(np.int64(value & np.uint64((1 << ADDRESS_BITS) - 1))), i


@kernel
def _parse(
    text: NDArray[np.uint8],
    address: NDArray[np.int64],
    kind: NDArray[np.uint8],
    gap: NDArray[np.uint16],
    state: NDArray[np.int64],
    fetch: bool,
) -> int:
    """Parse whole lines; returns the accesses found."""
    i, n = 0, 0
    while i < text.shape[0]:
        start, c = i, text[i]
        if c in (10, 13, 45, 61):  # empty, or of valgrind itself
            while text[i] != 10:
                i += 1
            i += 1
            state[LINES] += 1
            continue
        if c == 32:
            i += 1
        what = text[i]
        value, end = 0, -1
        if what == 73 if c == 73 else c == 32 and what in (76, 77, 83):
            i += 1
            while text[i] == 32:
                i += 1
            value, end = _address(text, i)
        if end < 0:
            state[WRONG] = start
            return n
        i = end + 1
        state[LINES] += 1
        first, last = LOAD, LOAD
        if what == 73:
            state[INSTRUCTIONS] += 1
            if not fetch or value >> _LINE_SHIFT == state[LAST_LINE]:
                continue
            state[LAST_LINE] = value >> _LINE_SHIFT
            first, last = FETCH, FETCH
        elif what == 77:
            last = STORE
        elif what == 83:
            first, last = STORE, STORE
        for k in range(first, last + 1):
            address[n], kind[n], gap[n] = value, k, min(state[INSTRUCTIONS], _MOST_GAP)
            state[INSTRUCTIONS] = 0
            n += 1
    return n
