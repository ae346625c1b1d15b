"""The bit-slice engine's processing element, and the lane that makes a number of its sum and carry.

No register here has a reset: what is left from before is cleared, or leaves, ahead of the first digit.
"""

from functools import reduce
from operator import or_

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.serial import BitSliceConfig
from lockstep.rtl.lib.adder import prefix_add
from lockstep.rtl.lib.compress import carry_save_tree
from lockstep.rtl.lib.encode import DIGIT, partial_product
from lockstep.rtl.tensor.pe import operand_shapes
from lockstep.rtl.tensor.serial_encoder import SparseEncoder
from lockstep.rtl.tensor.serial_walk import weight_shape


class BitSlicePE(wiring.Component):
    """Adds a digit's multiple of B, of all of one bit-weight, to a sum in carry-save form.

    Registers for B and the digit; a selection of -2B, -B, B or 2B; one 3:2 compressor, or for the
    four digits per cycle of ``opt4e`` one 6:2; registers for sum and carry.

    Members
    -------
    advance : In(1)
    digit : In(digit_lanes x DIGIT)
    b : In(digit_lanes x B)
        The operands that belong to the digits, in the same cycle; used in the next.
    clear : In(1)
        The digits in use are the first of a sum.
    sum, carry : Out(signed(sum_bits))
        Include the digits in use from the next cycle on.
    """

    def __init__(self, cfg: BitSliceConfig) -> None:
        self.cfg = cfg
        _, b, _ = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "digit": In(data.ArrayLayout(DIGIT, cfg.digit_lanes)),
            "b": In(data.ArrayLayout(b, cfg.digit_lanes)),
            "clear": In(1),
            "sum": Out(signed(cfg.sum_bits)),
            "carry": Out(signed(cfg.sum_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = self.cfg.sum_bits
        digit = Signal.like(self.digit, reset_less=True)
        b = Signal.like(self.b, reset_less=True)
        total = Signal(signed(width), reset_less=True)
        carry = Signal(signed(width), reset_less=True)
        any_digit = Signal()
        lanes = range(self.cfg.digit_lanes)
        products = [partial_product(digit[i], b[i]) for i in lanes]
        kept = [word & ~self.clear.replicate(width) for word in (total, carry)]
        new = carry_save_tree(m, [*products, *kept], width, name="next")
        m.d.comb += any_digit.eq(reduce(or_, (digit[i].nonzero for i in lanes)))
        with m.If(self.advance):
            m.d.sync += digit.eq(self.digit)
            for i in lanes:
                with m.If(self.digit[i].nonzero):  # zeros toggle nothing
                    m.d.sync += b[i].eq(self.b[i])
            with m.If(any_digit | self.clear):
                m.d.sync += Cat(total, carry).eq(Cat(*new))
        m.d.comb += [self.sum.eq(total), self.carry.eq(carry)]
        return m


class EncodingPE(wiring.Component):
    """A PE of ``opt3``: a sparse encoder of its own before the PE.

    Members
    -------
    advance, clear, sum, carry
        As of :class:`BitSlicePE`.
    digits, fresh, active, last
        As of :class:`~lockstep.rtl.tensor.serial_encoder.SparseEncoder`.
    b : In(group x B)
        The group's operands, two cycles after its digits.
    """

    def __init__(self, cfg: BitSliceConfig) -> None:
        self.cfg = cfg
        _, b, _ = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "digits": In(data.ArrayLayout(DIGIT, cfg.group)),
            "fresh": In(1),
            "active": In(1),
            "last": Out(1),
            "b": In(data.ArrayLayout(b, cfg.group)),
            "clear": In(1),
            "sum": Out(signed(cfg.sum_bits)),
            "carry": Out(signed(cfg.sum_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.encoder = encoder = SparseEncoder(self.cfg)
        m.submodules.pe = pe = BitSlicePE(self.cfg)
        m.d.comb += [
            encoder.advance.eq(self.advance),
            encoder.digits.eq(self.digits),
            encoder.fresh.eq(self.fresh),
            encoder.active.eq(self.active),
            self.last.eq(encoder.last),
            pe.advance.eq(self.advance),
            pe.clear.eq(self.clear),
            pe.digit[0].eq(encoder.digit),
            self.sum.eq(pe.sum),
            self.carry.eq(pe.carry),
        ]
        pick(m, pe.b[0], encoder.place, [self.b[d] for d in range(self.cfg.group)])
        return m


def pick(m: Module, to: Value, place: Value, choices: list[Value]) -> None:
    """``to`` is the choice that one-hot ``place`` names; any of them where it names none."""
    m.d.comb += to.eq(choices[0])
    for j, choice in enumerate(choices[1:], start=1):
        with m.If(place[j]):
            m.d.comb += to.eq(choice)


class FuseLane(wiring.Component):
    """Turns the sum and carry of each bit-weight into one number, weighs it, and adds up one of C.

    Outside the PE, as in the authors' RTL: one addition and one shift per bit-weight.

    Members
    -------
    advance : In(1)
    fuse, sum, carry : In
        Add the two.
    add : In(1)
        In the cycle after ``fuse``: add that to the accumulator,
    weight : In
        ``4**weight`` times.
    restart : In(1)
        The accumulator becomes 0.
    capture : In(1)
        ``up`` is the accumulator, which may be started anew at the end of this cycle.
    shift, below : In
        Keep what comes ``up`` from the lane below.
    up : Out(signed(acc_bits))
    """

    def __init__(self, cfg: BitSliceConfig) -> None:
        self.cfg = cfg
        acc = signed(cfg.mac.acc_bits)
        super().__init__({
            "advance": In(1),
            "fuse": In(1),
            "sum": In(signed(cfg.sum_bits)),
            "carry": In(signed(cfg.sum_bits)),
            "add": In(1),
            "weight": In(weight_shape(cfg)),
            "restart": In(1),
            "capture": In(1),
            "shift": In(1),
            "below": In(acc),
            "up": Out(acc),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        acc = Signal.like(self.up, reset_less=True)
        leaving = Signal.like(self.up, reset_less=True)
        fused = Signal(signed(self.cfg.sum_bits), reset_less=True)
        weighed = Signal.like(self.up)
        m.d.comb += weighed.eq(fused)
        for i in range(1, self.cfg.a_digits):
            with m.If(self.weight == i):
                m.d.comb += weighed.eq(fused << 2 * i)
        with m.If(self.advance):
            with m.If(self.fuse):
                m.d.sync += fused.eq(
                    prefix_add(m, self.sum, self.carry, self.cfg.sum_bits, name="fuse")
                )
            with m.If(self.restart):
                m.d.sync += acc.eq(0)
            with m.Elif(self.add):
                m.d.sync += acc.eq(acc + weighed)
            with m.If(self.shift):
                m.d.sync += leaving.eq(self.below)
        m.d.comb += self.up.eq(Mux(self.capture, acc, leaving))
        return m
