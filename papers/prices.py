"""Prices of MACs that no published table has: our own area over that of int8, times the int8 that is cited.

Energy follows area, as if a gate of every unit toggled as often; good for a factor of two, see the energies
measured in ``lockstep reproduce int-vs-fp --only energy``.
"""

from collections.abc import Iterable, Iterator

from lockstep.arch.load import load, resolve
from lockstep.arch.tech import Tech
from lockstep.papers.reproduction import Cell, Row

TECHS = ("generic-45nm", "generic-22nm")
BASE = "int8"
CITED = ("int8", "fp16", "bf16")
"""Formats whose figures the tables take from elsewhere."""

PRICED_BY = ("accumulate", "dot", "posit dot")
"""Kinds of unit that stand for the MAC of their format."""


def price_rows(rows: Iterable[Row]) -> Iterator[dict[str, Cell]]:
    """Entries of the technology tables, from the table of synthesised units."""
    chosen = {str(r["format"]): r for r in rows if r["unit"] in PRICED_BY}
    base = _nand2(chosen[BASE])
    techs = {name: load(Tech, resolve("tech", name)).mac[BASE] for name in TECHS}
    for name, row in chosen.items():
        ratio = round(_nand2(row) / base, 3)
        yield {
            "format": name,
            "unit": row["unit"],
            "area_over_int8": ratio,
            **{f"energy_pj_{tech}": _four(ratio * f.energy_pj) for tech, f in techs.items()},
            **{f"area_um2_{tech}": _four(ratio * f.area_um2) for tech, f in techs.items()},
        }


def _nand2(row: Row) -> float:
    value = row["nand2_per_lane"]
    assert isinstance(value, int | float)
    return value


def _four(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")
