"""The bit-slice engine's sequencer: walks one GEMM job through the rows, pass by pass."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.serial import BitSliceConfig
from lockstep.rtl.tensor.sequencer import first_lanes, job_layout
from lockstep.rtl.tensor.serial_walk import chunk_address


class BitSliceSequencer(wiring.Component):
    """Passes of a job: row blocks of C outermost, column blocks inside, then K in steps of ``k_max``.

    A job is a row of rounds. In a round, operands of one pass are loaded into one half of the buffers,
    the rows issue the digits of the pass before from the other, and rows of C of the last finished fold
    leave. The next round starts when all three are done, the digits' sums being in. The rows of a job's
    last fold have a round for themselves, so that no job depends on the one before.

    Members
    -------
    i_job : In(stream of job_layout)
        Accepted while no job runs.
    advance : In(1)
        The step is done; counters hold without it.
    rows_busy : In(1)
        Some row issues digits.
    busy : Out(1)
    take : Out(1)
        This step needs a transfer from each of A and B,
    a_lanes : Out(rows), b_lanes : Out(cols), k_lanes : Out(group)
        of which these rows, columns and elements of K carry data;
    write : Out(digit_lanes), write_to : Out(chunk_address)
        and this is where it goes.
    start, bank, last_chunk, first : Out
        To the rows.
    capture, shift : Out(1)
        The first row of C leaves; any row does.
    emit : Out(1)
        It exists,
    again : Out(1)
        adds to partial sums of an earlier job,
    c_lanes : Out(cols)
        and has data in these lanes.
    """

    i_job: stream.Interface

    def __init__(self, cfg: BitSliceConfig) -> None:
        self.cfg = cfg
        address = chunk_address(cfg)
        super().__init__({
            "i_job": In(stream.Signature(job_layout(cfg))),
            "advance": In(1),
            "rows_busy": In(1),
            "busy": Out(1),
            "take": Out(1),
            "a_lanes": Out(cfg.rows),
            "b_lanes": Out(cfg.cols),
            "k_lanes": Out(cfg.group),
            "write": Out(cfg.digit_lanes),
            "write_to": Out(address),
            "start": Out(1),
            "bank": Out(1),
            "last_chunk": Out(address["chunk"].shape),
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
        layout = data.StructLayout({
            "m_left": cfg.job_bits,
            "n_left": cfg.job_bits,
            "k_left": cfg.job_bits,
            "first": 1,
        })
        job = Signal(job_layout(cfg))
        to_load = Signal(layout)  # the pass that is loaded, or was last
        loaded = Signal(layout)  # the pass whose digits are issued, or were last
        loading = Signal()
        issuing = Signal()
        emptying = Signal()
        round_done = Signal()
        k_ends = Signal()
        n_ends = Signal()
        m_ends = Signal()

        m.d.comb += [
            self.busy.eq(loading | issuing | emptying),
            self.i_job.ready.eq(~self.busy & self.advance),
            self.a_lanes.eq(first_lanes(to_load.m_left, cfg.rows)),
            self.b_lanes.eq(first_lanes(to_load.n_left, cfg.cols)),
            k_ends.eq(to_load.k_left <= cfg.k_max),
            n_ends.eq(to_load.n_left <= cfg.cols),
            m_ends.eq(to_load.m_left <= cfg.rows),
            self.start.eq(round_done & loading),
            self.first.eq(loaded.first),
        ]
        with m.If(self.i_job.valid & self.i_job.ready):
            new = self.i_job.p
            m.d.sync += [
                job.eq(new),
                loading.eq(1),
                to_load.m_left.eq(new.m),
                to_load.n_left.eq(new.n),
                to_load.k_left.eq(new.k),
                to_load.first.eq(1),
            ]
        load_done = self._load(m, loading, to_load.k_left, round_done)
        issue_done = self._issue(m, issuing, round_done)
        fold_ends = round_done & issuing & (loaded.k_left <= cfg.k_max)
        empty_done = self._empty(m, emptying, fold_ends, loaded, job.accumulate)
        m.d.comb += round_done.eq(self.busy & self.advance & load_done & issue_done & empty_done)
        with m.If(round_done):
            m.d.sync += [
                self.bank.eq(~self.bank),
                issuing.eq(loading),
                loading.eq(loading & ~(k_ends & n_ends & m_ends)),
                loaded.eq(to_load),
                to_load.first.eq(k_ends),
                to_load.k_left.eq(Mux(k_ends, job.k, to_load.k_left - cfg.k_max)),
            ]
            with m.If(k_ends):
                m.d.sync += to_load.n_left.eq(Mux(n_ends, job.n, to_load.n_left - cfg.cols))
                with m.If(n_ends):
                    m.d.sync += to_load.m_left.eq(to_load.m_left - cfg.rows)
        return m

    def _load(self, m: Module, loading: Value, k_left: Value, round_done: Value) -> Value:
        """Take a pass's operands, group by group; whether that is done, or will be in this step."""
        cfg = self.cfg
        chunk = Signal(chunk_address(cfg)["chunk"].shape)
        part = Signal(range(max(2, cfg.digit_lanes)))  # of the chunk
        taken = Signal(range(cfg.k_max + cfg.group))
        full = Signal()
        last = Signal()
        m.d.comb += [
            self.take.eq(loading & ~full),
            self.k_lanes.eq(Cat(taken + d < k_left for d in range(cfg.group))),
            last.eq((taken + cfg.group >= k_left) | (taken + cfg.group >= cfg.k_max)),
            self.write.eq(Mux(self.take, 1 << part, 0)),
            self.write_to.eq(Cat(chunk, ~self.bank)),
        ]
        with m.If(self.advance & self.take):
            with m.If(last):
                m.d.sync += full.eq(1)
            with m.Else():
                m.d.sync += [taken.eq(taken + cfg.group), part.eq(part + 1)]
                with m.If(part == cfg.digit_lanes - 1):
                    m.d.sync += [part.eq(0), chunk.eq(chunk + 1)]
        with m.If(round_done):
            m.d.sync += [taken.eq(0), part.eq(0), chunk.eq(0), full.eq(0)]
            m.d.sync += self.last_chunk.eq(chunk)
        done: Value = ~loading | full | last
        return done

    def _issue(self, m: Module, issuing: Value, round_done: Value) -> Value:
        """Wait for the rows, then for their sums."""
        drained = Signal(range(self.cfg.drain_cycles))
        last = drained == self.cfg.drain_cycles - 1
        with m.If(self.advance & issuing & ~self.rows_busy & ~last):
            m.d.sync += drained.eq(drained + 1)
        with m.If(round_done):
            m.d.sync += drained.eq(0)
        done: Value = ~issuing | (~self.rows_busy & last)
        return done

    def _empty(
        self, m: Module, emptying: Signal, start: Value, fold: Any, accumulate: Value
    ) -> Value:
        """One step for the last sums to be added up, then one for each row."""
        rows = self.cfg.rows
        step = Signal(range(rows + 1))
        rows_left = Signal(self.cfg.job_bits)
        m.d.comb += [
            self.shift.eq(emptying & (step != 0)),
            self.capture.eq(emptying & (step == 1)),
            self.emit.eq(self.shift & (step <= rows_left)),
        ]
        with m.If(self.advance & emptying):
            m.d.sync += step.eq(step + 1)
            with m.If(step == rows):
                m.d.sync += [step.eq(0), emptying.eq(0)]
        with m.If(start):
            m.d.sync += [
                emptying.eq(1),
                rows_left.eq(fold.m_left),
                self.again.eq(accumulate),
                self.c_lanes.eq(first_lanes(fold.n_left, self.cfg.cols)),
            ]
        done: Value = ~emptying | (step == rows)
        return done
