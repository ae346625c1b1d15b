"""Pages, keys of TLB entries, lines and TLB blocks in one word each, and where all lie (numba)."""

from types import FunctionType

from numba.extending import register_jitable

from lockstep.arch.tlb import LARGE_PAGE_BITS, PAGE_BITS
from lockstep.sim import page_table
from lockstep.sim.cycle.translation.words import UNCOUNTED, compiled
from lockstep.sim.page_table import HOST, NATIVE, is_large, physical

# Compiled code may now call them, and Python still does.
for _function in vars(page_table).values():
    if isinstance(_function, FunctionType):
        register_jitable(forceinline=True, **UNCOUNTED)(_function)

HELD = 1 << 62
"""Marks a word that holds something."""
BLOCK = 1 << 61
NESTED = 1 << 60
MASK_BITS = 8
"""Lowest bits of a word of the cache: PTEs of a TLB block; 0 in a line."""
TAG = ~((1 << MASK_BITS) - 1)

_ASID_AT = 37  # of a page: 1 bit for its size, 36 for its number
_BLOCK_ASID_AT = 42
HOST_SPACE = (1 << 48) - 1
PAGE_OFFSET = (1 << PAGE_BITS) - 1


@compiled
def page_of(asid: int, address: int, large: bool) -> int:
    """A page as one integer."""
    number = address >> (LARGE_PAGE_BITS if large else PAGE_BITS)
    return asid << _ASID_AT | number << 1 | int(large)


@compiled
def is_large_page(page: int) -> bool:
    """Whether it is of 2 MB."""
    return page & 1 != 0


@compiled
def number_of(page: int) -> int:
    """Its number, counted in pages of its size."""
    return (page & ((1 << _ASID_AT) - 1)) >> 1


@compiled
def asid_of(page: int) -> int:
    """Its address space."""
    return (page & (HELD - 1)) >> _ASID_AT


@compiled
def address_of(page: int) -> int:
    """Its first byte."""
    return number_of(page) << (LARGE_PAGE_BITS if page & 1 else PAGE_BITS)


@compiled
def line_key(line: int) -> int:
    """A line of data in the cache."""
    return HELD | line << MASK_BITS


@compiled
def block_key(page: int, nested: bool) -> int:
    """The TLB block that has, or would have, ``page``; no PTEs yet."""
    key = HELD | BLOCK | (NESTED if nested else 0)
    return key | asid_of(page) << _BLOCK_ASID_AT | (number_of(page) >> 3) << 9 | (page & 1) << 8


@compiled
def locate(asid: int, address: int, virtualised: bool, share: int) -> tuple[int, int, bool]:
    """The page of ``address``, its physical address, and whether the process's own page is large."""
    large = is_large(address, asid, NATIVE, share)
    where = physical(address, asid, NATIVE, large)
    if not virtualised:
        return page_of(asid, address, large), where, large
    guest = where & HOST_SPACE
    host_large = is_large(guest, 0, HOST, share)
    where = physical(guest, 0, HOST, host_large)
    return page_of(asid, address, large and host_large), where, large
