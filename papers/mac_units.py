"""Every arithmetic unit there is RTL for, synthesised: gates, depth, delay and latency."""

from collections.abc import Iterator
from dataclasses import dataclass

from lockstep.arch.mac import AccumulateConfig, DotConfig, MultiplyConfig
from lockstep.arch.posit import OPERATIONS, PositConfig
from lockstep.arch.simd import SimdConfig
from lockstep.arch.tensor import MacConfig
from lockstep.papers.reproduction import Cell, Progress
from lockstep.rtl.synth.flatten import flattened
from lockstep.rtl.synth.netlist import Module
from lockstep.rtl.synth.synthesis import Synthesis
from lockstep.rtl.synth.timing import analyse
from lockstep.rtl.synth.yosys import synthesize_unit

UnitConfig = MultiplyConfig | AccumulateConfig | DotConfig | PositConfig | SimdConfig

INTEGERS = ("int2", "int3", "int4", "int5", "int6", "int7", "int8", "uint4")
FLOATS = ("fp4_e2m1", "fp6_e2m3", "fp6_e3m2", "fp8_e4m3", "fp8_e5m2", "bf16", "fp16")
BLOCKS = ("mxfp8", "mxfp8_e5m2", "mxfp6", "mxfp6_e3m2", "mxfp4", "mxint8", "mxint6", "mxint4",
          "nvfp4", "nvint4", "bfp4_e8_b32")  # fmt: skip
POSITS = ("posit4_1", "posit8_0", "posit16_1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit to synthesise.

    Parameters
    ----------
    kind : str
        What it does, in a word or two.
    format : str
        Of its operands.
    lanes : int
        Products per cycle.
    cfg : UnitConfig
    """

    kind: str
    format: str
    lanes: int
    cfg: UnitConfig


def units() -> Iterator[Unit]:
    """All of them, one lane each; dot units have the lanes of a block."""
    for name in (*INTEGERS, *FLOATS):
        yield scalar_mac(name)
    for name in BLOCKS:
        yield dot(name)
    for operation in OPERATIONS:
        for name in POSITS:
            yield posit(operation, name)
    yield SIMD
    for name in (*INTEGERS, *FLOATS):
        yield Unit(kind="multiply", format=name, lanes=1, cfg=MultiplyConfig(a=name, b=name))


def scalar_mac(name: str) -> Unit:
    """A multiply-accumulate unit of its own: 32 bits of sum, as int32 or FP32."""
    cfg = AccumulateConfig(mac=MacConfig(a=name, b=name))
    return Unit(kind="accumulate", format=name, lanes=1, cfg=cfg)


def dot(a: str, b: str | None = None) -> Unit:
    """A dot unit that takes a whole block in a cycle and adds blocks up in FP32."""
    lanes = DotConfig(a=a, b=b or a, lanes=1).a_block.block
    name = a if b is None or a == b else f"{a} x {b}"
    return Unit(kind="dot", format=name, lanes=lanes, cfg=DotConfig(a=a, b=b or a, lanes=lanes))


def posit(operation: str, name: str, lanes: int = 1) -> Unit:
    """A posit unit; ``dot`` has a quire."""
    cfg = PositConfig.model_validate({"operation": operation, "format": name, "lanes": lanes})
    return Unit(kind=f"posit {operation}", format=name, lanes=lanes, cfg=cfg)


SIMD = Unit(
    kind="simd dot", format="posit16_1 / posit8_0 / posit4_1 / fp4_e2m1", lanes=1, cfg=SimdConfig()
)
"""One 16-bit word per cycle: one, two, four or four products."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """A unit mapped to gates: its figures, and one flat module for paths and simulation."""

    unit: Unit
    synthesis: Synthesis
    flat: Module

    @property
    def nand2_per_lane(self) -> float:
        """Area of one lane's share, in two-input NANDs."""
        return self.synthesis.nand2_equivalents / self.unit.lanes


def synthesised(unit: Unit, progress: Progress) -> Gates:
    """Gates of a unit, as small as they get at any speed.

    A multiplier that occurs in many lanes is mapped once.
    """
    progress(f"{unit.kind} {unit.format}")
    found = synthesize_unit(unit.cfg, keep_hierarchy=unit.lanes > 1)
    return Gates(unit=unit, synthesis=found, flat=flattened(found.netlist))


def row(gates: Gates) -> dict[str, Cell]:
    """What the table of units says of one."""
    unit, found = gates.unit, gates.synthesis
    timing = analyse(gates.flat, found.library)
    return {
        "unit": unit.kind,
        "format": unit.format,
        "lanes": unit.lanes,
        "cells": sum(found.cells.values()),
        "flip_flops": found.flip_flops,
        "nand2": round(found.nand2_equivalents, 1),
        "nand2_per_lane": round(gates.nand2_per_lane, 1),
        "area_um2": round(found.area_um2, 1),
        "depth": timing.depth,
        "delay_ns": round(timing.delay_ns, 3),
        "latency_cycles": unit.cfg.latency_cycles,
        "cycles_per_beat": 1,
    }
