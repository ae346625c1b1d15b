"""The frame that all HTML reports share: one file, light and dark, that loads nothing.

A report is a template of ``sim/report/html`` that extends ``base.html.j2``, its data as JSON, and
scripts that find that data in ``LS.data``; what ``LS`` offers is in ``base.js``.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lockstep.arch.error import InputError
from lockstep.sim.report.quantity import quantity

if TYPE_CHECKING:
    from jinja2 import Environment

MARK = '<meta name="generator" content="lockstep-sim report">'
"""What tells a report of ours from any other HTML file."""


def render(
    template: str,
    *,
    title: str,
    sections: Mapping[str, str],
    data: object,
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    **context: object,
) -> str:
    """A report as one HTML page; the same arguments give the same bytes.

    Parameters
    ----------
    template : str
        File of ``sim/report/html`` that extends ``base.html.j2``. What it prints is escaped; it
        has the filter ``quantity(unit)``.
    title : str
        Of the page, and its heading.
    sections : mapping of str to str
        Id of each section to its name in the navigation.
    data : JSON-able
        What scripts find in ``LS.data``.
    scripts, styles : sequence of str
        Files of ``sim/report/html`` that follow ``base.js`` and ``base.css``.
    context
        What else the template prints.
    """
    script = "\n".join(_asset(name) for name in ("base.js", *scripts))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            title=title,
            sections=sections,
            data=embedded(data),
            script=script,
            script_hash=f"sha256-{digest}",
            css="".join(_asset(name) for name in ("base.css", *styles)),
            version=version("lockstep-sim"),
            **context,
        )
    )


def write_page(page: str, path: Path) -> None:
    """Write a report; of files that exist, only a report of ours is replaced.

    Raises
    ------
    lockstep.arch.error.InputError
        If the file is something else, or cannot be written.
    """
    try:
        if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace"):
            raise InputError(
                f"{path}: is not a report of lockstep, so it is kept; choose another -o"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(page, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path}: cannot be written: {reason}; choose a file with -o") from None


def embedded(data: object) -> object:
    """JSON that may stand inside ``<script>``: no name in it can end the element."""
    from markupsafe import Markup

    text = json.dumps(data, separators=(",", ":"), allow_nan=False)  # ASCII only
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _asset(name: str) -> str:
    return (resources.files("lockstep.sim.report") / "html" / name).read_text(encoding="utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,  # what the user named may not act as HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["quantity"] = quantity
    return environment
