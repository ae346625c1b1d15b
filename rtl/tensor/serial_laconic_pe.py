"""The Laconic engine's parts: a feeder of digits for each row and column, and the PE between them."""

from collections.abc import Sequence

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.serial import LaconicConfig
from lockstep.rtl.lib.adder import prefix_add
from lockstep.rtl.lib.compress import carry_save_tree
from lockstep.rtl.lib.encode import digits_layout, digits_of
from lockstep.rtl.tensor.pe import operand_shapes


def term_layout(digits: int) -> data.StructLayout:
    """A nonzero digit as a signed power of two: ``-1**negative * 2**exponent``, if ``valid``."""
    return data.StructLayout({"valid": 1, "negative": 1, "exponent": range(2 * digits)})


class TermFeeder(wiring.Component):
    """Recodes one operand for each lane and gives its nonzero digits one by one, lowest first.

    Parameters
    ----------
    cfg : LaconicConfig
    of_a : bool
        Whether it feeds a row, with A; or a column, with B.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    load, x : In
        Take new operands.
    issue : In(1)
        Show this cycle's digits in the next cycle.
    next, rewind, stop : In(pairs)
        Then go to the next digit; back to the first; to none at all. The rightmost that is set wins.
    term : Out(pairs x term_layout)
    some, several : Out(pairs)
        There is a digit; there are two or more left.
    """

    def __init__(self, cfg: LaconicConfig, *, of_a: bool) -> None:
        self.cfg = (cfg, of_a)
        self.pairs = cfg.pairs
        a, b, _ = operand_shapes(cfg.mac)
        self.operand = a if of_a else b
        self.layout = digits_layout(self.operand)
        super().__init__({
            "advance": In(1),
            "load": In(1),
            "x": In(data.ArrayLayout(self.operand, cfg.pairs)),
            "issue": In(1),
            "next": In(cfg.pairs),
            "rewind": In(cfg.pairs),
            "stop": In(cfg.pairs),
            "term": Out(data.ArrayLayout(term_layout(self.layout.length), cfg.pairs)),
            "some": Out(cfg.pairs),
            "several": Out(cfg.pairs),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = self.layout.length
        for p in range(self.pairs):
            recoded = digits_of(m, self.x[p], "booth", name=f"digits_{p}")
            held = Signal(self.layout, name=f"held_{p}", reset_less=True)
            rest = Signal(count, name=f"rest_{p}")
            lowest = Signal(count, name=f"lowest_{p}")
            term = Signal.like(self.term[p], name=f"term_{p}")
            m.d.comb += [
                lowest.eq(rest & (-rest)[:count]),
                self.some[p].eq(rest.any()),
                self.several[p].eq((rest & ~lowest).any()),
                self.term[p].eq(term),
            ]
            with m.If(self.advance):
                m.d.sync += term.valid.eq(self.issue & rest.any())
                for i in range(count):
                    with m.If(lowest[i]):
                        m.d.sync += [
                            term.negative.eq(held[i].negative),
                            term.exponent.eq(2 * i + held[i].two),
                        ]
                with m.If(self.load):
                    m.d.sync += [
                        held.eq(recoded),
                        rest.eq(Cat(recoded[i].nonzero for i in range(count))),
                    ]
                with m.Elif(self.stop[p]):
                    m.d.sync += rest.eq(0)
                with m.Elif(self.rewind[p]):
                    m.d.sync += rest.eq(Cat(held[i].nonzero for i in range(count)))
                with m.Elif(self.next[p]):
                    m.d.sync += rest.eq(rest & ~lowest)
        return m


class LaconicPE(wiring.Component):
    """Multiplies one pair of digits per lane and cycle, and adds all lanes' products to one sum.

    A product of two signed powers of two is one, too: its exponent is a sum. Products are counted by
    exponent, positive ones up and negative ones down, and the counts added at their weights.

    Members
    -------
    advance : In(1)
    a, b : In(pairs x term_layout)
    add, first : In(1)
        Two cycles after ``a`` and ``b``: their products go to the sum; or start it, with ``first``.
    capture, shift, below, up
        As of :class:`~lockstep.rtl.tensor.serial_pe.FuseLane`.
    """

    def __init__(self, cfg: LaconicConfig) -> None:
        self.cfg = cfg
        acc = signed(cfg.mac.acc_bits)
        super().__init__({
            "advance": In(1),
            "a": In(data.ArrayLayout(term_layout(cfg.a_digits), cfg.pairs)),
            "b": In(data.ArrayLayout(term_layout(cfg.b_digits), cfg.pairs)),
            "add": In(1),
            "first": In(1),
            "capture": In(1),
            "shift": In(1),
            "below": In(acc),
            "up": Out(acc),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        width = cfg.mac.acc_bits

        # Cycle 0: products, counted by exponent.
        n_exponents = 2 * (cfg.a_digits + cfg.b_digits) - 1
        hits = []  # of each lane: a bit for each exponent, and the sign
        for p in range(cfg.pairs):
            a, b = self.a[p], self.b[p]
            valid, negative = Signal(name=f"valid_{p}"), Signal(name=f"negative_{p}")
            exponent = Signal(range(n_exponents), name=f"exponent_{p}")
            m.d.comb += [
                valid.eq(a.valid & b.valid),
                negative.eq(a.negative ^ b.negative),
                exponent.eq(a.exponent + b.exponent),
            ]
            hits.append((valid, negative, exponent))
        counts = []
        for e in range(n_exponents):
            ones = [
                Cat(hit, hit & negative).as_signed()
                for valid, negative, exponent in hits
                for hit in [valid & (exponent == e)]
            ]
            total = balanced_sum(ones)
            count = Signal.like(total, name=f"count_{e}", reset_less=True)
            with m.If(self.advance):
                m.d.sync += count.eq(total)
            counts.append(count)

        # Cycle 1: the counts at their weights.
        words = carry_save_tree(m, [c << e for e, c in enumerate(counts)], width, name="weigh")
        step = Signal(width, reset_less=True)
        with m.If(self.advance):
            m.d.sync += step.eq(prefix_add(m, *words, width, name="step"))

        # Cycle 2: the sum.
        acc = Signal(signed(width), reset_less=True)
        leaving = Signal(signed(width), reset_less=True)
        with m.If(self.advance):
            with m.If(self.add):
                m.d.sync += acc.eq(Mux(self.first, 0, acc) + step)
            with m.If(self.shift):
                m.d.sync += leaving.eq(self.below)
        m.d.comb += self.up.eq(Mux(self.capture, acc, leaving))
        return m


def balanced_sum(values: Sequence[Value]) -> Value:
    """The sum of one or more values, exact, by a tree no deeper or wider than need be."""
    level = list(values)
    while len(level) > 1:
        odd = level[len(level) - len(level) % 2 :]
        level = [x + y for x, y in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0]
