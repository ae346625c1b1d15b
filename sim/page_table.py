"""Where pages and page tables lie: an address space computed, not stored.

Every page has a frame and every page table a page of memory by bijections of its number, so a footprint of
any size needs no memory here. All functions are of plain integers below 2**63, and numba compiles them.
"""

from lockstep.arch.tlb import LARGE_PAGE_BITS, LEVEL_BITS, PAGE_BITS, PTE_BYTES

NATIVE, HOST = 0, 1
"""Spaces: a process's (native, or a guest's), of 47 bits; a host's, from guest-physical, of 48 bits."""

SPACE_BITS = 47
SHARE_BITS = 16
"""Shares of large pages are counted in 1 / 2**SHARE_BITS."""

_TABLE_NUMBER_BITS = 29  # two for the level, 27 for the region of a leaf table


def scrambled(value: int, bits: int, salt: int) -> int:
    """A bijection of the integers below ``2**bits``, ``bits`` at most 32, that looks random."""
    mask = (1 << bits) - 1
    value = (value ^ salt) & mask
    for odd in (0x1B873593, 0x19D699A5, 0x2C1B3C6D):
        value = (value * odd) & mask
        value ^= value >> (bits // 2)
    return value


def _salt(asid: int, space: int) -> int:
    return (asid * 0x9E5 + space * 0x5A5A5 + 0x1234) & 0x3FFFFFF


def is_large(address: int, asid: int, space: int, share: int) -> bool:
    """Whether one large page maps the 2 MB region of ``address``; ``share`` of 2**16 regions are."""
    region = address >> LARGE_PAGE_BITS
    chance = scrambled(region, SPACE_BITS + space - LARGE_PAGE_BITS, _salt(asid, space) ^ 0xBEEF)
    return (chance >> 3) & ((1 << SHARE_BITS) - 1) < share


def physical(address: int, asid: int, space: int, large: bool) -> int:
    """The physical address that ``address`` is mapped to.

    Processes whose ASIDs differ by a multiple of eight share frames; the same holds for tables.
    """
    bits = SPACE_BITS + space
    region = address >> LARGE_PAGE_BITS
    base = scrambled(region, bits - LARGE_PAGE_BITS, _salt(asid, space)) << LARGE_PAGE_BITS
    base |= _asid_bits(asid, space)
    if large:
        return base | address & ((1 << LARGE_PAGE_BITS) - 1)
    small = address >> PAGE_BITS ^ scrambled(region, 27, 0x2F0B4C7)
    small &= (1 << LEVEL_BITS) - 1
    return base | small << PAGE_BITS | address & ((1 << PAGE_BITS) - 1)


def entry_address(level: int, address: int, asid: int, space: int) -> int:
    """Physical address of the entry of ``level``, 4 (root) to 1, that maps ``address``."""
    shift = PAGE_BITS + LEVEL_BITS * (level - 1)
    return (
        table_address(level, address >> (shift + LEVEL_BITS), asid, space)
        | ((address >> shift) & ((1 << LEVEL_BITS) - 1)) * PTE_BYTES
    )


def table_address(level: int, prefix: int, asid: int, space: int) -> int:
    """Physical address of the table of ``level`` for addresses that start with ``prefix``."""
    number = scrambled((level - 1) << 27 | prefix, _TABLE_NUMBER_BITS, _salt(asid, space) ^ 0x7AB1E)
    return _asid_bits(asid, space) | 1 << (SPACE_BITS + space) | number << PAGE_BITS


def _asid_bits(asid: int, space: int) -> int:
    """Apart from those of other processes, in a native space; a guest has 48 physical bits only."""
    return 0 if space == HOST else (asid & 7) << (SPACE_BITS + 1)
