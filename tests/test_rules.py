"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "arch": set(),
    "workloads": {"arch"},
    "rtl": {"arch"},
    "sim": {"arch", "workloads"},
    "verify": {"arch", "workloads", "sim", "rtl"},
    "papers": {"arch", "workloads", "sim", "rtl", "verify"},
    "sweep": {"arch", "workloads", "sim"},
    "api": {"arch", "workloads", "sim", "rtl", "verify", "sweep"},
    "top": {"api"},
    "cli": {"arch", "workloads", "sim", "rtl", "verify", "papers", "sweep"},
}


def imports(path: Path) -> set[str]:
    """Packages of ours that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "lockstep":
                names = [f"lockstep.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("lockstep.")}
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package):
    allowed = MAY_IMPORT[package] | {package}
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        assert imports(path) <= allowed, f"{path} imports {imports(path) - allowed}"


def test_rtl_annotations_are_not_strings():
    for path in (ROOT / "rtl").rglob("*.py"):
        assert "from __future__ import annotations" not in path.read_text(), path


def test_every_changelog_entry_has_a_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.+?)\]", text, re.M)
    assert versions
    assert versions[0] == "Unreleased"


def test_no_build_output_is_tracked():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert not [f for f in listed if re.search(r"__pycache__|\.vcd$|\.fst$|^dist/|^build/", f)]
