"""The page walker: reads the page table of four levels, counts walks in its leaves."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from lockstep.arch.mmu import MmuConfig
from lockstep.arch.tlb import (
    ASID_BITS,
    LEVEL_BITS,
    LEVELS,
    LINE_BITS,
    LINE_PTES,
    PAGE_BITS,
    PHYSICAL_BITS,
    PTE_BYTES,
    VIRTUAL_BITS,
)
from lockstep.rtl.tlb.predictor import Predictor
from lockstep.rtl.tlb.pte import COUNTERS, FRAME_BITS, PTE, large_frame
from lockstep.rtl.tlb.walk_cache import WalkCache

_PTE_BITS = 8 * PTE_BYTES
_OFFSET_BITS = (PTE_BYTES - 1).bit_length()


class Phase(enum.Enum, shape=2):
    """What the walker does in a cycle."""

    IDLE = 0
    LOOK = 1  # in the walk caches, or held back
    WAIT = 2  # for a line
    STEP = 3  # from an entry to the next, or to the end


class Walker(wiring.Component):
    """One walk at a time, one access after the other, in lines of eight entries.

    The first access is presented ``cfg.walk_cache.latency_cycles`` after ``start``, or as soon as ``hold``
    falls if that is later; each further one, and ``done``, one cycle after a response. All outputs but
    the streams stand from ``done`` to the next start.

    Members
    -------
    start : In(1)
        While not ``busy``: a walk for ``asid`` and ``address`` from ``root``, frame of the level-4 table.
        ``demand``: PTW-CP counts it.
    hold, cancel : In(1)
        Keep the first access back; end the walk while it is kept back, with no trace left.
    invalidate : In(1)
        While not ``busy``: the walk caches forget ``asid`` and ``address``; a start may follow in the
        next cycle.
    request : Out(stream of 52)
        Physical address of the entry to be read.
    response_valid, response_line, response_from_dram : In
        Its line, at least one cycle after the request was taken, and whether it came from DRAM.
    busy, done : Out(1)
    fault : Out(1)
        The last entry was not present, or maps a page larger than 2 MB.
    large, frame, counters : Out
        The page; counters with this walk counted.
    line, line_number : Out
        Of the last entry, with its counters.
    from_dram : Out(1)
        One of the accesses reached DRAM.
    update : Out(1)
        With ``done``: write ``updated``, the last entry, to ``update_address``: its counters have changed.
    """

    start: Signal
    asid: Signal
    address: Signal
    root: Signal
    demand: Signal
    hold: Signal
    cancel: Signal
    invalidate: Signal
    request: stream.Interface
    response_valid: Signal
    response_line: Signal
    response_from_dram: Signal
    busy: Signal
    done: Signal
    fault: Signal
    large: Signal
    frame: Signal
    counters: data.View
    line: Signal
    line_number: Signal
    from_dram: Signal
    update: Signal
    updated: Signal
    update_address: Signal

    def __init__(self, cfg: MmuConfig) -> None:
        if cfg.step_cycles != 1:
            raise ValueError("the walker steps from one entry to the next in one cycle")
        self.cfg = cfg
        super().__init__({
            "start": In(1),
            "asid": In(ASID_BITS),
            "address": In(VIRTUAL_BITS),
            "root": In(FRAME_BITS),
            "demand": In(1),
            "hold": In(1),
            "cancel": In(1),
            "invalidate": In(1),
            "request": Out(stream.Signature(PHYSICAL_BITS)),
            "response_valid": In(1),
            "response_line": In(LINE_PTES * _PTE_BITS),
            "response_from_dram": In(1),
            "busy": Out(1),
            "done": Out(1),
            "fault": Out(1),
            "large": Out(1),
            "frame": Out(FRAME_BITS),
            "counters": Out(COUNTERS),
            "line": Out(LINE_PTES * _PTE_BITS),
            "line_number": Out(PHYSICAL_BITS - LINE_BITS),
            "from_dram": Out(1),
            "update": Out(1),
            "updated": Out(_PTE_BITS),
            "update_address": Out(PHYSICAL_BITS),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walk_cache = walk_cache = WalkCache(self.cfg.walk_cache)
        phase = Signal(Phase)
        looking, stepping = phase == Phase.LOOK, phase == Phase.STEP
        root, address = Signal.like(self.root), Signal.like(self.address)
        demand, looked_up, ends, taken = Signal(), Signal(), Signal(), Signal()
        level, next_level = Signal(range(LEVELS + 1)), Signal(range(LEVELS + 1))
        entry_address, table = Signal(PHYSICAL_BITS), Signal(FRAME_BITS)
        entry = self._entry(m, phase, entry_address, demand)
        m.d.comb += [
            self.busy.eq(phase != Phase.IDLE),
            self.large.eq((level == 2) & entry.large),
            self.fault.eq(~entry.present | (level > 2) & entry.large),
            self.frame.eq(large_frame(entry.frame, self.large)),
            ends.eq(self.fault | self.large | (level == 1)),
            self.done.eq(stepping & ends),
            self.request.valid.eq(
                looking & (looked_up | walk_cache.done) & ~self.hold | stepping & ~ends
            ),
            taken.eq(self.request.valid & self.request.ready),
            next_level.eq(Mux(looking, walk_cache.level, level - 1)),
            table.eq(Mux(looking, walk_cache.table, entry.frame)),
            self.request.p.eq(
                _entry_address(
                    Mux(looking & (next_level == LEVELS), root, table), next_level, address
                )
            ),
            walk_cache.lookup.eq(self.start),
            walk_cache.invalidate.eq(self.invalidate),
            walk_cache.asid.eq(self.asid),
            walk_cache.address.eq(self.address),
            walk_cache.use.eq(taken & looking),
            walk_cache.fill.eq(taken & stepping),
            walk_cache.fill_level.eq(level),
            walk_cache.fill_table.eq(entry.frame),
        ]
        with m.If(walk_cache.done):
            m.d.sync += looked_up.eq(1)
        with m.If(self.start):
            m.d.sync += [address.eq(self.address), root.eq(self.root), demand.eq(self.demand)]
            m.d.sync += [phase.eq(Phase.LOOK), looked_up.eq(0), self.from_dram.eq(0)]
        with m.If(taken):
            m.d.sync += [phase.eq(Phase.WAIT), level.eq(next_level)]
            m.d.sync += entry_address.eq(self.request.p)
        with m.If((phase == Phase.WAIT) & self.response_valid):
            m.d.sync += phase.eq(Phase.STEP)
            m.d.sync += self.from_dram.eq(self.from_dram | self.response_from_dram)
        with m.If(self.done | looking & self.cancel):
            m.d.sync += phase.eq(Phase.IDLE)
        return m

    def _entry(self, m: Module, phase: Any, address: Value, demand: Value) -> Any:
        """Keep the line, and in it the entry, which is counted when a walk ends; the entry as it came."""
        line = Signal.like(self.line)
        number = address[_OFFSET_BITS:LINE_BITS]
        entry, kept = Signal(PTE), Signal(PTE)
        m.d.comb += [
            entry.eq(line.word_select(number, _PTE_BITS)),
            kept.eq(entry),
            self.counters.eq(kept.counters),
            self.line.eq(line),
            self.line.word_select(number, _PTE_BITS).eq(kept),
            self.line_number.eq(address[LINE_BITS:]),
            self.updated.eq(kept),
            self.update_address.eq(address),
        ]
        with m.If((phase == Phase.WAIT) & self.response_valid):
            m.d.sync += line.eq(self.response_line)
        predictor = self.cfg.victima.predictor
        if self.cfg.mechanism == "victima" and predictor:
            m.submodules.predictor = unit = Predictor(predictor)
            m.d.comb += [unit.counters.eq(entry.counters), unit.from_dram.eq(self.from_dram)]
            with m.If(self.done & demand & ~self.fault):
                m.d.comb += kept.counters.eq(unit.counted)
                m.d.comb += self.update.eq(unit.counted != entry.counters)
                m.d.sync += line.eq(self.line)
        return entry


def _entry_address(table: Value, level: Value, address: Value) -> Value:
    """Where the entry of ``level`` for ``address`` lies in a table's page."""
    indices = address[PAGE_BITS:]  # level 1 lowest
    index = indices.word_select((level - 1)[: (LEVELS - 1).bit_length()], LEVEL_BITS)
    return Cat(C(0, _OFFSET_BITS), index, table)
