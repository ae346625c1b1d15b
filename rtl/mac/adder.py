"""The FP32 accumulator's adder; combinational."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mac import FP32, Product, significand_bits
from lockstep.rtl.mac.multiplier import number_layout, unpacked
from lockstep.rtl.mac.rounder import Rounder, Rounding
from lockstep.rtl.mac.shift import leading_zeros, shifted_right

FP32_BITS = FP32.element_bits
SIGNIFICAND_BITS = significand_bits(FP32)
LEAST_EXPONENT = FP32.min_exponent - FP32.mantissa_bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Addend:
    """What is added to FP32, in units of ``2**unit_exponent``.

    The significand has FP32's 24 bits, and its top bit is set unless the addend is zero or FP32
    subnormal.
    """

    max_shift: int
    unit_exponent: int

    @property
    def layout(self) -> data.StructLayout:
        """The addend."""
        return number_layout(SIGNIFICAND_BITS, self.max_shift)


FP32_ADDEND = Addend(
    max_shift=(FP32.max_code >> FP32.mantissa_bits) - 1, unit_exponent=LEAST_EXPONENT
)


def product_addend(product: Product) -> Addend:
    """An exact product as an addend, its top bit in place."""
    return Addend(
        max_shift=product.max_shift + product.significand_bits - 1,
        unit_exponent=product.least_exponent - SIGNIFICAND_BITS + 1,
    )


def addend_of_product(m: Module, product: data.View, to: data.View) -> None:
    """Drive ``to``, an addend, by an exact product: shift the top bit into its place."""
    significand = product.significand
    width = len(significand)
    zeros = leading_zeros(m, significand, name="zeros")
    m.d.comb += [
        to.significand.eq(Cat(C(0, SIGNIFICAND_BITS - width), (significand << zeros)[:width])),
        to.shift.eq(product.shift + (width - 1) - zeros),
        to.sign.eq(product.sign),
        to.inf.eq(product.inf),
        to.nan.eq(product.nan),
    ]


def addend_of_code(m: Module, code: Value, to: data.View) -> None:
    """Drive ``to``, an FP32_ADDEND, by an FP32 code."""
    x = unpacked(FP32, code)
    m.d.comb += [
        to.significand.eq(x.significand),
        to.shift.eq(x.shift),
        to.sign.eq(x.sign),
        to.inf.eq(x.inf),
        to.nan.eq(x.nan),
    ]


class Adder(wiring.Component):
    """``o = acc + x``, rounded once to FP32, to nearest even; subnormals, infinities and NaN included.

    Members
    -------
    acc : In(32)
        An FP32 code.
    x : In(cfg.layout)
    o : Out(32)
        An FP32 code; any NaN is the format's one quiet NaN.
    """

    def __init__(self, cfg: Addend) -> None:
        self.cfg = cfg
        super().__init__({"acc": In(FP32_BITS), "x": In(cfg.layout), "o": Out(FP32_BITS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        x, acc = self.x, unpacked(FP32, self.acc)
        # Shifts of both in the finer of the two units; that of a zero must not hide the other's.
        unit_exponent = min(self.cfg.unit_exponent, LEAST_EXPONENT)
        acc_raise = LEAST_EXPONENT - unit_exponent
        x_raise = self.cfg.unit_exponent - unit_exponent
        acc_shift = Signal(range(FP32_ADDEND.max_shift + acc_raise + 1))
        x_shift = Signal(range(self.cfg.max_shift + x_raise + 1))
        m.d.comb += [
            acc_shift.eq(acc.shift + acc_raise),
            x_shift.eq(Mux(x.significand.any(), x.shift + x_raise, 0)),
        ]

        # Align the one with the lesser shift. Three more bits are enough: the other's top bit is in
        # place, or it is subnormal and its last bit is the last that FP32 has.
        swap = x_shift > acc_shift
        high, low, aligned = (
            Signal(SIGNIFICAND_BITS + 3, name=name) for name in ("high", "low", "aligned")
        )
        apart = Signal(max(len(acc_shift), len(x_shift)))
        m.d.comb += [
            high.eq(Mux(swap, x.significand, acc.significand) << 3),
            low.eq(Mux(swap, acc.significand, x.significand) << 3),
            apart.eq(Mux(swap, x_shift - acc_shift, acc_shift - x_shift)),
            aligned.eq(shifted_right(m, low, apart, name="sticky")),
        ]

        subtract = acc.sign ^ x.sign
        total = Signal(signed(SIGNIFICAND_BITS + 5))
        m.d.comb += total.eq(Mux(subtract, high - aligned, high + aligned))
        negative = total < 0
        rounding = Rounding(
            fmt=FP32,
            significand_bits=SIGNIFICAND_BITS + 4,
            max_shift=max(FP32_ADDEND.max_shift, self.cfg.max_shift + x_raise - acc_raise),
            unit_exponent=LEAST_EXPONENT - 3,
        )
        m.submodules.rounder = rounder = Rounder(rounding)
        m.d.comb += [
            rounder.i.significand.eq(Mux(negative, -total, total)),
            # The greater shift is never below acc_raise, for acc's is not.
            rounder.i.shift.eq(Mux(swap, x_shift, acc_shift) - acc_raise),
            rounder.i.sign.eq(Mux(swap, x.sign, acc.sign) ^ negative),
            rounder.i.inf.eq(acc.inf | x.inf),
            rounder.i.nan.eq(acc.nan | x.nan | (acc.inf & x.inf & subtract)),
            self.o.eq(rounder.o),
        ]
        # An exact zero is positive unless both addends are negative.
        with m.If(subtract & (total == 0)):
            m.d.comb += rounder.i.sign.eq(0)
        with m.If(acc.inf | x.inf):
            m.d.comb += rounder.i.sign.eq(Mux(acc.inf, acc.sign, x.sign))
        return m
