"""Technology tables: energy per event and area per block, each with its source."""

import math
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.vector import Primitive

Source = Annotated[str, Field(min_length=8)]
"""Where a number comes from; an empty one is refused."""


class BlockFigures(Config):
    """One arithmetic block: energy of one operation and area of one instance."""

    energy_pj: Annotated[float, Field(ge=0, le=1e9)]
    area_um2: Annotated[float, Field(ge=0, le=1e12)]
    source: Source


class PowerLaw(Config):
    """``scale * bytes ** capacity_exponent * (word_bits / 64) ** width_exponent``.

    Parameters
    ----------
    scale : float
        In the unit of the key that it stands at.
    capacity_exponent, width_exponent : float
        Of the array's bytes, and of the width of a word over 64 bits.
    """

    scale: Annotated[float, Field(ge=0, le=1e9)]
    capacity_exponent: Annotated[float, Field(ge=-4, le=4)]
    width_exponent: Annotated[float, Field(ge=-4, le=4)]

    def at(self, size_bytes: float, word_bits: float) -> float:
        """Value for one array of ``size_bytes`` with words of ``word_bits``."""
        return float(
            self.scale
            * size_bytes**self.capacity_exponent
            * (word_bits / 64) ** self.width_exponent
        )


class SramFigures(Config):
    """An SRAM macro: energies in pJ per word, leakage in mW and area in mm2 per array."""

    read_pj: PowerLaw
    write_pj: PowerLaw
    leakage_mw: PowerLaw
    area_mm2: PowerLaw
    source: Source


class Tech(Config):
    """A technology.

    Parameters
    ----------
    kind : "tech"
    name : str
    node_nm : float
        Of the process; figures are not scaled by it.
    mac : mapping of format to BlockFigures
        One multiply-accumulate of two operands of that format, its share of scales included.
    vector : mapping of primitive to BlockFigures
        Every lane primitive; ``area_um2`` is one lane's block.
    sram : SramFigures
    """

    kind: Literal["tech"]
    name: str
    node_nm: Annotated[float, Field(gt=0)]
    mac: dict[str, BlockFigures]
    vector: dict[Primitive, BlockFigures]
    sram: SramFigures

    @model_validator(mode="after")
    def _every_primitive_is_priced(self) -> "Tech":
        if missing := set(get_args(Primitive)) - set(self.vector):
            raise ValueError(
                f"vector must price every primitive; {', '.join(sorted(missing))} missing"
            )
        return self

    def mac_figures(self, a: str, b: str | None = None) -> BlockFigures:
        """Figures of a MAC of operands ``a`` and ``b``; ``b`` is ``a`` if not given.

        Where they differ, the geometric mean of both formats' own MACs: a multiplier is as large as
        the product of its operands' widths.

        Raises
        ------
        ValueError
            If the table has no MAC of either format; the message lists what it has.
        """
        for fmt in (a, b or a):
            if fmt not in self.mac:
                raise ValueError(
                    f"tech {self.name!r} has no MAC for {fmt!r}; it has {', '.join(self.mac)}"
                )
        one, other = self.mac[a], self.mac[b or a]
        if one is other:
            return one
        return BlockFigures(
            energy_pj=math.sqrt(one.energy_pj * other.energy_pj),
            area_um2=math.sqrt(one.area_um2 * other.area_um2),
            source=f"geometric mean of {a} ({one.source}) and {b} ({other.source})",
        )
