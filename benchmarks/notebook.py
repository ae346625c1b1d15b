"""Run the notebook of docs/ anew: ``python -m benchmarks.notebook`` writes its outputs back.

What is written depends on nothing but the code: no times, no paths, no versions.
"""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "notebooks" / "first-run.ipynb"


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook with fresh outputs, run in ``folder``; an error in a cell raises."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=300,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def main() -> None:
    """Write the notebook in place."""
    notebook = executed(NOTEBOOK, NOTEBOOK.parent)
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
