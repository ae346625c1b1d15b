"""Dot products of block formats: exact inside a block, FP32 or fixed point across blocks."""

from collections.abc import Callable

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mac import FP32, DotConfig, FixedSum
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.mac.adder import FP32_ADDEND, Adder, addend_of_code
from lockstep.rtl.mac.fixed import FixedAdder, FixedRounder, FixedRounding
from lockstep.rtl.mac.multiplier import SPECIALS, FixedMultiplier, Multiplier
from lockstep.rtl.mac.rounder import Rounder, Rounding
from lockstep.rtl.mac.unit import advances

TAG = data.StructLayout({"valid": 1, "first": 1, "block": 1, "end": 1})
"""What travels with a beat: whether it is one, the first or the last of its block, the dot's last."""

Late = Callable[[Value, int, str], Value]


class DotUnit(wiring.Component):
    """Dot products of vectors of blocks; see :func:`lockstep.sim.golden.mac.dot` for the rounding.

    A block's products are summed exactly in fixed point, scaled, and rounded once, to FP32 or to a
    fixed point; then the sums of the blocks are added up there, in order, from +0. Latency is ``cfg.latency_cycles`` from
    a dot's last beat; throughput is one beat per cycle, also where one dot follows another.
    Back-pressure on ``o`` stalls the whole pipeline in the same cycle (``i.ready`` is combinational
    from ``o.ready``).

    Members
    -------
    i : In(stream of {a: lanes x code, b: lanes x code, a_scale, b_scale, last})
        ``cfg.beats_per_block`` beats make a block, which the unit counts from reset. The scales and
        ``last``, which ends a dot, count only with a block's last beat. Lane 0 is in the least
        significant bits.
    o : Out(stream of FP32 codes, or of signed integers)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, cfg: DotConfig) -> None:
        self.cfg = cfg
        a, b = cfg.a_block, cfg.b_block
        super().__init__({
            "i": In(
                stream.Signature(
                    data.StructLayout({
                        "a": data.ArrayLayout(a.element_bits, cfg.lanes),
                        "b": data.ArrayLayout(b.element_bits, cfg.lanes),
                        "a_scale": a.scale_bits,
                        "b_scale": b.scale_bits,
                        "last": 1,
                    })
                )
            ),
            "o": Out(stream.Signature(cfg.result_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance = Signal()
        m.d.comb += [advance.eq(advances(self.o)), self.i.ready.eq(advance)]

        def late(value: Value, cycles: int, name: str) -> Value:
            return delayed(m, value, cycles, enable=advance, name=name)

        def tagged(tag: data.View, cycles: int, name: str) -> data.View:
            bits = delayed(m, tag.as_value(), cycles, enable=advance, name=name, reset_less=False)
            return data.View(TAG, bits)

        # Cycle 0: products. Cycles 1..: one level of the tree each.
        products, specials = self._products(m, platform)
        total = self._tree(products, late)
        cycles = 1 + self.cfg.tree_levels
        seen = data.View(SPECIALS, late(specials.as_value(), cycles, "specials"))
        tag = tagged(self._entering(m), cycles, "tag_tree")

        # One cycle, if a block is several beats: their sum.
        if self.cfg.beats_per_block > 1:
            block_sum = Signal(signed(self.cfg.sum_bits), reset_less=True)
            block_seen = data.View(SPECIALS, Signal(SPECIALS.size, reset_less=True))
            with m.If(advance & tag.valid):
                m.d.sync += [
                    block_sum.eq(Mux(tag.first, 0, block_sum) + total),
                    block_seen.eq(Mux(tag.first, 0, block_seen.as_value()) | seen.as_value()),
                ]
            total, seen = block_sum, block_seen
            tag = tagged(tag, 1, "tag_block")
            cycles += 1

        # Two cycles: scale, round.
        a_scale = late(self.i.p.a_scale, cycles, "a_scale")
        b_scale = late(self.i.p.b_scale, cycles, "b_scale")
        scaled, rounding = self._scaled(m, total, seen, a_scale, b_scale)
        addend = late(self._rounded(m, rounding, late(scaled, 1, "scaled")), 1, "addend")
        tag = tagged(tag, 2, "tag_addend")

        # The last cycle: accumulate.
        fresh = Signal(init=1)  # the next block starts a dot
        total = self._added(m, Mux(fresh, 0, self.o.p), addend)
        with m.If(advance):
            m.d.sync += self.o.valid.eq(tag.valid & tag.block & tag.end)
            with m.If(tag.valid & tag.block):
                m.d.sync += [self.o.p.eq(total), fresh.eq(tag.end)]
        return m

    def _rounded(self, m: Module, rounding: Rounding, number: Value) -> Value:
        """A block's scaled sum as an addend."""
        if isinstance(self.cfg.accumulate, FixedSum):
            cfg = FixedRounding(of=self.cfg.accumulate, rounding=rounding)
            m.submodules.rounder = fixed = FixedRounder(cfg)
            m.d.comb += fixed.i.eq(number)
            return Value.cast(fixed.o)
        m.submodules.rounder = rounder = Rounder(rounding)
        m.d.comb += rounder.i.eq(number)
        return Value.cast(rounder.o)

    def _added(self, m: Module, total: Value, addend: Value) -> Value:
        """The sum so far and one more block's."""
        if isinstance(self.cfg.accumulate, FixedSum):
            m.submodules.adder = fixed = FixedAdder(self.cfg.accumulate)
            m.d.comb += [fixed.acc.eq(total), fixed.x.eq(addend)]
            return Value.cast(fixed.o)
        m.submodules.adder = adder = Adder(FP32_ADDEND)
        addend_of_code(m, addend, adder.x)
        m.d.comb += adder.acc.eq(total)
        return Value.cast(adder.o)

    def _tree(self, products: list[Value], late: Late) -> Value:
        """The lanes' sum, a register after the products and after each level."""
        level = [late(p, 1, f"product_{k}") for k, p in enumerate(products)]
        for depth in range(self.cfg.tree_levels):
            pairs = zip(level[::2], level[1::2], strict=False)
            sums = [x + y for x, y in pairs] + level[len(level) & ~1 :]
            level = [late(x, 1, f"sum_{depth}_{k}") for k, x in enumerate(sums)]
        return level[0]

    def _entering(self, m: Module) -> data.View:
        """The tag of the beat on ``i``."""
        tag = data.View(TAG, Signal(TAG.size, name="entering"))
        m.d.comb += [tag.valid.eq(self.i.valid), tag.end.eq(self.i.p.last)]
        beats = self.cfg.beats_per_block
        if beats == 1:
            m.d.comb += [tag.first.eq(1), tag.block.eq(1)]
            return tag
        beat = Signal(range(beats))
        m.d.comb += [tag.first.eq(beat == 0), tag.block.eq(beat == beats - 1)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += beat.eq(Mux(tag.block, 0, beat + 1))
        return tag

    def _products(self, m: Module, platform: object) -> tuple[list[Value], data.View]:
        """Every lane's product in fixed point, and what they have that is not finite."""
        specials = data.View(SPECIALS, Signal(SPECIALS.size))
        multipliers = []
        for k in range(self.cfg.lanes):
            multiplier = FixedMultiplier(self.cfg.product)
            m.submodules[f"multiplier_{k}"] = shared(platform, multiplier)
            m.d.comb += [multiplier.a.eq(self.i.p.a[k]), multiplier.b.eq(self.i.p.b[k])]
            multipliers.append(multiplier)
        for name in SPECIALS.members:
            m.d.comb += specials[name].eq(Cat(x.specials[name] for x in multipliers).any())
        return [x.o for x in multipliers], specials

    def _scaled(
        self, m: Module, total: Value, seen: data.View, a_scale: Value, b_scale: Value
    ) -> tuple[Value, Rounding]:
        """A block's sum times its two scales, and what it means to the rounder."""
        scale = self.cfg.scale_product
        m.submodules.scale = multiplier = Multiplier(scale)
        rounding = Rounding(
            fmt=FP32,
            significand_bits=self.cfg.sum_bits + scale.significand_bits,
            max_shift=scale.max_shift,
            unit_exponent=self.cfg.product.least_exponent + scale.least_exponent,
        )
        magnitude = Signal(self.cfg.sum_bits)
        scaled = Signal(rounding.layout)
        factor = multiplier.o
        inf = seen.plus_inf | seen.minus_inf
        m.d.comb += [
            multiplier.a.eq(a_scale),
            multiplier.b.eq(b_scale),
            magnitude.eq(Mux(total < 0, -total, total)),
            scaled.significand.eq(magnitude * factor.significand),
            scaled.shift.eq(factor.shift),
            scaled.sign.eq(
                Mux(inf, seen.minus_inf, total < 0) ^ (factor.sign & (inf | total.any()))
            ),
            scaled.inf.eq(inf),
            scaled.nan.eq(
                seen.nan
                | (seen.plus_inf & seen.minus_inf)
                | factor.nan
                | (inf & ~factor.significand.any())
            ),
        ]
        return scaled.as_value(), rounding
