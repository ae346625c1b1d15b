"""Counters that keep commands apart."""

from dataclasses import dataclass

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.pim_isa import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class GapTimerConfig:
    """Gaps ``(before, after, cycles)`` that one timer keeps."""

    gaps: tuple[tuple[Command, Command, int], ...]


class GapTimer(wiring.Component):
    """Which commands the ones before allow in this cycle.

    A countdown per command; whatever is issued raises it to what it asks for.

    Members
    -------
    issued : In(one bit per Command)
        At most one is set.
    ready : Out(one bit per Command)
    """

    issued: Signal
    ready: Signal

    def __init__(self, cfg: GapTimerConfig) -> None:
        self.cfg = cfg
        super().__init__({"issued": In(len(Command)), "ready": Out(len(Command))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for after in Command:
            waits = {before: g for before, y, g in self.cfg.gaps if y == after}
            if not waits:
                m.d.comb += self.ready[after].eq(1)
                continue
            left = Signal(range(max(waits.values())), name=f"left_{after.name}")
            fewer = Signal.like(left, name=f"fewer_{after.name}")
            asked = Signal.like(left, name=f"asked_{after.name}")
            m.d.comb += [self.ready[after].eq(left == 0), fewer.eq(left - left.any())]
            for before, cycles in waits.items():
                with m.If(self.issued[before]):
                    m.d.comb += asked.eq(cycles - 1)
            m.d.sync += left.eq(Mux(asked > fewer, asked, fewer))
        return m
