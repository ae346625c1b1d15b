"""Bugs put into the units of address translation on purpose: their testbenches must catch every one.

A mutant is made while the Verilog is emitted, by an edit of one function of ``lockstep.rtl.tlb``.
"""

import inspect
import textwrap
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from lockstep.rtl.tlb import tlb, walker
from lockstep.rtl.tlb.predictor import Predictor
from lockstep.rtl.tlb.pressure import Pressure
from lockstep.rtl.tlb.tlb import Tlb
from lockstep.rtl.tlb.walk_cache import WalkCache
from lockstep.rtl.tlb.walker import Walker
from lockstep.rtl.tlb.ways import Ways

Edit = tuple[Any, str, str, str]
"""Class or module, the function's name in it, a piece of its source that is there once, and the bug."""

Bugs = Mapping[str, Edit]


def mutants(emit: Callable[[], str], bugs: Bugs, *, every: int = 1) -> dict[str, str]:
    """Verilog of mutants by name. ``every`` takes a sample: each ``every``-th bug.

    Raises
    ------
    ValueError
        If an edit does not fit, or did not change the Verilog.
    """
    original = emit()
    texts = {}
    for name, edit in list(bugs.items())[::every]:
        with planted(*edit):
            texts[name] = emit()
        if texts[name] == original:
            raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return texts


def planted(owner: Any, name: str, good: str, bad: str) -> AbstractContextManager[object]:
    """While entered, ``name`` of ``owner`` is compiled with ``bad`` in place of ``good``.

    Raises
    ------
    ValueError
        If ``good`` is not there exactly once.
    """
    function = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(function))
    if (count := source.count(good)) != 1:
        raise ValueError(f"{good!r} is {count} times in {name}, not once")
    compiled: dict[str, Any] = {}
    exec(source.replace(good, bad), function.__globals__, compiled)
    return patch.object(owner, name, compiled[name])


TLB_BUGS: Bugs = {
    "evicts the most recently used": (Ways, "_victim", "order[self.ways - 1]", "order[0]"),
    "evicts although a way is empty": (Ways, "_victim", "If(~in_use[w])", "If(~in_use[w] & 0)"),
    "evicts what was not there": (Ways, "_victim", "in_use.all()", "in_use.any()"),
    "does not count a fill as use": (
        Ways, "elaborate", "((self.touch | self.fill)", "((self.touch)"),
    "moves all ways back, not only the newer ones": (
        Ways, "elaborate", "moved = moved & (order[i] != way)", "pass"),
    "drops large pages only": (Ways, "elaborate", "gone |= matches", "gone = matches"),
    "reads rows a write too old": (Ways, "_memory", "transparent_for=(write,)", "transparent_for=()"),
    "keeps its entries at a reset": (
        Ways, "elaborate", "valid = Signal(", "valid = Signal(reset_less=True, shape="),
    "does not count a hit as use": (Tlb, "elaborate", "self.done & self.hit", "C(0)"),
    "touches a way at a miss": (Tlb, "elaborate", "self.done & self.hit", "self.done"),
    "compares 10 bits of the ASID": (Tlb, "elaborate", "1), self.asid", "1), self.asid[:-1]"),
    "compares all but the page's top bit": (
        Tlb, "elaborate", "number[index_bits:]", "number[index_bits:-1]"),
    "does not compare the page's size": (Tlb, "elaborate", "C(large, 1)", "C(0, 1)"),
    "takes the large page first": (
        Tlb, "elaborate", "~ways.hit[0] & ways.hit[1]", "ways.hit[1]"),
    "fills all pages as small": (
        Tlb, "elaborate", "Mux(self.fill, self.fill_large, self.large)", "~self.fill & self.large"),
    "answers a cycle early": (
        Tlb, "elaborate", "waits.eq(cfg.latency_cycles)", "waits.eq(cfg.latency_cycles - 1)"),
    "takes a large page for its first small one": (
        tlb, "physical", "Mux(large, address[PAGE_BITS:LARGE_PAGE_BITS], frame[:small])",
        "frame[:small]"),
    "evicts with the wrong number": (
        Tlb, "_evict", "Cat(ways.victim_index[:index_bits], key.tag)",
        "Cat(ways.victim_index[:index_bits], key.tag[:-1])"),
}  # fmt: skip

WALKER_BUGS: Bugs = {
    "begins at the root": (WalkCache, "elaborate", "If(held.hit[0])", "If(held.hit[0] & 0)"),
    "begins as high as it can": (
        WalkCache, "elaborate", "range(LEVELS, 1, -1)", "range(2, LEVELS + 1)"),
    "does not count a walk as use": (WalkCache, "elaborate", "self.use & ", "C(0) & "),
    "uses all levels": (
        WalkCache, "elaborate", "self.use & (self.level == level - 1)", "self.use & held.hit[0]"),
    "keeps invalidated tables": (WalkCache, "elaborate", "held.drop.eq(dropping)", "held.drop.eq(0)"),
    "compares 10 bits of the ASID": (
        WalkCache, "elaborate", "Cat(self.asid,", "Cat(self.asid[:-1],"),
    "looks tables up a cycle early": (
        WalkCache, "elaborate", "waits.eq(cfg.latency_cycles)", "waits.eq(cfg.latency_cycles - 1)"),
    "leaves a trace of a cancelled walk": (
        Walker, "elaborate", "use.eq(taken & looking)", "use.eq(walk_cache.done)"),
    "keeps leaves in the walk caches": (
        Walker, "elaborate", "fill.eq(taken & stepping)", "fill.eq(stepping)"),
    "does not wait to be let go": (Walker, "elaborate", " & ~self.hold", ""),
    "does not wait for the memory": (
        Walker, "elaborate", "self.request.valid & self.request.ready", "self.request.valid"),
    "cannot be cancelled": (Walker, "elaborate", "self.done | looking & self.cancel", "self.done"),
    "takes large pages for tables": (
        Walker, "elaborate", "(level == 2) & entry.large", "(level == 2) & 0"),
    "walks into pages of 1 GB": (
        Walker, "elaborate", "~entry.present | (level > 2) & entry.large", "~entry.present"),
    "walks on where nothing is": (
        Walker, "elaborate", "~entry.present | (level > 2)", "(level > 2)"),
    "hears of DRAM at the last access only": (
        Walker, "elaborate", "self.from_dram | self.response_from_dram", "self.response_from_dram"),
    "remembers DRAM from the walk before": (Walker, "elaborate", ", self.from_dram.eq(0)", ""),
    "counts background walks": (Walker, "_entry", "self.done & demand &", "self.done &"),
    "counts faults": (Walker, "_entry", " & ~self.fault", ""),
    "writes counters that are full": (
        Walker, "_entry", "unit.counted != entry.counters", "self.done"),
    "keeps the line with old counters": (Walker, "_entry", "line.eq(self.line)", "line.eq(line)"),
    "takes the index of the level above": (
        walker, "_entry_address", "(level - 1)", "level"),
}  # fmt: skip

PREDICTOR_BUGS: Bugs = {
    "counts every walk as costly": (Predictor, "elaborate", "self.from_dram)", "C(1))"),
    "lets counters wrap": (
        Predictor, "elaborate", "Mux(counter >= limit, limit, counter + steps)", "counter + steps"),
    "leaves the least value out of the box": (
        Predictor, "elaborate", "counter < least", "counter <= least"),
    "leaves the greatest value out of the box": (
        Predictor, "elaborate", "counter > most", "counter >= most"),
}  # fmt: skip

PRESSURE_BUGS: Bugs = {
    "ends a window late": (Pressure, "elaborate", "(sum_ >= window)", "(sum_ > window)"),
    "starts a window with what was over": (
        Pressure, "elaborate", "Mux(ends, 0, sum_)", "Mux(ends, sum_ - window, sum_)"),
    "sees pressure at the threshold": (
        Pressure, "elaborate", "denominator > sum_", "denominator >= sum_"),
    "counts misses of windows before": (
        Pressure, "elaborate", "misses.eq(0)", "misses.eq(misses)"),
    "counts too few misses": (
        Pressure, "elaborate", "numerator * longest", "numerator * window"),
    "takes one threshold for both": (
        Pressure, "elaborate", "self.cfg.bypass_rate", "self.cfg.pressure_rate"),
}  # fmt: skip
