"""Multipliers and scalar multiply-accumulate units behind streams."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mac import AccumulateConfig, MultiplyConfig, float_named
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.mac.adder import Adder, addend_of_product, product_addend
from lockstep.rtl.mac.multiplier import Multiplier, product_layout
from lockstep.rtl.mac.rounder import Rounder, Rounding


class MultiplyUnit(wiring.Component):
    """Multiplies codes lane by lane.

    Latency is ``cfg.latency_cycles``; throughput is one beat per cycle. Back-pressure on ``o`` stalls
    the whole pipeline in the same cycle (``i.ready`` is combinational from ``o.ready``). Results keep
    the order of the operands; lane 0 is in the least significant bits.

    Members
    -------
    i : In(stream of {a: lanes x code, b: lanes x code})
    o : Out(stream of lanes x product_layout, or of lanes x code if the product is rounded)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, cfg: MultiplyConfig) -> None:
        self.cfg = cfg
        a, b = cfg.product.a, cfg.product.b
        result = product_layout(cfg.product) if cfg.result == "exact" else a.element_bits
        super().__init__({
            "i": In(
                stream.Signature(
                    data.StructLayout({
                        "a": data.ArrayLayout(a.element_bits, cfg.lanes),
                        "b": data.ArrayLayout(b.element_bits, cfg.lanes),
                    })
                )
            ),
            "o": Out(stream.Signature(data.ArrayLayout(result, cfg.lanes))),
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

        def registered(value: Value, name: str) -> Value:
            return delayed(m, value, 1, enable=advance, name=name)

        for k in range(self.cfg.lanes):
            # Cycle 0: multiply.
            multiplier = Multiplier(self.cfg.product)
            m.submodules[f"multiplier_{k}"] = shared(platform, multiplier)
            m.d.comb += [multiplier.a.eq(self.i.p.a[k]), multiplier.b.eq(self.i.p.b[k])]
            product = registered(Value.cast(multiplier.o), f"product_{k}")
            # Cycle 1: round, if at all.
            if self.cfg.result != "exact":
                rounder = Rounder(_rounding(self.cfg))
                m.submodules[f"rounder_{k}"] = shared(platform, rounder)
                m.d.comb += rounder.i.eq(product)
                product = registered(rounder.o, f"rounded_{k}")
            m.d.comb += Value.cast(self.o.p[k]).eq(product)
        return m


def advances(o: stream.Interface) -> Value:
    """Whether a pipeline that ends in ``o`` may move: nothing waits at its end."""
    return o.ready | ~o.valid


def _rounding(cfg: MultiplyConfig) -> Rounding:
    return Rounding(
        fmt=float_named(cfg.a),
        significand_bits=cfg.product.significand_bits,
        max_shift=cfg.product.max_shift,
        unit_exponent=cfg.product.least_exponent,
        saturate=cfg.result == "saturated",
    )


class AccumulateUnit(wiring.Component):
    """Sums of products, lane by lane: ``c + a[0] * b[0] + a[1] * b[1] + ...``, rounded at each step.

    Floats add in FP32, each exact product rounded once together with the sum so far; integers add
    modulo ``2**acc_bits``. Latency is ``cfg.latency_cycles`` from a sum's last pair; throughput is
    one pair per lane and cycle, also where one sum follows another. Back-pressure on ``o`` stalls
    the whole pipeline in the same cycle (``i.ready`` is combinational from ``o.ready``).

    Members
    -------
    i : In(stream of {a: lanes x code, b: lanes x code, c: lanes x sum, first, last})
        ``c`` counts only with ``first``, the first pair of a sum; ``last`` marks the last pair, which
        may be the first too. Lane 0 is in the least significant bits.
    o : Out(stream of lanes x sum)
        FP32 codes, or two's complement of ``acc_bits``.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, cfg: AccumulateConfig) -> None:
        self.cfg = cfg
        sums = data.ArrayLayout(cfg.mac.acc_bits, cfg.lanes)
        super().__init__({
            "i": In(
                stream.Signature(
                    data.StructLayout({
                        "a": data.ArrayLayout(cfg.mac.a_bits, cfg.lanes),
                        "b": data.ArrayLayout(cfg.mac.b_bits, cfg.lanes),
                        "c": sums,
                        "first": 1,
                        "last": 1,
                    })
                )
            ),
            "o": Out(stream.Signature(sums)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance = Signal()
        valid = Signal()  # of the products
        m.d.comb += [advance.eq(advances(self.o)), self.i.ready.eq(advance)]

        def registered(value: Value, name: str) -> Value:
            return delayed(m, value, 1, enable=advance, name=name)

        first = registered(self.i.p.first, "first")
        last = registered(self.i.p.last, "last")
        with m.If(advance):
            m.d.sync += [valid.eq(self.i.valid), self.o.valid.eq(valid & last)]

        for k in range(self.cfg.lanes):
            # Cycle 0: multiply.
            product = registered(self._product(m, platform, k), f"product_{k}")
            c = registered(self.i.p.c[k], f"c_{k}")
            # Cycle 1: add.
            so_far = Mux(first, c, self.o.p[k])
            with m.If(advance & valid):
                m.d.sync += self.o.p[k].eq(self._sum(m, platform, k, so_far, product))
        return m

    def _product(self, m: Module, platform: object, k: int) -> Value:
        """Lane k's product: an addend of FP32, or an integer."""
        multiplier = Multiplier(self.cfg.product)
        m.submodules[f"multiplier_{k}"] = shared(platform, multiplier)
        m.d.comb += [multiplier.a.eq(self.i.p.a[k]), multiplier.b.eq(self.i.p.b[k])]
        if not self.cfg.product.is_float:
            return Value.cast(multiplier.o.significand)
        layout = product_addend(self.cfg.product).layout
        addend = data.View(layout, Signal(layout.size, name=f"addend_{k}"))
        addend_of_product(m, multiplier.o, addend)
        return Value.cast(addend)

    def _sum(self, m: Module, platform: object, k: int, so_far: Value, product: Value) -> Value:
        if not self.cfg.product.is_float:
            return so_far + product
        adder = Adder(product_addend(self.cfg.product))
        m.submodules[f"adder_{k}"] = shared(platform, adder)
        m.d.comb += [adder.acc.eq(so_far), adder.x.eq(product)]
        return Value.cast(adder.o)
