"""Published figures, from ``configs/papers/PAPER.yaml``; each group of them says where it stands."""

from typing import Annotated, Literal, TypeVar

from pydantic import Field

from lockstep.arch.config import Config
from lockstep.arch.formats import FormatName
from lockstep.arch.load import load, resolve
from lockstep.arch.tech import Source

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PaperT = TypeVar("PaperT", bound="Published")


class Published(Config):
    """What every file of published figures has."""

    kind: Literal["paper"]
    name: str


class CrossoverRow(Config):
    """Where an integer and a floating-point format are equally good."""

    integer: FormatName
    floating: FormatName
    crest_factor: Positive
    qsnr_db: float


class Crossovers(Config):
    """Crossovers of pairs of formats."""

    source: Source
    rows: tuple[CrossoverRow, ...]


class TensorRow(Config):
    """Average QSNR over tensors, and the share of them where the integer format is better."""

    integer: FormatName
    floating: FormatName
    rotated: bool
    integer_db: float
    floating_db: float
    integer_wins: Share


class Tensors(Config):
    """Measured tensors, plain and after a Hadamard rotation."""

    source: Source
    rows: tuple[TensorRow, ...]


class UnitCost(Config):
    """Cost of a unit at equal throughput, relative to another."""

    energy: Positive
    area: Positive


class Costs(Config):
    """Costs by unit."""

    source: Source
    units: dict[str, UnitCost]


class IntVsFp(Published):
    """arXiv 2510.25602."""

    crossovers: Crossovers
    tensors: Tensors
    cost: Costs


class Claim(Config):
    """One published statement, in words and numbers."""

    what: str
    value: str
    ours: str
    source: Source


class XrNpe(Published):
    """arXiv 2508.13049. ``ours`` says why a claim is, or is not, comparable with our units."""

    claims: tuple[Claim, ...]


def published(cls: type[PaperT], name: str) -> PaperT:
    """The figures of a paper.

    Raises
    ------
    lockstep.arch.error.InputError
        If there are none of that name, or the file is not right.
    """
    return load(cls, resolve("papers", name))
