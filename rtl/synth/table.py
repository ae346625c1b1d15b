"""The command that makes the shipped table of synthesised units.

``python -m lockstep.rtl.synth.table > configs/synthesis/generic-28nm.yaml`` from the repository's root. It
takes some minutes.
"""

import logging
import sys
from collections.abc import Iterator
from typing import Any

import yaml

from lockstep.arch.mac import AccumulateConfig
from lockstep.arch.synthesis import engine_name
from lockstep.arch.tensor import MacConfig, TensorConfig, tensor_config
from lockstep.rtl.synth.engine import block_name
from lockstep.rtl.synth.logical_effort import generic_library
from lockstep.rtl.synth.synthesis import Block, Synthesis
from lockstep.rtl.synth.tool import version
from lockstep.rtl.synth.yosys import synthesize_unit

COMMAND = "python -m lockstep.rtl.synth.table"
TARGET_NS = 0.9
SIGMA = 30.0
"""Spread of the INT8 operands that serial engines expect, in units of the last place; no matter to gates."""
_LOG = logging.getLogger(__name__)


def _engines() -> Iterator[TensorConfig]:
    square: dict[str, object] = {"rows": 8, "cols": 8}
    systolic = {"kind": "systolic", **square}
    serial = {"kind": "bit_slice", "k_max": 128, "a_sigma": SIGMA, **square}
    spreads = {"a_sigma": SIGMA, "b_sigma": SIGMA}
    for reductions, keys in (
        (("mac", "opt1"), {**systolic, "dataflow": "output_stationary"}),
        (("mac", "opt1"), {**systolic, "dataflow": "weight_stationary"}),
        (("mac", "opt1"), {"kind": "cube", "rows": 4, "cols": 4, "depth": 4}),
        (("mac", "opt1", "opt2"), {"kind": "tree", "rows": 16, "cols": 4}),
        (("mac", "opt1"), {"kind": "matrix", **square}),
        (("opt3", "opt4c", "opt4e"), serial),
        (("mac",), {"kind": "laconic", "rows": 2, "cols": 2, "pairs": 16, **spreads}),
    ):
        for reduction in reductions:
            recoded = {} if reduction in ("mac", "opt1") else {"encoder": "en_t"}
            yield tensor_config({**keys, "mac": {"reduction": reduction, **recoded}})


ENGINES = tuple(_engines())
"""Every architecture with every reduction, 64 PEs each, or 64 sums of four digit lanes."""

MACS = ("int8", "int4", "fp8_e4m3", "bf16", "fp16")
"""Formats of scalar multiply-accumulate units; floats add up in FP32, integers in 32 bits."""


def make_table() -> dict[str, Any]:
    """Synthesise everything, with the shipped library; the table as plain data."""
    units: dict[str, dict[str, Any]] = {}
    for fmt in MACS:
        _LOG.info("%s multiply-accumulate", fmt)
        unit = AccumulateConfig(mac=MacConfig(a=fmt, b=fmt))
        block = synthesize_unit(unit, target_delay_ns=TARGET_NS).blocks[0]
        units[f"{fmt} multiply-accumulate"] = _unit(block)
    engines: dict[str, dict[str, Any]] = {}
    for cfg in ENGINES:
        name = engine_name(cfg)
        _LOG.info("%s", name)
        result = synthesize_unit(cfg, target_delay_ns=TARGET_NS, keep_hierarchy=True)
        engines[name] = _engine(cfg, result)
        units |= {f"{name} {part}": _unit(block) for part, block in repeated(result)}
    return {
        "kind": "synthesis",
        "library": generic_library().name,
        "tool": version(),
        "command": COMMAND,
        "target_delay_ns": TARGET_NS,
        "units": units,
        "engines": engines,
    }


def repeated(result: Synthesis) -> Iterator[tuple[str, Block]]:
    """Blocks of which an engine has several, rows of PEs left out: those grow with the columns."""
    for block in result.blocks:
        part = block_name(result, block)
        if block.instances > 1 and block.own.area_um2 and "Row" not in part:
            yield part, block


def _unit(block: Block) -> dict[str, Any]:
    return {
        "nand2_equivalents": round(block.own.nand2_equivalents, 1),
        "transistors": block.own.transistors,
        "area_um2": round(block.own.area_um2, 1),
        "delay_ns": round(block.timing.delay_ns, 4),
        "flip_flops": block.own.flip_flops,
        "recipe": block.recipe,
    }


def _engine(cfg: TensorConfig, result: Synthesis) -> dict[str, Any]:
    return {
        "pes": cfg.pes,
        "nand2_equivalents": round(result.nand2_equivalents),
        "area_um2": round(result.area_um2),
        "flip_flops": result.flip_flops,
        "memory_bits": result.total.memory_bits,
    }


def _main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.stdout.write(
        f"# Made by: {COMMAND}. A unit is one copy, without the units inside it; an engine is a whole one.\n"
    )
    yaml.safe_dump(make_table(), sys.stdout, sort_keys=False, width=100)


if __name__ == "__main__":
    _main()
