"""A TLB for pages of two sizes."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tlb import (
    ASID_BITS,
    LARGE_PAGE_BITS,
    PAGE_BITS,
    VIRTUAL_BITS,
    TlbConfig,
)
from lockstep.rtl.tlb.pte import COUNTERS, FRAME_BITS, PAGE_NUMBER_BITS, large_frame, physical
from lockstep.rtl.tlb.ways import Ways

EVICTED = data.StructLayout({
    "valid": 1,
    "large": 1,
    "asid": ASID_BITS,
    "page": PAGE_NUMBER_BITS,
    "counters": COUNTERS,
})
"""The entry that a fill takes the place of; ``page`` is counted in pages of its size."""


class Tlb(wiring.Component):
    """Looks an address up in two sets at once, one for each page size; true LRU.

    One operation at a time. ``done`` comes ``cfg.latency_cycles`` after ``lookup``, and with it the
    outcome, for this cycle only; the next operation may start in it. A miss may be followed by one
    ``fill``, in the cycle of ``done`` or later, up to that of the next operation. An ``invalidate`` has
    no ``done``: the next operation may start one cycle later.

    Members
    -------
    lookup, invalidate : In(1)
        Start, with ``asid`` and ``address``; ``invalidate`` drops pages of both sizes.
    done : Out(1)
    hit, way, large, frame, counters : Out
        The entry. Should pages of both sizes have the address, the small one counts.
    physical : Out(52)
    fill : In(1)
        Put in the page of the address looked up last, with ``fill_large``, ``fill_frame`` and
        ``fill_counters``.
    fill_way, evicted : Out
        In the cycle of ``fill``.
    """

    lookup: Signal
    invalidate: Signal
    asid: Signal
    address: Signal
    done: Signal
    hit: Signal
    way: Signal
    large: Signal
    frame: Signal
    counters: data.View
    physical: Signal
    fill: Signal
    fill_large: Signal
    fill_frame: Signal
    fill_counters: data.View
    fill_way: Signal
    evicted: data.View

    def __init__(self, cfg: TlbConfig) -> None:
        self.cfg = cfg
        way_bits = max(1, (cfg.ways - 1).bit_length())
        super().__init__({
            "lookup": In(1),
            "invalidate": In(1),
            "asid": In(ASID_BITS),
            "address": In(VIRTUAL_BITS),
            "done": Out(1),
            "hit": Out(1),
            "way": Out(way_bits),
            "large": Out(1),
            "frame": Out(FRAME_BITS),
            "counters": Out(COUNTERS),
            "physical": Out(FRAME_BITS + PAGE_BITS),
            "fill": In(1),
            "fill_large": In(1),
            "fill_frame": In(FRAME_BITS),
            "fill_counters": In(COUNTERS),
            "fill_way": Out(way_bits),
            "evicted": Out(EVICTED),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        index_bits = (cfg.sets - 1).bit_length()
        tag_bits = PAGE_NUMBER_BITS - index_bits
        value = data.StructLayout({"frame": FRAME_BITS, "counters": COUNTERS})
        key = data.StructLayout({"tag": tag_bits, "large": 1, "asid": ASID_BITS})
        m.submodules.ways = ways = Ways(cfg.sets, cfg.ways, key.size, value.size, views=2)
        address = Signal(VIRTUAL_BITS)
        waits = Signal(range(cfg.latency_cycles + 1))
        dropping = Signal()
        start = self.lookup | self.invalidate
        for large, page_bits in enumerate((PAGE_BITS, LARGE_PAGE_BITS)):
            tag = Signal(tag_bits, name=f"tag_{large}")
            number = self.address[page_bits:]
            m.d.comb += [
                tag.eq(number[index_bits:]),
                ways.index[large].eq(number[:index_bits]),
                ways.key[large].eq(Cat(tag, C(large, 1), self.asid)),
            ]
        with m.If(start):
            m.d.sync += address.eq(self.address)
        with m.If(self.lookup):
            m.d.sync += waits.eq(cfg.latency_cycles)
        with m.Elif(waits != 0):
            m.d.sync += waits.eq(waits - 1)
        m.d.sync += dropping.eq(self.invalidate)
        held = Signal(value)
        m.d.comb += [
            ways.read.eq(start),
            ways.drop.eq(dropping),
            ways.view.eq(Mux(self.fill, self.fill_large, self.large)),
            ways.touch.eq(self.done & self.hit),
            ways.fill.eq(self.fill),
            ways.fill_value.eq(
                Cat(large_frame(self.fill_frame, self.fill_large), Value.cast(self.fill_counters))
            ),
            self.done.eq(waits == 1),
            self.hit.eq(ways.hit.as_value().any()),
            self.large.eq(~ways.hit[0] & ways.hit[1]),
            self.way.eq(Mux(self.large, ways.way[1], ways.way[0])),
            held.eq(Mux(self.large, ways.value[1], ways.value[0])),
            self.frame.eq(held.frame),
            self.counters.eq(held.counters),
            self.physical.eq(physical(held.frame, self.large, address)),
            self.fill_way.eq(ways.fill_way),
        ]
        self._evict(m, ways, key(ways.victim_key), value(ways.victim_value), index_bits)
        return m

    def _evict(
        self, m: Module, ways: Ways, key: data.View, value: data.View, index_bits: int
    ) -> None:
        m.d.comb += [
            self.evicted.valid.eq(ways.victim_valid),
            self.evicted.large.eq(key.large),
            self.evicted.asid.eq(key.asid),
            self.evicted.page.eq(Cat(ways.victim_index[:index_bits], key.tag)),
            self.evicted.counters.eq(value.counters),
        ]
