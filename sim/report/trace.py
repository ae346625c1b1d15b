"""trace.json: the run on a time axis, for ui.perfetto.dev or chrome://tracing.

Six tracks. ``timeline`` is the wall clock: phase, layer, operator, each inside the other.
``tensor``, ``vector``, ``dram`` (its pins), ``pim`` and ``translation`` show how long each operator
keeps that resource busy; the last two are left out of machines without PIM or MMU. Operators that run as one stream group work block of rows by block of rows; that interleaving is not drawn:
their busy times are laid end to end from the group's start.

A prefill is drawn layer by layer, of a decode the first and the last step.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from lockstep.sim.cost import OpCost
from lockstep.sim.engine import stream_groups
from lockstep.sim.passes import cost_passes
from lockstep.sim.run import RunResult, decode_phase
from lockstep.workloads.phases import Phase

TRACKS = ("timeline", "tensor", "vector", "dram", "pim", "translation")
"""Thread ``i + 1`` of the trace shows track ``i``."""

MAX_LAYERS = 128
"""Layers drawn of one stack; the rest become one event, so that a trace stays below 5 MB."""

Event = dict[str, object]
Group = list[OpCost]
Stack = list[tuple[int, list[Group]]]


def trace(result: RunResult) -> dict[str, object]:
    """The run as Chrome trace events, times in microseconds.

    On a track, events are disjoint or nested, in whole nanoseconds: viewers drop what overlaps.
    """
    decode = result.decode
    shown = [Phase(kind="prefill", batch=result.batch, tokens=result.prefill_tokens)]
    steps = sorted({0, result.decode_tokens - 1}) if decode else []
    shown += [decode_phase(result.batch, result.prefill_tokens, i) for i in steps]
    costs = cost_passes(result.system, result.model, shown, result.formats, result.translation)
    drawing = _Drawing(result.system.machine.clock_hz)
    drawing.forward_pass("prefill", costs[0])
    if decode:
        with_steps = drawing.begin("decode")
        for i, step in enumerate(steps):
            if i and steps[i] > steps[i - 1] + 1:
                between = sum(decode.steps[steps[i - 1] + 1 : steps[i]])
                drawing.skip(f"steps {steps[i - 1] + 1} to {steps[i] - 1}, not drawn", between)
            drawing.forward_pass(f"step {step}", costs[1 + i])
        drawing.end(with_steps)
    machine, model = result.system.machine.name, result.model.name
    absent = ["pim"] * (result.system.machine.pim is None)
    absent += ["translation"] * (result.system.mmu is None)
    return {
        "displayTimeUnit": "ns",
        "otherData": {
            "machine": machine,
            "model": model,
            "clock_mhz": result.system.machine.clock_mhz,
            "drawn": "prefill layer by layer; of decode, the first and the last step",
            "steps": "counted from 0; each attends to the prefill's tokens and the steps before it",
        },
        "traceEvents": [
            *_names(f"{model} on {machine}", absent),
            *drawing.events(),
        ],
    }


def _names(process: str, absent: Sequence[str]) -> Iterator[Event]:
    yield {"ph": "M", "pid": 1, "name": "process_name", "args": {"name": process}}
    for tid, track in enumerate(TRACKS, start=1):
        if track in absent:
            continue
        head = {"ph": "M", "pid": 1, "tid": tid}
        yield {**head, "name": "thread_name", "args": {"name": track}}
        yield {**head, "name": "thread_sort_index", "args": {"sort_index": tid}}


def _stacks(costs: Sequence[OpCost]) -> list[Stack]:
    """The pass as stacks of layers; a stack is layers that are alike, then layers that are alike.

    A graph lists what all layers of a model share, then what only some have: attention 61 times,
    then a dense feed-forward 3 times and a sparse one 58 times. Each layer gets its own back.
    """
    rest = iter(costs)
    groups: list[Group] = [
        [next(rest) for _ in ops] for ops in stream_groups([cost.op for cost in costs])
    ]
    runs = [(n, list(run)) for n, run in groupby(groups, key=lambda group: group[0].op.repeat)]
    stacks: list[Stack] = []
    while runs:
        count, shared = runs.pop(0)
        so_far = list(accumulate(n for n, _ in runs))
        if count > 1 and count in so_far:
            parts = so_far.index(count) + 1
            stacks.append([(n, shared + own) for n, own in runs[:parts]])
            del runs[:parts]
        else:
            stacks.append([(count, shared)])
    return stacks


@dataclass(slots=True)
class _Span:
    """An event while it is drawn; times in cycles."""

    track: str
    name: str
    start: float
    end: float
    args: Event


class _Drawing:
    """Spans in drawing order, outer before inner; ``now`` is the wall clock in cycles."""

    def __init__(self, clock_hz: float) -> None:
        self._ns_per_cycle = 1e9 / clock_hz
        self._spans: list[_Span] = []
        self._free_at = dict.fromkeys(TRACKS, 0.0)
        self.now = 0.0

    def begin(self, name: str, **args: object) -> _Span:
        """Open a span of the timeline; what is drawn until it ends lies inside it."""
        self._spans.append(_Span("timeline", name, self.now, self.now, args))
        return self._spans[-1]

    def end(self, span: _Span) -> None:
        """Close a span of the timeline, at ``now``."""
        span.end = self.now

    def skip(self, name: str, cycles: float, **args: object) -> None:
        """One span of the timeline with nothing inside."""
        span = self.begin(name, cycles=cycles, **args)
        self.now += cycles
        self.end(span)

    def forward_pass(self, name: str, costs: Sequence[OpCost]) -> None:
        """One pass, layer by layer."""
        total = sum(cost.latency_cycles * cost.op.repeat for cost in costs)
        whole = self.begin(name, cycles=total)
        for stack in _stacks(costs):
            self._stack(stack)
        self.end(whole)

    def _stack(self, stack: Stack) -> None:
        is_layered = sum(count for count, _ in stack) > 1
        first = 0
        for count, layer in stack:
            last = min(first + count, MAX_LAYERS)
            for i in range(first, last):
                outer = self.begin(f"layer {i}") if is_layered else None
                for group in layer:
                    self._group(group)
                if outer:
                    self.end(outer)
            first += count
            if hidden := min(first - last, count):
                cycles = sum(cost.latency_cycles for group in layer for cost in group)
                self.skip(f"{hidden} more layers, not drawn", hidden * cycles)

    def _group(self, group: Group) -> None:
        start = self.now
        for cost in group:
            name, about = cost.op.name, {"bound_by": cost.bound_by}
            mapped: Event = {"mapping": cost.mapping.explain()} if cost.mapping else {}
            activity = cost.activity
            moved = {
                "read_bytes": activity.dram_read_bytes,
                "write_bytes": activity.dram_write_bytes,
            }
            self._busy(
                "tensor", name, start, cost.tensor_cycles, macs=activity.macs, **about, **mapped
            )
            self._busy("vector", name, start, cost.vector_cycles, **about)
            self._busy("pim", name, start, cost.pim_cycles, **about)
            self._busy("dram", name, start, cost.dma_cycles, **moved)
            self._busy("translation", name, start, cost.translation_cycles, **activity.mmu)
            self.skip(name, cost.latency_cycles, **about)

    def _busy(self, track: str, name: str, start: float, cycles: float, **args: object) -> None:
        start = max(start, self._free_at[track])
        end = self._free_at[track] = start + cycles
        self._spans.append(_Span(track, name, start, end, {"cycles": cycles, **args}))

    def events(self) -> Iterator[Event]:
        """Complete events; what rounds to no time at all is left out."""
        for span in self._spans:
            start_ns = round(span.start * self._ns_per_cycle)
            end_ns = round(span.end * self._ns_per_cycle)
            if end_ns > start_ns:
                yield {
                    "ph": "X", "pid": 1, "tid": TRACKS.index(span.track) + 1, "name": span.name,
                    "ts": _us(start_ns), "dur": _us(end_ns - start_ns), "args": span.args,
                }  # fmt: skip


def _us(ns: int) -> float:
    """Microseconds that a viewer reads back as ``ns``: Perfetto truncates their product with 1000."""
    us = ns / 1000
    return us if int(us * 1000.0) == ns else math.nextafter(us, math.inf)
