"""Simulations of engines side by side, and the agreement row that their reports make."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from lockstep.verify.agreement import AgreementRow
from lockstep.verify.cosim import SimulationError, simulate

Progress = Callable[[str], None]
"""Called with one line for each simulation that is done."""


class Pool:
    """Simulations, two or more at a time.

    Parameters
    ----------
    progress : callable or None
        Told of each simulation that is done.
    seed : int
        Of every testbench.
    """

    def __init__(self, progress: Progress | None, seed: int) -> None:
        self._progress = progress or (lambda line: None)
        self.seed = seed
        self._executor = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2))

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def submit(
        self, name: str, verilog: str, testbench: str, plan: Mapping[str, object]
    ) -> Future[dict[str, Any]]:
        """The testbench's report; its complaints start with ``name``."""
        return self._executor.submit(self._report, name, verilog, testbench, plan)

    def mutant(
        self, name: str, bug: str, verilog: str, testbench: str, plan: Mapping[str, object]
    ) -> Future[str | None]:
        """``bug`` if the testbench missed it, else None."""
        return self._executor.submit(self._missed, name, bug, verilog, testbench, plan)

    def _report(
        self, name: str, verilog: str, testbench: str, plan: Mapping[str, object]
    ) -> dict[str, Any]:
        try:
            report = simulate(verilog, testbench, plan, seed=self.seed)
        except SimulationError as error:
            report = _with_complaints(error)
        report["complaints"] = [f"{name}: {complaint}" for complaint in report["complaints"]]
        self._progress(name)
        return report

    def _missed(
        self, name: str, bug: str, verilog: str, testbench: str, plan: Mapping[str, object]
    ) -> str | None:
        missed = None
        try:
            simulate(verilog, testbench, plan, seed=self.seed)
            missed = f"{name}, {bug}"
        except SimulationError as error:
            _with_complaints(error)
        self._progress(f"mutant of {name} that {bug}")
        return missed


def _with_complaints(error: SimulationError) -> dict[str, Any]:
    """The report of an engine that disagrees; a testbench that fails for another reason raises."""
    if error.report is None or not error.report["complaints"]:
        raise error
    return error.report


def agreement_row(
    unit: str,
    names: Sequence[str],
    reports: Sequence[Mapping[str, Any]],
    missed: Sequence[str | None],
    scaled_from: str | None = None,
) -> AgreementRow:
    """One row from the reports of configs ``names``, and what :meth:`Pool.mutant` said."""
    # An engine that stops in its first batch has no cycles to compare, and a complaint.
    errors = np.concatenate([r["cycle_errors"] or [0] for r in reports])
    cycles = sum(r["driven_cycles"] for r in reports)
    seconds = sum(r["driven_s"] for r in reports)
    return AgreementRow(
        unit=unit,
        configs=len(names),
        config_names=tuple(names),
        jobs=sum(r["jobs"] for r in reports),
        vectors=sum(r["vectors"] for r in reports),
        stalled_vectors=sum(r["stalled_vectors"] for r in reports),
        mismatches=sum(r["mismatches"] for r in reports),
        cycle_error_min=float(errors.min()),
        cycle_error_mean=float(errors.mean()),
        cycle_error_max=float(errors.max()),
        rtl_cycles_per_s=cycles / seconds if seconds else 0.0,
        mutants=len(missed),
        mutants_caught=sum(name is None for name in missed),
        complaints=tuple(c for r in reports for c in r["complaints"])
        + tuple(f"mutant not caught: {name}" for name in missed if name),
        scaled_from=scaled_from,
    )
