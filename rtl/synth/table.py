"""The table of synthesised units that is shipped, and the command that makes it.

``python -m lockstep.rtl.synth.table > configs/synthesis/generic-28nm.yaml`` from the repository's root. It
takes some minutes.
"""

import logging
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from lockstep.arch.config import Config
from lockstep.arch.load import load, resolve
from lockstep.arch.mac import AccumulateConfig
from lockstep.arch.tensor import MacConfig, tensor_config
from lockstep.rtl.synth.engine import UNIT, block_name
from lockstep.rtl.synth.logical_effort import generic_library
from lockstep.rtl.synth.synthesis import Block
from lockstep.rtl.synth.tool import version
from lockstep.rtl.synth.yosys import synthesize_unit

COMMAND = "python -m lockstep.rtl.synth.table"
TARGET_NS = 1.0
_LOG = logging.getLogger(__name__)
_OS: dict[str, Any] = {"kind": "systolic", "dataflow": "output_stationary"}
_WS: dict[str, Any] = {"kind": "systolic", "dataflow": "weight_stationary"}
ENGINES: dict[str, dict[str, Any]] = {
    "output-stationary mac": {**_OS, "mac": {"reduction": "mac"}},
    "output-stationary opt1": {**_OS, "mac": {"reduction": "opt1"}},
    "weight-stationary mac": {**_WS, "mac": {"reduction": "mac"}},
    "weight-stationary opt1": {**_WS, "mac": {"reduction": "opt1"}},
    "bit-slice opt3": {"kind": "bit_slice", "mac": {"reduction": "opt3", "encoder": "en_t"}},
    "bit-slice opt4c": {"kind": "bit_slice", "mac": {"reduction": "opt4c", "encoder": "en_t"}},
    "bit-slice opt4e": {"kind": "bit_slice", "mac": {"reduction": "opt4e", "encoder": "en_t"}},
}
"""Engines whose PEs and encoders are listed; these do not depend on the grid, which is 2x2."""

MACS = ("int8", "int4", "fp8_e4m3", "bf16", "fp16")
"""Formats of scalar multiply-accumulate units; floats add up in FP32, integers in 32 bits."""


class UnitFigures(Config):
    """A synthesised unit, one copy of it, without the units inside.

    Parameters
    ----------
    nand2_equivalents, area_um2, delay_ns : float
    transistors, flip_flops : int
    recipe : str
        The script that won.
    """

    nand2_equivalents: Annotated[float, Field(gt=0)]
    transistors: Annotated[int, Field(gt=0)]
    area_um2: Annotated[float, Field(gt=0)]
    delay_ns: Annotated[float, Field(ge=0)]
    flip_flops: Annotated[int, Field(ge=0)]
    recipe: str


class SynthesisTable(Config):
    """Synthesised units of one library.

    Parameters
    ----------
    kind : "synthesis"
    library, tool, command : str
        What made it.
    target_delay_ns : float
    units : mapping of name to UnitFigures
    """

    kind: Literal["synthesis"]
    library: str
    tool: str
    command: str
    target_delay_ns: Annotated[float, Field(gt=0)]
    units: dict[str, UnitFigures]


def load_synthesis_table(name_or_path: str = "generic-28nm") -> SynthesisTable:
    """A shipped table, or one of the user's.

    Raises
    ------
    lockstep.arch.error.InputError
        If there is none, or it is not right.
    """
    return load(SynthesisTable, resolve("synthesis", name_or_path))


def make_table() -> dict[str, Any]:
    """Synthesise everything, with the shipped library; the table as plain data."""
    return {
        "kind": "synthesis",
        "library": generic_library().name,
        "tool": version(),
        "command": COMMAND,
        "target_delay_ns": TARGET_NS,
        "units": {
            name: {
                "nand2_equivalents": round(block.own.nand2_equivalents, 1),
                "transistors": block.own.transistors,
                "area_um2": round(block.own.area_um2, 1),
                "delay_ns": round(block.timing.delay_ns, 4),
                "flip_flops": block.own.flip_flops,
                "recipe": block.recipe,
            }
            for name, block in _units()
        },
    }


def _units() -> Iterator[tuple[str, Block]]:
    for fmt in MACS:
        _LOG.info("%s multiply-accumulate", fmt)
        unit = AccumulateConfig(mac=MacConfig(a=fmt, b=fmt))
        yield (
            f"{fmt} multiply-accumulate",
            synthesize_unit(unit, target_delay_ns=TARGET_NS).blocks[0],
        )
    for name, values in ENGINES.items():
        _LOG.info("%s", name)
        engine = tensor_config({"rows": 2, "cols": 2, **values})
        result = synthesize_unit(engine, name=UNIT, target_delay_ns=TARGET_NS, keep_hierarchy=True)
        for block in result.blocks:
            part = block_name(result, block)
            # What a row has of its own grows with the columns.
            if block.instances > 1 and block.own.area_um2 and "Row" not in part:
                yield f"{name} {part}", block


def _main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.stdout.write(f"# Made by: {COMMAND}. A unit is one copy, without the units inside it.\n")
    yaml.safe_dump(make_table(), sys.stdout, sort_keys=False, width=100)


if __name__ == "__main__":
    _main()
