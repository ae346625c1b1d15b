"""The grids of PEs, with the registers that skew what enters and deskew what leaves."""

from itertools import pairwise

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import TensorConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.tensor.pe import operand_shapes
from lockstep.rtl.tensor.row import OutputStationaryRow, WeightStationaryRow, lane


class OutputStationaryArray(wiring.Component):
    """``C = A @ B`` with ``C[i, j]`` held in PE(i, j).

    In each advancing cycle one column of A and one row of B enter; PE(i, j) uses those of cycle t in
    cycle ``t + i + j``. A drain takes ``rows`` cycles of ``shift``, the first with ``capture``, and may
    overlap the next block's sums: they start over at the end of the cycle of ``capture``.

    Members
    -------
    advance : In(1)
    a : In(rows x A)
        Lane i is for row i.
    first : In(1)
        1 with the first operands of a sum.
    b : In(cols x B)
        Lane j is for column j.
    capture, shift : In(1)
    c : Out(cols x signed(acc_bits))
        The sums of row 0 in the cycle of ``capture``, of row i in the i-th after it.
    """

    def __init__(self, cfg: TensorConfig) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "a": In(data.ArrayLayout(a, cfg.rows)),
            "first": In(1),
            "b": In(data.ArrayLayout(b, cfg.cols)),
            "capture": In(1),
            "shift": In(1),
            "c": Out(data.ArrayLayout(acc, cfg.cols)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()

        def late(value: Value, cycles: int, name: str) -> Value:
            return delayed(m, value, cycles, enable=self.advance, name=name)

        rows = [OutputStationaryRow(self.cfg) for _ in range(self.cfg.rows)]
        for i, row in enumerate(rows):
            m.submodules[f"row_{i}"] = shared(platform, row)
            m.d.comb += [
                row.advance.eq(self.advance),
                row.capture.eq(self.capture),
                row.shift.eq(self.shift),
                row.a.eq(late(self.a[i], i, f"a_{i}")),
                row.first.eq(late(self.first, i, f"first_{i}")),
            ]
        for upper, lower in pairwise(rows):
            m.d.comb += [lower.b.eq(upper.b_down), upper.below.eq(lower.up)]
        cols = range(self.cfg.cols)
        m.d.comb += [
            rows[0].b.eq(Cat(late(self.b[j], j, f"b_{j}") for j in cols)),
            self.c.as_value().eq(rows[0].up),
        ]
        return m


class WeightStationaryArray(wiring.Component):
    """``c[j] = sum_i a[i] * B[i, j]`` with the weights B held in the PEs.

    A result leaves ``rows + cols - 1`` advancing cycles after its row of A entered. A load takes
    ``rows`` cycles, one row of B each, lane 0's row first. Sums move down and the first row loaded ends
    up at the bottom, so lane i of A belongs to the i-th PE row from the bottom.

    Members
    -------
    advance : In(1)
    a : In(rows x A)
        Lane i meets the i-th row of B that was loaded.
    swap : In(1)
        1 with the first row of A that is to meet newly loaded weights (double buffering only).
    b : In(cols x B)
    load : In(rows)
        Bit i shifts PE row i, counted from the top.
    c : Out(cols x signed(acc_bits))
    """

    def __init__(self, cfg: TensorConfig) -> None:
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

        def late(value: Value, cycles: int, name: str) -> Value:
            return delayed(m, value, cycles, enable=self.advance, name=name)

        cols = self.cfg.cols
        rows = [WeightStationaryRow(self.cfg) for _ in range(self.cfg.rows)]
        for i, row in enumerate(rows):
            m.submodules[f"row_{i}"] = shared(platform, row)
            m.d.comb += [
                row.advance.eq(self.advance),
                row.a.eq(late(self.a[len(rows) - 1 - i], i, f"a_{i}")),
                row.swap.eq(late(self.swap, i, f"swap_{i}")),
                row.load.eq(self.load[i]),
            ]
        for upper, lower in pairwise(rows):
            m.d.comb += [lower.sum.eq(upper.sum_down), lower.weight.eq(upper.weight_down)]
        sums = [lane(rows[-1].sum_down, j, self.c[j]) for j in range(cols)]
        m.d.comb += [
            rows[0].weight.eq(Cat(late(self.b[j], j, f"b_{j}") for j in range(cols))),
            self.c.as_value().eq(Cat(late(c, cols - 1 - j, f"c_{j}") for j, c in enumerate(sums))),
        ]
        return m
