"""Processing elements: one multiply-accumulate and the registers that pass operands on.

No register of a PE has a reset. Everything in the array moves in the same direction at the same pace,
so whatever is left from before leaves ahead of the first wavefront of a new job.
"""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import MacConfig, TensorConfig


def operand_shapes(mac: MacConfig) -> tuple[Shape, Shape, Shape]:
    """Shapes of an A element, a B element and an accumulator.

    Raises
    ------
    ValueError
        If an operand format has no RTL: only plain integers have.
    """
    (a_low, a_high), (b_low, b_high) = mac.a_range, mac.b_range
    return (
        Shape.cast(range(a_low, a_high + 1)),
        Shape.cast(range(b_low, b_high + 1)),
        signed(mac.acc_bits),
    )


class OutputStationaryPE(wiring.Component):
    """Holds one sum: ``acc = (0 if first else acc) + a * b``; a second register takes it out.

    Operands are used in the cycle they arrive and reach the neighbours one cycle later. A finished
    sum is taken over by ``capture`` and moves up with ``shift``, while ``acc`` starts the next one.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    a, first, b : In
        Operands; ``first`` travels with ``a`` and starts a new sum.
    a_right, first_right, b_down : Out
        The same, one cycle later.
    capture : In(1)
        ``up`` is the PE's own sum, which may be overwritten at the end of this cycle.
    shift, below : In
        Drain: keep what comes ``up`` from the PE below.
    up : Out(signed(acc_bits))
        To the PE above.
    """

    def __init__(self, cfg: TensorConfig) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "a": In(a),
            "first": In(1),
            "b": In(b),
            "a_right": Out(a),
            "first_right": Out(1),
            "b_down": Out(b),
            "capture": In(1),
            "shift": In(1),
            "below": In(acc),
            "up": Out(acc),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        acc = Signal.like(self.up, reset_less=True)
        leaving = Signal.like(self.up, reset_less=True)
        a = Signal.like(self.a, reset_less=True)
        b = Signal.like(self.b, reset_less=True)
        first = Signal(reset_less=True)
        with m.If(self.advance):
            m.d.sync += [a.eq(self.a), b.eq(self.b), first.eq(self.first)]
            m.d.sync += acc.eq(Mux(self.first, 0, acc) + self.a * self.b)
            with m.If(self.shift):
                m.d.sync += leaving.eq(self.below)
        m.d.comb += [
            self.a_right.eq(a),
            self.b_down.eq(b),
            self.first_right.eq(first),
            self.up.eq(leaving),
        ]
        with m.If(self.capture):
            m.d.comb += self.up.eq(acc)
        return m


class WeightStationaryPE(wiring.Component):
    """Holds one weight: ``sum_down = sum + a * weight``, one cycle later.

    While ``load`` is 1 weights shift down: the PE takes the one above. With double buffering they
    shift through a second register, and ``swap``, which travels with ``a``, puts it to use: the
    product of that very cycle already has the new weight, and the next load may overwrite the
    second register at the same edge.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    a, swap, load, sum, weight : In
        ``weight`` and ``sum`` come from above, the others from the left.
    a_right, swap_right, load_right, sum_down, weight_down : Out
        ``weight_down`` is the register that loads shift through; the others are one cycle late.
    """

    def __init__(self, cfg: TensorConfig) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "a": In(a),
            "swap": In(1),
            "load": In(1),
            "sum": In(acc),
            "weight": In(b),
            "a_right": Out(a),
            "swap_right": Out(1),
            "load_right": Out(1),
            "sum_down": Out(acc),
            "weight_down": Out(b),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a = Signal.like(self.a, reset_less=True)
        load = Signal(reset_less=True)
        weight = Signal.like(self.weight, reset_less=True)
        sum_ = Signal.like(self.sum, name="sum", reset_less=True)
        used = weight
        with m.If(self.advance):
            m.d.sync += [a.eq(self.a), load.eq(self.load)]
            with m.If(self.load):
                m.d.sync += weight.eq(self.weight)
        if self.cfg.weight_double_buffer:
            active = Signal.like(self.weight, reset_less=True)
            swap = Signal(reset_less=True)
            used = Mux(self.swap, weight, active)
            with m.If(self.advance):
                m.d.sync += [active.eq(used), swap.eq(self.swap)]
            m.d.comb += self.swap_right.eq(swap)
        with m.If(self.advance):
            m.d.sync += sum_.eq(self.sum + self.a * used)
        m.d.comb += [
            self.a_right.eq(a),
            self.load_right.eq(load),
            self.weight_down.eq(weight),
            self.sum_down.eq(sum_),
        ]
        return m
