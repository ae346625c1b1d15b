"""Reads README.md, CONTRIBUTING.md and docs/: shell blocks, the files and outputs they show, commands.

Test files load it by its path, for folders of tests are no packages.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)


class Step(NamedTuple):
    """A shell block: its line in the page, the files shown before it, what it must print."""

    line: int
    script: str
    files: tuple[tuple[str, str], ...] = ()
    output: str | None = None


def steps(text: str) -> list[Step]:
    """The shell blocks of a page, in order."""
    found: list[Step] = []
    files: dict[str, str] = {}
    after_block = False
    for fence in FENCE.finditer(text):
        language, title, body = fence.groups()
        if title:
            files[title] = body
        elif language == "sh":
            line = text.count("\n", 0, fence.start()) + 2
            found.append(Step(line, body, tuple(files.items())))
            files = {}
        elif language == "text" and after_block:
            found[-1] = found[-1]._replace(output=body)
        after_block = language == "sh"
    return found


def commands(script: str) -> list[str]:
    """The commands of a block: without comments, here-documents and the environment's folder."""
    script = re.sub(r"(<<'?(\w+)'?)\n.*?^\2$", r"\1", script, flags=re.M | re.S)
    lines = (re.sub(r"(^|\s)#.*", "", line) for line in script.replace("\\\n", " ").splitlines())
    return [" ".join(line.split()).removeprefix(".venv/bin/") for line in lines if line.strip()]


def all_commands() -> list[str]:
    """The commands of all blocks of all pages."""
    return [c for p in PAGES for step in steps(p.read_text()) for c in commands(step.script)]


def begins(command: str, beginning: str) -> bool:
    """Whether a command begins with these words."""
    return f"{command} ".startswith(f"{beginning} ")
