"""A LUT-GEMV slice, SAIL-like: a sketch, for the paper's geometry is not public."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.lut import LutConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.pim.lut_sequencer import LutSequencer, job_layout, tag_layout
from lockstep.rtl.pim.lut_vector import LutVector


class LutSlice(wiring.Component):
    """Multiplies ``batch`` vectors by one matrix, ``C[b, n] = sum over k of A[b, k] * W[n, k]``, exactly.

    Below, G, B and P are ``cfg.group``, ``cfg.batch`` and ``cfg.ports``; lane 0 is in the least
    significant bits.

    Latency and throughput: a cycle for each group of G inputs; ``cfg.build_cycles`` for its LUTs, unless
    they are at hand; a cycle for each bit-plane of each block of P outputs. The results of a block
    leave ``cfg.drain_cycles`` after its last index. :mod:`lockstep.sim.cycle.lut` holds to the cycle.

    Back-pressure: the whole slice is one stall domain. A cycle counts only if every stream that is
    needed in it is there: valid for activations or indices, ready for results. Otherwise everything
    holds and ``stalled`` is 1. ``o.valid`` never depends on ``o.ready``. A producer must hold ``valid``
    until its transfer is accepted, and must not wait for results.

    Order: for each group of inputs its activations, then, for each block of outputs, for each bit-plane
    from the highest, its indices. Results leave in the order of the blocks, with the last group.

    Lanes beyond the edge of the matrix are ignored on the way in and zero on the way out.

    Members
    -------
    i_job : In(stream of {n, k, weight_bits, weights_signed})
        1 to ``n_max``, ``k_max`` and ``cfg.weight_bits``. Accepted when no job runs; activations are
        taken from the next cycle on.
    i_a : In(stream of B x G x signed(activation_bits))
        Element g of lane b is input g of the group, of vector b.
    i_w : In(stream of P x G bits)
        Bit g of lane p is one bit of the weight of output p of the block and input g of the group.
    o : Out(stream of P x B x signed(acc_bits))
        Element b of lane p is the sum of output p of the block and vector b.
    busy : Out(1)
        From the cycle that can take a job's first activations through that of its last results.
    building : Out(1)
        This cycle fills the LUTs, or would if it counted.
    stalled : Out(1)
        ``busy``, but this cycle does not count.
    """

    i_job: stream.Interface
    i_a: stream.Interface
    i_w: stream.Interface
    o: stream.Interface

    def __init__(self, cfg: LutConfig) -> None:
        self.cfg = cfg
        group = data.ArrayLayout(signed(cfg.activation_bits), cfg.group)
        sums = data.ArrayLayout(signed(cfg.acc_bits), cfg.batch)
        super().__init__({
            "i_job": In(stream.Signature(job_layout(cfg))),
            "i_a": In(stream.Signature(data.ArrayLayout(group, cfg.batch))),
            "i_w": In(stream.Signature(data.ArrayLayout(cfg.group, cfg.ports))),
            "o": Out(stream.Signature(data.ArrayLayout(sums, cfg.ports))),
            "busy": Out(1),
            "building": Out(1),
            "stalled": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        advance = Signal()
        m.submodules.sequencer = seq = LutSequencer(cfg)
        wiring.connect(m, wiring.flipped(self.i_job), seq.i_job)
        # Cycle 0: look up. Cycle 1: shift and add.
        looked = self._late(m, seq.tag, 1, "looked", advance)
        vectors = []
        for b in range(cfg.batch):
            vector = LutVector(cfg)
            m.submodules[f"vector_{b}"] = shared(platform, vector)
            m.d.comb += [
                vector.advance.eq(advance),
                vector.load.eq(seq.take),
                vector.build.eq(seq.build),
                vector.level.eq(seq.level),
                vector.step.eq(seq.step),
                vector.look.eq(seq.look),
                vector.index.eq(self.i_w.p),
                vector.shift.eq(looked.valid),
                vector.first_plane.eq(looked.first_plane),
                vector.subtract.eq(looked.subtract),
            ]
            m.d.comb += [
                vector.a[g].eq(existing(self.i_a.p[b][g], seq.a_lanes[g])) for g in range(cfg.group)
            ]
            vectors.append(vector)
        # Cycle 2: add to the accumulators.
        done = self._late(m, seq.tag, 2, "done", advance)
        self._accumulate(m, vectors, looked, done, advance)
        emit = done.valid & done.last_plane & done.last_group
        supplied = Signal()
        m.d.comb += [
            supplied.eq((~seq.take | self.i_a.valid) & (~seq.look | self.i_w.valid)),
            seq.same.eq(Cat(vector.same for vector in vectors).all()),
            seq.advance.eq(advance),
            self.o.valid.eq(emit & supplied),
            advance.eq(supplied & (~emit | self.o.ready)),
            self.i_a.ready.eq(seq.take & advance),
            self.i_w.ready.eq(seq.look & advance),
            self.busy.eq(seq.busy),
            self.building.eq(seq.build),
            self.stalled.eq(seq.busy & ~advance),
        ]
        return m

    def _late(self, m: Module, tag: Value, cycles: int, name: str, advance: Value) -> Any:
        """A tag that has come so far; ``valid`` must start as 0."""
        layout = tag_layout(self.cfg)
        plain = Value.cast(tag)
        return layout(delayed(m, plain, cycles, enable=advance, name=name, reset_less=False))

    def _accumulate(
        self, m: Module, vectors: list[LutVector], looked: Any, done: Any, advance: Value
    ) -> None:
        """Add a block's products to its sums so far: those of the last group leave, others are kept."""
        cfg = self.cfg
        shape = self.o.p.shape()
        sums: Any = memory.Memory(shape=shape, depth=max(2, cfg.n_blocks_max), init=[])
        m.submodules.accumulators = sums
        read, write = sums.read_port(), sums.write_port()
        m.d.comb += [
            read.addr.eq(looked.block),
            read.en.eq(advance),
            write.addr.eq(done.block),
            write.en.eq(advance & done.valid & done.last_plane & ~done.last_group),
        ]
        for p in range(cfg.ports):
            for b, vector in enumerate(vectors):
                total = Signal(signed(cfg.acc_bits), name=f"total_{p}_{b}")
                m.d.comb += [
                    total.eq(vector.product[p] + Mux(done.first_group, 0, read.data[p][b])),
                    write.data[p][b].eq(total),
                    self.o.p[p][b].eq(existing(total, done.lanes[p])),
                ]


def existing(lane: Value, keep: Value) -> Value:
    """The lane, or zero."""
    return Mux(keep, lane, 0)
