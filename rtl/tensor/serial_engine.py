"""What the serial engines share: their streams, and when a cycle counts."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.serial import SerialBase
from lockstep.rtl.tensor.pe import operand_shapes
from lockstep.rtl.tensor.sequencer import job_layout


class SerialEngine(wiring.Component):
    """Multiplies matrices, ``C[m, n] = A[m, k] @ B[k, n]``, in a time that depends on the operands.

    Below, R and C are ``cfg.rows`` and ``cfg.cols``, and D is ``cfg.lanes_per_step``; lane 0 is in the
    least significant bits. Latency and throughput: see :mod:`lockstep.sim.cycle.serial`, which holds to
    the cycle.

    Back-pressure: the whole engine is one stall domain. A cycle counts only if every stream that is
    needed in it is there: valid for the operands, ready for a row of C. Otherwise everything holds
    and ``stalled`` is 1. ``o_c.valid`` never depends on ``o_c.ready``. A producer of operands must hold
    ``valid`` until its vector is accepted, and must not wait for C, but for ``i_c``.

    Order: for each block of R rows of C, for each block of C columns in it, K in steps of D:
    ``A[block rows, kk : kk + D]`` and ``B[kk : kk + D, block columns]``. The rows of that block of C
    leave while later operands enter; if the job accumulates, each takes its partial sums through ``i_c``.

    Lanes beyond the edge of a matrix are ignored on the way in and zero on the way out.

    Members
    -------
    i_job : In(stream of {m, n, k, accumulate})
        The sizes are 1 or more. ``accumulate`` adds to a C that ``i_c`` brings. Accepted when no job
        runs; operands are taken from the next cycle on.
    i_a : In(stream of D * R lanes)
        Lane ``d * R + i`` is element d of row i.
    i_b : In(stream of D * C lanes)
        Lane ``d * C + j`` is element d of column j.
    i_c : In(stream of C lanes)
        Partial sums of the same row of C, read back.
    o_c : Out(stream of C lanes)
        Rows of C; sums wrap modulo ``2**acc_bits``.
    busy : Out(1)
        From the cycle that can take a job's first operand through that of its last row of C.
    stalled : Out(1)
        ``busy``, but this cycle does not count.
    """

    i_job: stream.Interface
    i_a: stream.Interface
    i_b: stream.Interface
    i_c: stream.Interface
    o_c: stream.Interface

    def __init__(self, cfg: SerialBase) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        sums = stream.Signature(data.ArrayLayout(acc, cfg.cols))
        step = cfg.lanes_per_step
        super().__init__({
            "i_job": In(stream.Signature(job_layout(cfg))),
            "i_a": In(stream.Signature(data.ArrayLayout(a, step * cfg.rows))),
            "i_b": In(stream.Signature(data.ArrayLayout(b, step * cfg.cols))),
            "i_c": In(sums),
            "o_c": Out(sums),
            "busy": Out(1),
            "stalled": Out(1),
        })

    def _handshake(
        self, m: Module, advance: Value, *, take: Value, emit: Value, again: Value
    ) -> None:
        """Advance when each needed input is valid and, if a row is to be emitted, it is taken.

        This cycle needs operands if ``take``, has a row of C to offer if ``emit``, and needs earlier
        sums for it if ``again``.
        """
        supplied = Signal()
        needed = [(self.i_a, take), (self.i_b, take), (self.i_c, emit & again)]
        m.d.comb += [
            supplied.eq(Cat(~need | i.valid for i, need in needed).all()),
            self.o_c.valid.eq(emit & supplied),
            advance.eq(supplied & (~emit | self.o_c.ready)),
            self.stalled.eq(self.busy & ~advance),
        ]
        m.d.comb += [i.ready.eq(need & advance) for i, need in needed]

    def _offer(self, m: Module, sums: Value, *, again: Value, lanes: Value) -> None:
        """Put a row of sums on ``o_c``; ``again``, with earlier ones added in the given lanes."""
        for j in range(self.cfg.cols):
            own = sums.word_select(j, self.cfg.mac.acc_bits).as_signed()
            m.d.comb += self.o_c.p[j].eq(own + masked(self.i_c.p, j, again & lanes[j]))


def masked(lanes: data.View, at: int, keep: Value) -> Value:
    """Lane ``at``, or zero."""
    return Mux(keep, lanes[at], 0)
