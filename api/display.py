"""How objects show themselves: quantities with units, plain text, and HTML without colours.

A notebook has colours of its own, light or dark, which its tables take.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from lockstep.sim.report.quantity import quantity

_UNITS = {
    "_s": ("s", 1.0),
    "_j": ("J", 1.0),
    "_pj": ("J", 1e-12),
    "_w": ("W", 1.0),
    "_hz": ("Hz", 1.0),
    "_bytes": ("B", 1.0),
}
"""End of a name to the unit that its cells show, and its size."""

_HEADINGS = {
    "area_mm2": "area, mm²",
    "dram_gb_s": "DRAM GB/s",
    "edp_js": "EDP, Js",
    "mhz": "MHz",
    "qsnr_db": "QSNR, dB",
    "tmac_s": "TMAC/s",
    "tokens_per_j": "tokens/J",
    "tokens_per_s": "tokens/s",
    "tokens_per_s_per_mm2": "tokens/s/mm²",
}
"""Columns whose unit is above them, not in their cells."""

_WORDS = {"ttft": "TTFT", "tpot": "TPOT", "dram": "DRAM", "macs": "MACs", "pim": "PIM"}
_PARAMETERS = ("parameters", "active parameters")
_SHARES = ("utilization", "share_of_phase", "dram_error", "memory_fill")


def shown(name: str, value: object) -> str:
    """A value for readers: three or four digits, and the unit that the name carries."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    if name in _SHARES:
        return f"{value:.1%}"
    if name == "macs":
        return quantity(value, "").strip()
    if name in _PARAMETERS:  # billions are what everybody counts them in
        return quantity(value, "").strip().replace("G", "B")
    if end := _unit(name):
        unit, size = _UNITS[end]
        return quantity(value * size, unit)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def heading(name: str) -> str:
    """A column's name for readers: without a unit that its cells show."""
    if name in _HEADINGS:
        return _HEADINGS[name]
    return " ".join(_WORDS.get(word, word) for word in name.removesuffix(_unit(name)).split("_"))


def _unit(name: str) -> str:
    return "" if name in _HEADINGS else next((end for end in _UNITS if name.endswith(end)), "")


def text_facts(head: str, facts: Iterable[str]) -> str:
    """Facts after a head, in lines of 90 characters or fewer."""
    whole = ", ".join(fact.replace(" ", "\N{NO-BREAK SPACE}") for fact in facts)
    lines = textwrap.fill(f"{head}: {whole}", 90, subsequent_indent="  ", break_on_hyphens=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ")


def text_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of a table; numbers are right-aligned."""
    if not rows:
        return ["(no rows)"]
    columns = []
    for name in rows[0]:
        cells = [heading(name), *(shown(name, row[name]) for row in rows)]
        width = max(map(len, cells))
        right = _is_number(rows, name)
        columns.append([cell.rjust(width) if right else cell.ljust(width) for cell in cells])
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def html_table(rows: Sequence[Mapping[str, Any]], *, title: str, note: str = "") -> str:
    """A table with the title above and the note below it; everything is escaped."""
    if not rows:
        return f"<p>{escape(title)} (no rows)</p>"
    aligned = {
        name: f' style="text-align: {"right" if _is_number(rows, name) else "left"}"'
        for name in rows[0]
    }
    head = "".join(f"<th{aligned[n]}>{escape(heading(n))}</th>" for n in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td{aligned[n]}>{escape(shown(n, v))}</td>' for n, v in row.items())}</tr>"
        for row in rows
    )
    below = f"<p>{escape(note)}</p>" if note else ""
    return (
        f"<div><p>{escape(title)}</p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{below}</div>"
    )


def html_facts(facts: Mapping[str, Any], *, title: str) -> str:
    """A table of one fact per line; everything is escaped."""
    rows = "".join(
        f'<tr><th scope="row" style="text-align: left">{escape(heading(name))}</th>'
        f'<td style="text-align: left">{escape(shown(name, value))}</td></tr>'
        for name, value in facts.items()
    )
    return f"<div><p>{escape(title)}</p><table><tbody>{rows}</tbody></table></div>"


def _is_number(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    values = [row[name] for row in rows if row[name] is not None]
    return bool(values) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )
