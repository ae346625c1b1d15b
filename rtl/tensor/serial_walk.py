"""The walk of a row's digit lanes through the groups of a pass, bit-weight by bit-weight."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.serial import BitSliceConfig


def chunk_address(cfg: BitSliceConfig) -> data.StructLayout:
    """Where a buffer keeps the groups of one chunk: where in its half, and which half."""
    return data.StructLayout({"chunk": range(max(2, cfg.k_max // cfg.chunk)), "bank": 1})


def weight_shape(cfg: BitSliceConfig) -> Shape:
    """The number of a bit-weight."""
    return Shape.cast(range(max(2, cfg.a_digits)))


class Walk(wiring.Component):
    """Says which group each digit lane is at. All lanes add to one sum, so they share the bit-weight.

    A lane goes to its next group when its encoder has issued the last digit; the row to the next
    bit-weight when all lanes have issued their last group's. With ``skip_empty_groups`` the walk knows
    where there are digits, and goes nowhere else.

    Members
    -------
    advance : In(1)
        Nothing moves without it.
    start : In(1)
        A pass starts in the next cycle.
    last_chunk : In
        Its last chunk; stable from then on.
    write : In(digit_lanes), write_chunk : In
        Lanes whose part of a chunk is written for the pass after,
    filled : In(digit_lanes x a_digits)
        and the bit-weights of which it has a digit.
    last : In(digit_lanes)
        The lane's encoder issues its group's last digit.
    busy : Out(1)
    weight : Out
        The bit-weight.
    weight_starts, weight_ends : Out(1)
        This is its first cycle, or its last.
    chunk, next_chunk : Out(digit_lanes)
        Where each lane is, and will be in the next cycle.
    fresh, active : Out(digit_lanes)
        As of :class:`~lockstep.rtl.tensor.serial_encoder.SparseEncoder`.
    """

    def __init__(self, cfg: BitSliceConfig) -> None:
        self.cfg = cfg
        lanes = cfg.digit_lanes
        chunk = chunk_address(cfg)["chunk"].shape
        super().__init__({
            "advance": In(1),
            "start": In(1),
            "last_chunk": In(chunk),
            "write": In(lanes),
            "write_chunk": In(chunk),
            "filled": In(data.ArrayLayout(unsigned(cfg.a_digits), lanes)),
            "last": In(lanes),
            "busy": Out(1),
            "weight": Out(weight_shape(cfg)),
            "weight_starts": Out(1),
            "weight_ends": Out(1),
            "chunk": Out(data.ArrayLayout(chunk, lanes)),
            "next_chunk": Out(data.ArrayLayout(chunk, lanes)),
            "fresh": Out(lanes),
            "active": Out(lanes),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        more = Signal()  # digits after this cycle
        next_weight = Signal.like(self.weight)
        next_active = Signal(self.cfg.digit_lanes)
        moves = Signal(self.cfg.digit_lanes)
        m.d.comb += moves.eq(self.active & self.last)
        if self.cfg.skip_empty_groups:
            self._filled_groups(m, moves, more, next_weight, next_active)
        else:
            self._all_groups(m, moves, more, next_weight, next_active)
        with m.If(self.advance):
            m.d.sync += [
                self.busy.eq(more),
                self.weight.eq(next_weight),
                self.weight_starts.eq(more & (self.start | self.weight_ends)),
                self.chunk.eq(self.next_chunk),
                self.active.eq(next_active),
                self.fresh.eq(moves | (self.start | self.weight_ends).replicate(len(moves))),
            ]
        return m

    def _all_groups(
        self, m: Module, moves: Value, more: Signal, next_weight: Signal, next_active: Signal
    ) -> None:
        """From the first chunk to the last, at each bit-weight."""
        lanes = range(self.cfg.digit_lanes)
        ends = Cat(moves[i] & (self.chunk[i] == self.last_chunk) for i in lanes)
        going = self.active & ~ends
        restart = self.start | self.weight_ends
        m.d.comb += [
            self.weight_ends.eq(self.busy & ~going.any()),
            more.eq(
                self.start
                | (self.busy & ~(self.weight_ends & (self.weight == self.cfg.a_digits - 1)))
            ),
            next_weight.eq(Mux(self.start, 0, self.weight + self.weight_ends)),
            next_active.eq(Mux(restart, more.replicate(len(going)), going)),
        ]
        m.d.comb += [
            self.next_chunk[i].eq(Mux(restart, 0, self.chunk[i] + (moves[i] & ~ends[i])))
            for i in lanes
        ]

    def _filled_groups(
        self, m: Module, moves: Value, more: Signal, next_weight: Signal, next_active: Signal
    ) -> None:
        """From one chunk with a digit to the next, at each bit-weight that has one."""
        cfg = self.cfg
        lanes = range(cfg.digit_lanes)
        n_chunks = cfg.k_max // cfg.chunk
        maps = data.ArrayLayout(unsigned(n_chunks), cfg.a_digits)
        left: list[Any] = []  # of each lane and bit-weight: chunks that are left after this cycle
        for i in lanes:
            filling = Signal(maps, name=f"filling_{i}")  # of the pass that is loaded
            filled = Signal(maps, name=f"filled_{i}")
            todo = Signal(maps, name=f"todo_{i}")  # of the pass in use
            rest: Any = Signal(maps, name=f"rest_{i}")
            here = Signal(n_chunks, name=f"here_{i}")
            m.d.comb += here.eq(moves[i] << self.chunk[i])
            for w in range(cfg.a_digits):
                kept = Mux(self.write_chunk == 0, 0, filling[w])
                written = kept | (self.filled[i][w] << self.write_chunk)
                done = here & (self.weight == w).replicate(n_chunks)
                m.d.comb += [
                    filled[w].eq(Mux(self.write[: i + 1].any(), written, filling[w])),
                    rest[w].eq(Mux(self.start, filled[w], todo[w] & ~done)),
                ]
            with m.If(self.advance):
                m.d.sync += [filling.eq(filled), todo.eq(rest)]
            left.append(rest)
        for w in reversed(range(cfg.a_digits)):
            with m.If(Cat(left[i][w] for i in lanes).any()):
                m.d.comb += [more.eq(1), next_weight.eq(w)]
        m.d.comb += self.weight_ends.eq(self.busy & ~(more & (next_weight == self.weight)))
        for i in lanes:
            chunks = Signal(n_chunks, name=f"chunks_{i}")
            m.d.comb += [
                chunks.eq(left[i].as_value().word_select(next_weight, n_chunks)),
                next_active[i].eq(chunks.any()),
            ]
            for chunk in reversed(range(n_chunks)):
                with m.If(chunks[chunk]):
                    m.d.comb += self.next_chunk[i].eq(chunk)
