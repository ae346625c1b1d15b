"""The wheel holds every package and every shipped file, and nothing else of the repository."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_package_is_listed():
    top = SETUPTOOLS["package-dir"]["lockstep"]
    folders = {
        str(init.parent.relative_to(ROOT))
        for folder in SETUPTOOLS["package-dir"].values()
        for init in (ROOT / folder).rglob("__init__.py")
    }
    found = {"lockstep" if f == top else "lockstep." + f.replace("/", ".") for f in folders}
    assert found == set(SETUPTOOLS["packages"])


def test_wheel_holds_configs_and_no_tests(tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    # From another folder: a build/ folder here would shadow the module of that name.
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in (
        "api",
        "top",
        "configs",
        "sim",
        "cli",
        "arch",
        "workloads",
        "rtl",
        "verify",
        "papers",
        "sweep",
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".yaml", ".j2", ".css", ".js"}:
                inside = str(path.relative_to(ROOT)).removeprefix("top/")
                assert f"lockstep/{inside}" in names
    assert all(name.startswith(("lockstep/", "lockstep_sim-")) for name in names)
