"""Rounding to fixed point, and addition that saturates; combinational."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mac import FixedSum
from lockstep.rtl.mac.rounder import Rounding, rounds_up
from lockstep.rtl.mac.shift import shifted_right


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedRounding:
    """What is rounded, a number as described by ``rounding`` whatever its float format, and to what."""

    of: FixedSum
    rounding: Rounding


def addend_layout(of: FixedSum) -> data.StructLayout:
    """What is added to a sum: an integer wide enough to saturate any sum, or NaN."""
    return data.StructLayout({"value": signed(of.bits + 2), "nan": 1})


class FixedRounder(wiring.Component):
    """The integer nearest to a number, ties to even; at most ``2**bits`` in magnitude.

    Members
    -------
    i : In(cfg.rounding.layout)
    o : Out(addend_layout)
    """

    def __init__(self, cfg: FixedRounding) -> None:
        self.cfg = cfg
        super().__init__({"i": In(cfg.rounding.layout), "o": Out(addend_layout(cfg.of))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, rounding = self.cfg.of.bits, self.cfg.rounding
        # The significand is ``place`` left of where it belongs, or right if that is negative.
        slack = rounding.unit_exponent - self.cfg.of.lsb_exponent
        place = Signal(range(min(0, slack), max(0, rounding.max_shift + slack) + 1))
        m.d.comb += place.eq(self.i.shift + slack)
        number: Value = Cat(C(0, 2), self.i.significand)  # guard and sticky bits below
        if slack < 0:
            right = Signal(range(-slack + 1))
            m.d.comb += right.eq(Mux(place < 0, -place, 0))
            number = shifted_right(m, number, right, name="fraction")
        # One more than enough to saturate.
        left = Signal(range(bits + 1))
        m.d.comb += left.eq(Mux(place < 0, 0, Mux(place > bits, bits, place)))
        shifted = Signal(len(number) + bits)
        m.d.comb += shifted.eq(number << left)

        kept = shifted[2:]
        magnitude = Signal(bits + 1)
        beyond = self.i.inf | is_beyond(kept, bits)
        m.d.comb += [
            magnitude.eq(
                Mux(beyond, 1 << bits, kept[:bits] + rounds_up(kept[0], shifted[1], shifted[0]))
            ),
            self.o.value.eq(Mux(self.i.sign, -magnitude, magnitude)),
            self.o.nan.eq(self.i.nan),
        ]
        return m


def is_beyond(magnitude: Value, bits: int) -> Value:
    """Whether a magnitude saturates any sum of ``bits``."""
    return magnitude[bits:].any()


class FixedAdder(wiring.Component):
    """``o = acc + x``, at most the greatest sum in magnitude; NaN if either is.

    Members
    -------
    acc : In(signed(bits))
    x : In(addend_layout)
    o : Out(signed(bits))
    """

    def __init__(self, cfg: FixedSum) -> None:
        self.cfg = cfg
        super().__init__({
            "acc": In(signed(cfg.bits)),
            "x": In(addend_layout(cfg)),
            "o": Out(signed(cfg.bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        top = self.cfg.max_integer
        total = Signal(signed(self.cfg.bits + 3))
        m.d.comb += total.eq(self.acc + self.x.value)
        with m.If(self.x.nan | (self.acc == self.cfg.nan)):
            m.d.comb += self.o.eq(self.cfg.nan)
        with m.Elif(total > top):
            m.d.comb += self.o.eq(top)
        with m.Elif(total < -top):
            m.d.comb += self.o.eq(-top)
        with m.Else():
            m.d.comb += self.o.eq(total)
        return m
