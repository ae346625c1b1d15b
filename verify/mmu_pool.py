"""Checks of the MMU's and the cache's RTL side by side, as :mod:`lockstep.verify.pool` runs testbenches."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from lockstep.verify.pool import Progress
from lockstep.verify.tb_report import Report

Check = Callable[[Report], None]
"""Runs RTL beside its models, and notes in the report what comes of it."""


class CheckPool:
    """Checks, two or more at a time; ``progress`` is told of each that is done."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress or (lambda line: None)
        self._executor = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2))

    def __enter__(self) -> "CheckPool":
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def submit(self, name: str, check: Check) -> Future[dict[str, Any]]:
        """The report of a check; its complaints start with ``name``."""
        return self._executor.submit(self._report, name, check)

    def mutant(self, name: str, bug: str, check: Check) -> Future[str | None]:
        """``bug`` if the check missed it, else None."""
        return self._executor.submit(self._missed, name, bug, check)

    def _report(self, name: str, check: Check) -> dict[str, Any]:
        report = Report()
        check(report)
        self._progress(name)
        report.complaints = [f"{name}: {complaint}" for complaint in report.complaints]
        return asdict(report)

    def _missed(self, name: str, bug: str, check: Check) -> str | None:
        report = Report()
        check(report)
        self._progress(f"mutant of {name} that {bug}")
        return None if report.complaints else f"{name}, {bug}"
