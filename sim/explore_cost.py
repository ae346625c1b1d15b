"""A workload on one machine, all operators at once."""

from functools import lru_cache

import numpy as np

from lockstep.arch.machine import System
from lockstep.arch.memory import DramCalibration
from lockstep.arch.roofline import RooflineConfig
from lockstep.arch.tensor import ParallelBase
from lockstep.arch.vector import FUNCTION_STEPS, VectorConfig
from lockstep.sim.dram_rate import burst_rounding, dma_cycles_per_byte
from lockstep.sim.dram_streams import TABLE_BYTES
from lockstep.sim.explore_array import DOUBLE_BUFFERED, HELD_OUTPUTS, HELD_WEIGHTS, RATE
from lockstep.sim.explore_runs import Engine, Memory, Problems
from lockstep.sim.explore_search import COLUMNS, search
from lockstep.sim.explore_workload import (
    F64,
    FUNCTIONS,
    I64,
    MEMORY,
    PLACES,
    STREAM,
    Bool,
    Gemms,
    Vectors,
    Workload,
)
from lockstep.sim.mapper import CANONICAL, ORDERS

ORDER_DIMS = np.array([["mnk".index(dim) for dim in order] for order in ORDERS])
KV, EMBEDDING = PLACES.index("kv"), FUNCTIONS.index("embedding")

TOTALS = (*COLUMNS, "vector_cycles")
"""Keys of :func:`phase_totals`; ``array_cycles`` are the tensor engine's."""

_SHARED = ("vector_cycles", "dma_cycles", "scratchpad_cycles")
"""Resources that a group's operators take in turn; the tensor engine's time is the GEMMs' own."""


def phase_totals(system: System, work: Workload) -> list[tuple[list[float], dict[str, float]]]:
    """For each phase the cycles of its steps, and cycles and bytes of all by ``TOTALS``.

    All is added in the order in which ``simulate`` adds: the sums are the same to the bit.
    """
    _, gemms = map_gemms(system, work.gemms)
    found = np.zeros((len(gemms) + len(work.vectors.rows), len(TOTALS)))
    found[: len(gemms), : len(COLUMNS)] = gemms
    found[len(gemms) :] = _cost_vectors(system, work.vectors)
    cost = found[work.member]
    cost[:, 0] = _overlapped(work, cost, work.member < len(gemms))
    cost *= work.repeat[:, None]
    phases = []
    for steps in work.steps:
        operators = _in_turn(cost[steps])
        totals = dict(zip(TOTALS, _in_turn(operators).tolist(), strict=True))
        phases.append((_in_turn(cost[steps.T, 0]).tolist(), totals))
    return phases


def _in_turn(x: F64) -> F64:
    """Sum along the first axis, one after another."""
    total: F64 = np.add.accumulate(x, axis=0)[-1]
    return total


def map_gemms(system: System, gemms: Gemms) -> tuple[I64, F64]:
    """The mapping of each GEMM: see :func:`lockstep.sim.explore_search.search`."""
    found = search(
        _problems(system, gemms), _engine(system), _memory(system), ORDER_DIMS, CANONICAL
    )
    if not np.isfinite(found[1][:, 0]).all():
        raise ValueError(f"no tile fits {system.machine.tile_bytes} bytes of scratchpad")
    return found


def _problems(system: System, gemms: Gemms) -> Problems:
    """As ``sim/engine.py`` hands them to the mapper: what crosses DRAM depends on the scratchpad."""
    tensor, resident = system.machine.engine, system.machine.resident_bytes
    # A streamed operand needs one block of rows on chip, as wide as the row it carries.
    block_bytes = np.minimum(gemms.m, tensor.smallest_tile[0]) * tensor.mac.acc_bits / 8

    def crosses(i: int, row: I64) -> Bool:
        where, whole = gemms.place[i], gemms.size_bytes[i]
        size = np.where(where == STREAM, block_bytes * row, whole)
        needed: Bool = (where > MEMORY) | (size > resident)
        return needed

    in_dram = (crosses(0, gemms.k), crosses(1, gemms.k), crosses(2, gemms.n))
    a, b, c = (bits / 8 * there for bits, there in zip(gemms.bits, in_dram, strict=True))
    return Problems(gemms.m, gemms.n, gemms.k, gemms.instances, *gemms.bits, a, b, c)


def _engine(system: System) -> Engine:
    machine = system.machine
    tensor, mac = machine.engine, machine.engine.mac
    flow, skew, rate = RATE, 0, 1.0
    if isinstance(tensor, RooflineConfig):
        rate = tensor.macs_per_cycle
    else:
        assert isinstance(tensor, ParallelBase)
        held = DOUBLE_BUFFERED if tensor.double_buffered else HELD_WEIGHTS
        flow, skew = HELD_OUTPUTS if tensor.holds_outputs else held, tensor.skew_cycles
    unit_m, unit_n, unit_k = tensor.smallest_tile
    return Engine(
        flow=flow,
        holds_outputs=tensor.holds_outputs,
        rows=tensor.rows,
        cols=tensor.cols,
        lanes=tensor.lanes_per_step,
        skew=skew,
        macs_per_cycle=float(rate),
        dispatch_cycles=tensor.dispatch_cycles,
        output_latency_cycles=tensor.output_latency_cycles,
        a_bits=mac.a_bits,
        b_bits=mac.b_bits,
        acc_bits=mac.acc_bits,
        job_max=tensor.job_max,
        unit_m=unit_m,
        unit_n=unit_n,
        unit_k=unit_k,
        room_bits=8 * machine.tile_bytes,
        pad_bytes_per_cycle=float(machine.scratchpad.bytes_per_cycle),
    )


def _memory(system: System) -> Memory:
    dram, channels = system.dram, system.machine.dram.channels
    open_bytes = 0
    if dram.spec:
        g = dram.spec.geometry
        open_bytes = g.pseudo_channels * g.bank_groups * g.columns * g.burst_bytes * channels
    return Memory(
        dram.burst_bytes,
        open_bytes,
        channels,
        dram.peak_bytes_per_s * channels / system.machine.clock_hz,
        system.dram_latency_cycles,
        *_axes(dram.table),
    )


@lru_cache(maxsize=64)
def _axes(table: DramCalibration) -> tuple[F64, F64, F64]:
    """Read shares, logarithms of runs, and one over efficiency with its edges repeated."""
    slowness: F64 = 1 / np.pad(np.array(table.efficiency), ((0, 1), (0, 1)), mode="edge")
    return np.array(table.read_shares), np.log2(np.array(table.run_bursts, np.float64)), slowness


@lru_cache(maxsize=1024)
def _pass_cycles(cfg: VectorConfig) -> I64:
    """Cycles of one pass over the lanes, by function: of elements, and of rows."""
    return np.array([
        [sum(n * cfg.cycles_of(p) for p, n in needed.items()) for needed in both]
        for both in ((s.per_element, s.per_row) for s in FUNCTION_STEPS.values())
    ])


def _cost_vectors(system: System, v: Vectors) -> F64:
    """As ``sim/engine.py`` costs them one by one, before overlap; columns by ``TOTALS``."""
    machine, resident = system.machine, system.machine.resident_bytes
    lanes, steps = machine.vector.lanes, _pass_cycles(machine.vector)[v.function]
    elements = v.rows * v.cols
    busy = -(-elements // lanes) * steps[:, 0] + -(-v.rows // lanes) * steps[:, 1]
    size_in, size_out = elements * v.in_bits / 8, elements * v.out_bits / 8
    gathers, large = v.function == EMBEDDING, size_in > resident
    # An embedding gathers rows of a table that lies in DRAM.
    first = gathers | (v.source == KV) | ((v.source == MEMORY) & large)
    sources = first + (v.second_operand & large).astype(np.int64)
    stores = (v.sink == KV) | ((v.sink == MEMORY) & (size_out > resident))
    read, written = size_in * sources, size_out * stores
    pad_read = size_in * (1 + v.second_operand) + written
    pad_write = size_out + read
    pad = (pad_read + pad_write) / machine.scratchpad.bytes_per_cycle
    dma = _vector_dma(system, v, sources, stores)
    latency = np.maximum(np.maximum(busy, dma), pad) + np.where(
        dma > 0, system.dram_latency_cycles, 0.0
    )
    return np.stack([latency, 0 * dma, dma, pad, read, written, pad_read, pad_write, busy], axis=1)


def _vector_dma(system: System, v: Vectors, sources: I64, stores: Bool) -> F64:
    """As ``sim/dram_vector.py`` has it."""
    row_in, row_out = v.cols * v.in_bits / 8, v.cols * v.out_bits / 8
    sizes = np.stack([v.rows * row_in * sources, v.rows * row_out * stores])
    whole = np.stack([v.rows * row_in, v.rows * row_out])
    run, pitch = whole.copy(), whole.copy()
    gathers = v.function == EMBEDDING
    run[0, gathers], pitch[0, gathers] = row_in[gathers], TABLE_BYTES
    pins = sizes * burst_rounding(system, run)
    total = pins.sum(axis=0)
    share = np.broadcast_to(pins[0] / np.where(total > 0, total, 1.0), pins.shape)
    cycles: F64 = (pins * dma_cycles_per_byte(system, run, pitch, share)).sum(axis=0)
    return cycles


def _overlapped(work: Workload, cost: F64, is_gemm: Bool) -> F64:
    """Latency of each operator in its group: GEMMs keep theirs, vectors take what goes beyond it."""
    groups = int(work.group[-1]) + 1

    def total(amount: F64) -> F64:
        return np.bincount(work.group, amount, groups).astype(np.float64, copy=False)

    latency = cost[:, 0]
    gemms, vectors = total(latency * is_gemm), total(latency * ~is_gemm)
    resources = [total(cost[:, TOTALS.index(name)]) for name in _SHARED]
    alone = np.where(gemms > 0, 0.0, vectors)
    excess = np.maximum.reduce([gemms, *resources, alone]) - gemms
    share = excess[work.group] * latency / np.where(vectors > 0, vectors, 1.0)[work.group]
    return np.where(is_gemm, latency, share)
