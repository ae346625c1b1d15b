"""Python in docs/ runs as it stands, but for what only a cluster can run."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("pages", Path(__file__).with_name("pages.py"))
pages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pages)

ELSEWHERE = {
    "docs/python.md": "tests/api runs its blocks, one after the other",
    "docs/tutorial.md": "its files are run by the commands of the page",
    "docs/how-to/add-a-unit.md": "likewise",
}
"""Pages whose Python another test runs."""

ON_A_CLUSTER = "dask_jobqueue"
"""What a block imports that needs SLURM: it is only compiled."""

BEFORE = {
    "docs/formats.md": "import numpy as np; x = a = b = np.linspace(-3, 3, 64).reshape(2, 32)\n",
}
"""What a page takes as given."""


def blocks():
    found = {}
    for page in pages.PAGES:
        name = str(page.relative_to(pages.ROOT))
        text = page.read_text()
        of_page = [m for m in pages.FENCE.finditer(text) if m[1] == "python"]
        if name in ELSEWHERE:
            assert of_page, name
            continue
        for match in of_page:
            found[f"{name}:{text.count(chr(10), 0, match.start()) + 2}"] = match[3]
    return found


@pytest.mark.parametrize(("where", "code"), blocks().items(), ids=blocks())
def test_python_runs(where, code, tmp_path):
    ast.parse(code)
    if ON_A_CLUSTER in code:
        return
    code = BEFORE.get(where.partition(":")[0], "") + code
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
