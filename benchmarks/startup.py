"""Start-up of the command: help and completion, in turn with an empty Python program."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from benchmarks.measure import lockstep_command
from benchmarks.session import Session
from benchmarks.table import Row, Table

RUNS = 21
TARGET_S = 0.3
TAB = {"COMP_CWORD": "2", "_LOCKSTEP_COMPLETE": "complete_bash"}
CASES: tuple[tuple[str, tuple[str, ...], Mapping[str, str]], ...] = (
    ("lockstep --help", ("--help",), {}),
    ("lockstep run --help", ("run", "--help"), {}),
    ("lockstep run cl<Tab>", (), {**TAB, "COMP_WORDS": "lockstep run cl"}),
    (
        "lockstep run edge-os16 --set te<Tab>",
        (),
        {**TAB, "COMP_WORDS": "lockstep run edge-os16 --set te", "COMP_CWORD": "4"},
    ),
)


def measure(session: Session) -> Table:
    """One row per command."""
    rows = []
    for title, argv, environment in CASES:
        session.say(f"startup: {title}")
        rows.append(_row(title, argv, environment))
    return Table(
        name="startup",
        title="Start-up of the command",
        rows=rows,
        notes=[
            (
                f"Medians over {RUNS} pairs of processes, the command and `python -c pass` in turn: from "
                "start to exit, and the processor time of it, which other programs hardly change. The "
                f"target of `lockstep --help` is {TARGET_S} s."
            ),
            "`<Tab>` is what a shell runs to complete the word before it.",
        ],
        details={"runs": RUNS, "target_s": TARGET_S},
    )


def _row(title: str, argv: Sequence[str], environment: Mapping[str, str]) -> Row:
    command = [lockstep_command(), *argv]
    empty = [sys.executable, "-c", "pass"]
    _process_s(command, environment)  # writes the byte code of a fresh checkout
    python, ours = zip(
        *((_process_s(empty), _process_s(command, environment)) for _ in range(RUNS)), strict=True
    )
    return {
        "command": title,
        "process_s": statistics.median(wall for wall, _ in ours),
        "processor_s": statistics.median(processor for _, processor in ours),
        "python_s": statistics.median(wall for wall, _ in python),
        "python_processor_s": statistics.median(processor for _, processor in python),
    }


def _process_s(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """Seconds of a process from start to exit, and of a processor for it."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, **(environment or {})}
    )
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
