"""A row of the bit-slice engine: recoded operands of A, the walk through their digits, and PEs."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.serial import BitSliceConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.lib.encode import DIGIT, digits_of
from lockstep.rtl.lib.shared import shared
from lockstep.rtl.tensor.pe import operand_shapes
from lockstep.rtl.tensor.row import lane
from lockstep.rtl.tensor.serial_encoder import SparseEncoder
from lockstep.rtl.tensor.serial_pe import BitSlicePE, EncodingPE, FuseLane, pick
from lockstep.rtl.tensor.serial_walk import Walk, chunk_address


class BitSliceRow(wiring.Component):
    """``cfg.cols`` PEs that share the digits of one row of A.

    Operands are recoded on the way into the buffer. From ``start`` on, each digit lane takes its groups
    from there, bit-weight by bit-weight, least significant first; at the end of each bit-weight the
    lanes wait for the slowest.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    write : In(digit_lanes)
        Lanes whose part of a chunk is written; ``a`` goes to the lowest, zeros to those above.
    write_to : In(chunk_address)
    a : In(group x A)
    start : In(1)
        Digits are issued from the next cycle on, from the other half of the buffer.
    bank : In(1)
        The half in use in this cycle.
    last_chunk : In
        Where the pass ends. Stable from the cycle after ``start``.
    first : In(1)
        The pass is the first of its fold. Stable until the last sums are in.
    busy : Out(1)
        Digits are issued.
    b_from : Out(digit_lanes x chunk_address)
        Groups of B to fetch, for the cycle after,
    b : In(digit_lanes x group x cols lanes)
        which are here; lane ``d * cols + j`` is column j's element d.
    capture, shift, below, up
        As of :class:`~lockstep.rtl.tensor.serial_pe.FuseLane`, for ``cols`` lanes.
    """

    def __init__(self, cfg: BitSliceConfig) -> None:
        self.cfg = cfg
        a, b, acc = operand_shapes(cfg.mac)
        address = chunk_address(cfg)
        super().__init__({
            "advance": In(1),
            "write": In(cfg.digit_lanes),
            "write_to": In(address),
            "a": In(data.ArrayLayout(a, cfg.group)),
            "start": In(1),
            "bank": In(1),
            "last_chunk": In(address["chunk"].shape),
            "first": In(1),
            "busy": Out(1),
            "b_from": Out(data.ArrayLayout(address, cfg.digit_lanes)),
            "b": In(data.ArrayLayout(unsigned(b.width * cfg.group * cfg.cols), cfg.digit_lanes)),
            "capture": In(1),
            "shift": In(1),
            "below": In(acc.width * cfg.cols),
            "up": Out(acc.width * cfg.cols),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cfg = self.cfg
        m.submodules.walk = walk = Walk(cfg)
        words = self._recode(m)
        size = DIGIT.size * cfg.group  # of the digits of one bit-weight
        groups = []  # of each digit lane: the digits it is at
        for i in range(cfg.digit_lanes):
            # A chunk that is cut short is filled up with zeros.
            word = Mux(self.write[:i].any(), 0, words) if i else words
            digits = self._buffer(m, i, word, walk.next_chunk[i])
            groups.append(digits.word_select(walk.weight, size))
            m.d.comb += self.b_from[i].bank.eq(self.bank)
            m.d.comb += [
                walk.filled[i][w].eq(word.word_select(w, size).any()) for w in range(cfg.a_digits)
            ]
            with m.If(self.advance):
                m.d.sync += self.b_from[i].chunk.eq(walk.chunk[i])
        begins = Signal()
        with m.If(self.advance):
            m.d.sync += begins.eq(self.start)
        m.d.comb += [
            walk.advance.eq(self.advance),
            walk.start.eq(self.start),
            walk.last_chunk.eq(self.last_chunk),
            walk.write.eq(self.write),
            walk.write_chunk.eq(self.write_to.chunk),
            self.busy.eq(walk.busy),
        ]
        self._columns(m, platform, walk, groups, begins & self.first)
        return m

    def _late(self, m: Module, value: Value, cycles: int, name: str) -> Value:
        return delayed(m, value, cycles, enable=self.advance, name=name, reset_less=False)

    def _recode(self, m: Module) -> Value:
        """The group's digits, the least significant bit-weight of all operands first."""
        cfg = self.cfg
        digits = [
            digits_of(m, self.a[d], cfg.mac.encoder, name=f"digits_{d}") for d in range(cfg.group)
        ]
        return Cat(operand[i] for i in range(cfg.a_digits) for operand in digits)

    def _buffer(self, m: Module, i: int, word: Value, next_chunk: Value) -> Value:
        """Digit lane ``i``'s half of the operands, read a cycle ahead."""
        buffer: Any = memory.Memory(
            shape=len(Value.cast(word)), depth=buffer_words(self.cfg), init=[]
        )
        m.submodules[f"a_{i}"] = buffer
        write = buffer.write_port()
        read = buffer.read_port(transparent_for=(write,))  # a short pass starts as it is written
        m.d.comb += [
            write.addr.eq(self.write_to),
            write.data.eq(word),
            write.en.eq(self.write[: i + 1].any() & self.advance),
            read.addr.eq(Cat(next_chunk, self.bank ^ self.start)),
            read.en.eq(self.advance),
        ]
        word_read: Value = read.data
        return word_read

    def _columns(
        self, m: Module, platform: object, walk: Walk, groups: list[Value], begins: Value
    ) -> None:
        """PEs with their encoders, and what makes numbers of their sums."""
        cfg = self.cfg
        clear = self._late(m, walk.weight_starts, 3, "clear")
        fuse = self._late(m, Cat(walk.weight_ends, walk.weight), 4, "fuse")
        add = self._late(m, fuse, 1, "add")
        restart = self._late(m, begins, 3, "restart")  # ahead of the first sum
        encoders = self._encoders(m, platform, walk, groups)
        for j in range(cfg.cols):
            pe: Any = BitSlicePE(cfg) if encoders else EncodingPE(cfg)
            fuser = FuseLane(cfg)
            m.submodules[f"pe_{j}"] = shared(platform, pe)
            m.submodules[f"fuse_{j}"] = shared(platform, fuser)
            fetched = [
                [lane(self.b[i], d * cfg.cols + j, pe.b[0]) for d in range(cfg.group)]
                for i in range(cfg.digit_lanes)
            ]
            if encoders:
                for i, encoder in enumerate(encoders):
                    m.d.comb += pe.digit[i].eq(encoder.digit)
                    pick(m, pe.b[i], encoder.place, fetched[i])
            else:
                self._show(m, pe, walk, 0, groups[0])
                m.d.comb += pe.b.eq(Cat(*fetched[0]))
                if j == 0:
                    m.d.comb += walk.last.eq(pe.last)  # the same in all
            m.d.comb += [
                pe.advance.eq(self.advance),
                pe.clear.eq(clear),
                fuser.advance.eq(self.advance),
                fuser.sum.eq(pe.sum),
                fuser.carry.eq(pe.carry),
                fuser.fuse.eq(fuse[0]),
                Cat(fuser.add, fuser.weight).eq(add),
                fuser.restart.eq(restart),
                fuser.capture.eq(self.capture),
                fuser.shift.eq(self.shift),
                fuser.below.eq(lane(self.below, j, fuser.below)),
                lane(self.up, j, fuser.up).eq(fuser.up),
            ]

    def _encoders(
        self, m: Module, platform: object, walk: Walk, groups: list[Value]
    ) -> list[SparseEncoder]:
        """The row's own sparse encoders, one for each digit lane; none if each PE has one."""
        if self.cfg.mac.reduction == "opt3":
            return []
        encoders = [SparseEncoder(self.cfg) for _ in groups]
        for i, (encoder, group) in enumerate(zip(encoders, groups, strict=True)):
            m.submodules[f"encoder_{i}"] = shared(platform, encoder)
            self._show(m, encoder, walk, i, group)
            m.d.comb += [encoder.advance.eq(self.advance), walk.last[i].eq(encoder.last)]
        return encoders

    def _show(self, m: Module, encoder: Any, walk: Walk, i: int, group: Value) -> None:
        """Show a sparse encoder, or a PE that has one, where digit lane ``i`` is."""
        m.d.comb += [
            encoder.digits.eq(group),
            encoder.fresh.eq(walk.fresh[i]),
            encoder.active.eq(walk.active[i]),
        ]


def buffer_words(cfg: BitSliceConfig) -> int:
    """Words of a buffer with both its halves, addressed by :func:`chunk_address`."""
    return 1 << chunk_address(cfg).size
