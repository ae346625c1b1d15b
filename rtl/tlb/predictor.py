"""PTW-CP: which pages are costly to translate (Victima, MICRO'23, section 5.2)."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.tlb import PredictorConfig
from lockstep.rtl.tlb.pte import COUNTERS


class Predictor(wiring.Component):
    """Counts a walk in a PTE's counters, and compares counters with the box. Combinational.

    Members
    -------
    counters : In(COUNTERS)
    from_dram : In(1)
        One of the walk's accesses reached DRAM.
    counted : Out(COUNTERS)
        The counters after one more walk.
    costly : Out(1)
        Whether ``counters`` lie in the box.
    """

    counters: data.View
    from_dram: Signal
    counted: data.View
    costly: Signal

    def __init__(self, cfg: PredictorConfig) -> None:
        self.cfg = cfg
        super().__init__({
            "counters": In(COUNTERS),
            "from_dram": In(1),
            "counted": Out(COUNTERS),
            "costly": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.costly.eq(1)
        for name, steps in (("frequency", C(1)), ("cost", self.from_dram)):
            counter = self.counters[name]
            limit = self.cfg.limit(name)
            m.d.comb += self.counted[name].eq(Mux(counter >= limit, limit, counter + steps))
            least, most = self.cfg.limits(name)
            for bound, outside in ((least, counter < least), (most + 1, counter > most)):
                if 0 < bound < 1 << len(counter):  # else no value is outside, and Verilog says so
                    with m.If(outside):
                        m.d.comb += self.costly.eq(0)
        return m
