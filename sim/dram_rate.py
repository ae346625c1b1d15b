"""How long DMA takes for an access pattern: the calibrated table, interpolated.

The layout of tensors in DRAM: each is one row-major matrix per instance, A as ``[m, k]``, B as
``[n, k]`` (an output's weights are neighbours, as are a key's elements) and C as ``[m, n]``. A tile
that is as wide as its matrix is one run of consecutive bytes, another has a run per row. Partial
sums are private to the machine and lie tile by tile. Bursts go to the channels in turn.
"""

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.machine import System

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def burst_rounding(system: System, run_bytes: F64) -> F64:
    """Bytes that cross the pins per byte asked for, when runs are rounded up to whole bursts."""
    burst = system.dram.burst_bytes
    if burst == 1:  # a first-order memory moves any number of bytes
        return np.ones_like(run_bytes)
    rounded: F64 = np.ceil(run_bytes / burst - 1e-9) * burst / run_bytes
    return rounded


def dma_cycles_per_byte(system: System, run_bytes: F64, pitch_bytes: F64, read_share: F64) -> F64:
    """Machine cycles per byte on the pins, by the memory's calibration.

    What counts is how many bytes are read of a DRAM row while it is open. Rows of a tile that lie
    ``pitch_bytes`` apart share DRAM rows, as many as a pitch fits into the bytes that one row of
    every bank group and channel holds; that makes their runs as good as longer ones. Time per
    byte, not bandwidth, is interpolated, linearly in the logarithm of the run and in the read
    share, so that more bytes never take less time.

    Parameters
    ----------
    system : System
        Its memory has a calibration.
    run_bytes : array, above 0
        Consecutive bytes, over all channels.
    pitch_bytes : array, at least ``run_bytes``
        From the start of a run to the next.
    read_share : array
        Bytes read over all bytes of the stream, 0 to 1.
    """
    dram, channels = system.dram, system.machine.dram.channels
    table = dram.table
    run = run_bytes
    if dram.spec:
        g = dram.spec.geometry
        open_bytes = g.pseudo_channels * g.bank_groups * g.columns * g.burst_bytes * channels
        whole_bursts = run_bytes * burst_rounding(system, run_bytes)
        run = whole_bursts * np.maximum(open_bytes / pitch_bytes, 1.0)
    row, row_share = _between(np.array(table.read_shares), read_share)
    runs = np.log2(np.array(table.run_bursts, dtype=np.float64))
    bursts = np.maximum(run / (dram.burst_bytes * channels), 1.0)
    column, column_share = _between(runs, np.log2(bursts))
    slowness = 1 / np.pad(np.array(table.efficiency), ((0, 1), (0, 1)), mode="edge")
    near, far = (
        slowness[row + i, column] * (1 - column_share)
        + slowness[row + i, column + 1] * column_share
        for i in (0, 1)
    )
    bytes_per_cycle = dram.peak_bytes_per_s * channels / system.machine.clock_hz
    cycles: F64 = (near * (1 - row_share) + far * row_share) / bytes_per_cycle
    return cycles


def _between(axis: F64, value: F64) -> tuple[I64, F64]:
    """Index of the grid point at or below each value, and the way to the next, 0 to 1."""
    at = np.clip(np.searchsorted(axis, value, side="right") - 1, 0, max(len(axis) - 2, 0))
    gap = axis[1:][at] - axis[at] if len(axis) > 1 else np.ones_like(value)
    return at, np.clip((value - axis[at]) / gap, 0.0, 1.0)
