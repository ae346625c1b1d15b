"""Exact products of two element codes; combinational."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mac import Element, Product
from lockstep.arch.number import ExponentFormat, FloatFormat, IntFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A float code's parts: ``(-1)**sign * significand * 2**shift``, in units of the least value.

    ``significand`` has the hidden bit. It and ``shift`` mean nothing if ``inf`` or ``nan`` is set.
    """

    sign: Value
    significand: Value
    shift: Value
    inf: Value
    nan: Value


def unpacked(fmt: FloatFormat | ExponentFormat, code: Value) -> Unpacked:
    """The parts of a code of ``fmt``."""
    if isinstance(fmt, ExponentFormat):
        return Unpacked(sign=C(0, 1), significand=C(1, 1), shift=code, inf=C(0, 1), nan=code.all())
    fraction = code[: fmt.mantissa_bits]
    field = code[fmt.mantissa_bits : -1]
    normal = field.any()
    top = field.all()
    return Unpacked(
        sign=code[-1],
        significand=Cat(fraction, normal),
        shift=(field - normal)[: fmt.exponent_bits],  # subnormals share the least normal's exponent
        inf=top & ~fraction.any() if fmt.specials == "ieee" else C(0, 1),
        nan={"ieee": top & fraction.any(), "fn": top & fraction.all(), "none": C(0, 1)}[
            fmt.specials
        ],
    )


def number_layout(significand_bits: int, max_shift: int) -> data.StructLayout:
    """A number, ``(-1)**sign * significand * 2**shift`` in some unit, or an infinity or a NaN.

    A NaN ignores the rest, an infinity all but the sign.
    """
    return data.StructLayout({
        "significand": significand_bits,
        "shift": range(max_shift + 1),
        "sign": 1,
        "inf": 1,
        "nan": 1,
    })


def product_layout(product: Product) -> data.StructLayout:
    """An exact product; integers are just a signed significand."""
    if not product.is_float:
        return data.StructLayout({"significand": signed(product.fixed_bits)})
    return number_layout(product.significand_bits, product.max_shift)


class Multiplier(wiring.Component):
    """``o = a * b``, exactly; infinity times zero is NaN.

    Members
    -------
    a, b : In
        Codes.
    o : Out(product_layout)
    """

    def __init__(self, cfg: Product) -> None:
        self.cfg = cfg
        super().__init__({
            "a": In(cfg.a.element_bits),
            "b": In(cfg.b.element_bits),
            "o": Out(product_layout(cfg)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, b = self.cfg.a, self.cfg.b
        if not isinstance(a, IntFormat) and not isinstance(b, IntFormat):
            x, y = unpacked(a, self.a), unpacked(b, self.b)
            zero = ~x.significand.any() | ~y.significand.any()
            m.d.comb += [
                self.o.significand.eq(x.significand * y.significand),
                self.o.shift.eq(x.shift + y.shift),
                self.o.sign.eq(x.sign ^ y.sign),
                self.o.inf.eq(x.inf | y.inf),
                self.o.nan.eq(x.nan | y.nan | ((x.inf | y.inf) & zero)),
            ]
        else:
            m.d.comb += self.o.significand.eq(_integer(a, self.a) * _integer(b, self.b))
        return m


def _integer(fmt: Element, code: Value) -> Value:
    return code.as_signed() if isinstance(fmt, IntFormat) and fmt.signed else code


SPECIALS = data.StructLayout({"nan": 1, "plus_inf": 1, "minus_inf": 1})
"""Whether a product, or any of several, is not finite. Infinities of both signs sum to NaN."""


class FixedMultiplier(wiring.Component):
    """``o = a * b`` exactly, in fixed point: in units of the product of the least positive values.

    Members
    -------
    a, b : In
        Codes.
    o : Out(signed(cfg.fixed_bits))
        Means nothing if any bit of ``specials`` is set.
    specials : Out(SPECIALS)
    """

    def __init__(self, cfg: Product) -> None:
        self.cfg = cfg
        super().__init__({
            "a": In(cfg.a.element_bits),
            "b": In(cfg.b.element_bits),
            "o": Out(signed(cfg.fixed_bits)),
            "specials": Out(SPECIALS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.multiplier = multiplier = Multiplier(self.cfg)
        product = multiplier.o
        m.d.comb += [multiplier.a.eq(self.a), multiplier.b.eq(self.b)]
        if not self.cfg.is_float:
            m.d.comb += self.o.eq(product.significand)
            return m
        # Negate before the shift, where the number is short.
        short = Signal(signed(self.cfg.significand_bits + 1))
        m.d.comb += [
            short.eq(Mux(product.sign, -product.significand, product.significand)),
            self.o.eq(short << product.shift),
            self.specials.nan.eq(product.nan),
            self.specials.plus_inf.eq(product.inf & ~product.sign),
            self.specials.minus_inf.eq(product.inf & product.sign),
        ]
        return m
