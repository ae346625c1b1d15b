"""Processing elements: multiply, add to a running sum, pass operands on.

No register of a PE has a reset. Everything in the array moves in the same direction at the same pace,
so whatever is left from before leaves ahead of the first wavefront of a new job.
"""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import CubeConfig, MacConfig, ParallelBase
from lockstep.rtl.tensor.reduce import fused, products, running_shape, running_sum, words


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


def lane(lanes: Value, j: int, like: Value) -> Value:
    """Lane ``j`` of plain bits, as wide as ``like``."""
    return lanes.word_select(j, len(like))


class Chain(wiring.Component):
    """A cube's PEs along K: ``sum = a[0] * b[0] + a[1] * b[1] + ...``, one PE further per cycle.

    Lane d is to come d advancing cycles after lane 0, whose product leaves ``cfg.chain_cycles`` after
    it came.

    Members
    -------
    advance : In(1)
    a, b : In(depth lanes)
    sum : Out(signed(chain_bits))
    """

    def __init__(self, cfg: CubeConfig) -> None:
        self.cfg = cfg
        a, b, _ = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "a": In(a.width * cfg.depth),
            "b": In(b.width * cfg.depth),
            "sum": Out(signed(cfg.chain_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        mac, bits = self.cfg.mac, self.cfg.chain_bits
        a_shape, b_shape, _ = operand_shapes(mac)
        before: list[Value] = []
        for d in range(self.cfg.depth):
            a, b = Signal(a_shape, name=f"a_{d}"), Signal(b_shape, name=f"b_{d}")
            m.d.comb += [a.eq(lane(self.a, d, a)), b.eq(lane(self.b, d, b))]
            terms = [*products(m, mac, a, b, name=f"pe_{d}"), *before]
            running = Signal(running_shape(mac, bits), name=f"sum_{d}", reset_less=True)
            with m.If(self.advance):
                m.d.sync += running.eq(running_sum(m, mac, terms, bits, name=f"next_{d}"))
            before = words(mac, running)
        m.d.comb += self.sum.eq(fused(m, mac, running, enable=self.advance, name="fused"))
        return m


class OutputStationaryPE(wiring.Component):
    """Holds one sum: ``acc = (0 if first else acc) + a * b``; a second register takes it out.

    Operands are used in the cycle they arrive, and reach the neighbours ``cfg.hop_cycles`` later. A
    finished sum is taken over by ``capture`` and moves up with ``shift``, while ``acc`` starts the next
    one. In a cube what is added is the end of a chain, so operands have ``cfg.lanes_per_step`` lanes.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    a, first, b : In
        Operands; ``first`` travels with ``a`` and starts a new sum.
    a_right, first_right, b_down : Out
        The same for the neighbours.
    capture : In(1)
        ``up`` is the PE's own sum, which may be overwritten at the end of this cycle.
    shift, below : In
        Drain: keep what comes ``up`` from the PE below.
    up : Out(running sum of acc_bits)
        To the PE above.
    """

    def __init__(self, cfg: ParallelBase) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        running = running_shape(cfg.mac, acc.width)
        if isinstance(cfg, CubeConfig):
            a, b = unsigned(a.width * cfg.depth), unsigned(b.width * cfg.depth)
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
            "below": In(running),
            "up": Out(running),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        mac = self.cfg.mac
        acc = Signal.like(self.up, reset_less=True)
        leaving = Signal.like(self.up, reset_less=True)
        terms = self._terms(m, platform)
        kept = words(mac, Mux(self.first, 0, acc))
        with m.If(self.advance):
            m.d.sync += acc.eq(running_sum(m, mac, [*kept, *terms], mac.acc_bits, name="acc_next"))
            with m.If(self.shift):
                m.d.sync += leaving.eq(self.below)
        m.d.comb += self.up.eq(leaving)
        with m.If(self.capture):
            m.d.comb += self.up.eq(acc)
        self._pass_on(m)
        return m

    def _terms(self, m: Module, platform: object) -> list[Value]:
        """What this cycle's operands add to the sum."""
        if not isinstance(self.cfg, CubeConfig):
            return products(m, self.cfg.mac, self.a, self.b, name="pe")
        m.submodules.chain = chain = Chain(self.cfg)
        m.d.comb += [chain.advance.eq(self.advance), chain.a.eq(self.a), chain.b.eq(self.b)]
        return [chain.sum]

    def _pass_on(self, m: Module) -> None:
        for neighbours, own in (
            (self.a_right, self.a),
            (self.first_right, self.first),
            (self.b_down, self.b),
        ):
            if self.cfg.hop_cycles:
                held = Signal.like(own, reset_less=True)
                with m.If(self.advance):
                    m.d.sync += held.eq(own)
                own = held
            m.d.comb += neighbours.eq(own)


class WeightStationaryPE(wiring.Component):
    """Holds one weight: ``sum_down = sum + a * weight``, one cycle later; both are running sums.

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

    def __init__(self, cfg: ParallelBase) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        running = running_shape(cfg.mac, acc.width)
        super().__init__({
            "advance": In(1),
            "a": In(a),
            "swap": In(1),
            "load": In(1),
            "sum": In(running),
            "weight": In(b),
            "a_right": Out(a),
            "swap_right": Out(1),
            "load_right": Out(1),
            "sum_down": Out(running),
            "weight_down": Out(b),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        mac = self.cfg.mac
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
        terms = [*words(mac, self.sum), *products(m, mac, self.a, used, name="pe")]
        with m.If(self.advance):
            m.d.sync += sum_.eq(running_sum(m, mac, terms, mac.acc_bits, name="sum_next"))
        m.d.comb += [
            self.a_right.eq(a),
            self.load_right.eq(load),
            self.weight_down.eq(weight),
            self.sum_down.eq(sum_),
        ]
        return m
