"""Cycle model of the multiply-accumulate units: closed forms, equal to the RTL to the cycle.

A unit takes one beat of operands per cycle and stalls as a whole, so a job takes its beats and the
way of the last one through the unit, from accepting the first beat to accepting the last result.
"""

from dataclasses import dataclass

from lockstep.arch.mac import AccumulateConfig, DotConfig, MultiplyConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class MacCost:
    """What a job costs; operations of padded lanes count too.

    Parameters
    ----------
    cycles : int
        While nothing stalls.
    multiplies : int
        Products of two elements.
    integer_adds, fp32_adds : int
        Additions in fixed point, and rounded ones.
    """

    cycles: int
    multiplies: int
    integer_adds: int = 0
    fp32_adds: int = 0


def multiply(cfg: MultiplyConfig, pairs: int) -> MacCost:
    """Cost of ``pairs`` products, 1 or more."""
    beats = -(-pairs // cfg.lanes)
    return MacCost(cycles=cfg.latency_cycles + beats - 1, multiplies=beats * cfg.lanes)


def accumulate(cfg: AccumulateConfig, pairs: int) -> MacCost:
    """Cost of sums over ``pairs`` pairs per lane in all, 1 or more; sums follow without a gap."""
    steps = pairs * cfg.lanes
    return MacCost(
        cycles=cfg.latency_cycles + pairs - 1,
        multiplies=steps,
        integer_adds=0 if cfg.product.is_float else steps,
        fp32_adds=steps if cfg.product.is_float else 0,
    )


def dot(cfg: DotConfig, blocks: int) -> MacCost:
    """Cost of dot products over ``blocks`` blocks in all, 1 or more; dots follow without a gap.

    A block of n products takes n - 1 additions in fixed point, and one to the sum of blocks.
    """
    beats = blocks * cfg.beats_per_block
    in_fp32 = blocks if cfg.accumulate == "fp32" else 0
    return MacCost(
        cycles=cfg.latency_cycles + beats - 1,
        multiplies=beats * cfg.lanes,
        integer_adds=blocks * cfg.a_block.block - in_fp32,
        fp32_adds=in_fp32,
    )
