"""From runs of bytes to what DMA asks its MMU for: one translation for each page of a run.

Bursts that follow in the same page use it again. A request retires its bursts of 64 bytes: they
stand for the instructions in rates per thousand instructions.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import LARGE_PAGE_BITS, LINE_BYTES, PAGE_BITS
from lockstep.sim.page_table import NATIVE, SHARE_BITS, is_large
from lockstep.sim.translation_layout import I64, Runs
from lockstep.workloads.streams.chunk import LOAD, STORE, Chunk

_are_large = cast("Callable[[I64, int, int, int], NDArray[np.bool_]]", is_large)
"""Its arithmetic holds for arrays too."""


def page_requests(cfg: MmuConfig, runs: Runs) -> Chunk:
    """Requests of address space 0, each at the first byte of a page that its run touches."""
    share = round(cfg.large_page_share * (1 << SHARE_BITS))
    regions = _cut(runs.start, runs.size_bytes, LARGE_PAGE_BITS)
    large = _are_large(regions[0], 0, NATIVE, share)
    start, size_bytes = _cut(*regions, np.where(large, LARGE_PAGE_BITS, PAGE_BITS))
    return Chunk(
        start,
        np.full(len(start), STORE if runs.stored else LOAD, np.uint8),
        (-(-size_bytes // LINE_BYTES)).astype(np.uint16),
    )


def _cut(start: I64, size_bytes: I64, bits: int | I64) -> tuple[I64, I64]:
    """Starts and sizes of the pieces of runs, cut at multiples of ``2**bits``; bits by run, or one."""
    end = start + size_bytes
    first = start >> bits
    pieces = ((end - 1) >> bits) - first + 1
    before = np.cumsum(pieces) - pieces
    number = np.arange(pieces.sum()) + np.repeat(first - before, pieces)
    width = np.repeat(np.broadcast_to(bits, start.shape), pieces)
    begin = np.maximum(number << width, np.repeat(start, pieces))
    return begin, np.minimum((number + 1) << width, np.repeat(end, pieces)) - begin
