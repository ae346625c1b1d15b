"""Pipelined posit multiplier and adder for one pair of codes."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.formats import PositFormat
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.mac.posit.code import PositDecoder, PositEncoder
from lockstep.rtl.mac.shift import leading_zeros, shifted_right


def decoded(m: Module, fmt: PositFormat, code: Value, *, name: str) -> data.View:
    """The fields of a posit code; combinational."""
    m.submodules[f"decode_{name}"] = decoder = PositDecoder(fmt)
    m.d.comb += decoder.code.eq(code)
    return decoder.fields


def structure(layout: data.Layout, *, name: str) -> data.View:
    """A new signal of a layout."""
    return data.View(layout, Signal(layout.size, name=name))


def registered(m: Module, view: data.View, enable: Value, *, name: str) -> data.View:
    """A structure one enabled edge later."""
    return data.View(view.shape(), delayed(m, view.as_value(), 1, enable=enable, name=name))


def number_layout(scale: Shape, width: int) -> data.StructLayout:
    """A significand whose top bit has the weight ``2**scale``; zero, or normal, or to be normalised."""
    return data.StructLayout({"nar": 1, "negative": 1, "scale": scale, "significand": width})


def product(m: Module, fmt: PositFormat, a: data.View, b: data.View, *, name: str) -> data.View:
    """The exact product of two decoded posits, in number_layout; combinational.

    Its significand has one bit for values of 2 and more, so the scale is one more than the sum.
    """
    scale = Shape.cast(range(-2 * fmt.max_exponent, 2 * fmt.max_exponent + 2))
    exact = structure(number_layout(scale, 2 * fmt.significand_bits), name=name)
    m.d.comb += [
        exact.nar.eq(a.nar | b.nar),
        exact.negative.eq(a.negative ^ b.negative),
        exact.scale.eq(a.scale + b.scale + 1),
        exact.significand.eq(a.significand * b.significand),
    ]
    return exact


class PositLane(wiring.Component):
    """One operation on one pair of codes, rounded; a result each enabled cycle.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    a, b : In(n)
    o : Out(n)
        The result, ``PositConfig.latency_cycles`` enabled edges later.
    """

    def __init__(self, cfg: PositFormat) -> None:
        self.cfg = cfg
        super().__init__({"advance": In(1), "a": In(cfg.n), "b": In(cfg.n), "o": Out(cfg.n)})

    def operands(self, m: Module) -> tuple[data.View, data.View]:
        """Cycle 0: decode."""
        a, b = (
            registered(m, decoded(m, self.cfg, code, name=name), self.advance, name=name)
            for name, code in (("a", self.a), ("b", self.b))
        )
        return a, b

    def encode(self, m: Module, number: data.View) -> None:
        """The last cycle: a normal number to its code."""
        scale, significand = number.scale.shape(), number.significand
        m.submodules.encode = encoder = PositEncoder(self.cfg, scale=scale, width=len(significand))
        m.d.comb += [
            encoder.nar.eq(number.nar),
            encoder.negative.eq(number.negative),
            encoder.scale.eq(number.scale),
            encoder.significand.eq(significand),
        ]
        m.d.comb += self.o.eq(delayed(m, encoder.code, 1, enable=self.advance, name="code"))


class PositMultiplier(PositLane):
    """``o = a * b``, rounded once. NaR if either operand is."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b = self.operands(m)  # Cycle 0.
        exact = product(m, self.cfg, a, b, name="exact")  # Cycle 1.
        exact = registered(m, exact, self.advance, name="product")
        # Cycle 2: one bit at most to normalise.
        normal = structure(exact.shape(), name="normal")
        m.d.comb += normal.eq(exact)
        with m.If(~exact.significand[-1]):
            m.d.comb += [
                normal.scale.eq(exact.scale - 1),
                normal.significand.eq(exact.significand << 1),
            ]
        self.encode(m, normal)
        return m


class PositAdder(PositLane):
    """``o = a + b``, rounded once. NaR if either operand is."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b = self.operands(m)  # Cycle 0.

        # Cycle 1: align the smaller to the larger, and add. With guard and round bits below the larger
        # all that is lost is only needed as one sticky bit: it never decides more than a tie.
        swap = Signal()
        large, small = (structure(a.shape(), name=name) for name in ("large", "small"))
        distance = Signal(range(2 * self.cfg.max_exponent + (2 << self.cfg.es)))
        start = Cat(Const(0, 3), large.significand)
        addend = shifted_right(m, Cat(Const(0, 3), small.significand), distance, name="addend")
        total = structure(number_layout(_sum_scale(self.cfg), len(start) + 1), name="sum")
        m.d.comb += [
            swap.eq(_order(a) < _order(b)),
            large.eq(Mux(swap, b, a)),
            small.eq(Mux(swap, a, b)),
            distance.eq(large.scale - small.scale),
            total.nar.eq(a.nar | b.nar),
            total.negative.eq(large.negative),
            total.scale.eq(large.scale + 1),
            total.significand.eq(
                Mux(large.negative ^ small.negative, start - addend, start + addend)
            ),
        ]
        total = registered(m, total, self.advance, name="total")

        # Cycle 2: normalise.
        zeros = leading_zeros(m, total.significand, name="zeros")
        normal = structure(total.shape(), name="normal_sum")
        m.d.comb += [
            normal.eq(total),
            normal.scale.eq(total.scale - zeros),
            normal.significand.eq(total.significand << zeros),
        ]
        self.encode(m, registered(m, normal, self.advance, name="normal"))  # Cycle 3.
        return m


def _order(fields: data.View) -> Value:
    """Grows with the magnitude."""
    return Cat(fields.significand, fields.scale).as_signed()


def _sum_scale(fmt: PositFormat) -> Shape:
    """Of a sum: one more than the larger addend's, or as far below as cancellation may take it."""
    return Shape.cast(range(-fmt.max_exponent - fmt.significand_bits - 4, fmt.max_exponent + 2))
