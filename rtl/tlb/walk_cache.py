"""Page-walk caches: entries of levels 4, 3 and 2 of the page table, looked up side by side."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tlb import (
    ASID_BITS,
    LEVEL_BITS,
    LEVELS,
    PAGE_BITS,
    VIRTUAL_BITS,
    WalkCacheConfig,
)
from lockstep.rtl.tlb.pte import FRAME_BITS
from lockstep.rtl.tlb.ways import Ways


class WalkCache(wiring.Component):
    """Tells where a walk may begin.

    One operation at a time. ``done`` comes ``cfg.latency_cycles`` after ``lookup``; from then on the
    outcome stands until the first ``fill`` or the next operation. Then ``use`` may come, and a ``fill``
    for each level above the last that is read. An ``invalidate`` has no ``done``: the next operation may
    start one cycle later.

    Members
    -------
    lookup, invalidate : In(1)
        Start, with ``asid`` and ``address``; ``invalidate`` drops the entries of all levels.
    done : Out(1)
    level : Out(3)
        Of the first table still to be read: 1 if level 2's entry is held, ... 4 if none is.
    table : Out(40)
        Frame of that table, unless it is the root.
    use : In(1)
        The walk begins there: the entry that ``table`` is of becomes the most recently used.
    fill : In(1)
        Keep ``fill_table``, the frame in the entry of ``fill_level``, 4 to 2, for the address looked up.
    """

    lookup: Signal
    invalidate: Signal
    asid: Signal
    address: Signal
    done: Signal
    level: Signal
    table: Signal
    use: Signal
    fill: Signal
    fill_level: Signal
    fill_table: Signal

    def __init__(self, cfg: WalkCacheConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "lookup": In(1),
            "invalidate": In(1),
            "asid": In(ASID_BITS),
            "address": In(VIRTUAL_BITS),
            "done": Out(1),
            "level": Out(range(LEVELS + 1)),
            "table": Out(FRAME_BITS),
            "use": In(1),
            "fill": In(1),
            "fill_level": In(range(LEVELS + 1)),
            "fill_table": In(FRAME_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        waits = Signal(range(cfg.latency_cycles + 1))
        dropping = Signal()
        with m.If(self.lookup):
            m.d.sync += waits.eq(cfg.latency_cycles)
        with m.Elif(waits != 0):
            m.d.sync += waits.eq(waits - 1)
        m.d.sync += dropping.eq(self.invalidate)
        m.d.comb += [self.done.eq(waits == 1), self.level.eq(LEVELS)]
        for level in range(LEVELS, 1, -1):  # the last that is held counts
            prefix = self.address[PAGE_BITS + LEVEL_BITS * (level - 1) :]
            index_bits = (cfg.sets(level) - 1).bit_length()
            key = Cat(self.asid, prefix[index_bits:])
            held = Ways(cfg.sets(level), cfg.ways, len(key), FRAME_BITS, views=1)
            m.submodules[f"level_{level}"] = held
            m.d.comb += [
                held.read.eq(self.lookup | self.invalidate),
                held.drop.eq(dropping),
                held.index[0].eq(prefix[:index_bits]),
                held.key[0].eq(key),
                held.touch.eq(self.use & (self.level == level - 1)),
                held.fill.eq(self.fill & (self.fill_level == level)),
                held.fill_value.eq(self.fill_table),
            ]
            with m.If(held.hit[0]):
                m.d.comb += [self.level.eq(level - 1), self.table.eq(held.value[0])]
        return m
