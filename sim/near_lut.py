"""GEMMs on LUT slices beside the last-level cache. SAIL-like, a sketch; see docs/sail.md."""

from lockstep.arch.formats import format_named
from lockstep.arch.machine import System
from lockstep.arch.near_memory import LutPim
from lockstep.sim.activity import Activity
from lockstep.sim.cost import OpCost
from lockstep.sim.cycle.lut import LutActivity
from lockstep.sim.lut_gemv import gemv_cycles
from lockstep.workloads.ops import Gemm


def cost_gemm(system: System, pim: LutPim, op: Gemm) -> OpCost:
    """A GEMM as ``m`` vectors that share the stream of B: as long as the slices or as DRAM's pins.

    B comes from DRAM through the cache while the slices look up; A and C stay on the chip. Instances,
    the heads of attention for instance, follow one another on all slices.
    """
    machine = system.machine
    bits = format_named(op.b_format).element_bits
    cycles, done = gemv_cycles(
        pim.slice, pim.slices, op.n, op.k, op.m,
        weight_bits=bits,
        stream_bytes_per_cycle=pim.stream_bytes_per_s / (pim.clock_mhz * 1e6),
        hit_rate=pim.hit_rate,
    )  # fmt: skip
    busy = op.instances * cycles * machine.clock_mhz / pim.clock_mhz
    whole_b_bytes = op.instances * float(op.b_bytes)
    from_dram = op.b != "memory" or whole_b_bytes > machine.resident_bytes
    b_bytes = whole_b_bytes if from_dram else 0.0
    dma = b_bytes / system.dram_bytes_per_cycle
    return OpCost(
        op=op,
        latency_cycles=max(busy, dma) + (system.dram_latency_cycles if dma else 0.0),
        pim_cycles=busy,
        dma_cycles=dma,
        bound_by="dram" if dma > busy else "pim",
        activity=Activity(
            macs=op.flops / 2,
            dram_read_bytes=b_bytes,
            pim={name: op.instances * count for name, count in _events(done).items()}
            | {"mac": op.flops / 2},
        ),
    )


def mac_energy_pj(pim: LutPim, size: int = 4096) -> float:
    """Energy of one MAC of a square matrix of ``size``, a full batch of vectors, in pJ."""
    bits, batch = format_named(pim.weights).element_bits, pim.slice.batch
    _, done = gemv_cycles(
        pim.slice, pim.slices, size, size, batch, weight_bits=bits, hit_rate=pim.hit_rate
    )
    prices = {str(event): price.energy_pj for event, price in pim.energy.items()}
    total = sum(count * prices[name] for name, count in _events(done).items())
    return total / (size * size * batch)


def _events(done: LutActivity) -> dict[str, float]:
    """Priced events, by the names of ``LutEvent``."""
    return {
        "lut_add": done.lut_adds,
        "lut_read": done.lut_reads,
        "shift_add": done.shift_adds,
        "accumulate": done.acc_adds,
        "index_byte": done.index_bits / 8,
    }
