"""A multiplier that splits into narrower ones at run time."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.rtl.lib.shared import shared


def isolated(value: Value, enable: Value) -> Value:
    """``value``, or zero, whatever it does, while it is not wanted."""
    return value & enable.replicate(len(value))


class SplitMultiplier(wiring.Component):
    """An unsigned multiplier that splits in halves, and these again; combinational.

    The product of two words is that of their low halves, that of their high ones, and two cross
    products. To isolate the operands of the cross products is all it takes to split: the other two
    then lie side by side.

    Members
    -------
    a, b : In(bits)
    split : In(levels)
        Bit 0 splits the word, bit 1 its halves too, and so on; a bit needs those below it. At least
        one level.
    product : Out(2 * bits)
        Of the whole, or of each part, twice as wide as the part.
    """

    product: Value

    def __init__(self, bits: int, levels: int) -> None:
        self.cfg = (bits, levels)
        super().__init__({
            "a": In(bits),
            "b": In(bits),
            "split": In(levels),
            "product": Out(2 * bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, levels = self.cfg
        half = bits // 2

        def part(name: str, a: Value, b: Value) -> Value:
            if levels == 1:
                return a * b
            child = SplitMultiplier(half, levels - 1)
            m.submodules[name] = shared(platform, child)
            m.d.comb += [child.a.eq(a), child.b.eq(b), child.split.eq(self.split[1:])]
            return child.product

        a_low, a_high, b_low, b_high = self.a[:half], self.a[half:], self.b[:half], self.b[half:]
        straight = Cat(part("low", a_low, b_low), part("high", a_high, b_high))
        crossed = []
        for name, value in (("ah", a_high), ("bl", b_low), ("al", a_low), ("bh", b_high)):
            operand = Signal(half, name=f"cross_{name}")
            m.d.comb += operand.eq(isolated(value, ~self.split[0]))
            crossed.append(operand)
        ah, bl, al, bh = crossed
        m.d.comb += self.product.eq(straight + ((ah * bl + al * bh) << half))
        return m
