"""Files beside docs/ in the site: where each one's page is, and links that lead there.

On a Git host ``../results/cent/README.md`` is right from ``docs/cent.md``; in the site, whose root is
``docs/``, the same file is the page ``results/cent/README.md``. Sources that are no Markdown get a page that
lists them, folders one that lists their files.
"""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

AS_IS = ("CONTRIBUTING.md", "CHANGELOG.md")
"""Files of the root that are pages of the site; README.md is index.md."""

_RESULTS = {".md", ".png", ".svg", ".json", ".csv"}
_SCRATCH = re.compile(r"results/(run-|sweep-|scratch)")
_LINK = re.compile(r"(\]\(<?)([^)\s>]+)(>?[^)]*\))")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")


def published() -> list[str]:
    """Files outside docs/ that the site takes as they are: results, and two of the root."""
    results = sorted(p for p in (ROOT / "results").rglob("*") if p.suffix in _RESULTS)
    paths = [path.relative_to(ROOT).as_posix() for path in results]
    return [*AS_IS, *(path for path in paths if not _SCRATCH.match(path))]


def listed() -> list[str]:
    """Shipped files that the site shows on a page each."""
    files = sorted((ROOT / "configs").rglob("*.yaml"))
    return [path.relative_to(ROOT).as_posix() for path in files]


def folders() -> list[str]:
    """Folders of results without a README, which get a page that lists their files."""
    parents = {str(parent) for path in published() for parent in PurePosixPath(path).parents}
    return sorted(p for p in parents - {"."} if not (ROOT / p / "README.md").exists())


def listing(path: str) -> str:
    """The page of a shipped YAML file."""
    text = (ROOT / path).read_text(encoding="utf-8").rstrip("\n")
    return f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n````yaml\n{text}\n````\n"


def folder(path: str) -> str:
    """The page of a folder: its folders, then its files."""
    inside = [p for p in published() if p.startswith(f"{path}/")]
    parts = [posixpath.relpath(p, path).split("/") for p in inside]
    below = sorted({first for first, *rest in parts if rest})
    pages = sorted(first for first, *rest in parts if not rest and not first.endswith(".json"))
    lines = [f"- [{name}/]({_in_folder(path, name)})" for name in below]
    lines += [f"- [{name}]({name})" for name in pages]
    return f"# {path}\n\n" + "\n".join(lines) + "\n"


def _in_folder(path: str, name: str) -> str:
    return posixpath.relpath(page_of(f"{path}/{name}") or "", path)


def text_about(path: str) -> str:
    """The page, by its path in docs/, that would explain a page of results."""
    folder_name = path.split("/")[1]
    return {"agreement": "reference/agreement"}.get(folder_name, folder_name) + ".md"


def explained(path: str, markdown: str) -> str:
    """A page of results with a line below its title that leads to the text about them."""
    folder_name, text = path.split("/")[1], text_about(path)
    part = f"Part of [results/{folder_name}](/results/{folder_name}), explained"
    first = "Explained" if path.endswith(("README.md", "index.md")) else part
    title = re.match(r"# .*\n", markdown)
    end = title.end() if title else 0
    return f"{markdown[:end]}\n{first} in [docs/{text}](/docs/{text}).\n\n{markdown[end:]}"


def page_of(path: str) -> str | None:
    """Where the site has a file or folder of the repository; None where there is no such."""
    path = posixpath.normpath(path)
    if path == "README.md" or path == ".":
        return "index.md"
    if path.startswith("docs/"):
        inner = path.removeprefix("docs/")
        return inner.removesuffix(".ipynb") + ".md" if inner.endswith(".ipynb") else inner
    found = ROOT / path
    if found.is_dir():
        readme = "README.md" if (found / "README.md").exists() else "index.md"
        return f"{path}/{readme}" if path.split("/")[0] == "results" else None
    if not found.is_file():
        return None
    return f"{path}.md" if path.startswith("configs/") else path


def relinked(markdown: str, origin: str, page: str) -> str:
    """Links of a text that is ``origin`` in the repository and ``page`` in the site.

    A link that starts with a slash starts from the repository's root. One that leads to no file is left
    as it is, for MkDocs to complain about.
    """

    def place(path: str) -> str | None:
        found = page_of(_from_root(path, origin))
        return found and posixpath.relpath(found, posixpath.dirname(page))

    return _rewritten(markdown, place)


def rooted(markdown: str, origin: str) -> str:
    """Links of a file of the repository, from its root: the text may then stand anywhere."""
    return _rewritten(markdown, lambda path: f"/{_from_root(path, origin)}")


def _from_root(path: str, origin: str) -> str:
    if path.startswith("/"):
        return posixpath.normpath(path.lstrip("/"))
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))


def _rewritten(markdown: str, place: Callable[[str], str | None]) -> str:
    """Every relative link outside code blocks through ``place``, its anchor kept."""

    def replaced(match: re.Match[str]) -> str:
        path, hash_sign, anchor = match[2].partition("#")
        found = place(path) if path and ":" not in path else None
        return f"{match[1]}{found}{hash_sign}{anchor}{match[3]}" if found else match[0]

    fence, lines = "", []
    for line in markdown.split("\n"):
        match = _FENCE.match(line)
        lines.append(line if fence or match else _LINK.sub(replaced, line))
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence):
            fence = ""
    return "\n".join(lines)
