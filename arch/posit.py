"""Posit arithmetic units: multiply, add, and the dot product that rounds once."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from lockstep.arch.config import Config
from lockstep.arch.formats import FormatName, PositFormat, format_named


def posit_named(name: str) -> PositFormat:
    """Look up a posit, ``posit8_0`` for instance.

    Raises
    ------
    ValueError
        If there is no such format, or it is not a posit.
    """
    found = format_named(name)
    if not isinstance(found, PositFormat):
        raise ValueError(f"{name!r} is not a posit; posits are named like posit8_0")
    return found


def _is_posit(name: str) -> str:
    return posit_named(name).name


PositName = Annotated[FormatName, AfterValidator(_is_posit)]
"""A field type for configs: a string that names a posit."""

Operation = Literal["multiply", "add", "dot"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

QUIRE_LATENCY_CYCLES = 3
"""Cycles a quire takes from an addend to a rounded sum: accumulate, normalise, encode."""


class PositConfig(Config):
    """One posit operation on ``lanes`` pairs of operands per cycle.

    Parameters
    ----------
    kind : "posit"
    operation : "multiply", "add" or "dot"
        The first two round each lane. ``dot`` sums the products of all lanes, beat after beat, in a
        quire and rounds once.
    format : str
        Any posit: ``posit8_0``, ``posit16_1``, ...
    lanes : int
        Pairs per cycle.
    """

    kind: Literal["posit"] = "posit"
    operation: Operation
    format: PositName
    lanes: Annotated[int, Field(ge=1, le=256)] = 1

    @property
    def posit(self) -> PositFormat:
        """The format, with its widths."""
        return posit_named(self.format)

    @property
    def latency_cycles(self) -> int:
        """Cycles from the edge that accepts a (last) pair to the edge that can accept its result."""
        if self.operation == "multiply":
            return 3  # decode, multiply, encode
        if self.operation == "add":
            return 4  # decode, align and add, normalise, encode
        return 3 + QUIRE_LATENCY_CYCLES  # decode, multiply, align and sum
