"""Every command in the README and in docs/ runs: shell blocks as they stand, in a folder of their own.

The commands of a block share a folder; those of a page that is followed from top to bottom share it
over the whole page, with the files that it shows (fences with a ``title``). A ``text`` fence after a
block is its output: line for line, ``...`` for what may differ. One that begins with ``lockstep:`` is the
message of a command that must end with exit code 2.
"""

import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("pages", Path(__file__).with_name("pages.py"))
pages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pages)

STORIES = re.compile(r"docs/(tutorial\.md|how-to/)")  # followed from top to bottom
CHANGES_THE_CODE = "docs/how-to/add-a-unit.md"  # works in a copy of the checkout
CHOICES = re.compile(r"README\.md")  # each command for itself
TIMEOUT_S = 7200

TWO_BY_TWO = "edge-os16 --set tensor.rows=2 --set tensor.cols=2"
OSU018 = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"

SLOW = {
    "lockstep reproduce": "seconds to hours a part; tests/papers has the quick ones",
    "lockstep synth": "a minute of synthesis; tests/synth has small engines",
    "lockstep verify tlb": "a quarter of an hour; tests/tlb and tests/translation have samples",
    "lockstep tlb victima --workload gups --accesses 1e7": "long; 1e6 accesses are run",
    "lockstep tlb victima --workload bfs": "makes a graph first; gups is run",
    "lockstep sweep llama3-array --jobs 2 --out": "1,152 points; a hundred are run",
    "lockstep sweep llama3-array --dask 127.0.0.1:8786 --out": "1,152 points and a cluster; tests/sweep has small ones",
    "python -m lockstep.verify.formal": "minutes; tests/formal has samples",
    "ls build/ecp5": "what `lockstep synth` has written",
    "ls build/gates": "what `lockstep synth` has written",
    "for rows in 1 3 8; do": "three machines to build; another is verified on the same page",
    "lockstep verify edge-os16 --quick": "the tutorial and the README verify a machine",
}
"""Beginnings of commands that only ``make slow`` runs, and why."""

NEVER = {
    "python3 -m venv": "the tests run in an environment that is there",
    "pip install": "needs the network; tests/test_packaging.py builds the wheel",
    "source .venv/bin/activate": "its programs are on PATH",
    "sudo apt-get install": "changes the system",
    f"lockstep synth {TWO_BY_TWO} --liberty {OSU018}": "needs that package; tried by hand",
    "make": "tested as a dry run: CI runs `make test` itself, the others take minutes to hours",
}
"""Beginnings of commands that are never run, and why."""


def shipped(machine):
    return (pages.ROOT / f"configs/machines/{machine}.yaml").read_text()


def _liberty():
    from lockstep.rtl.synth.logical_effort import load_table

    return load_table("generic-28nm").liberty()


STAND_INS = {
    "my-machine.yaml": lambda: re.sub(r"((rows|cols): )16", r"\g<1>4", shipped("edge-os16")),
    "my-trace.txt": lambda: "".join(f"{'RW'[i % 7 == 0]} {i * 4160:#x}\n" for i in range(500)),
    "trace.txt": lambda: "".join(f"{'RW'[i % 5 == 0]} {i * 64:#x}\n" for i in range(500)),
    "path/to/config.json": lambda: (pages.ROOT / "tests/workloads/hf/llama-3-8b.json").read_text(),
    "my.lib": _liberty,
}
"""Files of the user's that pages name but do not show."""


def is_in(table, command):
    return any(pages.begins(command, beginning) for beginning in table)


def cases():
    """Each story, block or command: without what is slow, and if something is, with it."""
    found = []
    for page in pages.PAGES:
        name = str(page.relative_to(pages.ROOT))
        blocks = pages.steps(page.read_text())
        if STORIES.match(name):
            parts = {name: blocks}
        elif CHOICES.match(name):
            chosen = [command for block in blocks for command in pages.commands(block.script)]
            parts = {f"{name} {command}": [pages.Step(0, command)] for command in chosen}
        else:
            parts = {f"{name}:{block.line}": [block] for block in blocks}
        for ident, part in parts.items():
            named = [command for block in part for command in pages.commands(block.script)]
            named = [command for command in named if not is_in(NEVER, command)]
            group = pytest.mark.xdist_group("dask" if "dask" in "".join(named) else ident)
            if not all(is_in(SLOW, c) or c.endswith("&") for c in named):
                found.append(pytest.param(page, part, False, id=ident, marks=group))
            if any(is_in(SLOW, command) for command in named):
                marks = [group, pytest.mark.slow]
                found.append(pytest.param(page, part, True, id=f"{ident} whole", marks=marks))
    return found


def kept(script, *, slow):
    """The lines to run."""
    skip = NEVER if slow else {**NEVER, **SLOW}
    lines = script.replace("\\\n", " ").splitlines()
    return "\n".join(x for x in lines if not any(is_in(skip, c) for c in pages.commands(x)))


def run(script, folder):
    """Exit code and output of a block; what it left in the background is ended."""
    with socket.socket() as free:  # dask's own port may be taken
        free.bind(("127.0.0.1", 0))
        script = script.replace("8786", str(free.getsockname()[1]))
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    plain = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PATH": programs}
    if (folder / "typings").exists():
        plain["PYTHONPATH"] = str(folder / "typings")
    users = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}  # cocotb looks
    with (folder / ".output").open("w+") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"set -eo pipefail\n{script}"],
            cwd=folder,
            env=users | plain,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(TIMEOUT_S)
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing was left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return code, output.read()


def dense(text):
    """Without empty lines, and blanks as one."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def is_shown(expected, actual):
    """Whether the output is as a page shows it; ``...`` stands for anything."""
    pattern = re.escape(dense(expected)).replace(r"\.\.\.", ".*?")
    return re.fullmatch(pattern, dense(actual), re.S) is not None


def write(folder, files):
    """Write files; a difference is applied."""
    for name, text in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        if name.endswith(".diff"):
            subprocess.run(["git", "apply", "-p1", name], cwd=folder, check=True)


def copy_packages(folder):
    """A copy of the checkout's packages, to be imported instead of the installed ones."""
    layout = tomllib.loads((pages.ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    (folder / "typings/lockstep").mkdir(parents=True)
    for package, source in layout["package-dir"].items():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(pages.ROOT / source, folder / source, ignore=ignored)
        part = package.removeprefix("lockstep").removeprefix(".") or "__init__.py"
        target = f"../../{source}" if part == source else f"../../{source}/{part}"
        (folder / "typings/lockstep" / part).symlink_to(target)
    shutil.copy(pages.ROOT / "pyproject.toml", folder)


@pytest.mark.parametrize(("page", "blocks", "slow"), cases())
def test_commands_run(page, blocks, slow, tmp_path):
    if page.match(CHANGES_THE_CODE):
        copy_packages(tmp_path)
    else:
        (tmp_path / "configs").symlink_to(pages.ROOT / "configs")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    if not STORIES.match(str(page.relative_to(pages.ROOT))):
        named = [name for name in STAND_INS if any(name in block.script for block in blocks)]
        write(tmp_path, [(name, STAND_INS[name]()) for name in named])
    for block in blocks:
        write(tmp_path, block.files)
        script = kept(block.script, slow=slow)
        code, output = run(script, tmp_path)
        refused = block.output is not None and block.output.startswith("lockstep:")
        assert code == (2 if refused else 0), f"{page}:{block.line}: {script}\n{output}"
        whole = pages.commands(script) == pages.commands(block.script)
        if whole and block.output is not None and not is_shown(block.output, output):
            assert dense(output) == dense(block.output), f"{page}:{block.line}"


def test_tables_have_no_stale_entries():
    named = pages.all_commands()
    for beginning in (*SLOW, *NEVER):
        assert is_in([beginning], beginning)
        assert any(pages.begins(command, beginning) for command in named), beginning
    for name in STAND_INS:
        assert any(name in command for command in named), name


@pytest.mark.parametrize("make", sorted({c for c in pages.all_commands() if is_in(["make"], c)}))
def test_make_targets_have_rules(make):
    told = subprocess.run(
        [*shlex.split(make), "--dry-run"],
        cwd=pages.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr


def test_a_command_that_fails_is_found(tmp_path):
    assert run("lockstep machines", tmp_path)[0] == 0
    assert run("lockstep gemm no-such-machine 1 1 1\necho after", tmp_path)[0] == 2
    assert run("sleep 1000 &\nlockstep gemm edge-os16 0 1 1 | cat", tmp_path)[0] == 2


def test_an_output_that_differs_is_found():
    shown = "tool\n...s, 3 errors\n"
    assert is_shown(shown, "tool  \n\n 12 s, 3 errors\n")
    assert not is_shown(shown, "tool\n12 s, 4 errors\n")
    assert not is_shown(shown, "tool\n12 s, 3 errors\nmore\n")
