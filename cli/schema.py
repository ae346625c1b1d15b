"""``lockstep schema``: the keys of every kind of file."""

from importlib import import_module
from typing import Annotated

import typer

from lockstep.arch.error import InputError
from lockstep.cli.complete import one_of
from lockstep.cli.options import emit

EXAMPLES = ("lockstep schema machine", "lockstep schema sweep > sweep.schema.json")

KINDS = {
    "machine": ("lockstep.arch.machine:Machine",),
    "model": ("lockstep.workloads.model:Model",),
    "tech": ("lockstep.arch.tech:Tech",),
    "dram": ("lockstep.arch.memory:DramPreset", "lockstep.arch.memory:TimedDramPreset"),
    "dram_timing": ("lockstep.arch.dram:DramSpec",),
    "pim": ("lockstep.arch.pim:PimChannelConfig",),
    "mmu": ("lockstep.arch.mmu:MmuConfig",),
    "sweep": ("lockstep.sweep.config:SweepConfig",),
}
"""The classes of each kind; a file of DRAM is to first order, or names its timing."""


def schema(
    kind: Annotated[
        str, typer.Argument(help=f"{', '.join(KINDS)}.", autocompletion=one_of(*KINDS))
    ] = "machine",
) -> None:
    """Print the JSON Schema of a kind of file, for editors.

    It has every key with its type, range, default and description.
    """
    from lockstep.arch.load import json_schema

    if kind not in KINDS:
        raise InputError(f"kind: unknown kind {kind!r}; choose {', '.join(KINDS)}")
    schemas = []
    for where in KINDS[kind]:
        module, _, name = where.partition(":")
        schemas.append(json_schema(getattr(import_module(module), name)))
    emit(schemas[0] if len(schemas) == 1 else {"anyOf": schemas})
