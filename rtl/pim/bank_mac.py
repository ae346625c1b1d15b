"""The multiply-accumulate unit of one bank."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mac import FP32
from lockstep.arch.pim import PimMacConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.mac.adder import FP32_ADDEND, Adder, addend_of_code
from lockstep.rtl.mac.multiplier import Multiplier
from lockstep.rtl.mac.rounder import Rounder, Rounding


def accumulator_index(cfg: PimMacConfig) -> Shape:
    """Shape of the number of an accumulator."""
    return Shape.cast(range(max(2, cfg.accumulators)))


def chosen(values: Sequence[Value], index: Value) -> Value:
    """``values[index]``, unsigned; zero if there is none."""
    return reduce(
        or_, (Mux(index == k, Value.cast(x).as_unsigned(), 0) for k, x in enumerate(values))
    )


class BankMac(wiring.Component):
    """``sums[k] += dot(a, b)``; :class:`lockstep.arch.pim.PimMacConfig` says how it is rounded.

    Latency is ``cfg.latency_cycles`` from operands to their sum; throughput is a pair of bursts per
    cycle, of one accumulator or of several. It never stalls. What is loaded shows in the next cycle;
    operands still on their way are added to it later.

    Members
    -------
    take : In(1)
        There are operands in this cycle.
    operands : In({a: lanes x code, b: lanes x code, accumulator})
        Lane 0 is in the least significant bits.
    load : In(1)
        Overwrite an accumulator.
    initial : In({value, accumulator})
    sums : Out(accumulators x sum)
        FP32 codes, or two's complement.
    """

    take: Signal
    operands: data.View
    load: Signal
    initial: data.View
    sums: data.View

    def __init__(self, cfg: PimMacConfig) -> None:
        self.cfg = cfg
        burst = data.ArrayLayout(cfg.format.element_bits, cfg.lanes)
        index = accumulator_index(cfg)
        super().__init__({
            "take": In(1),
            "operands": In(data.StructLayout({"a": burst, "b": burst, "accumulator": index})),
            "load": In(1),
            "initial": In(data.StructLayout({"value": cfg.acc_bits, "accumulator": index})),
            "sums": Out(data.ArrayLayout(cfg.acc_bits, cfg.accumulators)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # Cycle 0: products. Cycles 1..: one level of the tree each.
        level = [
            delayed(m, self._product(m, platform, k), 1, enable=C(1), name=f"product_{k}")
            for k in range(self.cfg.lanes)
        ]
        for depth in range(self.cfg.tree_levels):
            sums = [
                self._added(m, platform, x, y, f"{depth}_{k}")
                for k, (x, y) in enumerate(zip(level[::2], level[1::2], strict=False))
            ] + level[len(level) & ~1 :]
            level = [
                delayed(m, x, 1, enable=C(1), name=f"sum_{depth}_{k}") for k, x in enumerate(sums)
            ]

        # The last cycle: accumulate.
        cycles = 1 + self.cfg.tree_levels
        valid = delayed(m, self.take, cycles, enable=C(1), name="valid", reset_less=False)
        index = delayed(m, self.operands.accumulator, cycles, enable=C(1), name="index")
        total = self._added(m, platform, chosen(self._sums, index), level[0], "total")
        for k in range(self.cfg.accumulators):
            with m.If(self.load & (self.initial.accumulator == k)):
                m.d.sync += self.sums[k].eq(self.initial.value)
            with m.Elif(valid & (index == k)):
                m.d.sync += self.sums[k].eq(total)
        return m

    @property
    def _sums(self) -> list[Value]:
        return [Value.cast(self.sums[k]) for k in range(self.cfg.accumulators)]

    def _product(self, m: Module, platform: object, k: int) -> Value:
        """Lane k's product: an FP32 code, or an integer."""
        product = self.cfg.product
        multiplier = Multiplier(product)
        m.submodules[f"multiplier_{k}"] = shared(platform, multiplier)
        m.d.comb += [multiplier.a.eq(self.operands.a[k]), multiplier.b.eq(self.operands.b[k])]
        if not product.is_float:
            return Value.cast(multiplier.o.significand)
        rounder = Rounder(
            Rounding(
                fmt=FP32,
                significand_bits=product.significand_bits,
                max_shift=product.max_shift,
                unit_exponent=product.least_exponent,
            )
        )
        m.submodules[f"rounder_{k}"] = shared(platform, rounder)
        m.d.comb += rounder.i.eq(multiplier.o)
        return Value.cast(rounder.o)

    def _added(self, m: Module, platform: object, x: Value, y: Value, name: str) -> Value:
        if not self.cfg.product.is_float:
            return Value.cast(x).as_signed() + y
        adder = Fp32Sum()
        m.submodules[f"adder_{name}"] = shared(platform, adder)
        m.d.comb += [adder.x.eq(x), adder.y.eq(y)]
        return Value.cast(adder.o)


class Fp32Sum(wiring.Component):
    """``o = x + y`` of FP32 codes, rounded to nearest even; combinational.

    Members
    -------
    x, y : In(32)
    o : Out(32)
    """

    cfg = FP32_ADDEND

    def __init__(self) -> None:
        super().__init__({"x": In(32), "y": In(32), "o": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.adder = adder = Adder(self.cfg)
        addend_of_code(m, self.y, adder.x)
        m.d.comb += [adder.acc.eq(self.x), self.o.eq(adder.o)]
        return m
