"""DMA time of vector operators."""

import numpy as np

from lockstep.arch.formats import format_named
from lockstep.arch.machine import System
from lockstep.sim.dram_exact import ExactSystem
from lockstep.sim.dram_rate import burst_rounding, dma_cycles_per_byte
from lockstep.sim.dram_streams import TABLE_BYTES, RowTraffic
from lockstep.workloads.ops import Vector


def vector_dma_cycles(system: System, op: Vector, *, sources: int, stores: bool) -> float:
    """Cycles of DMA; ``sources`` operands come from DRAM, and the result goes there if ``stores``.

    Whole tensors are consecutive bytes; an embedding gathers rows of a table.
    """
    traffic = RowTraffic(
        rows=op.rows,
        in_row_bytes=op.cols * float(format_named(op.in_format).bits_per_element) / 8,
        out_row_bytes=op.cols * float(format_named(op.out_format).bits_per_element) / 8,
        sources=sources,
        gathers=op.function == "embedding",
        stores=stores,
    )
    if isinstance(system, ExactSystem):
        return system.exact.vector(traffic)
    sizes = np.array([traffic.read_bytes, traffic.written_bytes])
    if not sizes.any():
        return 0.0
    whole = op.rows * np.array([traffic.in_row_bytes, traffic.out_row_bytes])
    run = np.array([traffic.in_row_bytes, whole[1]]) if traffic.gathers else whole
    pitch = np.array([float(TABLE_BYTES), whole[1]]) if traffic.gathers else whole
    pins = sizes * burst_rounding(system, run)
    share = np.full(2, pins[0] / pins.sum())
    return float((pins * dma_cycles_per_byte(system, run, pitch, share)).sum())
