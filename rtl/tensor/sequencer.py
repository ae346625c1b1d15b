"""Sequencers: walk one GEMM job through the array, fold by fold, with no gap between folds."""

from amaranth.hdl import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tensor import ParallelBase, TensorBase


def job_layout(cfg: TensorBase) -> data.StructLayout:
    """A job: C[m, n] = A[m, k] @ B[k, n], or += if ``accumulate``; each of the three is 1 or more."""
    sizes = dict.fromkeys("mnk", cfg.job_bits)
    return data.StructLayout({**sizes, "accumulate": 1})


def first_lanes(count: Value, lanes: int) -> Value:
    """A mask of the lanes below ``count``."""
    return Cat(lane < count for lane in range(lanes))


def step_counter(cfg: ParallelBase) -> Signal:
    """A counter of elements of the streamed dimension, with room for the skew and a whole load."""
    return Signal(range(cfg.job_max + (cfg.skew_cycles + 1) * cfg.lanes_per_step + cfg.rows))


def last_step(cfg: ParallelBase, streamed: Value) -> Value:
    """The step that ends a fold of ``streamed`` elements: its last operands', and the skew.

    Held outputs need time for the drain of the fold before, where there is too little skew for it.
    """
    if cfg.holds_outputs and cfg.skew_cycles < cfg.rows - 1:
        return Mux(streamed < cfg.rows, cfg.rows, streamed) - 1
    return streamed + (cfg.skew_cycles - 1) * cfg.lanes_per_step


class OutputStationarySequencer(wiring.Component):
    """Folds of an output-stationary job: row blocks of C outermost, column blocks inside.

    A fold is steps that take operands, of ``lanes_per_step`` elements of K each, and ``skew_cycles``
    while the last of them cross the array. Its drain, ``rows`` steps, one row of C each, begins in the
    next step and overlaps the next fold, which is never shorter; or the next job, or nothing.

    Members
    -------
    i_job : In(stream of job_layout)
        Accepted while no job runs, in a step that is done: a row of C on offer stays there, for the
        operands of a new job are not waited for with it.
    advance : In(1)
        The step is done; counters hold without it.
    busy : Out(1)
        A fold runs; drains do not count.
    take : Out(1)
        This step needs an operand vector from each of A and B.
    first : Out(1)
        ... the first of its fold.
    a_lanes : Out(rows), b_lanes : Out(cols)
        Lanes that carry data in this fold,
    k_lanes : Out(lanes_per_step)
        and in this step.
    capture, shift : Out(1)
        The first step of a drain; any step of it.
    emit : Out(1)
        This step drains a row of C that exists,
    again : Out(1)
        which adds to partial sums of an earlier job,
    c_lanes : Out(cols)
        and has data in these lanes.
    """

    i_job: stream.Interface

    def __init__(self, cfg: ParallelBase) -> None:
        self.cfg = cfg
        super().__init__({
            "i_job": In(stream.Signature(job_layout(cfg))),
            "advance": In(1),
            "busy": Out(1),
            "take": Out(1),
            "first": Out(1),
            "a_lanes": Out(cfg.rows),
            "b_lanes": Out(cfg.cols),
            "k_lanes": Out(cfg.lanes_per_step),
            "capture": Out(1),
            "shift": Out(1),
            "emit": Out(1),
            "again": Out(1),
            "c_lanes": Out(cfg.cols),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, cols = self.cfg.rows, self.cfg.cols
        job = Signal(job_layout(self.cfg))
        m_left = Signal.like(job.m)
        n_left = Signal.like(job.n)
        step = step_counter(self.cfg)
        last = Signal.like(step)
        fold_done = Signal()
        lanes = self.cfg.lanes_per_step

        m.d.comb += [
            self.i_job.ready.eq(~self.busy & self.advance),
            self.k_lanes.eq(Cat(self.busy & (step + d < job.k) for d in range(lanes))),
            self.take.eq(self.k_lanes[0]),
            self.first.eq(step == 0),
            self.a_lanes.eq(first_lanes(m_left, rows)),
            self.b_lanes.eq(first_lanes(n_left, cols)),
            fold_done.eq(self.busy & (step >= last)),
        ]
        with m.If(self.i_job.valid & self.i_job.ready):
            new = self.i_job.p
            m.d.sync += [
                self.busy.eq(1),
                job.eq(new),
                m_left.eq(new.m),
                n_left.eq(new.n),
                last.eq(last_step(self.cfg, new.k)),
            ]
        with m.If(self.busy & self.advance):
            m.d.sync += step.eq(step + lanes)
            with m.If(fold_done):
                m.d.sync += step.eq(0)
                with m.If(n_left > cols):
                    m.d.sync += n_left.eq(n_left - cols)
                with m.Else():
                    m.d.sync += [n_left.eq(job.n), m_left.eq(m_left - rows)]
                    with m.If(m_left <= rows):
                        m.d.sync += self.busy.eq(0)
        self._drain(m, fold_done, job.accumulate, m_left, n_left)
        return m

    def _drain(
        self, m: Module, start: Value, accumulate: Value, m_left: Value, n_left: Value
    ) -> None:
        """Count the rows of a finished fold out; it ends before the next one can start."""
        rows, cols = self.cfg.rows, self.cfg.cols
        row = Signal(range(rows + 1))
        rows_left = Signal.like(m_left)
        m.d.comb += [
            self.capture.eq(self.shift & (row == 0)),
            self.emit.eq(self.shift & (row < rows_left)),
        ]
        with m.If(self.advance):
            with m.If(self.shift):
                m.d.sync += row.eq(row + 1)
                with m.If(row == rows - 1):
                    m.d.sync += [row.eq(0), self.shift.eq(0)]
            with m.If(start):
                m.d.sync += [
                    self.shift.eq(1),
                    rows_left.eq(m_left),
                    self.again.eq(accumulate),
                    self.c_lanes.eq(first_lanes(n_left, cols)),
                ]


class WeightStationarySequencer(wiring.Component):
    """Folds of a weight-stationary job: column blocks of C outermost, blocks of K inside.

    A job is a row of rounds. In a round the array loads the weights of one fold, or streams the rows
    of A through those of another, or, with double buffering, both at once; the next round starts when
    both are done. A round without a load also waits for the skew of the last row of A.

    Members
    -------
    i_job : In(stream of job_layout)
        Accepted while no job runs, in a step that is done: a row of C on offer stays there, for the
        operands of a new job are not waited for with it.
    advance : In(1)
        The step is done; counters hold without it.
    busy : Out(1)
    take_b : Out(1)
        This step needs a row of B; the rows that pad a fold's last block of K are zeros.
    load : Out(rows)
        PE rows, counted from the top, that take the weight above.
    take_a : Out(1)
        This step needs a row of A.
    swap : Out(1)
        ... the first one of its fold.
    a_lanes : Out(rows), b_lanes : Out(cols)
        Lanes of A and B that carry data.
    again : Out(1)
        The row of A adds to partial sums of earlier folds, or of an earlier job.
    n_lanes : Out(range(cols + 1))
        ... and gives a row of C with data in so many lanes.
    """

    i_job: stream.Interface

    def __init__(self, cfg: ParallelBase) -> None:
        self.cfg = cfg
        super().__init__({
            "i_job": In(stream.Signature(job_layout(cfg))),
            "advance": In(1),
            "busy": Out(1),
            "take_b": Out(1),
            "load": Out(cfg.rows),
            "take_a": Out(1),
            "swap": Out(1),
            "a_lanes": Out(cfg.rows),
            "b_lanes": Out(cfg.cols),
            "again": Out(1),
            "n_lanes": Out(range(cfg.cols + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, cols = self.cfg.rows, self.cfg.cols
        fold = data.StructLayout({
            "n_left": self.cfg.job_bits,
            "k_left": self.cfg.job_bits,
            "again": 1,
        })
        job = Signal(job_layout(self.cfg))
        to_load = Signal(fold)  # the fold whose weights are loaded, or were last
        loaded = Signal(fold)  # the fold whose rows of A stream, or did last
        loading = Signal()
        streaming = Signal()
        step = step_counter(self.cfg)
        last = Signal.like(step)  # of a round without a load
        load_done = Signal()
        stream_done = Signal()

        m.d.comb += [
            self.busy.eq(loading | streaming),
            self.i_job.ready.eq(~self.busy & self.advance),
            self.take_b.eq(loading & (step < rows) & (step < to_load.k_left)),
            self.load.eq(Cat(loading & (step >= i) & (step < rows) for i in range(rows))),
            self.take_a.eq(streaming & (step < job.m)),
            self.swap.eq(step == 0),
            self.a_lanes.eq(first_lanes(loaded.k_left, rows)),
            self.b_lanes.eq(first_lanes(to_load.n_left, cols)),
            self.again.eq(loaded.again),
            self.n_lanes.eq(Mux(loaded.n_left < cols, loaded.n_left, cols)),
            load_done.eq(~loading | (step >= rows - 1)),
            stream_done.eq(~streaming | (step >= Mux(loading, job.m - 1, last))),
        ]
        with m.If(self.i_job.valid & self.i_job.ready):
            new = self.i_job.p
            m.d.sync += [
                loading.eq(1),
                job.eq(new),
                to_load.n_left.eq(new.n),
                to_load.k_left.eq(new.k),
                to_load.again.eq(new.accumulate),
                last.eq(last_step(self.cfg, new.m)),
            ]
        with m.If(self.busy & self.advance):
            m.d.sync += step.eq(step + 1)
            with m.If(load_done & stream_done):
                next_load = loading if self.cfg.double_buffered else streaming
                more = (to_load.k_left > rows) | (to_load.n_left > cols)
                m.d.sync += [step.eq(0), streaming.eq(loading), loading.eq(next_load & more)]
                with m.If(loading):
                    m.d.sync += loaded.eq(to_load)
                with m.If(next_load):
                    m.d.sync += to_load.again.eq(job.accumulate | (to_load.k_left > rows))
                    with m.If(to_load.k_left > rows):
                        m.d.sync += to_load.k_left.eq(to_load.k_left - rows)
                    with m.Else():
                        m.d.sync += to_load.k_left.eq(job.k)
                        m.d.sync += to_load.n_left.eq(to_load.n_left - cols)
        return m
