"""Markdown out of plain data: cells, tables, numbers."""

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence

_ROLE = re.compile(r":[a-z:]+:`~?(?:[^`<]*<)?([^`>]+)>?`")
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)


def code(text: object) -> str:
    """A code span that a table cell can hold, whatever is in it."""
    escaped = html.escape(str(text), quote=False)
    for character in "\\`*_{}[]|":
        escaped = escaped.replace(character, f"&#{ord(character)};")
    return f"<code>{escaped}</code>"


def plain(text: str) -> str:
    """Text of a docstring as Markdown: roles and double backticks become code."""
    text = _ROLE.sub(lambda match: f"``{match[1].removeprefix('lockstep.')}``", text)
    parts, last = [], 0
    for match in _CODE.finditer(text):
        parts += [_escaped(text[last : match.start()]), code(" ".join(match[2].split()))]
        last = match.end()
    return "".join([*parts, _escaped(text[last:])])


def _escaped(text: str) -> str:
    text = html.escape(text, quote=False)
    return re.sub(r"([*\[\]_])", r"\\\1", text)


def cell(value: object) -> str:
    """One line for a table: nothing in it ends the cell."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(str(value).split()))


def number(value: object) -> str:
    """A value for reading: four digits, thousands separated; what is missing is a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"
    return str(value)


def literal(value: object) -> str:
    """A value as a YAML file has it."""
    if value is None:
        return code("null")
    return code(value if isinstance(value, str) and value else json.dumps(value))


def table(rows: Sequence[Mapping[str, object]], right: Iterable[str] = ()) -> str:
    """A table; all rows share their keys. Columns of numbers, and ``right`` ones, align right."""
    if not rows:
        return ""
    right = set(right) | {
        key
        for key in rows[0]
        if all(isinstance(row[key], int | float | None) for row in rows)
        and not all(isinstance(row[key], bool | None) for row in rows)
    }
    lines = [
        "| " + " | ".join(rows[0]) + " |",
        "| " + " | ".join("---:" if key in right else "---" for key in rows[0]) + " |",
    ]
    lines += ["| " + " | ".join(cell(number(v)) for v in row.values()) + " |" for row in rows]
    return "\n".join(lines) + "\n"
