"""The tensor engine: streams in, an array of PEs, streams out."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import ParallelBase, TreeConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.tensor.array import OutputStationaryArray, WeightStationaryArray
from lockstep.rtl.tensor.pe import operand_shapes
from lockstep.rtl.tensor.sequencer import (
    OutputStationarySequencer,
    WeightStationarySequencer,
    first_lanes,
    job_layout,
)
from lockstep.rtl.tensor.tree import TreeArray


class TensorEngine(wiring.Component):
    """Multiplies matrices, ``C[m, n] = A[m, k] @ B[k, n]``, one job after another.

    Below, R and C are ``cfg.rows`` and ``cfg.cols``, and D is ``cfg.lanes_per_step``: a cube's depth,
    else 1. Lane 0 is in the least significant bits.

    Latency and throughput: see :mod:`lockstep.sim.cycle.tensor`, which holds to the cycle.

    Back-pressure: the whole engine is one stall domain. A cycle counts only if every stream that is
    needed in it is there: valid for the operands, ready for a row of C. Otherwise everything holds
    and ``stalled`` is 1. ``o_c.valid`` never depends on ``o_c.ready``. A producer of operands must hold
    ``valid`` until its vector is accepted, and must not wait for C, but for ``i_c``.

    Order if outputs are held: for each block of R rows of C, for each block of C columns in it, k vector
    pairs, ``A[block rows, kk]`` and ``B[kk, block columns]``. The rows of that block of C leave while
    the next block's operands enter; if the job accumulates, each takes its partial sums through ``i_c``.
    A cube takes D values of kk at once: lane ``d * R + i`` is ``A[i, kk + d]``, lane ``d * C + j`` is
    ``B[kk + d, j]``, and a block has ``ceil(k / D)`` vector pairs.

    Order if weights are held: for each block of C columns, for each block of R along K, the rows of B of
    that block in ascending order (only those that exist), and all m rows of A, lanes along K. C
    leaves m rows for each such fold: the first fold's rows are partial sums, and each later fold takes
    them back through ``i_c``, in the cycle that offers the new ones; the rows of the last fold along K
    are the results. If the job accumulates, the first fold takes the sums of an earlier job back too.

    Lanes beyond the edge of a matrix are ignored on the way in and zero on the way out.

    Members
    -------
    i_job : In(stream of {m, n, k, accumulate})
        The sizes are 1 or more; 0 is not allowed. ``accumulate`` adds to a C that ``i_c`` brings, for
        products whose K is cut into several jobs. Accepted when no job runs; operands are taken from the next
        cycle on.
    i_a : In(stream of D x R lanes)
    i_b : In(stream of D x C lanes)
    i_c : In(stream of C lanes)
        Partial sums of the same row of C, read back.
    o_c : Out(stream of C lanes)
        Rows of C, or partial sums; sums wrap modulo ``2**acc_bits``.
    busy : Out(1)
        From the cycle that can take a job's first operand until the array is free for another's.
    stalled : Out(1)
        ``busy``, but this cycle does not count.
    """

    i_job: stream.Interface
    i_a: stream.Interface
    i_b: stream.Interface
    i_c: stream.Interface
    o_c: stream.Interface

    def __init__(self, cfg: ParallelBase) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        sums = stream.Signature(data.ArrayLayout(acc, cfg.cols))
        super().__init__({
            "i_job": In(stream.Signature(job_layout(cfg))),
            "i_a": In(stream.Signature(data.ArrayLayout(a, cfg.rows * cfg.lanes_per_step))),
            "i_b": In(stream.Signature(data.ArrayLayout(b, cfg.cols * cfg.lanes_per_step))),
            "i_c": In(sums),
            "o_c": Out(sums),
            "busy": Out(1),
            "stalled": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        advance = Signal()
        if self.cfg.holds_outputs:
            self._output_stationary(m, advance)
        else:
            self._weight_stationary(m, advance)
        m.d.comb += self.stalled.eq(self.busy & ~advance)
        return m

    def _output_stationary(self, m: Module, advance: Signal) -> None:
        m.submodules.sequencer = seq = OutputStationarySequencer(self.cfg)
        m.submodules.array = array = OutputStationaryArray(self.cfg)
        wiring.connect(m, wiring.flipped(self.i_job), seq.i_job)
        m.d.comb += [
            self.busy.eq(seq.busy),
            seq.advance.eq(advance),
            array.advance.eq(advance),
            array.first.eq(seq.take & seq.first),
            array.capture.eq(seq.capture),
            array.shift.eq(seq.shift),
        ]
        _zero_padded(m, array.a, self.i_a.p, _each(seq.k_lanes, seq.a_lanes))
        _zero_padded(m, array.b, self.i_b.p, _each(seq.k_lanes, seq.b_lanes))

        tag = Signal(data.StructLayout({"emit": 1, "again": 1, "lanes": self.cfg.cols}))
        leaving = Cat(seq.emit, seq.emit & seq.again, seq.c_lanes)
        late = delayed(
            m, leaving, self.cfg.fuse_cycles, enable=advance, name="tag", reset_less=False
        )
        m.d.comb += tag.eq(late)
        self._sum_up(m, array.c, tag.lanes & tag.again.replicate(self.cfg.cols))
        inputs = [(self.i_a, seq.take), (self.i_b, seq.take), (self.i_c, tag.again)]
        self._handshake(m, advance, inputs, tag.emit)

    def _weight_stationary(self, m: Module, advance: Signal) -> None:
        cfg = self.cfg
        m.submodules.sequencer = seq = WeightStationarySequencer(cfg)
        array: Any = TreeArray(cfg) if isinstance(cfg, TreeConfig) else WeightStationaryArray(cfg)
        m.submodules.array = array
        wiring.connect(m, wiring.flipped(self.i_job), seq.i_job)
        m.d.comb += [
            self.busy.eq(seq.busy),
            seq.advance.eq(advance),
            array.advance.eq(advance),
            array.swap.eq(seq.take_a & seq.swap),
            array.load.eq(seq.load),
        ]
        _zero_padded(m, array.a, self.i_a.p, _each(seq.take_a, seq.a_lanes))
        _zero_padded(m, array.b, self.i_b.p, _each(seq.take_b, seq.b_lanes))

        # What becomes of a row of A is known when it enters, and needed when its sums leave.
        tag = Signal(data.StructLayout({"emit": 1, "again": 1, "n_lanes": range(cfg.cols + 1)}))
        entering = Cat(seq.take_a, seq.take_a & seq.again, seq.n_lanes)
        crossing = cfg.skew_cycles + cfg.output_latency_cycles
        m.d.comb += tag.eq(
            delayed(m, entering, crossing, enable=advance, name="tag", reset_less=False)
        )
        self._sum_up(m, array.c, first_lanes(tag.n_lanes, cfg.cols) & tag.again.replicate(cfg.cols))
        inputs = [(self.i_a, seq.take_a), (self.i_b, seq.take_b), (self.i_c, tag.again)]
        self._handshake(m, advance, inputs, tag.emit)

    def _sum_up(self, m: Module, sums: data.View, lanes: Value) -> None:
        """Offer sums, with earlier partial sums added in the given lanes."""
        earlier: Any = Signal.like(self.o_c.p)
        _zero_padded(m, earlier, self.i_c.p, lanes)
        m.d.comb += [self.o_c.p[j].eq(sums[j] + earlier[j]) for j in range(self.cfg.cols)]

    def _handshake(
        self,
        m: Module,
        advance: Signal,
        inputs: list[tuple[stream.Interface, Value]],
        emit: Value,
    ) -> None:
        """Advance when each needed input is valid and, if a row is to be emitted, it is taken."""
        supplied = Signal()
        m.d.comb += [
            supplied.eq(Cat(~needed | i.valid for i, needed in inputs).all()),
            self.o_c.valid.eq(emit & supplied),
            advance.eq(supplied & (~emit | self.o_c.ready)),
        ]
        m.d.comb += [i.ready.eq(needed & advance) for i, needed in inputs]


def _each(outer: Value, lanes: Value) -> Value:
    """The mask ``lanes``, once for each bit of ``outer``, where that is 1."""
    return Cat(lanes & bit.replicate(len(lanes)) for bit in outer)


def _zero_padded(m: Module, to: data.View, lanes: data.View, mask: Value) -> None:
    m.d.comb += [to[i].eq(Mux(mask[i], lanes[i], 0)) for i in range(len(mask))]
