"""Posit codes to fields, and back with rounding. Both are combinational."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.formats import PositFormat
from lockstep.rtl.mac.rounder import rounds_up
from lockstep.rtl.mac.shift import leading_zeros


def fields_layout(fmt: PositFormat) -> data.StructLayout:
    """``(-1)**negative * significand * 2**(scale - significand_bits + 1)``, unless ``nar``.

    The top bit of the significand is the hidden bit: 1, or 0 in zero, whose scale means nothing but
    is less than that of any other number.
    """
    return data.StructLayout({
        "nar": 1,
        "negative": 1,
        "scale": Shape.cast(range(-fmt.max_exponent, fmt.max_exponent + 1)),
        "significand": fmt.significand_bits,
    })


class PositDecoder(wiring.Component):
    """Takes a posit code apart; combinational.

    Members
    -------
    code : In(n)
    fields : Out(fields_layout)
    """

    fields: data.View

    def __init__(self, fmt: PositFormat) -> None:
        self.fmt = fmt
        super().__init__({"code": In(fmt.n), "fields": Out(fields_layout(fmt))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        n, es = self.fmt.n, self.fmt.es
        fraction_bits = self.fmt.significand_bits - 1
        sign = self.code[-1]
        body = Signal(n - 1)  # the magnitude: 0 for zero, and for NaR too
        large = body[-1]  # a regime of ones: 1 or more
        m.d.comb += body.eq(Mux(sign, -self.code, self.code))

        # The run of equal bits, as leading zeros; the one below ends a run that fills the body.
        run = leading_zeros(m, Cat(Const(1), body ^ large.replicate(n - 1)), name="run")
        rest_bits = es + fraction_bits  # what the shortest regime leaves; a missing bit is 0
        rest = Signal(max(1, rest_bits))  # Verilog has no signals without bits
        m.d.comb += rest.eq(((body << run)[: n - 2] << rest_bits) >> (n - 2))
        regime = Mux(large, run - 1, -run)
        m.d.comb += [
            self.fields.nar.eq(sign & ~body.any()),
            self.fields.negative.eq(sign),
            self.fields.scale.eq((regime << es) + rest[fraction_bits:]),
            self.fields.significand.eq(Cat(rest[:fraction_bits], body.any())),
        ]
        return m


class PositEncoder(wiring.Component):
    """Rounds a number to the nearest posit; combinational.

    Rounding follows the Posit Standard: of the endless bit string of the exact value the first n bits
    are kept, to the nearest, ties to an even code. It never reaches zero or NaR: what is out of range
    becomes the greatest or the least magnitude.

    Members
    -------
    nar, negative : In(1)
    scale : In(scale shape)
    significand : In(width)
        Its top bit has the weight ``2**scale``; if that is 0 the number is zero. With ``significand_bits
        + 2`` bits or more the lowest may be sticky: an OR of any number of lower ones.
    code : Out(n)
    """

    def __init__(self, fmt: PositFormat, *, scale: Shape, width: int) -> None:
        self.fmt = fmt
        super().__init__({
            "nar": In(1),
            "negative": In(1),
            "scale": In(scale),
            "significand": In(width),
            "code": Out(fmt.n),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        n, es = self.fmt.n, self.fmt.es
        regime = self.scale >> es
        large = Signal()
        run = Signal(range(n - 1))  # how often the first bit of the regime is repeated
        wanted = Mux(large, regime, ~regime)
        m.d.comb += [
            large.eq(self.scale >= 0),
            run.eq(Mux(wanted > n - 2, n - 2, wanted)),
        ]
        # The regime is 10 or 01, the first bit repeated by an arithmetic shift.
        seed = Cat(self.significand[:-1], self.scale[:es], ~large, large)
        string = Signal(n - 1 + len(seed))
        m.d.comb += string.eq(Cat(Const(0, n - 1), seed).as_signed() >> run)

        body, guard, sticky = string[-(n - 1) :], string[-n], string[:-n].any()
        rounded = Signal(n - 1)
        # The greatest magnitude ends its regime with the guard bit, 0: the sum does not overflow.
        m.d.comb += rounded.eq(body + rounds_up(body[0], guard, sticky))
        magnitude = Cat(rounded[0] | ~rounded.any(), rounded[1:])
        with m.If(self.nar):
            m.d.comb += self.code.eq(self.fmt.nar_code)
        with m.Elif(self.significand[-1]):
            m.d.comb += self.code.eq(Mux(self.negative, -magnitude, magnitude))
        return m
