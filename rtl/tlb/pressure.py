"""Misses per instruction of the last window: is the L2 TLB, is the L2 cache under pressure?"""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tlb import VictimaConfig

GAP_BITS = 16


class Pressure(wiring.Component):
    """Counts instructions and misses; when a window is full it decides two flags and starts anew.

    What ``retire`` decides shows one cycle later. No miss may come in the same cycle.

    Members
    -------
    retire : In(1)
        ``gap`` instructions retire.
    gap : In(16)
    tlb_miss, cache_miss : In(1)
        The L2 TLB, the L2 cache misses.
    tlb_high, cache_high : Out(1)
        More misses than ``pressure_mpki``, ``bypass_mpki`` allows (never, if that is None).
    """

    retire: Signal
    gap: Signal
    tlb_miss: Signal
    cache_miss: Signal
    tlb_high: Signal
    cache_high: Signal

    def __init__(self, cfg: VictimaConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "retire": In(1),
            "gap": In(GAP_BITS),
            "tlb_miss": In(1),
            "cache_miss": In(1),
            "tlb_high": Out(1),
            "cache_high": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        window = self.cfg.window_instructions
        longest = window - 1 + (1 << GAP_BITS) - 1
        instructions, sum_ = Signal(range(max(2, window))), Signal(range(longest + 1))
        ends = Signal()
        m.d.comb += [
            sum_.eq(instructions + self.gap),
            ends.eq(self.retire & (sum_ >= window)),
        ]
        with m.If(self.retire):
            m.d.sync += instructions.eq(Mux(ends, 0, sum_))
        for name, miss, high, rate in (
            ("tlb", self.tlb_miss, self.tlb_high, self.cfg.pressure_rate),
            ("cache", self.cache_miss, self.cache_high, self.cfg.bypass_rate),
        ):
            if rate is None:
                continue
            numerator, denominator = rate
            enough = (
                numerator * longest // denominator + 1
            )  # too many in any window: count no further
            misses = Signal(range(enough + 1), name=f"{name}_misses")
            with m.If(miss & (misses != enough)):
                m.d.sync += misses.eq(misses + 1)
            with m.If(ends):
                m.d.sync += [
                    high.eq(misses * denominator > sum_ * numerator),
                    misses.eq(0),
                ]
        return m
