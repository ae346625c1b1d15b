"""The sum of a block's products, exact as our dot unit makes it, or aligned and cut as in arXiv 2510.25602.

Only for cost: combinational, without scales, rounding and accumulation, which the paper's gate-count
model leaves out as well. Infinities and NaN, which only E4M3's one code is here, are not looked at.
"""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.formats import BlockFormat, format_named
from lockstep.arch.mac import Product, product_of
from lockstep.rtl.lib.shared import SharedModules, shared, verilog_of
from lockstep.rtl.mac.multiplier import FixedMultiplier, Multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSumConfig:
    """A block of products and their sum.

    Parameters
    ----------
    a, b : str
        Block formats of equal block size.
    aligned_bits : int or None
        Products are shifted right against the one of the greatest exponent and cut to this many bits,
        sign included; None: they are shifted left, and nothing is cut.
    """

    a: str
    b: str
    aligned_bits: int | None = None

    @property
    def lanes(self) -> int:
        """Products: one block."""
        return format_named(self.a).block

    @property
    def product(self) -> Product:
        """The exact product of two elements."""
        a, b = format_named(self.a), format_named(self.b)
        assert isinstance(a, BlockFormat)
        assert isinstance(b, BlockFormat)
        return product_of(a.element, b.element)

    @property
    def room(self) -> int:
        """Places below an aligned product that is not shifted."""
        return (self.aligned_bits or 0) - 1 - self.product.significand_bits

    @property
    def sum_bits(self) -> int:
        """Width of the sum, in bits."""
        return (self.aligned_bits or self.product.fixed_bits) + (self.lanes - 1).bit_length()


class BlockSum(wiring.Component):
    """``o * 2**shift`` is the sum of the lanes' products; combinational.

    Members
    -------
    a, b : In(lanes x element bits)
        Codes, lane 0 in the least significant bits.
    o : Out(signed(sum_bits))
        In units of the product of the two least values, times ``2**shift``.
    shift : Out(8), signed
        0 where nothing is cut.
    """

    def __init__(self, cfg: BlockSumConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "a": In(cfg.lanes * cfg.product.a.element_bits),
            "b": In(cfg.lanes * cfg.product.b.element_bits),
            "o": Out(signed(cfg.sum_bits)),
            "shift": Out(signed(8)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        multiplier = FixedMultiplier if self.cfg.aligned_bits is None else Multiplier
        products: list[wiring.Component] = []
        a_bits, b_bits = self.cfg.product.a.element_bits, self.cfg.product.b.element_bits
        for k in range(self.cfg.lanes):
            lane: wiring.Component = multiplier(self.cfg.product)
            m.submodules[f"multiplier_{k}"] = shared(platform, lane)
            m.d.comb += [
                lane.a.eq(self.a.word_select(k, a_bits)),
                lane.b.eq(self.b.word_select(k, b_bits)),
            ]
            products.append(lane)
        if self.cfg.aligned_bits is None:
            m.d.comb += self.o.eq(_tree([p.o for p in products]))
        else:
            self._aligned(m, products, platform)
        return m

    def _aligned(self, m: Module, products: list[wiring.Component], platform: object) -> None:
        terms: list[Value] = []
        aligners = [Aligner(self.cfg) for _ in products]
        # A product of zero has no exponent, or it would push the others out.
        shifts = [Mux(p.o.significand.any(), p.o.shift, 0) for p in products]
        while len(shifts) > 1:
            pairs = zip(shifts[::2], shifts[1::2], strict=False)
            shifts = [Mux(x > y, x, y) for x, y in pairs] + shifts[len(shifts) & ~1 :]
        top = Signal(range(self.cfg.product.max_shift + 1))
        m.d.comb += [top.eq(shifts[0]), self.shift.eq(top - self.cfg.room)]
        for k, (aligner, p) in enumerate(zip(aligners, products, strict=True)):
            m.submodules[f"aligner_{k}"] = shared(platform, aligner)
            m.d.comb += [
                aligner.significand.eq(p.o.significand),
                aligner.sign.eq(p.o.sign),
                aligner.distance.eq(top - p.o.shift),
            ]
            terms.append(aligner.o)
        m.d.comb += self.o.eq(_tree(terms))


class Aligner(wiring.Component):
    """Shift one product right and give it its sign; combinational.

    Members
    -------
    significand, sign : In
        Of a product.
    distance : In
        Places below the greatest exponent.
    o : Out(signed(aligned_bits))
        What is shifted out is cut off.
    """

    def __init__(self, cfg: BlockSumConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "significand": In(cfg.product.significand_bits),
            "sign": In(1),
            "distance": In(range(cfg.product.max_shift + 1)),
            "o": Out(signed(cfg.aligned_bits or 0)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        magnitude = (self.significand << self.cfg.room) >> self.distance
        m.d.comb += self.o.eq(Mux(self.sign, -magnitude, magnitude))
        return m


def block_sum_verilog(cfg: BlockSumConfig, name: str) -> str:
    """Verilog of a :class:`BlockSum`, with the parts that all lanes have written once."""
    modules = SharedModules(prefix=name)
    top = verilog_of(BlockSum(cfg), name, modules)
    return f"{modules.text}\n{top}"


def _tree(level: list[Value]) -> Value:
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [x + y for x, y in pairs] + level[len(level) & ~1 :]
    return level[0]
