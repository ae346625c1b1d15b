"""Set-associative storage with true LRU: what TLBs and page-walk caches are made of."""

from functools import reduce
from operator import or_
from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out


class Ways(wiring.Component):
    """Sets of ways; a look-up reads ``views`` sets, each with a key to be found in it.

    Sets are read in the cycle of ``read``; what they hold stands from the next cycle until the next
    ``read``. In the meantime one of ``touch`` and ``fill`` may come, once, or in the cycle of the next
    ``read`` at the latest, which sees it. No key is filled in that its set already holds: ways
    that match are taken for one. The first empty way is filled, else the least recently used.

    Parameters
    ----------
    sets, ways : int
        ``sets`` a power of two.
    key_bits, value_bits : int
    views : int

    Members
    -------
    read : In(1)
    index, key : In(array of views)
        The set to read, and the key to find, in the cycle of ``read``.
    hit, way, value : Out(array of views)
        Whether the key is there, in which way, and its value.
    view : In
        The one that ``touch`` or ``fill`` is meant for.
    touch : In(1)
        Its way becomes the most recently used.
    fill : In(1)
        Its key goes in with ``fill_value``, as the most recently used.
    drop : In(1)
        The keys of all views go.
    fill_way : Out, victim_valid : Out(1), victim_index, victim_key, victim_value : Out
        Of ``view``: where a fill goes, and what it takes the place of.
    """

    read: Signal
    index: data.View
    key: data.View
    hit: data.View
    way: data.View
    value: data.View
    view: Signal
    touch: Signal
    fill: Signal
    fill_value: Signal
    drop: Signal
    fill_way: Signal
    victim_valid: Signal
    victim_index: Signal
    victim_key: Signal
    victim_value: Signal

    def __init__(self, sets: int, ways: int, key_bits: int, value_bits: int, views: int) -> None:
        self.sets, self.ways, self.views = sets, ways, views
        self.entry = data.StructLayout({"key": key_bits, "value": value_bits})
        self.index_shape = unsigned(max(1, (sets - 1).bit_length()))
        self.way_shape = unsigned(max(1, (ways - 1).bit_length()))

        def each(shape: Any) -> data.ArrayLayout:
            return data.ArrayLayout(shape, views)

        super().__init__({
            "read": In(1),
            "index": In(each(self.index_shape)),
            "key": In(each(key_bits)),
            "hit": Out(each(1)),
            "way": Out(each(self.way_shape)),
            "value": Out(each(value_bits)),
            "view": In(range(max(2, views))),
            "touch": In(1),
            "fill": In(1),
            "fill_value": In(value_bits),
            "drop": In(1),
            "fill_way": Out(self.way_shape),
            "victim_valid": Out(1),
            "victim_index": Out(self.index_shape),
            "victim_key": Out(key_bits),
            "victim_value": Out(value_bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Valid bits are registers, for a reset to clear them all. The order of ways need not be reset: a
        # way counts in it only once it has been filled, which makes it the most recently used.
        valid = Signal(max(2, self.sets) * self.ways)
        index = Signal.like(self.index, name="held_index")
        key = Signal.like(self.key, name="held_key")
        with m.If(self.read):
            m.d.sync += [index.eq(self.index), key.eq(self.key)]
        entries, write = self._memory(m, "entries", self.entry, [])
        orders, reorder = self._memory(m, "orders", self.way_shape, [range(self.ways)])
        valids: list[Any] = []
        gone: Value = C(0)
        for v in range(self.views):
            in_use = Signal(self.ways, name=f"in_use_{v}")
            matches = Signal(self.ways, name=f"matches_{v}")
            m.d.comb += [
                in_use.eq(valid.word_select(index[v], self.ways)),
                matches.eq(in_use & Cat(entries[v][w].key == key[v] for w in range(self.ways))),
                self.hit[v].eq(matches.any()),
                self.way[v].eq(_selected(matches, [C(w) for w in range(self.ways)])),
                self.value[v].eq(
                    _selected(matches, [entries[v][w].value for w in range(self.ways)])
                ),
            ]
            valids.append(in_use)
            gone |= matches << (index[v] * self.ways)
        with m.If(self.drop):
            m.d.sync += valid.eq(valid & ~gone)
        order = _viewed(m, "order", orders, self.view)
        in_use = _viewed(m, "in_use", valids, self.view)
        way = Signal(self.way_shape)
        entry = self._victim(m, order, in_use, _viewed(m, "row", entries, self.view))
        m.d.comb += [
            self.victim_index.eq(Array(index)[self.view]),
            way.eq(Mux(self.fill, self.fill_way, Array(self.way)[self.view])),
            write.addr.eq(self.victim_index),
            write.en.eq(self.fill.replicate(self.ways) & (1 << self.fill_way)),
            reorder.addr.eq(self.victim_index),
            reorder.en.eq((self.touch | self.fill).replicate(self.ways)),
            Cat(self.victim_key, self.victim_value).eq(entry),
        ]
        m.d.comb += [write.data[w].key.eq(Array(key)[self.view]) for w in range(self.ways)]
        m.d.comb += [write.data[w].value.eq(self.fill_value) for w in range(self.ways)]
        with m.If(self.fill):
            m.d.sync += valid.word_select(self.victim_index, self.ways).eq(
                in_use | (1 << self.fill_way)[: self.ways]
            )
        moved = C(1)  # those before the way's old place make room for it
        for i in range(self.ways):
            before = order[i - 1] if i else way
            m.d.comb += reorder.data[i].eq(Mux(moved, before, order[i]))
            moved = moved & (order[i] != way)
        return m

    def _memory(self, m: Module, name: str, shape: Any, init: list[Any]) -> tuple[list[Any], Any]:
        """Rows of the views, read with ``read``, and the port to write single ways."""
        depth = max(2, self.sets)
        storage: Any = memory.Memory(
            shape=data.ArrayLayout(shape, self.ways),
            depth=depth,
            init=[list(row) for row in init * depth],
        )
        m.submodules[name] = storage
        write = storage.write_port(granularity=1)
        rows = []
        for v in range(self.views):
            port = storage.read_port(transparent_for=(write,))
            m.d.comb += [port.en.eq(self.read), port.addr.eq(self.index[v])]
            rows.append(port.data)
        return rows, write

    def _victim(self, m: Module, order: Any, in_use: Value, row: Any) -> Value:
        """Choose the way to fill; the entry that is in it."""
        m.d.comb += [
            self.fill_way.eq(order[self.ways - 1]),
            self.victim_valid.eq(in_use.all()),
        ]
        for w in reversed(range(self.ways)):
            with m.If(~in_use[w]):
                m.d.comb += self.fill_way.eq(w)
        entry: Value = Value.cast(row).word_select(self.fill_way, self.entry.size)
        return entry


def _viewed(m: Module, name: str, views: list[Any], view: Value) -> Any:
    """What the chosen view reads."""
    chosen = Signal.like(views[0], name=name)
    m.d.comb += chosen.eq(Array(Value.cast(one) for one in views)[view] if views[1:] else views[0])
    return chosen


def _selected(one_hot: Value, options: list[Value]) -> Value:
    """The option whose bit is set, or zero."""
    return reduce(or_, (Mux(one_hot[i], option, 0) for i, option in enumerate(options)))
