"""The quire: an exact accumulator, rounded once at the end."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.formats import PositFormat
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.mac.posit.code import PositEncoder
from lockstep.rtl.mac.shift import leading_zeros


def addend_layout(fmt: PositFormat) -> data.StructLayout:
    """What a quire takes: a sum in units of the square of the least posit, and what ends with it.

    ``valid`` marks an addend, ``first`` one that starts a new sum, ``last`` one that ends it. ``nar``
    makes the whole sum NaR.
    """
    return data.StructLayout({
        "valid": 1,
        "first": 1,
        "last": 1,
        "nar": 1,
        "sum": signed(fmt.quire_bits),
    })


class PositQuire(wiring.Component):
    """Adds exactly and rounds the finished sum; an addend each enabled cycle.

    Latency is ``QUIRE_LATENCY_CYCLES`` enabled edges. The sum wraps modulo ``2**quire_bits``.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    i : In(addend_layout)
    valid : Out(1)
        A sum has ended;
    code : Out(n)
        rounded.
    """

    i: data.View

    def __init__(self, cfg: PositFormat) -> None:
        self.cfg = cfg
        super().__init__({
            "advance": In(1),
            "i": In(addend_layout(cfg)),
            "valid": Out(1),
            "code": Out(cfg.n),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fmt, advance = self.cfg, self.advance
        valid = Signal(3)
        with m.If(advance):
            m.d.sync += valid.eq(Cat(self.i.valid & self.i.last, valid))

        # Cycle 0: accumulate.
        quire = Signal(signed(fmt.quire_bits), reset_less=True)
        nar = Signal(reset_less=True)
        with m.If(advance & self.i.valid):
            m.d.sync += [
                quire.eq(Mux(self.i.first, 0, quire) + self.i.sum),
                nar.eq((nar & ~self.i.first) | self.i.nar),
            ]

        # Cycle 1: magnitude, normalised; all below the guard bit is only needed as one sticky bit.
        magnitude = Signal(fmt.quire_bits)
        m.d.comb += magnitude.eq(Mux(quire < 0, -quire, quire))
        zeros = leading_zeros(m, magnitude, name="zeros")
        whole = (magnitude << zeros)[: fmt.quire_bits]
        kept = fmt.significand_bits + 1
        significand = Cat(whole[:-kept].any(), whole[-kept:])
        top = fmt.quire_bits - 1 - fmt.quire_fraction_bits  # the weight of the top bit
        scale = Signal(Shape.cast(range(top - fmt.quire_bits, top + 1)))
        m.d.comb += scale.eq(top - zeros)

        # Cycle 2: encode.
        m.submodules.encode = encoder = PositEncoder(
            fmt, scale=scale.shape(), width=len(significand)
        )
        m.d.comb += [
            encoder.nar.eq(delayed(m, nar, 1, enable=advance, name="normal_nar")),
            encoder.negative.eq(delayed(m, quire < 0, 1, enable=advance, name="negative")),
            encoder.scale.eq(delayed(m, scale, 1, enable=advance, name="normal_scale")),
            encoder.significand.eq(
                delayed(m, significand, 1, enable=advance, name="normal_significand")
            ),
            self.valid.eq(valid[-1]),
            self.code.eq(delayed(m, encoder.code, 1, enable=advance, name="rounded")),
        ]
        return m
