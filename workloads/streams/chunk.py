"""Address streams: chunks of accesses, and where the data structures they touch lie."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.error import InputError

LOAD, STORE, FETCH, INVALIDATE = range(4)
"""Kinds of access: data read, data write, instruction fetch, shootdown of the address's page."""

ADDRESS_BITS = 47
"""Virtual addresses are those of the lower canonical half of a 48-bit space."""

HUGE_PAGE_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive accesses, ``n`` of them.

    Parameters
    ----------
    address : int64 array of n
        Virtual byte addresses, below 2**47.
    kind : uint8 array of n
        ``LOAD``, ``STORE``, ``FETCH`` or ``INVALIDATE``.
    gap : uint16 array of n
        Instructions retired since the access before, this one included: 1 or more, but 0 for an
        access of the same instruction as the one before, and for ``INVALIDATE``.
    """

    address: NDArray[np.int64]
    kind: NDArray[np.uint8]
    gap: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.address)

    def __getitem__(self, part: slice) -> "Chunk":
        return Chunk(self.address[part], self.kind[part], self.gap[part])


@dataclass(frozen=True, slots=True)
class Region:
    """A data structure: ``size_bytes`` of virtual memory from ``start`` on."""

    name: str
    start: int
    size_bytes: int


class Layout:
    """Places data structures one after the other, each on a 2 MiB boundary, 2 MiB or more apart."""

    def __init__(self) -> None:
        self.regions: list[Region] = []
        self._next = 1 << 36

    def place(self, name: str, size_bytes: int) -> int:
        """Where the structure starts.

        Raises
        ------
        lockstep.arch.error.InputError
            If it ends beyond 2**47.
        """
        start = self._next
        if size_bytes > (1 << ADDRESS_BITS) - start:
            raise InputError(
                f"{name} of {size_bytes} bytes ends beyond 2**{ADDRESS_BITS} bytes of virtual "
                f"memory; choose a smaller size"
            )
        self.regions.append(Region(name, start, size_bytes))
        pages = -(-size_bytes // HUGE_PAGE_BYTES) + 1
        self._next = start + pages * HUGE_PAGE_BYTES
        return start


def _empty(n: int) -> Chunk:
    return Chunk(np.empty(n, np.int64), np.empty(n, np.uint8), np.empty(n, np.uint16))


@dataclass(slots=True)
class Run:
    """One pass over a stream, from its beginning.

    Parameters
    ----------
    blocks : iterator of Chunk
        The accesses, in pieces of any size.
    results : mapping of str to array
        What the algorithm works out, in arrays that change as the blocks are taken: distances,
        ranks, counts. Complete when ``blocks`` has ended.
    """

    blocks: Iterator[Chunk]
    results: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    _rest: Chunk = field(default_factory=lambda: _empty(0))

    def chunks(self, accesses: int, chunk: int = 1 << 20) -> Iterator[Chunk]:
        """The next ``accesses`` accesses, fewer if the run ends: ``chunk`` at a time, then the rest."""
        if accesses < 0 or chunk < 1:
            raise ValueError(f"{accesses} accesses in chunks of {chunk}")
        while accesses > 0:
            wanted = min(chunk, accesses)
            out, have = _empty(wanted), 0
            while have < wanted:
                if not len(self._rest):
                    block = next(self.blocks, None)
                    if block is None:
                        break
                    self._rest = block
                take = min(wanted - have, len(self._rest))
                out.address[have : have + take] = self._rest.address[:take]
                out.kind[have : have + take] = self._rest.kind[:take]
                out.gap[have : have + take] = self._rest.gap[:take]
                self._rest = self._rest[take:]
                have += take
            if have:
                yield out[:have]
            if have < wanted:
                return
            accesses -= have


@dataclass(frozen=True, slots=True)
class Stream:
    """A workload as the addresses it touches; the same ones each time it is run.

    Parameters
    ----------
    name : str
    seed : int
        What its data were made from; 0 for a trace.
    regions : tuple of Region
        The data structures; none for a trace, whose addresses are known only by reading it.
    start : callable
        Begins a run.
    """

    name: str
    seed: int
    regions: tuple[Region, ...]
    start: Callable[[], Run]

    @property
    def footprint_bytes(self) -> int:
        """Virtual memory laid out; 0 for a trace."""
        return sum(region.size_bytes for region in self.regions)

    def chunks(self, accesses: int, chunk: int = 1 << 20) -> Iterator[Chunk]:
        """The first ``accesses`` accesses of a new run.

        Parameters
        ----------
        accesses : int
            How many. There are fewer if a trace, or an algorithm limited to ``rounds``, ends.
        chunk : int
            Accesses per chunk; the last one may be shorter. It changes no access.
        """
        return self.start().chunks(accesses, chunk)
