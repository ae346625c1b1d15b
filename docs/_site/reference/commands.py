"""Help of every command, as the command prints it."""

import contextlib
import io
import os
import re

import typer

from lockstep.cli.main import app, main


def page() -> str:
    """A section for ``lockstep --help`` and one for each command, in the order of the help."""
    group = typer.main.get_command(app)
    names = group.list_commands(None)  # type: ignore[attr-defined]
    sections = [("lockstep", _help())] + [(f"lockstep {name}", _help(name)) for name in names]
    return "\n\n".join(
        f"## {title} {{#{_anchor(title)}}}\n\n```text\n{text}\n```" for title, text in sections
    )


def _anchor(title: str) -> str:
    return title.removeprefix("lockstep").strip() or "lockstep"


def _help(*command: str) -> str:
    """What ``--help`` prints.

    Raises
    ------
    ValueError
        If it fails, or prints nothing.
    """
    kept = {name: os.environ.get(name) for name in ("COLUMNS", "TERMINAL_WIDTH", "NO_COLOR")}
    os.environ |= {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            code = main([*command, "--help"])
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).strip("\n")
    if code or not text:
        raise ValueError(f"'lockstep {' '.join(command)} --help' ended with {code}: {text[:200]!r}")
    return text
