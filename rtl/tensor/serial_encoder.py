"""The sparse encoder: finds the nonzero digits of a group, one per cycle."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.serial import BitSliceConfig
from lockstep.rtl.lib.encode import DIGIT


class SparseEncoder(wiring.Component):
    """Chooses the digits of ``cfg.group`` operands that are not zero, the lowest operand first.

    All digits are of one bit-weight. A group takes as many cycles as it has nonzero digits, and one
    if it has none.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    digits : In(group x DIGIT)
        Stable while the group is worked on.
    fresh : In(1)
        This is the group's first cycle.
    active : In(1)
        There is a group; without one, no digit comes out.
    last : Out(1)
        This cycle chooses the group's last digit, or there is none to choose.
    digit : Out(DIGIT)
        The chosen digit, two cycles later; zero if there was none.
    place : Out(group)
        Its operand, one-hot, in the same cycle.
    """

    def __init__(self, cfg: BitSliceConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "advance": In(1),
            "digits": In(data.ArrayLayout(DIGIT, cfg.group)),
            "fresh": In(1),
            "active": In(1),
            "last": Out(1),
            "digit": Out(DIGIT),
            "place": Out(cfg.group),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        group = self.cfg.group

        # Cycle 0: the lowest digit that is left.
        rest = Signal(group, reset_less=True)
        left = Signal(group)
        chosen = Signal(group)
        m.d.comb += [
            left.eq(Mux(self.fresh, Cat(self.digits[j].nonzero for j in range(group)), rest)),
            chosen.eq(left & (-left)[:group]),
            self.last.eq((left & ~chosen) == 0),
        ]
        place = Signal(group, reset_less=True)
        held = Signal(data.ArrayLayout(DIGIT, group), reset_less=True)
        with m.If(self.advance):
            m.d.sync += [
                rest.eq(left & ~chosen),
                place.eq(chosen & self.active.replicate(group)),
                held.eq(self.digits),
            ]

        # Cycle 1: its value.
        value = Signal(DIGIT)
        for j in range(group):
            with m.If(place[j]):
                m.d.comb += value.eq(held[j])
        later_digit = Signal(DIGIT, reset_less=True)
        later_place = Signal(group, reset_less=True)
        with m.If(self.advance):
            m.d.sync += [later_digit.eq(value), later_place.eq(place)]
        m.d.comb += [self.digit.eq(later_digit), self.place.eq(later_place)]
        return m
