"""``import lockstep``: light, complete, and honest to type checkers."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import lockstep
from lockstep import api

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "pydantic", "yaml", "matplotlib", "pandas", "rich", "lockstep.arch", "optuna")


def after(code):
    """Which of the heavy packages are loaded once ``code`` has run in a fresh process."""
    code = f"{code}\nimport sys\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_the_import_is_light():
    assert after("import lockstep; lockstep.__all__; dir(lockstep)") == set()


def test_a_run_needs_neither_plots_nor_searches():
    loaded = after("import lockstep; print(lockstep.machine('edge-os16').run('gpt2', prefill=8))")
    assert {"numpy", "pydantic"} <= loaded  # the check can tell
    assert not loaded & {"matplotlib", "pandas", "optuna", "rich"}


def test_every_name_is_there_and_documented():
    assert set(lockstep.__all__) == set(api.__all__)
    for name in lockstep.__all__:
        assert getattr(lockstep, name) is getattr(api, name)
        assert name in dir(lockstep)
        if name != "__version__":
            assert getattr(lockstep, name).__doc__
    assert lockstep.__version__ == version("lockstep-sim")


def test_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "top" / "__init__.py").read_text())
    (imported,) = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "lockstep.api"]  # fmt: skip
    assert {alias.name for alias in imported.names} == set(lockstep.__all__)


def test_no_function_hides_a_package():
    tree = (ROOT / "top").parent
    packages = {path.parent.name for path in tree.glob("*/__init__.py")}
    assert {"sweep", "sim", "arch"} <= packages
    assert not packages & set(lockstep.__all__)
    modules = {path.stem for path in (ROOT / "api").glob("*.py")}
    assert not modules & set(lockstep.__all__)  # lockstep.api.NAME is the function, always


def test_a_misspelt_name_is_told():
    with pytest.raises(
        AttributeError, match="module 'lockstep' has no attribute 'machne'"
    ) as error:
        lockstep.machne  # noqa: B018
    assert error.value.name == "machne"
    assert error.value.obj is lockstep
