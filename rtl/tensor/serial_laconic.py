"""The Laconic engine: a grid of PEs that multiply digits by digits, and the sequencer of its jobs."""

from itertools import pairwise
from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.serial import LaconicConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.tensor.sequencer import first_lanes, job_layout
from lockstep.rtl.tensor.serial_engine import SerialEngine, masked
from lockstep.rtl.tensor.serial_laconic_pe import LaconicPE, TermFeeder


class LaconicSequencer(wiring.Component):
    """Groups of a job: row blocks of C outermost, column blocks inside, then K in steps of ``pairs``.

    A group is taken in the cycle that issues the last digits of the one before. The first group of a
    fold follows the last of the fold before; but no fold ends within R cycles of the one before it,
    whose rows of C leave meanwhile.

    Members
    -------
    i_job : In(stream of job_layout)
        Accepted while no job runs.
    advance : In(1)
        The step is done; nothing moves without it.
    lanes_done : In(1)
        This cycle's digits are the last of the group.
    busy : Out(1)
    take : Out(1)
        This cycle takes a group,
    a_lanes : Out(rows), b_lanes : Out(cols), k_lanes : Out(pairs)
        of which these rows, columns and lanes carry data.
    issue : Out(1)
        Digits go to the PEs.
    add, first : Out(1)
        Their products have got to the sums; and are the first of a fold.
    capture, shift, emit, again, c_lanes
        As of :class:`~lockstep.rtl.tensor.serial_sequencer.BitSliceSequencer`.
    """

    i_job: stream.Interface

    def __init__(self, cfg: LaconicConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "i_job": In(stream.Signature(job_layout(cfg))),
            "advance": In(1),
            "lanes_done": In(1),
            "busy": Out(1),
            "take": Out(1),
            "a_lanes": Out(cfg.rows),
            "b_lanes": Out(cfg.cols),
            "k_lanes": Out(cfg.pairs),
            "issue": Out(1),
            "add": Out(1),
            "first": Out(1),
            "capture": Out(1),
            "shift": Out(1),
            "emit": Out(1),
            "again": Out(1),
            "c_lanes": Out(cfg.cols),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        group = data.StructLayout({
            "starts": 1,  # a fold
            "ends": 1,
            "final": 1,  # of the job
            "rows": cfg.rows,
            "cols": cfg.cols,
        })
        incoming = Signal(group)
        held = Signal(group)
        holding = Signal()
        fresh = Signal()  # no digit of the group has been issued
        room = Signal(range(cfg.rows + 1))  # cycles until a fold may end
        goes = Signal()
        more = Signal()
        m.d.comb += [
            self.issue.eq(holding & ~(self.lanes_done & held.ends & room.any())),
            goes.eq(self.issue & self.lanes_done),
            self.take.eq(more & (~holding | goes)),
        ]
        with m.If(self.advance):
            with m.If(room.any()):
                m.d.sync += room.eq(room - 1)
            with m.If(self.issue):
                m.d.sync += fresh.eq(0)
            with m.If(goes):
                m.d.sync += holding.eq(0)
                with m.If(held.ends):
                    m.d.sync += room.eq(cfg.rows - 1)
            with m.If(self.take):
                m.d.sync += [holding.eq(1), fresh.eq(1), held.eq(incoming)]

        job_ends = self._empty(m, goes & held.ends, held)
        self._groups(m, more, incoming, job_ends)
        added = self._late(m, Cat(self.issue, fresh & held.starts), cfg.drain_cycles + 1, "added")
        m.d.comb += Cat(self.add, self.first).eq(added)
        return m

    def _late(self, m: Module, value: Value, cycles: int, name: str) -> Value:
        return delayed(m, value, cycles, enable=self.advance, name=name, reset_less=False)

    def _groups(self, m: Module, more: Signal, incoming: Any, job_ends: Value) -> None:
        """Accept jobs, and walk their groups as they are taken."""
        cfg = self.cfg
        job = Signal(job_layout(cfg))
        m_left, n_left, k_left = Signal.like(job.m), Signal.like(job.n), Signal.like(job.k)
        m_ends, n_ends = m_left <= cfg.rows, n_left <= cfg.cols
        m.d.comb += [
            self.i_job.ready.eq(~self.busy & self.advance),
            self.a_lanes.eq(first_lanes(m_left, cfg.rows)),
            self.b_lanes.eq(first_lanes(n_left, cfg.cols)),
            self.k_lanes.eq(first_lanes(k_left, cfg.pairs)),
            self.again.eq(job.accumulate),
            incoming.starts.eq(k_left == job.k),
            incoming.ends.eq(k_left <= cfg.pairs),
            incoming.final.eq(incoming.ends & m_ends & n_ends),
            incoming.rows.eq(self.a_lanes),
            incoming.cols.eq(self.b_lanes),
        ]
        with m.If(self.advance & job_ends):
            m.d.sync += self.busy.eq(0)
        with m.If(self.i_job.valid & self.i_job.ready):
            new = self.i_job.p
            m.d.sync += [
                self.busy.eq(1),
                job.eq(new),
                more.eq(1),
                m_left.eq(new.m),
                n_left.eq(new.n),
                k_left.eq(new.k),
            ]
        with m.If(self.advance & self.take):
            m.d.sync += [k_left.eq(k_left - cfg.pairs), more.eq(~incoming.final)]
            with m.If(incoming.ends):
                m.d.sync += [k_left.eq(job.k), n_left.eq(Mux(n_ends, job.n, n_left - cfg.cols))]
                with m.If(n_ends):
                    m.d.sync += m_left.eq(m_left - cfg.rows)

    def _empty(self, m: Module, fold_ends: Value, fold: Any) -> Value:
        """Let the rows of a fold out, once its last products are in; whether its job ends with it."""
        rows = self.cfg.rows
        ended = Signal(data.StructLayout({"ends": 1, "fold": fold.shape()}))
        left = Signal(rows)  # rows of C that exist, this one lowest
        step = Signal(range(max(2, rows)))
        final = Signal()
        last = self.shift & (step == rows - 1)
        m.d.comb += [
            ended.eq(self._late(m, Cat(fold_ends, fold), self.cfg.drain_cycles + 1, "ended")),
            self.capture.eq(self.shift & (step == 0)),
            self.emit.eq(self.shift & left[0]),
        ]
        with m.If(self.advance):
            with m.If(self.shift):
                m.d.sync += [step.eq(step + 1), left.eq(left >> 1)]
            with m.If(last):
                m.d.sync += self.shift.eq(0)
            with m.If(ended.ends):
                m.d.sync += [
                    self.shift.eq(1),
                    step.eq(0),
                    left.eq(ended.fold.rows),
                    self.c_lanes.eq(ended.fold.cols),
                    final.eq(ended.fold.final),
                ]
        job_ends: Value = last & final
        return job_ends


class LaconicEngine(SerialEngine):
    """A bit-serial baseline after Laconic, see :class:`~lockstep.arch.serial.LaconicConfig`.

    Each row and each column has a feeder. In each lane a digit of A stays while the digits of B pass by,
    and gives way to the next when every column has shown all of its own; the lane is done when every row
    has. The next group is taken when every lane is done.
    """

    cfg: LaconicConfig

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        advance = Signal()
        m.submodules.sequencer = seq = LaconicSequencer(cfg)
        m.d.comb += [
            seq.i_job.valid.eq(self.i_job.valid),
            seq.i_job.payload.eq(self.i_job.payload),
            self.i_job.ready.eq(seq.i_job.ready),
            self.busy.eq(seq.busy),
            seq.advance.eq(advance),
        ]
        a_feeders = [TermFeeder(cfg, of_a=True) for _ in range(cfg.rows)]
        b_feeders = [TermFeeder(cfg, of_a=False) for _ in range(cfg.cols)]
        for name, feeders, operands, lanes in (
            ("a", a_feeders, self.i_a.p, seq.a_lanes),
            ("b", b_feeders, self.i_b.p, seq.b_lanes),
        ):
            for i, feeder in enumerate(feeders):
                m.submodules[f"{name}_{i}"] = shared(platform, feeder)
                m.d.comb += [
                    feeder.advance.eq(advance),
                    feeder.load.eq(seq.take),
                    feeder.issue.eq(seq.issue),
                ]
                m.d.comb += [
                    feeder.x[p].eq(
                        masked(operands, p * len(feeders) + i, lanes[i] & seq.k_lanes[p])
                    )
                    for p in range(cfg.pairs)
                ]
        m.d.comb += seq.lanes_done.eq(self._walk(m, seq.issue, a_feeders, b_feeders))
        self._grid(m, platform, advance, seq, a_feeders, b_feeders)
        self._handshake(m, advance, take=seq.take, emit=seq.emit, again=seq.again)
        return m

    def _walk(
        self, m: Module, issue: Value, a_feeders: list[TermFeeder], b_feeders: list[TermFeeder]
    ) -> Value:
        """Step each lane's digits, B's inside A's; whether this cycle's are the last of every lane."""
        done = Signal(self.cfg.pairs)
        for p in range(self.cfg.pairs):
            a_some, b_some = (Cat(f.some[p] for f in fs).any() for fs in (a_feeders, b_feeders))
            a_more, b_more = (Cat(f.several[p] for f in fs).any() for fs in (a_feeders, b_feeders))
            m.d.comb += done[p].eq(~(a_some & b_some & (a_more | b_more)))
            for feeder in a_feeders:
                m.d.comb += [
                    feeder.stop[p].eq(issue & done[p]),
                    feeder.next[p].eq(issue & ~b_more),
                ]
            for feeder in b_feeders:
                m.d.comb += [
                    feeder.stop[p].eq(issue & done[p]),
                    feeder.rewind[p].eq(issue & ~b_more),
                    feeder.next[p].eq(issue),
                ]
        return done.all()

    def _grid(
        self,
        m: Module,
        platform: object,
        advance: Value,
        seq: LaconicSequencer,
        a_feeders: list[TermFeeder],
        b_feeders: list[TermFeeder],
    ) -> None:
        cfg = self.cfg
        grid = [[LaconicPE(cfg) for _ in range(cfg.cols)] for _ in range(cfg.rows)]
        for i, row in enumerate(grid):
            for j, pe in enumerate(row):
                m.submodules[f"pe_{i}_{j}"] = shared(platform, pe)
                m.d.comb += [
                    pe.advance.eq(advance),
                    pe.a.eq(a_feeders[i].term),
                    pe.b.eq(b_feeders[j].term),
                    pe.add.eq(seq.add),
                    pe.first.eq(seq.first),
                    pe.capture.eq(seq.capture),
                    pe.shift.eq(seq.shift),
                ]
        for upper, lower in pairwise(grid):
            m.d.comb += [up.below.eq(low.up) for up, low in zip(upper, lower, strict=True)]
        top = Cat(pe.up for pe in grid[0])
        self._offer(m, top, again=seq.again, lanes=seq.c_lanes)
