"""What the documentation site is made with: links, docstrings, keys, notebooks, signatures."""

import importlib
import json
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from lockstep.arch.config import Config

SITE = Path(__file__).resolve().parents[2] / "docs" / "_site"


@pytest.fixture
def part(monkeypatch):
    """A module of docs/_site, by its name there."""
    monkeypatch.syspath_prepend(str(SITE))
    return importlib.import_module


@pytest.mark.parametrize(
    ("origin", "page", "link", "expected"),
    [
        ("docs/a.md", "a.md", "../results/cent/README.md", "results/cent/README.md"),
        ("docs/a.md", "a.md", "../results/cent/", "results/cent/README.md"),
        ("docs/a.md", "a.md", "../results/speed", "results/speed/index.md"),
        ("docs/x/a.md", "x/a.md", "../b.md#part", "../b.md#part"),
        (
            "docs/a.md",
            "a.md",
            "../configs/tech/generic-45nm.yaml",
            "configs/tech/generic-45nm.yaml.md",
        ),
        ("docs/a.md", "a.md", "../README.md", "index.md"),
        ("docs/a.md", "a.md", "notebooks/first.ipynb", "notebooks/first.md"),
        ("results/cent/decode.md", "results/cent/decode.md", "decode.png", "decode.png"),
        ("docs/x/a.md", "x/a.md", "/docs/b.md", "../b.md"),
        ("docs/a.md", "a.md", "../results/gone.md", "../results/gone.md"),
        ("docs/a.md", "a.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("docs/a.md", "a.md", "#part", "#part"),
    ],
)
def test_links_lead_to_pages_of_the_site(part, origin, page, link, expected):
    relinked = part("outside").relinked
    assert relinked(f"see [it]({link}).", origin, page) == f"see [it]({expected})."
    assert relinked(f"![it]({link})", origin, page) == f"![it]({expected})"
    code = f"```sh\n[it]({link})\n```"
    assert relinked(code, origin, page) == code


def test_text_of_another_file_keeps_its_links(part):
    rooted = part("outside").rooted
    assert rooted("[a](docs/b.md#c)", "README.md") == "[a](/docs/b.md#c)"
    assert rooted("[a](../b.png)", "results/x/y.md") == "[a](/results/b.png)"


class Inner(Config):
    """Something inside.

    Parameters
    ----------
    size_bytes : int
        How much of it there is.
    """

    size_bytes: Annotated[int, Field(ge=1, le=1 << 20)] = 64


class Outer(Inner):
    """An example.

    Parameters
    ----------
    names : list of str
    inner : Inner
    which : "one" or "two"
        One of a|b; None: neither.
    """

    names: Annotated[tuple[Annotated[str, Field(min_length=2)], ...], Field(min_length=1)]
    inner: Inner
    which: Literal["one", "two"] | None = None
    share: Annotated[float, Field(gt=0, lt=1)] | None = None


def test_keys_say_what_may_be_written(part, monkeypatch):
    keys = part("reference.keys")
    monkeypatch.setitem(keys.KINDS, "outer", (Outer,))
    text = keys.page("outer")
    rows = {
        line.split("</a>")[1].split(" | ")[0]: line.split(" | ")[1:]
        for line in text.splitlines()
        if line.startswith("| <a")
    }
    assert rows["<code>size&#95;bytes</code>"][:3] == [
        "integer",
        "<code>64</code>",
        "1 to 2<sup>20</sup>",
    ]
    assert "How much of it there is." in rows["<code>size&#95;bytes</code>"][-1]
    names = rows["<code>names</code>"]
    assert names[:3] == ["list of string", "required", "length 1 or more; each length 2 or more"]
    assert rows["<code>inner</code>"][0] == "[mapping](#inner)"
    assert "## <code>inner</code> {#inner}" in text
    assert rows["<code>which</code>"][0] == "<code>one</code>, <code>two</code> or null"
    assert r"One of a\|b; <code>null</code>: neither." in rows["<code>which</code>"][-1]
    assert rows["<code>share</code>"][2] == "above 0; below 1"


def test_docstrings_are_taken_apart(part):
    doc = part("reference.docstring").parse(Outer)
    assert doc.summary == "An example."
    assert [(e.names, e.text) for e in doc.entries("Parameters")] == [
        (("names",), ""),
        (("inner",), ""),
        (("which",), "One of a|b; None: neither."),
    ]
    assert doc.entries("Raises") == []


class Public:
    """A class of an interface."""

    @property
    def size(self) -> int:
        """Its size."""
        return 1

    def grow(self, by: int = 1, *, at: "str | None" = None) -> "Public":
        """Make it larger."""
        return self

    def _hidden(self) -> None:
        """Nobody's business."""


def test_private_members_are_left_out(part, monkeypatch):
    monkeypatch.setattr(Public, "__module__", "lockstep.example")
    text = part("reference.python_api")._class("Public", Public)
    assert "Public.grow(by: int = 1, *, at: str | None = None) -> Public" in text
    assert "Its size." in text
    assert "hidden" not in text
    assert "Nobody" not in text


def notebook(*outputs):
    code = {"cell_type": "code", "source": ["1 + 1\n", "2"], "outputs": list(outputs)}
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Title"]}, code]})


def test_a_notebook_is_a_page(part):
    page, pictures = part("notebook").converted(
        notebook(
            {"output_type": "stream", "text": ["\x1b[1mtwo\x1b[0m\n"]},
            {
                "output_type": "execute_result",
                "data": {
                    "text/html": ["<style>x</style>\n\n<table border=1><tr><td>3</td></tr></table>"]
                },
            },
            {
                "output_type": "display_data",
                "data": {"image/png": "AAAA", "text/plain": "<Figure>"},
            },
        ),
        "first",
    )
    assert page.startswith("# Title\n\n````python\n1 + 1\n2\n````")
    assert "\ntwo\n" in page
    assert "<table><tr><td>3</td></tr></table>" in page
    assert "](first-1.png)" in page
    assert pictures == {"first-1.png": b"\0\0\0"}


def test_a_notebook_with_a_failed_cell_is_refused(part):
    failed = {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}
    with pytest.raises(ValueError, match="a cell failed: KeyError: 'x'"):
        part("notebook").converted(notebook(failed), "first")


def test_readme_sections_are_found_by_heading(part):
    readme = part("reference.include").readme
    assert "make run" in readme("Two", "commands")
    with pytest.raises(ValueError, match="no section 'Three commands'; it has Two commands"):
        readme("Three", "commands")
