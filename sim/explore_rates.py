"""How long DMA takes for a run: :func:`lockstep.sim.dram_rate.dma_cycles_per_byte`, compiled with numba.

Where a run lies in the table of bandwidths is found once; the read share, which depends on the loop order,
comes in later.
"""

from typing import NamedTuple

from lockstep.sim.explore_runs import F64, Memory, Runs, compiled


class Access(NamedTuple):
    """DMA of one operand's tiles: rounding to bursts and place in the table of bandwidths."""

    rounding: float
    column: int
    share: float


@compiled
def between(axis: F64, value: float) -> tuple[int, float]:
    """Index of the grid point at or below the value, and the way to the next, 0 to 1."""
    at = 0
    while at < len(axis) - 2 and axis[at + 1] <= value:
        at += 1
    gap = axis[at + 1] - axis[at] if len(axis) > 1 else 1.0
    return at, min(max((value - axis[at]) / gap, 0.0), 1.0)


@compiled
def access(d: Memory, r: Runs, place: F64, at: int, side: int) -> Access:
    """Row ``at`` of the runs; ``place`` is the logarithm to base 2 of their bursts."""
    column, share = between(d.run_axis, place[at, side])
    return Access(r.rounding[at, side], column, share)


@compiled
def rate(d: Memory, x: Access, row: int, row_share: float) -> float:
    """Cycles per byte asked for."""
    s, column, share = d.slowness, x.column, x.share
    near = s[row, column] * (1 - share) + s[row, column + 1] * share
    far = s[row + 1, column] * (1 - share) + s[row + 1, column + 1] * share
    cycles: float = (near * (1 - row_share) + far * row_share) / d.bytes_per_cycle
    return x.rounding * cycles
