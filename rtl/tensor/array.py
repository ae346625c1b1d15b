"""The grids of PEs, with the registers that skew what enters and deskew what leaves."""

from itertools import pairwise

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import ParallelBase
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.tensor.pe import lane, operand_shapes
from lockstep.rtl.tensor.reduce import fused, running_shape
from lockstep.rtl.tensor.row import OutputStationaryRow, WeightStationaryRow


class OutputStationaryArray(wiring.Component):
    """``C = A @ B`` with ``C[i, j]`` held in PE(i, j): a systolic array, a cube or a broadcast matrix.

    In each advancing cycle D columns of A and D rows of B enter, D being ``cfg.lanes_per_step``.
    PE(i, j) uses those of cycle t in cycle ``t + hop_cycles * (i + j)``, the PEs of a cube's chains one
    after another. A drain takes ``rows`` cycles of ``shift``, the first with ``capture``, and may
    overlap the next block's sums: they start over at the end of the cycle of ``capture``.

    Members
    -------
    advance : In(1)
    a : In(D x rows lanes of A)
        Lane ``d * rows + i`` is for row i.
    first : In(1)
        1 with the first operands of a sum.
    b : In(D x cols lanes of B)
        Lane ``d * cols + j`` is for column j.
    capture, shift : In(1)
    c : Out(cols x signed(acc_bits))
        ``cfg.fuse_cycles`` after the cycle of ``capture`` the sums of row 0, i later those of row i.
    """

    def __init__(self, cfg: ParallelBase) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        super().__init__({
            "advance": In(1),
            "a": In(data.ArrayLayout(a, cfg.rows * cfg.lanes_per_step)),
            "first": In(1),
            "b": In(data.ArrayLayout(b, cfg.cols * cfg.lanes_per_step)),
            "capture": In(1),
            "shift": In(1),
            "c": Out(data.ArrayLayout(acc, cfg.cols)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        hop = cfg.hop_cycles

        def late(value: Value, cycles: int, name: str) -> Value:
            return delayed(m, value, cycles, enable=self.advance, name=name)

        def entering(lanes: data.View, side: int, i: int, name: str) -> Value:
            """All of row or column i's lanes, each a cycle after the one before it along K."""
            of_i = range(i, len(lanes), side)
            return Cat(late(lanes[x], hop * i + d, f"{name}_{x}") for d, x in enumerate(of_i))

        rows = [OutputStationaryRow(cfg) for _ in range(cfg.rows)]
        for i, row in enumerate(rows):
            m.submodules[f"row_{i}"] = shared(platform, row)
            m.d.comb += [
                row.advance.eq(self.advance),
                row.capture.eq(self.capture),
                row.shift.eq(self.shift),
                row.a.eq(entering(self.a, cfg.rows, i, "a")),
                row.first.eq(late(self.first, hop * i + cfg.chain_cycles, f"first_{i}")),
            ]
        for upper, lower in pairwise(rows):
            m.d.comb += [lower.b.eq(upper.b_down), upper.below.eq(lower.up)]
        m.d.comb += rows[0].b.eq(Cat(entering(self.b, cfg.cols, j, "b") for j in range(cfg.cols)))
        for j, c in enumerate(_fused(m, cfg, rows[0].up, self.advance)):
            m.d.comb += self.c[j].eq(c)
        return m


def _fused(m: Module, cfg: ParallelBase, lanes: Value, advance: Value) -> list[Value]:
    """The running sums of all columns as plain words."""
    sums = []
    for j in range(cfg.cols):
        running = Signal(running_shape(cfg.mac, cfg.mac.acc_bits), name=f"out_{j}")
        m.d.comb += running.eq(lane(lanes, j, running))
        sums.append(fused(m, cfg.mac, running, enable=advance, name=f"fused_{j}"))
    return sums


class WeightStationaryArray(wiring.Component):
    """``c[j] = sum_i a[i] * B[i, j]`` with the weights B held in the PEs.

    A result leaves ``rows + cols - 1 + fuse_cycles`` advancing cycles after its row of A entered. A
    load takes ``rows`` cycles, one row of B each, lane 0's row first. Sums move down and the first row
    loaded ends up at the bottom, so lane i of A belongs to the i-th PE row from the bottom.

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

    def __init__(self, cfg: ParallelBase) -> None:
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
        sums = _fused(m, self.cfg, rows[-1].sum_down, self.advance)
        m.d.comb += [
            rows[0].weight.eq(Cat(late(self.b[j], j, f"b_{j}") for j in range(cols))),
            self.c.as_value().eq(Cat(late(c, cols - 1 - j, f"c_{j}") for j, c in enumerate(sums))),
        ]
        return m
