"""A page-table entry of x86-64 in hardware, with PTW-CP's counters, and what addresses are made of."""

from amaranth.hdl import *
from amaranth.lib import data

from lockstep.arch.tlb import LARGE_PAGE_BITS, PAGE_BITS, PHYSICAL_BITS, VIRTUAL_BITS

FRAME_BITS = PHYSICAL_BITS - PAGE_BITS
PAGE_NUMBER_BITS = VIRTUAL_BITS - PAGE_BITS

COUNTERS = data.StructLayout({"frequency": 3, "cost": 4})
"""Demand walks of a page, and those of them that reached DRAM."""

PTE = data.StructLayout({
    "present": 1,
    "flags": 6,
    "large": 1,  # in an entry of level 2: it maps a page of 2 MB
    "more_flags": 4,
    "frame": FRAME_BITS,
    "counters": COUNTERS,  # bits that hardware ignores and leaves to software
    "rest": 5,
})
"""Level 4 to 1 alike; ``frame`` is the next table's, or the page's."""


def physical(frame: Value, large: Value, address: Value) -> Value:
    """The physical address of ``address``; the low bits of a large page's frame do not count."""
    small = LARGE_PAGE_BITS - PAGE_BITS
    middle = Mux(large, address[PAGE_BITS:LARGE_PAGE_BITS], frame[:small])
    return Cat(address[:PAGE_BITS], middle, frame[small:])


def large_frame(frame: Value, large: Value) -> Value:
    """The frame of a page; one of 2 MB starts at a multiple of its size."""
    small = LARGE_PAGE_BITS - PAGE_BITS
    return Cat(Mux(large, 0, frame[:small]), frame[small:])
