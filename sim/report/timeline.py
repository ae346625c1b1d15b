"""The timeline of the page: trace.json, with what repeats from layer to layer told once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from lockstep.sim.report.trace import TRACKS

_PASSES = ("prefill", "step ", "steps ")

ROUNDING_NS = 2
"""Ends of a span are rounded to whole nanoseconds, so lengths and places differ by this at most."""


def timeline(trace: Mapping[str, Any]) -> dict[str, object]:
    """Passes, what runs one after another in each, and how busy each resource is in it.

    Returns
    -------
    dict
        ``tracks``, ``names`` and ``bounds`` are lists of str that the rest counts into. ``passes``
        are ``[name, start, length, items]``, times in ns; ``items`` are ``[name, start, shape]``
        from the pass's start: layers, operators outside of layers, and what is not drawn. A
        ``shape`` is ``[length, spans]``; ``spans`` are ``[track, name, start, length, bound]`` from
        the item's start, ``bound`` an index, or -1 off the wall clock.
    """
    drawn = (_span(event) for event in trace["traceEvents"] if event["ph"] == "X")
    spans = sorted(
        (span for span in drawn if span["name"] != "decode"),  # around its steps
        key=lambda span: (span["start"], -span["length"], span["track"] != "timeline"),
    )
    names, bounds, shapes = _Index(), _Index(), _Shapes()
    passes = []
    clock = [span for span in spans if span["track"] == "timeline"]
    for whole in clock:
        if whole["name"].startswith(_PASSES):
            end = whole["start"] + whole["length"]
            inside = [s for s in spans if whole["start"] <= s["start"] < end and s is not whole]
            items = [
                [names[item["name"]], item["start"] - whole["start"], shapes.number(shape)]
                for item, shape in _items(inside, names, bounds)
            ]
            passes.append([whole["name"], whole["start"], whole["length"], items])
    return {
        "tracks": [t for t in TRACKS if t == "timeline" or any(s["track"] == t for s in spans)],
        "names": list(names),
        "bounds": list(bounds),
        "passes": passes,
        "shapes": shapes.shapes,
    }


class _Index(dict[Any, int]):
    """Number of each key, in the order of first use."""

    def __missing__(self, key: Any) -> int:
        return self.setdefault(key, len(self))


def _span(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "track": TRACKS[event["tid"] - 1],
        "name": event["name"],
        "start": int(event["ts"] * 1000.0),
        "length": int(event["dur"] * 1000.0),
        "args": event["args"],
    }


def _items(spans: Sequence[Mapping[str, Any]], names: _Index, bounds: _Index) -> list[Any]:
    """The outermost spans of the wall clock, each with the shape of what lies inside."""
    outer: list[Any] = []
    end = -1
    for span in spans:
        if span["track"] == "timeline" and span["start"] >= end:
            outer.append((span, []))
            end = span["start"] + span["length"]
            if span["name"].startswith("layer ") or "more layers" in span["name"]:
                continue
        if outer:
            outer[-1][1].append(span)
    return [(item, _shape(item, inside, names, bounds)) for item, inside in outer]


def _shape(item: Mapping[str, Any], inside: Any, names: _Index, bounds: _Index) -> Any:
    spans = (
        [
            TRACKS.index(span["track"]),
            names[span["name"]],
            span["start"] - item["start"],
            span["length"],
            bounds[span["args"].get("bound_by", "")] if span["track"] == "timeline" else -1,
        ]
        for span in inside
    )
    return [item["length"], sorted(spans, key=lambda span: (span[0], span[2]))]


class _Shapes:
    """Shapes told apart; two that differ by rounding to whole nanoseconds are one."""

    def __init__(self) -> None:
        self.shapes: list[Any] = []
        self._alike: defaultdict[Any, list[int]] = defaultdict(list)

    def number(self, shape: Any) -> int:
        """Number of a shape; a new one if there is none like it yet."""
        length, spans = shape
        alike = self._alike[tuple((track, name, bound) for track, name, _, _, bound in spans)]
        times = [length, *(time for span in spans for time in span[2:4])]
        for known in alike:
            length, spans = self.shapes[known]
            others = [length, *(time for span in spans for time in span[2:4])]
            if all(abs(a - b) <= ROUNDING_NS for a, b in zip(times, others, strict=True)):
                return known
        alike.append(len(self.shapes))
        self.shapes.append(shape)
        return alike[-1]
