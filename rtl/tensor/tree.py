"""Multiplier-adder trees: each multiplies a row of A with its column of weights and adds it all up."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import TreeConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.encode import digits_layout, digits_of, partial_product
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.tensor.pe import operand_shapes
from lockstep.rtl.tensor.reduce import fused, products, running_shape, running_sum, words


def _operand_layout(cfg: TreeConfig) -> data.ArrayLayout:
    """What a tree takes of A: its elements, or with OPT2 the digits of each."""
    a, _, _ = operand_shapes(cfg.mac)
    return data.ArrayLayout(digits_layout(a) if cfg.mac.reduction == "opt2" else a, cfg.rows)


class TreeArray(wiring.Component):
    """``c[j] = sum_i a[i] * B[i, j]`` with the weights B held, a tree for each column j.

    A result leaves ``cfg.output_latency_cycles`` advancing cycles after its row of A entered. A load
    takes ``rows`` cycles, one row of B each, lane 0's row first; it may overlap the last row of A.

    Members
    -------
    As of :class:`lockstep.rtl.tensor.array.WeightStationaryArray`. All weights of a tree shift at once,
    so only bit 0 of ``load`` counts.
    """

    def __init__(self, cfg: TreeConfig) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "a": In(data.ArrayLayout(a, cfg.rows)),
            "swap": In(1),
            "b": In(data.ArrayLayout(b, cfg.cols)),
            "load": In(cfg.rows),
            "c": Out(data.ArrayLayout(acc, cfg.cols)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        encodes = int(cfg.mac.reduction == "opt2")

        def late(value: Value, cycles: int, name: str) -> Value:
            return delayed(m, value, cycles, enable=self.advance, name=name)

        trees = [Tree(cfg) for _ in range(cfg.cols)]
        operands: Value = self.a.as_value()
        if encodes:
            digits = [
                digits_of(m, self.a[i], cfg.mac.encoder, name=f"digits_{i}")
                for i in range(cfg.rows)
            ]
            operands = late(Cat(digits), 1, "digits")
        for j, tree in enumerate(trees):
            m.submodules[f"tree_{j}"] = shared(platform, tree)
            m.d.comb += [
                tree.advance.eq(self.advance),
                tree.weight.eq(late(self.b[j], encodes + cfg.hop_cycles * j, f"b_{j}")),
                self.c[j].eq(late(tree.sum, cfg.hop_cycles * (cfg.cols - 1 - j), f"c_{j}")),
            ]
        m.d.comb += [
            trees[0].a.eq(operands),
            trees[0].swap.eq(late(self.swap, encodes, "swap")),
            trees[0].load.eq(late(self.load[0], encodes, "load")),
        ]
        for left, right in pairwise(trees):
            m.d.comb += [
                right.a.eq(left.a_right),
                right.swap.eq(left.swap_right),
                right.load.eq(left.load_right),
            ]
        return m


class Tree(wiring.Component):
    """``rows`` multipliers and one tree of adders, a register behind each level.

    A level adds four by four. OPT1 compresses instead, sums and carries, and adds once at the end. OPT2
    selects a multiple of the weight for each digit, adds those of a bit-weight up over all rows, and
    shifts and adds the bit-weights' sums at the end.

    Members
    -------
    advance : In(1)
    a, swap, load : In
        A row of A, or its digits; ``load`` shifts the weights by one, the last row's is first.
    a_right, swap_right, load_right : Out
        The same for the next tree, ``cfg.hop_cycles`` later.
    weight : In
    sum : Out(signed(sum_bits))
    """

    def __init__(self, cfg: TreeConfig) -> None:
        self.cfg = cfg
        _, b, _ = operand_shapes(cfg.mac)
        size = _operand_layout(cfg).size
        super().__init__({
            "advance": In(1),
            "a": In(size),
            "swap": In(1),
            "load": In(1),
            "a_right": Out(size),
            "swap_right": Out(1),
            "load_right": Out(1),
            "weight": In(b),
            "sum": Out(signed(cfg.sum_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for right, own in (
            (self.a_right, self.a),
            (self.swap_right, self.swap),
            (self.load_right, self.load),
        ):
            m.d.comb += right.eq(
                delayed(m, own, self.cfg.hop_cycles, enable=self.advance, name=f"held_{own.name}")
            )
        operands = Signal(_operand_layout(self.cfg), name="operands")
        m.d.comb += operands.as_value().eq(self.a)
        pairs = list(zip(operands, self._weights(m), strict=True))
        add_up = self._by_bit_weight if self.cfg.mac.reduction == "opt2" else self._by_product
        m.d.comb += self.sum.eq(add_up(m, pairs))
        return m

    def _weights(self, m: Module) -> list[Value]:
        """The weights in use, the first that was loaded first."""
        _, b, _ = operand_shapes(self.cfg.mac)
        layout = data.ArrayLayout(b, self.cfg.rows)
        loaded = Signal(layout, reset_less=True)
        used = loaded.as_value()
        with m.If(self.advance & self.load):
            m.d.sync += used.eq(Cat(self.weight, used))  # the first moves up, to the top lane
        if self.cfg.double_buffered:
            active = Signal(layout.size, reset_less=True)
            used = Mux(self.swap, used, active)
            with m.If(self.advance):
                m.d.sync += active.eq(used)
        weights = Signal(layout, name="weights")
        m.d.comb += weights.as_value().eq(used)
        return list(reversed(list(weights)))

    def _by_product(self, m: Module, pairs: list[tuple[Any, Value]]) -> Value:
        """Products, then their sum: plain words, or carry-save pairs with an adder at the end."""
        mac, bits = self.cfg.mac, self.cfg.sum_bits
        leaves = []
        for i, (a, weight) in enumerate(pairs):
            terms = products(m, mac, a, weight, name=f"multiplier_{i}")
            width = bits if mac.sum_words == 2 else mac.dot_bits(1)
            total = running_sum(m, mac, terms, width, name=f"product_{i}_next")
            leaves.append(self._held(m, total, running_shape(mac, width), f"product_{i}"))
        return fused(m, mac, self._levels(m, leaves, "sum"), enable=self.advance, name="fused")

    def _by_bit_weight(self, m: Module, pairs: list[tuple[Any, Value]]) -> Value:
        """Of each bit-weight the selected multiples and their sum; then the sum of those, shifted."""
        _, b, _ = operand_shapes(self.cfg.mac)
        negated = [Signal(signed(b.width + 1), name=f"negated_{i}") for i in range(len(pairs))]
        m.d.comb += [minus.eq(-weight) for minus, (_, weight) in zip(negated, pairs, strict=True)]
        sums = []
        for p in range(len(pairs[0][0])):
            leaves = []
            for i, (digits, weight) in enumerate(pairs):
                multiple = partial_product(digits[p], weight, negated[i])
                leaves.append(self._held(m, multiple, multiple.shape(), f"multiple_{p}_{i}"))
            sums.append(self._levels(m, leaves, f"weight_{p}") << 2 * p)
        return self._held(m, sum(sums[1:], sums[0]), signed(self.cfg.sum_bits), "total")

    def _levels(self, m: Module, terms: Sequence[Value], name: str) -> Value:
        """One sum from many, four by four, with a register behind each level."""
        mac, bits = self.cfg.mac, self.cfg.sum_bits
        for level in range(self.cfg.levels):
            sums = []
            for i, group in enumerate(terms[at : at + 4] for at in range(0, len(terms), 4)):
                here = f"{name}_{level}_{i}"
                each = [word for term in group for word in words(mac, term)]
                total = running_sum(m, mac, each, bits, name=f"{here}_next")
                width = min(bits, len(group[0]) + 2) if mac.sum_words == 1 else bits
                sums.append(self._held(m, total, running_shape(mac, width), here))
            terms = sums
        return terms[0]

    def _held(self, m: Module, value: Value, shape: Shape, name: str) -> Signal:
        """A pipeline register."""
        held = Signal(shape, name=name, reset_less=True)
        with m.If(self.advance):
            m.d.sync += held.eq(value)
        return held
