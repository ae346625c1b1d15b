"""Units that our own synthesis has mapped, as a table: area, delay and what they are relative to.

A technology table has the price of a plain MAC, from a publication. What a reduction of TPE (HPCA'25)
takes more or less is a ratio of two engines that went through the same flow.
"""

from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from lockstep.arch.config import Config
from lockstep.arch.engine import TensorBase
from lockstep.arch.load import load, resolve
from lockstep.arch.serial import SerialBase

_FORMATS = ("int8", "int8", 32)  # of all engines in a table


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


class EngineFigures(Config):
    """A whole small engine, its sequencer and skew registers included.

    Parameters
    ----------
    pes : int
        Its PEs.
    nand2_equivalents, area_um2 : float
        Of its gates.
    flip_flops, memory_bits : int
        Operand buffers of serial engines are memories, and not in the area.
    """

    pes: Annotated[int, Field(gt=0)]
    nand2_equivalents: Annotated[float, Field(gt=0)]
    area_um2: Annotated[float, Field(gt=0)]
    flip_flops: Annotated[int, Field(ge=0)]
    memory_bits: Annotated[int, Field(ge=0)]

    @property
    def area_um2_per_pe(self) -> float:
        """Its gates, shared out."""
        return self.area_um2 / self.pes


class SynthesisTable(Config):
    """Synthesised units of one library.

    Parameters
    ----------
    kind : "synthesis"
    library, tool, command : str
        What made it.
    target_delay_ns : float
    units : mapping of name to UnitFigures
    engines : mapping of :func:`engine_name` to EngineFigures
        INT8 operands, 32-bit sums.
    """

    kind: Literal["synthesis"]
    library: str
    tool: str
    command: str
    target_delay_ns: Annotated[float, Field(gt=0)]
    units: dict[str, UnitFigures]
    engines: dict[str, EngineFigures] = Field(default_factory=dict)

    def area_over_mac(self, tensor: TensorBase) -> float:
        """Area per PE of an engine, over that of the plain MACs of the same architecture.

        A serial engine has no plain MACs: it is set against the output-stationary systolic array, whose
        PEs hold sums as its own do. 1 if the table does not have the engine, or not in these formats.
        """
        base = "output stationary" if isinstance(tensor, SerialBase) else tensor.architecture
        own, plain = (self.engines.get(n) for n in (engine_name(tensor), f"{base} mac"))
        mac = tensor.mac
        if not (own and plain and (mac.a, mac.b, mac.acc_bits) == _FORMATS):
            return 1.0
        return own.area_um2_per_pe / plain.area_um2_per_pe


def engine_name(tensor: TensorBase) -> str:
    """``ARCHITECTURE REDUCTION``, by which a table knows an engine of any size."""
    return f"{tensor.architecture} {tensor.mac.reduction}"


@cache
def load_synthesis_table(name_or_path: str = "generic-28nm") -> SynthesisTable:
    """A shipped table, or one of the user's.

    Raises
    ------
    lockstep.arch.error.InputError
        If there is none, or it is not right.
    """
    return load(SynthesisTable, resolve("synthesis", name_or_path))
