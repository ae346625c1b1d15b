"""The bit-slice engine: operand buffers and rows of serial PEs."""

from itertools import pairwise
from typing import Any

from amaranth.hdl import *
from amaranth.lib import memory

from lockstep.arch.serial import BitSliceConfig
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.tensor.serial_engine import SerialEngine, masked
from lockstep.rtl.tensor.serial_row import BitSliceRow, buffer_words
from lockstep.rtl.tensor.serial_sequencer import BitSliceSequencer


class BitSliceEngine(SerialEngine):
    """TPE's bit-slice engine, see :class:`~lockstep.arch.serial.BitSliceConfig`.

    Both operands of a pass are in buffers before its first digit is issued, for the loop over
    bit-weights is outside the one over K. Each row of PEs keeps its own row of A; the block of B is in
    one memory for each digit lane, with a read port for each row.
    """

    cfg: BitSliceConfig

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        advance = Signal()
        m.submodules.sequencer = seq = BitSliceSequencer(cfg)
        m.d.comb += [
            seq.i_job.valid.eq(self.i_job.valid),
            seq.i_job.payload.eq(self.i_job.payload),
            self.i_job.ready.eq(seq.i_job.ready),
            self.busy.eq(seq.busy),
            seq.advance.eq(advance),
        ]
        rows = [BitSliceRow(cfg) for _ in range(cfg.rows)]
        for i, row in enumerate(rows):
            m.submodules[f"row_{i}"] = shared(platform, row)
            m.d.comb += [
                row.advance.eq(advance),
                row.write.eq(seq.write),
                row.write_to.eq(seq.write_to),
                row.start.eq(seq.start),
                row.bank.eq(seq.bank),
                row.last_chunk.eq(seq.last_chunk),
                row.first.eq(seq.first),
                row.capture.eq(seq.capture),
                row.shift.eq(seq.shift),
            ]
            m.d.comb += [
                row.a[d].eq(masked(self.i_a.p, d * cfg.rows + i, seq.a_lanes[i] & seq.k_lanes[d]))
                for d in range(cfg.group)
            ]
        for upper, lower in pairwise(rows):
            m.d.comb += upper.below.eq(lower.up)
        m.d.comb += seq.rows_busy.eq(Cat(row.busy for row in rows).any())
        self._buffer(m, advance, seq, rows)
        self._offer(m, rows[0].up, again=seq.again, lanes=seq.c_lanes)
        self._handshake(m, advance, take=seq.take, emit=seq.emit, again=seq.again)
        return m

    def _buffer(
        self, m: Module, advance: Value, seq: BitSliceSequencer, rows: list[BitSliceRow]
    ) -> None:
        """The block of B, a memory for each digit lane; every row reads where its own digits are."""
        cfg = self.cfg
        group = Cat(
            masked(self.i_b.p, d * cfg.cols + j, seq.b_lanes[j])[: cfg.mac.b_bits]
            for d in range(cfg.group)
            for j in range(cfg.cols)
        )
        for lane in range(cfg.digit_lanes):
            block: Any = memory.Memory(shape=len(group), depth=buffer_words(cfg), init=[])
            m.submodules[f"b_{lane}"] = block
            write = block.write_port()
            m.d.comb += [
                write.addr.eq(seq.write_to),
                write.data.eq(group),
                write.en.eq(seq.write[lane] & advance),
            ]
            for row in rows:
                read = block.read_port()
                m.d.comb += [
                    read.addr.eq(row.b_from[lane]),
                    read.en.eq(advance),
                    row.b[lane].eq(read.data),
                ]
