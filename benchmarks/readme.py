"""Copy the tables in results/ into the README, between their markers.

A block reads ``<!-- begin PATH -->`` ... ``<!-- end -->``; whatever stands between is replaced by
the file. ``tests/test_readme.py`` fails if the README and results/ disagree.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- begin (?P<path>\S+) -->\n.*?<!-- end -->", re.DOTALL)


def refreshed(text: str, root: Path = ROOT) -> str:
    """The README with every block replaced by the file it names."""

    def block(match: re.Match[str]) -> str:
        path = match["path"]
        return f"<!-- begin {path} -->\n{(root / path).read_text().strip()}\n<!-- end -->"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(refreshed(readme.read_text()))
