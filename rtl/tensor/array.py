"""The grids of PEs, with the registers that skew what enters and deskew what leaves."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import TensorConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.tensor.pe import OutputStationaryPE, WeightStationaryPE, operand_shapes


class OutputStationaryArray(wiring.Component):
    """``C = A @ B`` with ``C[i, j]`` held in PE(i, j).

    In each advancing cycle one column of A and one row of B enter; PE(i, j) uses those of cycle t in
    cycle ``t + i + j``. While ``shift`` is 1 the sums move up, row 0 first.

    Members
    -------
    advance : In(1)
    a : In(rows x A)
        Lane i is for row i.
    first : In(1)
        1 with the first operands of a sum.
    b : In(cols x B)
        Lane j is for column j.
    shift : In(1)
    c : Out(cols x signed(acc_bits))
        Row 0 of the sums.
    """

    def __init__(self, cfg: TensorConfig) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "a": In(data.ArrayLayout(a, cfg.rows)),
            "first": In(1),
            "b": In(data.ArrayLayout(b, cfg.cols)),
            "shift": In(1),
            "c": Out(data.ArrayLayout(acc, cfg.cols)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, cols = self.cfg.rows, self.cfg.cols
        pes = [[OutputStationaryPE(self.cfg) for _ in range(cols)] for _ in range(rows)]
        for i, row in enumerate(pes):
            for j, pe in enumerate(row):
                m.submodules[f"pe_{i}_{j}"] = shared(platform, pe)
                m.d.comb += [pe.advance.eq(self.advance), pe.shift.eq(self.shift)]
                if i:
                    m.d.comb += [pe.b.eq(pes[i - 1][j].b_down), pes[i - 1][j].below.eq(pe.acc)]
                if j:
                    left = row[j - 1]
                    m.d.comb += [pe.a.eq(left.a_right), pe.first.eq(left.first_right)]
            m.d.comb += [
                row[0].a.eq(delayed(m, self.a[i], i, enable=self.advance, name=f"a_{i}")),
                row[0].first.eq(delayed(m, self.first, i, enable=self.advance, name=f"first_{i}")),
            ]
        for j, pe in enumerate(pes[0]):
            m.d.comb += [
                pe.b.eq(delayed(m, self.b[j], j, enable=self.advance, name=f"b_{j}")),
                self.c[j].eq(pe.acc),
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
        rows, cols = self.cfg.rows, self.cfg.cols
        pes = [[WeightStationaryPE(self.cfg) for _ in range(cols)] for _ in range(rows)]

        def late(value: Value, cycles: int, name: str) -> Value:
            return delayed(m, value, cycles, enable=self.advance, name=name)

        for i, row in enumerate(pes):
            for j, pe in enumerate(row):
                m.submodules[f"pe_{i}_{j}"] = shared(platform, pe)
                m.d.comb += pe.advance.eq(self.advance)
                if i:
                    above = pes[i - 1][j]
                    m.d.comb += [pe.sum.eq(above.sum_down), pe.weight.eq(above.weight_down)]
                if j:
                    left = row[j - 1]
                    m.d.comb += [
                        pe.a.eq(left.a_right),
                        pe.swap.eq(left.swap_right),
                        pe.load.eq(left.load_right),
                    ]
            m.d.comb += [
                row[0].a.eq(late(self.a[rows - 1 - i], i, f"a_{i}")),
                row[0].swap.eq(late(self.swap, i, f"swap_{i}")),
                row[0].load.eq(self.load[i]),
            ]
        for j in range(cols):
            m.d.comb += [
                pes[0][j].weight.eq(late(self.b[j], j, f"b_{j}")),
                self.c[j].eq(late(pes[-1][j].sum_down, cols - 1 - j, f"c_{j}")),
            ]
        return m
