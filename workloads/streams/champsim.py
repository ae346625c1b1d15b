"""Reader of ChampSim's instruction traces: records of 64 bytes (its ``input_instr``)."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.error import InputError
from lockstep.workloads.streams.chunk import ADDRESS_BITS, FETCH, LOAD, STORE, Chunk

RECORD = np.dtype([
    ("ip", "<u8"),
    ("is_branch", "u1"),
    ("branch_taken", "u1"),
    ("destination_registers", "u1", 2),
    ("source_registers", "u1", 4),
    ("destination_memory", "<u8", 2),
    ("source_memory", "<u8", 4),
])

_RECORDS_PER_BLOCK = 1 << 14
_KINDS = np.array([FETCH, LOAD, LOAD, LOAD, LOAD, STORE, STORE], np.uint8)
_LINE_SHIFT = 6
_MOST_GAP = np.iinfo(np.uint16).max


def read_champsim(name: str, read: Callable[[int], bytes], fetch: bool) -> Iterator[Chunk]:
    """Accesses of a trace; an address of 0 in a record means none.

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
        If a record is cut off, has a flag that is neither 0 nor 1, or an address that is not
        canonical.
    """
    before, last_line, last_access = 0, -1, -1
    while raw := read(_RECORDS_PER_BLOCK * RECORD.itemsize):
        whole, rest = divmod(len(raw), RECORD.itemsize)
        if rest:
            raise InputError(
                f"{name}: record {before + whole + 1} has {rest} of {RECORD.itemsize} bytes; the file "
                f"is cut off or no ChampSim trace"
            )
        records = np.frombuffer(raw, RECORD)
        _check_flags(name, records, before)
        wanted = np.concatenate(
            [records["ip"][:, None], records["source_memory"], records["destination_memory"]],
            axis=1,
        )
        _check_addresses(name, wanted, before)
        is_access = wanted != 0
        line = (records["ip"] >> np.uint64(_LINE_SHIFT)).astype(np.int64)
        is_access[:, 0] = (line != np.concatenate([[last_line], line[:-1]])) & fetch
        last_line = int(line[-1])

        row, column = np.nonzero(is_access)
        address = (wanted[row, column] & np.uint64((1 << ADDRESS_BITS) - 1)).astype(np.int64)
        gap = np.diff(row + before, prepend=last_access)
        last_access = int(row[-1]) + before if len(row) else last_access
        yield Chunk(address, _KINDS[column], np.minimum(gap, _MOST_GAP).astype(np.uint16))
        before += len(records)


def _check_flags(name: str, records: NDArray[np.void], before: int) -> None:
    for flag in ("is_branch", "branch_taken"):
        wrong = np.flatnonzero(records[flag] > 1)
        if len(wrong):
            raise InputError(
                f"{name}: record {before + wrong[0] + 1}: {flag} is {records[flag][wrong[0]]}, not 0 or "
                f"1; is it a ChampSim trace, with records of {RECORD.itemsize} bytes?"
            )


def _check_addresses(name: str, address: NDArray[np.uint64], before: int) -> None:
    upper = address >> np.uint64(ADDRESS_BITS)
    wrong = np.argwhere((upper != 0) & (upper != (1 << 64 - ADDRESS_BITS) - 1))
    if len(wrong):
        row, column = wrong[0]
        raise InputError(
            f"{name}: record {before + row + 1}: address {address[row, column]:#x} is not canonical; "
            f"only 48-bit virtual addresses are supported, is it a ChampSim trace?"
        )
