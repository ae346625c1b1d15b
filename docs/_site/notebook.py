"""An executed notebook as a page: text, code, and what the code printed, showed or drew."""

import base64
import html
import json
import re
from typing import Any

_OWN_LOOK = re.compile(r"<style.*?</style>|(<table)[^>]*", re.DOTALL)
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def converted(text: str, name: str) -> tuple[str, dict[str, str | bytes]]:
    """Markdown of a notebook, and its pictures by the names, ``name`` and a number, that it has for them.

    Raises
    ------
    ValueError
        If it is no notebook, or a cell failed.
    """
    cells = json.loads(text)["cells"]
    parts: list[str] = []
    pictures: dict[str, str | bytes] = {}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code" and source.strip():
            parts.append(f"````python\n{source}\n````")
            parts += [_output(output, pictures, name) for output in cell["outputs"]]
    return "\n\n".join(part for part in parts if part) + "\n", pictures


def _output(output: dict[str, Any], pictures: dict[str, str | bytes], name: str) -> str:
    if output["output_type"] == "error":
        raise ValueError(f"a cell failed: {output['ename']}: {output['evalue']}")
    if output["output_type"] == "stream":
        return _text(output["text"])
    data = output["data"]
    if "image/png" in data:
        picture = f"{name}-{len(pictures) + 1}.png"
        pictures[picture] = base64.b64decode("".join(data["image/png"]))
        words = "".join(data.get("text/plain", "Figure"))
        return f"![{html.escape(_alternative(words))}]({picture})"
    if "text/html" in data:
        # Tables take the site's look; without blank lines Markdown leaves HTML alone.
        inner = _OWN_LOOK.sub(r"\1", "".join(data["text/html"]))
        inner = re.sub(r"\n\s*\n", "\n", inner).strip()
        return f'<div class="notebook-output">\n{inner}\n</div>'
    return _text(data.get("text/plain", ""))


def _alternative(words: str) -> str:
    return "Figure drawn by the cell above" if words.startswith("<") else words


def _text(text: list[str] | str) -> str:
    plain = _ESCAPE.sub("", "".join(text)).rstrip()
    return f"````text {{ .output }}\n{plain}\n````" if plain else ""
