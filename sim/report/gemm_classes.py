"""GEMMs of a run summed by class: the points of its roofline."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lockstep.sim.report.table import Row

MOST = 7
"""Classes told apart; the last one is of all GEMMs that are left."""


@dataclass(frozen=True, slots=True)
class GemmClass:
    """A class of GEMMs in one phase.

    ``rank`` counts from the class that takes longest; ``macs_per_byte`` is None without traffic.
    """

    label: str
    phase: str
    rank: int
    macs_per_byte: float | None
    macs_per_s: float
    latency_s: float


def total(rows: Sequence[Row], column: str) -> float:
    """Sum of a column, rounded once."""
    return math.fsum(float(row[column]) for row in rows)


def by(rows: Sequence[Row], column: str) -> dict[str, list[Row]]:
    """Rows by what a column says, in the order of first appearance."""
    groups = defaultdict(list)
    for row in rows:
        groups[str(row[column])].append(row)
    return groups


def gemm_classes(rows: Sequence[Row]) -> list[GemmClass]:
    """GEMMs summed by class and phase, the longest-running class first.

    Projections of attention, of a feed-forward or of experts are one class each.
    """
    classes = defaultdict(list)
    for row in rows:
        if row["macs"]:
            name = str(row["name"])
            is_projection = name.endswith("_proj")
            classes[f"{name.partition('.')[0]} projections" if is_projection else name].append(row)
    ranked = sorted(classes.items(), key=lambda item: -total(item[1], "latency_s"))
    if rest := [row for _, members in ranked[MOST - 1 :] for row in members]:
        ranked[MOST - 1 :] = [("other GEMMs", rest)]
    points = []
    for rank, (name, group) in enumerate(ranked):
        for phase, members in by(group, "phase").items():
            macs, moved = total(members, "macs"), total(members, "dram_bytes")
            latency_s = total(members, "latency_s")
            points.append(
                GemmClass(
                    label=f"{name}, {phase}" + " (no DRAM)" * (not moved),
                    phase=phase,
                    rank=rank,
                    macs_per_byte=macs / moved if moved else None,
                    macs_per_s=macs / latency_s,
                    latency_s=latency_s,
                )
            )
    return points
