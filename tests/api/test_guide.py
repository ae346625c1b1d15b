"""docs/python.md: each of its Python blocks runs, in order, and prints what stands below it."""

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)


def printed(code, names):
    """What a notebook would show: what is printed, then the last expression."""
    tree, out = ast.parse(code), io.StringIO()
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(out):
        exec(compile(tree, str(GUIDE), "exec"), names)
        if last:
            value = eval(compile(ast.Expression(last.value), str(GUIDE), "eval"), names)
            if value is not None:
                print(repr(value))
    return out.getvalue()


def blocks():
    return BLOCK.findall(GUIDE.read_text())


@pytest.mark.rtl
def test_every_block_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "guide"}
    for code, shown in blocks():
        found = printed(code, names)
        if shown:
            assert found == shown, code
    assert (tmp_path / "ops.csv").exists()
    assert (tmp_path / "results" / "run-int4" / "report.html").exists()


def test_there_are_blocks_to_run():
    assert len(blocks()) == GUIDE.read_text().count("```python\n") > 10
    assert sum(bool(shown) for _, shown in blocks()) == GUIDE.read_text().count("```text\n") > 5


def test_the_check_can_tell():
    assert printed("x = 2\nprint(x)\nx + 1", {}) == "2\n3\n"
    with pytest.raises(NameError):
        printed("unknown", {})
