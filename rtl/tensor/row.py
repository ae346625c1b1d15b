"""Rows of PEs. All rows of an array are alike, so that its Verilog has one row, and one PE in it.

What passes between rows is plain bits, lane 0 lowest: Amaranth writes a wire for each element of an
array layout, which at 128x128 was three quarters of the Verilog.
"""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import ParallelBase
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.tensor.pe import OutputStationaryPE, WeightStationaryPE, lane, operand_shapes
from lockstep.rtl.tensor.reduce import running_shape


class OutputStationaryRow(wiring.Component):
    """``cfg.cols`` PEs; ``a`` and ``first`` pass from left to right, ``cfg.hop_cycles`` per PE.

    Members
    -------
    advance, capture, shift, a, first : In
        As of :class:`OutputStationaryPE`; ``a`` and ``first`` enter on the left.
    b, below : In(cols lanes)
        Operands from above; sums from the row below.
    b_down, up : Out(cols lanes)
        The operands for the row below; sums for the row above.
    """

    def __init__(self, cfg: ParallelBase) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        running = running_shape(cfg.mac, acc.width)
        super().__init__({
            "advance": In(1),
            "capture": In(1),
            "shift": In(1),
            "a": In(a.width * cfg.lanes_per_step),
            "first": In(1),
            "b": In(b.width * cfg.lanes_per_step * cfg.cols),
            "b_down": Out(b.width * cfg.lanes_per_step * cfg.cols),
            "below": In(running.width * cfg.cols),
            "up": Out(running.width * cfg.cols),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, first = self.a, self.first
        for j in range(self.cfg.cols):
            pe = OutputStationaryPE(self.cfg)
            m.submodules[f"pe_{j}"] = shared(platform, pe)
            m.d.comb += [
                pe.advance.eq(self.advance),
                pe.capture.eq(self.capture),
                pe.shift.eq(self.shift),
                pe.a.eq(a),
                pe.first.eq(first),
                pe.b.eq(lane(self.b, j, pe.b)),
                pe.below.eq(lane(self.below, j, pe.below)),
                lane(self.b_down, j, pe.b_down).eq(pe.b_down),
                lane(self.up, j, pe.up).eq(pe.up),
            ]
            a, first = pe.a_right, pe.first_right
        return m


class WeightStationaryRow(wiring.Component):
    """``cfg.cols`` PEs; ``a``, ``swap`` and ``load`` pass from left to right, one PE per advancing cycle.

    Members
    -------
    advance, a, swap, load : In
        As of :class:`WeightStationaryPE`; the last three enter on the left.
    sum, weight : In(cols lanes)
        From the row above.
    sum_down, weight_down : Out(cols lanes)
        To the row below.
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
            "sum": In(running.width * cfg.cols),
            "weight": In(b.width * cfg.cols),
            "sum_down": Out(running.width * cfg.cols),
            "weight_down": Out(b.width * cfg.cols),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        a, swap, load = self.a, self.swap, self.load
        for j in range(self.cfg.cols):
            pe = WeightStationaryPE(self.cfg)
            m.submodules[f"pe_{j}"] = shared(platform, pe)
            m.d.comb += [
                pe.advance.eq(self.advance),
                pe.a.eq(a),
                pe.swap.eq(swap),
                pe.load.eq(load),
                pe.sum.eq(lane(self.sum, j, pe.sum)),
                pe.weight.eq(lane(self.weight, j, pe.weight)),
                lane(self.sum_down, j, pe.sum_down).eq(pe.sum_down),
                lane(self.weight_down, j, pe.weight_down).eq(pe.weight_down),
            ]
            a, swap, load = pe.a_right, pe.swap_right, pe.load_right
        return m
