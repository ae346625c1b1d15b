"""Element-wise products of bursts."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mac import float_named
from lockstep.arch.pim import PimMacConfig
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.mac.multiplier import Multiplier
from lockstep.rtl.mac.rounder import Rounder, Rounding


class BurstProduct(wiring.Component):
    """``o = a * b`` lane by lane, rounded to nearest even in the element format; combinational.

    What overflows becomes infinity, or NaN in a format without.

    Members
    -------
    a, b : In(lanes x code)
        Lane 0 is in the least significant bits.
    o : Out(lanes x code)
    """

    def __init__(self, cfg: PimMacConfig) -> None:
        self.cfg = cfg
        burst = data.ArrayLayout(cfg.format.element_bits, cfg.lanes)
        super().__init__({"a": In(burst), "b": In(burst), "o": Out(burst)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        product = self.cfg.product
        fmt = float_named(self.cfg.element)
        for k in range(self.cfg.lanes):
            multiplier = Multiplier(product)
            rounder = Rounder(
                Rounding(
                    fmt=fmt,
                    significand_bits=product.significand_bits,
                    max_shift=product.max_shift,
                    unit_exponent=product.least_exponent,
                )
            )
            m.submodules[f"multiplier_{k}"] = shared(platform, multiplier)
            m.submodules[f"rounder_{k}"] = shared(platform, rounder)
            m.d.comb += [
                multiplier.a.eq(self.a[k]),
                multiplier.b.eq(self.b[k]),
                rounder.i.eq(multiplier.o),
                self.o[k].eq(rounder.o),
            ]
        return m
