"""What goes into and out of a cache with TLB blocks, and what its arrays hold."""

from amaranth.hdl import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tlb import (
    ASID_BITS,
    LARGE_PAGE_BITS,
    LINE_BITS,
    LINE_PTES,
    PAGE_BITS,
    PHYSICAL_BITS,
    PTE_BYTES,
    CacheConfig,
)
from lockstep.rtl.tlb.pte import PAGE_NUMBER_BITS

WORD_BITS = 8 * PTE_BYTES
LINE = data.ArrayLayout(WORD_BITS, LINE_PTES)
"""A line of data, or the page-table entries of a TLB block."""

LINE_NUMBER_BITS = PHYSICAL_BITS - LINE_BITS
_BLOCK_BITS = (LINE_PTES - 1).bit_length()  # of a page number, place in a block
_GROUP_BITS = PAGE_NUMBER_BITS - _BLOCK_BITS
_LARGE_STEP = LARGE_PAGE_BITS - PAGE_BITS


class Op(enum.Enum, shape=3):
    """Operations; ``line`` names what the first three are about, page, ASID and the like the others.

    READ and WRITE fetch a line that is missing; WRITE writes the words of ``mask``. DROP_LINE
    forgets a line, written or not. PROBE looks for a page in TLB blocks, of both sizes; HOLDS, for one of
    size ``large``, and leaves no trace. INSERT puts a block in, or the entries of ``mask`` into the one
    that is there. DROP_PAGES forgets the blocks of both sizes.
    """

    READ = 0
    WRITE = 1
    DROP_LINE = 2
    PROBE = 3
    HOLDS = 4
    INSERT = 5
    DROP_PAGES = 6


class EventKind(enum.Enum, shape=3):
    """What became of a set; names as in :class:`lockstep.sim.golden.tlb_cache.Event`."""

    HIT = 0
    FILL = 1
    PROBE = 2
    INSERT = 3
    MERGE = 4
    DROP = 5


QUERY = data.StructLayout({
    "op": Op,
    "line": LINE_NUMBER_BITS,
    "page": PAGE_NUMBER_BITS,  # counted in 4 KB, whatever its size
    "asid": ASID_BITS,
    "large": 1,
    "nested": 1,
    "mask": LINE_PTES,
})

REQUEST = data.StructLayout({"query": QUERY, "data": LINE})

RESPONSE = data.StructLayout({"hit": 1, "large": 1, "line": LINE})

POSTED_WRITE = data.StructLayout({"line": LINE_NUMBER_BITS, "mask": LINE_PTES, "data": LINE})

MEMORY = wiring.Signature({
    "read": Out(stream.Signature(LINE_NUMBER_BITS)),
    "line_valid": In(1),
    "line": In(LINE),
    "write_valid": Out(1),
    "write": Out(POSTED_WRITE),
})
"""The level below: a line is asked for and comes a cycle later or more; writes are always taken."""


def bits_for(values: int) -> int:
    """Bits that count ``values``, at least one: Verilog has no signals of none."""
    return max(1, (values - 1).bit_length())


def event_layout(cfg: CacheConfig) -> data.StructLayout:
    """An event; ``rrpv`` are the set's values after it, 0 for empty ways."""
    return data.StructLayout({
        "kind": EventKind,
        "set": bits_for(cfg.sets),
        "way": bits_for(cfg.ways),
        "rrpv": data.ArrayLayout(cfg.rrpv_bits, cfg.ways),
    })


def key_layout(cfg: CacheConfig) -> data.StructLayout:
    """What tells one line or block of a set from all others."""
    return data.StructLayout({
        "tag": LINE_NUMBER_BITS - _set_bits(cfg),
        "block": 1,
        "nested": 1,
    })


def entry_layout(cfg: CacheConfig) -> data.StructLayout:
    """What the tag array holds for a way; ``mask`` are the entries that a block has."""
    return data.StructLayout({"key": key_layout(cfg), "dirty": 1, "mask": LINE_PTES})


def is_about_line(op: Value) -> Value:
    """Whether an operation is about a line, not about TLB blocks."""
    code = Value.cast(op)
    return code <= Op.DROP_LINE.value


def is_about_both(op: Value) -> Value:
    """Whether an operation is about blocks of both page sizes."""
    return Cat(op == each for each in (Op.PROBE, Op.DROP_PAGES)).any()


def place(cfg: CacheConfig, query: data.View, large: Value) -> tuple[Value, Value]:
    """Set and key of a query's line, or of its block with pages of size ``large``.

    The tag of a block is its group of pages, size and ASID: no longer than that of a line.
    """
    bits = _set_bits(cfg)
    group = Mux(large, query.page[_LARGE_STEP + _BLOCK_BITS :], query.page[_BLOCK_BITS:])
    line = is_about_line(query.op)
    index = Mux(line, query.line[:bits], group[:bits]) if bits else C(0, 1)
    block_tag = Cat(group[bits:_GROUP_BITS], large, query.asid)
    tag = Mux(line, query.line[bits:], block_tag)[: LINE_NUMBER_BITS - bits]
    return index, Cat(tag, ~line, ~line & query.nested)


def place_in_block(query: data.View, large: Value) -> Value:
    """Which entry of its block the page of a query is."""
    page = query.page
    return Mux(large, page[_LARGE_STEP:][:_BLOCK_BITS], page[:_BLOCK_BITS])


def line_of(cfg: CacheConfig, index: Value, tag: Value) -> Value:
    """The number of a line of data, from its set and tag."""
    return Cat(index[: _set_bits(cfg)], tag)


def _set_bits(cfg: CacheConfig) -> int:
    return (cfg.sets - 1).bit_length()
