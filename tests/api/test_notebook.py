"""The notebook of docs/ runs, and prints what is committed; pictures are only looked for."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "notebooks" / "first-run.ipynb"


def texts(notebook):
    """Per code cell: its text outputs, and which kinds of output it has."""
    return [
        [
            (output.get("text") or output["data"].get("text/plain"), sorted(output.get("data", {})))
            for output in cell["outputs"]
        ]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


@pytest.fixture(scope="module")
def committed():
    nbformat = pytest.importorskip("nbformat")
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore::ResourceWarning")
def test_it_runs_and_prints_what_is_committed(committed, tmp_path, monkeypatch):
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    path = ROOT / "benchmarks" / "notebook.py"
    spec = importlib.util.spec_from_file_location("notebook", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fresh = module.executed(NOTEBOOK, tmp_path)
    assert texts(fresh) == texts(committed), "run 'python -m benchmarks.notebook'"


def test_what_is_committed_is_whole_and_portable(committed):
    code = [cell for cell in committed["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 8
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = [kind for cell in texts(committed) for _, kinds in cell for kind in kinds]
    assert kinds.count("image/png") >= 2
    assert kinds.count("text/html") >= 5
    assert not [o for cell in code for o in cell["outputs"] if o["output_type"] != "execute_result"]
    assert committed["metadata"]["kernelspec"]["name"] == "python3"
    text = NOTEBOOK.read_text()
    assert len(text) < 300_000
    assert not re.search(r"/(?:home|root|tmp|work|Users)/", text)
    assert "iopub" not in text  # times
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (NOTEBOOK.parent / link).exists(), link


def test_the_comparison_can_tell(committed):
    changed = json.loads(json.dumps(committed))
    cell = next(cell for cell in changed["cells"] if cell.get("outputs"))
    cell["outputs"][0]["data"]["text/plain"] += " "
    assert texts(changed) != texts(committed)
