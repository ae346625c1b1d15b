"""Rounding to a float format: nearest, ties to even; combinational."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.number import FloatFormat
from lockstep.rtl.mac.multiplier import number_layout
from lockstep.rtl.mac.shift import leading_zeros, shifted_right


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """What is rounded, in units of ``2**unit_exponent``, and to which format.

    Parameters
    ----------
    fmt : FloatFormat
    significand_bits, max_shift, unit_exponent : int
    saturate : bool
        Whether what overflows becomes the greatest value, and not infinity or NaN.
    """

    fmt: FloatFormat
    significand_bits: int
    max_shift: int
    unit_exponent: int
    saturate: bool = False

    @property
    def layout(self) -> data.StructLayout:
        """The number. A significand's last bit may be sticky, two places or more below the rounding."""
        return number_layout(self.significand_bits, self.max_shift)


class Rounder(wiring.Component):
    """The code nearest to a number.

    Members
    -------
    i : In(cfg.layout)
    o : Out(fmt.element_bits)
        Where the format has no NaN, ``nan`` must be 0.
    """

    def __init__(self, cfg: Rounding) -> None:
        self.cfg = cfg
        super().__init__({"i": In(cfg.layout), "o": Out(cfg.fmt.element_bits)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fmt, kept_bits = self.cfg.fmt, self.cfg.fmt.mantissa_bits + 1
        # At least a guard and a sticky bit below those that are kept.
        padding = max(0, kept_bits + 2 - self.cfg.significand_bits)
        significand: Value = Cat(C(0, padding), self.i.significand)
        width = len(significand)

        # With its top bit in place, the significand may move left until its last kept bit would be
        # worth less than the least subnormal: ``room`` places, or right if that is negative.
        place = self.cfg.unit_exponent - padding + width - kept_bits
        slack = place - (fmt.min_exponent - fmt.mantissa_bits)
        room = Signal(range(min(0, slack), max(0, self.cfg.max_shift + slack) + 1))
        m.d.comb += room.eq(self.i.shift + slack)
        left = Signal(range(width))
        zeros = leading_zeros(m, significand, name="zeros")
        m.d.comb += left.eq(Mux(room < 0, 0, Mux(room < zeros, room, zeros)))
        if slack < 0:
            right = Signal(range(-slack + 1))
            m.d.comb += right.eq(Mux(room < 0, -room, 0))
            significand = shifted_right(m, significand, right, name="denormal")
        aligned = Signal(width)
        m.d.comb += aligned.eq(significand << left)

        kept = aligned[-kept_bits:]
        guard = aligned[-kept_bits - 1]
        sticky = aligned[: -kept_bits - 1].any()
        # ``kept`` has the hidden bit, so it counts the exponent field up by one, as does a carry.
        field = Signal(range(max(1, self.cfg.max_shift + slack + 1)))
        code = Signal(len(field) + kept_bits + 1)
        m.d.comb += [
            field.eq(Mux(kept[-1], room - left, 0)),
            code.eq((field << fmt.mantissa_bits) + kept + rounds_up(kept[0], guard, sticky)),
        ]

        beyond = fmt.max_code + (not (self.cfg.saturate or fmt.specials == "none"))
        magnitude = Mux(self.i.inf | (code > beyond), beyond, code)[: fmt.element_bits - 1]
        m.d.comb += self.o.eq(Cat(magnitude, self.i.sign))
        if fmt.nan_code is not None:
            with m.If(self.i.nan):
                m.d.comb += self.o.eq(fmt.nan_code)
        return m


def rounds_up(last: Value, guard: Value, sticky: Value) -> Value:
    """Whether the magnitude grows: more than half a unit is dropped, or just half from an odd one."""
    return guard & (sticky | last)
