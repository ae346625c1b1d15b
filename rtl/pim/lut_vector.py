"""One vector's share of a LUT slice: the LUT of a group of its activations, and shift-add over planes."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.lut import LutConfig
from lockstep.rtl.pim.lut_sequencer import chosen, steps_of


class LutVector(wiring.Component):
    """A LUT of the sums of all subsets of ``group`` activations, read by ``ports`` indices at once.

    Entry e is the sum of the activations whose bits in e are 1. The activations are entries themselves,
    and entry 0 is zero; only the other ``cfg.lut_sums`` are stored beside them. Entry ``2**level + x`` is
    entry x plus activation ``level``, so a level depends only on those below.

    Latency: an entry is there one cycle after its index, and ``product`` has it another cycle later.
    Throughput is an index per port and cycle. There is no back-pressure but ``advance``.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    load : In(1)
        The group is new,
    a : In(group x signed(activation_bits))
        and this is it.
    same : Out(1)
        ``a`` is what the LUT is of.
    build : In(1)
        One step of a build,
    level, step : In
        and which.
    look : In(1)
        There are indices,
    index : In(ports x group bits)
        and these are they.
    shift, first_plane, subtract : In(1)
        One cycle before there were; theirs is the highest bit-plane; its weight is negative.
    product : Out(ports x signed(partial_bits))
        Of the group and the weights' bit-planes so far.
    """

    def __init__(self, cfg: LutConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "advance": In(1),
            "load": In(1),
            "a": In(data.ArrayLayout(signed(cfg.activation_bits), cfg.group)),
            "same": Out(1),
            "build": In(1),
            "level": In(range(max(2, cfg.group))),
            "step": In(range(max(2, steps_of(cfg, cfg.group - 1)))),
            "look": In(1),
            "index": In(data.ArrayLayout(cfg.group, cfg.ports)),
            "shift": In(1),
            "first_plane": In(1),
            "subtract": In(1),
            "product": Out(data.ArrayLayout(signed(cfg.partial_bits), cfg.ports)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        held = Signal(self.a.shape(), reset_less=True)
        m.d.comb += self.same.eq(is_same(held, self.a))
        with m.If(self.advance & self.load):
            m.d.sync += held.eq(self.a)
        entries = self._table(m, held)
        for p in range(cfg.ports):
            entry = Signal(signed(cfg.entry_bits), name=f"entry_{p}", reset_less=True)
            # Cycle 0: look up.
            with m.If(self.advance & self.look):
                m.d.sync += entry.eq(Array(entries)[self.index[p]])
            # Cycle 1: shift and add.
            with m.If(self.advance & self.shift):
                m.d.sync += self.product[p].eq(
                    shift_add(self.product[p], entry, self.first_plane, self.subtract)
                )
        return m

    def _table(self, m: Module, held: Any) -> Sequence[Value]:
        """All entries, and the build of those that are sums."""
        cfg = self.cfg
        entries: list[Value] = [C(0, signed(cfg.entry_bits))]
        for level in range(cfg.group):
            entries.append(held[level])
            entries += [
                Signal(signed(cfg.entry_bits), name=f"sum_{entry}", reset_less=True)
                for entry in range((1 << level) + 1, 2 << level)
            ]
        addend = chosen([held[level] for level in range(cfg.group)], self.level)
        for adder in range(cfg.adders if cfg.lut_sums else 0):
            bases = range(1 + adder, 1 << cfg.group - 1, cfg.adders)  # one for each step
            total = Signal(signed(cfg.entry_bits), name=f"total_{adder}")
            m.d.comb += total.eq(chosen([entries[base] for base in bases], self.step) + addend)
            for level in range(1, cfg.group):
                for step, base in enumerate(base for base in bases if base < 1 << level):
                    here = self.build & (self.level == level) & (self.step == step)
                    with m.If(self.advance & here):
                        m.d.sync += entries[(1 << level) + base].eq(total)
        return entries


def is_same(held: Any, offered: Any) -> Value:
    """Whether two groups of activations are equal."""
    same: Value = Value.cast(held) == Value.cast(offered)
    return same


def shift_add(so_far: Value, entry: Value, first_plane: Value, subtract: Value) -> Value:
    """The sum of the planes above, doubled, plus this one; the highest starts afresh."""
    return Mux(first_plane, Mux(subtract, -entry, entry), (so_far << 1) + entry)
