"""GEMMs on a processor beside the DRAM (section ``pim`` of a machine)."""

from lockstep.arch.formats import format_named
from lockstep.arch.machine import System
from lockstep.arch.near_memory import BankPim, LutPim, PimConfig, RooflinePim
from lockstep.sim import near_bank, near_lut
from lockstep.sim.activity import Activity
from lockstep.sim.cost import OpCost
from lockstep.workloads.ops import Gemm


def cost_gemm(system: System, pim: PimConfig, op: Gemm) -> OpCost:
    """A GEMM beside the memory.

    Raises
    ------
    lockstep.arch.error.InputError
        If its matrix does not fit there.
    """
    if isinstance(pim, BankPim):
        return near_bank.cost_gemm(system, pim, op)
    if isinstance(pim, LutPim):
        return near_lut.cost_gemm(system, pim, op)
    return _roofline(system, pim, op)


def takes(system: System, pim: PimConfig, op: Gemm) -> bool:
    """Whether the processor can work on the operands of a GEMM as they are stored."""
    if isinstance(pim, BankPim):
        return op.a_format == op.b_format == system.channel.mac.element
    a, b = (format_named(name).element_bits for name in (op.a_format, op.b_format))
    if isinstance(pim, LutPim):
        return a <= pim.slice.activation_bits and b <= pim.slice.weight_bits
    return max(a, b) <= format_named(pim.format).element_bits


def _roofline(system: System, pim: RooflinePim, op: Gemm) -> OpCost:
    """A GEMM whose B never leaves the memory: the roofline of MACs and reads in the banks.

    A and C cross the pins before and after, unless they stream from or to a neighbour of the same
    group, which then works beside the memory too (the softmax units of Duplex, section IV-B).
    """
    machine = system.machine

    def size_bytes(elements: float, fmt: str) -> float:
        return elements * op.instances * float(format_named(fmt).bits_per_element) / 8

    a = size_bytes(op.m * op.k, op.a_format)
    b = size_bytes(op.k * op.n, op.b_format)
    c = size_bytes(op.m * op.n, op.c_format)
    sent, returned = a * (op.a != "stream"), c * (op.c != "stream")
    macs = op.instances * op.m * op.n * op.k
    peak_macs_per_cycle = pim.macs_per_s() * machine.dram.channels / machine.clock_hz
    bank_bytes_per_cycle = pim.bandwidth_multiple * system.dram_bytes_per_cycle
    compute, reads = macs / peak_macs_per_cycle, (a + b + c) / bank_bytes_per_cycle
    busy = max(compute, reads)
    pins = (sent + returned) / system.dram_bytes_per_cycle
    return OpCost(
        op=op,
        latency_cycles=busy + pins + system.dram_latency_cycles,
        pim_cycles=busy,
        dma_cycles=pins,
        bound_by="dram" if pins > busy else "pim",
        activity=Activity(
            macs=op.flops / 2,
            dram_write_bytes=sent,
            dram_read_bytes=returned,
            pim={"mac": op.flops / 2, "read_byte": a + b, "write_byte": c},
        ),
    )
