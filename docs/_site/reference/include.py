"""Parts of other files of the repository."""

import re

import outside

_BLOCK = re.compile(r"<!-- begin (\S+) -->\n.*?<!-- end -->", re.DOTALL)
_KEPT = "results/agreement/"


def page(path: str) -> str:
    """A whole Markdown file but for its first heading; its links lead where they did."""
    text = (outside.ROOT / path).read_text(encoding="utf-8")
    text = re.sub(r"\A# .*\n", "", text)
    return outside.rooted(text, path)


def readme(*words: str) -> str:
    """A section of README.md by its heading, without it; ``.`` is what stands before the first.

    Tables copied into README from results are left out, but for the agreement table: the site has
    them on their own pages.

    Raises
    ------
    ValueError
        If README has no such section.
    """
    heading = " ".join(words)
    text = (outside.ROOT / "README.md").read_text(encoding="utf-8")
    first, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    if heading == ".":
        found = re.sub(r"\A# .*\n", "", first)
    else:
        bodies = dict(section.split("\n", 1) for section in sections)
        if heading not in bodies:
            raise ValueError(f"README.md has no section {heading!r}; it has {', '.join(bodies)}")
        found = bodies[heading]
    return outside.rooted(_BLOCK.sub(_table, found), "README.md")


def _table(block: re.Match[str]) -> str:
    """A copied table, or a link to it by the title that it starts with."""
    path, title = block[1], re.search(r"\*\*(.+?)\*\*", block[0])
    return block[0] if path.startswith(_KEPT) else f"[{title[1] if title else path}]({path})"
