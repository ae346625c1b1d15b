"""Posit units with streams: many lanes of one operation, or their exact dot product."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.posit import PositConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.mac.posit.lane import (
    PositAdder,
    PositLane,
    PositMultiplier,
    decoded,
    product,
    registered,
)
from lockstep.rtl.mac.posit.quire import PositQuire
from lockstep.rtl.mac.unit import advances


def pairs_layout(cfg: PositConfig) -> data.ArrayLayout:
    """Operands of all lanes; lane 0 in the least significant bits, ``a`` below ``b``."""
    code = cfg.posit.n
    return data.ArrayLayout(data.StructLayout({"a": code, "b": code}), cfg.lanes)


class PositLanes(wiring.Component):
    """Multiplies or adds in every lane, ``o[k] = a[k] * b[k]``, rounded as the Posit Standard says.

    Latency is ``cfg.latency_cycles``, throughput one beat per cycle. Back-pressure on ``o`` stalls the
    whole unit in the same cycle. Results keep the order of the inputs.

    Members
    -------
    i : In(stream of pairs_layout)
    o : Out(stream of lanes x n bits)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, cfg: PositConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "i": In(stream.Signature(pairs_layout(cfg))),
            "o": Out(stream.Signature(data.ArrayLayout(cfg.posit.n, cfg.lanes))),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance = Signal()
        valid = Signal(self.cfg.latency_cycles)
        m.d.comb += [
            self.o.valid.eq(valid[-1]),
            advance.eq(advances(self.o)),
            self.i.ready.eq(advance),
        ]
        with m.If(advance):
            m.d.sync += valid.eq(Cat(self.i.valid, valid))
        lane_class = PositMultiplier if self.cfg.operation == "multiply" else PositAdder
        for k in range(self.cfg.lanes):
            lane: PositLane = lane_class(self.cfg.posit)
            m.submodules[f"lane_{k}"] = shared(platform, lane)
            m.d.comb += [
                lane.advance.eq(advance),
                lane.a.eq(self.i.p[k].a),
                lane.b.eq(self.i.p[k].b),
                self.o.p[k].eq(lane.o),
            ]
        return m


class PositDot(wiring.Component):
    """Sums the products of all lanes over all beats from ``first`` to ``last``, and rounds once.

    Latency is ``cfg.latency_cycles`` from the last beat of a sum; throughput one beat per cycle, with
    no gap between sums. Back-pressure on ``o`` stalls the whole unit in the same cycle. Sums keep
    their order. The quire wraps, like the golden one, after ``2**(quire_bits - 1 - 4 *
    max_exponent)`` products of the greatest magnitude.

    Members
    -------
    i : In(stream of {pairs: pairs_layout, first: 1, last: 1})
    o : Out(stream of n bits)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, cfg: PositConfig) -> None:
        self.cfg = cfg
        beat = data.StructLayout({"pairs": pairs_layout(cfg), "first": 1, "last": 1})
        super().__init__({
            "i": In(stream.Signature(beat)),
            "o": Out(stream.Signature(unsigned(cfg.posit.n))),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fmt = self.cfg.posit
        advance = Signal()
        m.submodules.quire = quire = PositQuire(fmt)
        m.d.comb += [
            self.o.valid.eq(quire.valid),
            self.o.p.eq(quire.code),
            advance.eq(advances(self.o)),
            self.i.ready.eq(advance),
            quire.advance.eq(advance),
        ]
        valid = Signal(3)
        with m.If(advance):
            m.d.sync += valid.eq(Cat(self.i.valid, valid))
        products = [self._product(m, advance, k) for k in range(self.cfg.lanes)]
        nar = Cat(nar for nar, _ in products).any()
        # Cycle 2 ends in this register: products in units of the quire, summed.
        total = Signal(signed(fmt.quire_bits))
        m.d.comb += total.eq(sum(product for _, product in products))
        m.d.comb += [
            quire.i.valid.eq(valid[-1]),
            quire.i.first.eq(delayed(m, self.i.p.first, 3, enable=advance, name="first")),
            quire.i.last.eq(delayed(m, self.i.p.last, 3, enable=advance, name="last")),
            quire.i.nar.eq(delayed(m, nar, 1, enable=advance, name="sum_nar")),
            quire.i.sum.eq(delayed(m, total, 1, enable=advance, name="sum")),
        ]
        return m

    def _product(self, m: Module, advance: Signal, k: int) -> tuple[Value, Value]:
        """Whether a lane's product is NaR, and its value in units of the quire, in cycle 2."""
        fmt = self.cfg.posit
        # Cycle 0: decode.
        a, b = (
            registered(m, decoded(m, fmt, code, name=name), advance, name=name)
            for name, code in ((f"a{k}", self.i.p.pairs[k].a), (f"b{k}", self.i.p.pairs[k].b))
        )
        # Cycle 1: multiply.
        exact = product(m, fmt, a, b, name=f"exact{k}")
        exact = registered(m, exact, advance, name=f"product{k}")
        # Cycle 2: align. The fraction bits shifted out are zeros: no product has a lower bit than the
        # square of the least posit.
        shift = Signal(range(2 * fmt.quire_fraction_bits + 1))
        fraction_bits = 2 * (fmt.significand_bits - 1)
        magnitude = Signal(fmt.quire_bits)
        m.d.comb += [
            shift.eq(exact.scale - 1 + fmt.quire_fraction_bits),
            magnitude.eq((exact.significand << shift) >> fraction_bits),
        ]
        return exact.nar, Mux(exact.negative, -magnitude, magnitude)


def posit_unit(cfg: PositConfig) -> PositLanes | PositDot:
    """The unit that does ``cfg.operation``."""
    return PositDot(cfg) if cfg.operation == "dot" else PositLanes(cfg)
