"""Rows of the agreement table of arithmetic units: what is compared for each, and its mutants."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache

from lockstep.rtl.build import to_verilog
from lockstep.verify.agreement import FormatRow
from lockstep.verify.cosim import SimulationError
from lockstep.verify.mac_stream import Batch, Outcome, Unit, compare
from lockstep.verify.verilator import TOP

Progress = Callable[[str, int], None]
"""Called for each simulation that is done, with its name and how many there are in all."""

Batches = Callable[[], Sequence[Batch]]
Mutant = Callable[[], AbstractContextManager[object]]
"""While its context is entered, Verilog is emitted with a bug."""

QUICK_MUTANTS = 2
"""Mutants of a unit that a quick run tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Bugs put into a unit on purpose, and traffic that must tell every one of them.

    Parameters
    ----------
    cfg : Unit
        Like the unit of the row, but narrower.
    mutants : dict of str to callable
    batches : callable
        Makes the traffic.
    """

    cfg: Unit
    mutants: dict[str, Mutant]
    batches: Batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row to be.

    Parameters
    ----------
    unit, format : str
    cfg : Unit
    batches : callable
        Makes the traffic.
    exhaustive : bool
        Whether that has every pair of codes.
    trial : Trial or None
        Cases with one stand for their kind of unit and format: a quick run has no others.
    """

    unit: str
    format: str
    cfg: Unit
    batches: Batches
    exhaustive: bool
    trial: Trial | None = None

    @property
    def name(self) -> str:
        """Unit and format."""
        return f"{self.unit}, {self.format}"


def verify_cases(
    cases: Sequence[Case], *, quick: bool, progress: Progress | None, seed: int
) -> Iterator[FormatRow]:
    """One row for each case; if ``quick``, for those with a trial.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    lockstep.verify.cosim.SimulationError
        If a design stops answering.
    """
    chosen = [case for case in cases if case.trial or not quick]
    bugs = [_bugs(case.trial, quick=quick) for case in chosen]
    total = len(chosen) + sum(map(len, bugs))

    def told(name: str) -> Callable[[Future[Outcome] | Future[bool]], None]:
        return lambda _: progress(name, total) if progress else None

    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        # Emitting, mutants above all, is not for threads; it runs ahead of the simulations.
        runs: list[tuple[Case, Future[Outcome], list[Future[bool]]]] = []
        try:
            for case, of_case in zip(chosen, bugs, strict=True):
                outcome = pool.submit(_compared, case, _sound(case.cfg), seed)
                outcome.add_done_callback(told(case.name))
                caught = []
                for trial, name in of_case:
                    caught.append(pool.submit(notices, trial, mutated(trial, name), seed=seed))
                    caught[-1].add_done_callback(told(f"{case.name}: {name}"))
                runs.append((case, outcome, caught))
            for case, outcome, caught in runs:
                yield _row(case, outcome.result(), [future.result() for future in caught])
        finally:
            pool.shutdown(cancel_futures=True)


def _bugs(trial: Trial | None, *, quick: bool) -> list[tuple[Trial, str]]:
    """What is tried of a trial: all of its mutants, or a sample."""
    if trial is None:
        return []
    every = -(-len(trial.mutants) // QUICK_MUTANTS) if quick else 1
    return [(trial, name) for name in list(trial.mutants)[::every]]


def _compared(case: Case, verilog: str, seed: int) -> Outcome:
    return compare(case.cfg, verilog, case.batches(), seed=seed)


def mutated(trial: Trial, name: str) -> str:
    """Verilog of a trial's unit with one of its bugs.

    Raises
    ------
    ValueError
        If that is no other than without.
    """
    sound = _sound(trial.cfg)
    with trial.mutants[name]():
        text = to_verilog(trial.cfg, TOP)
    if text == sound:
        raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return text


@cache
def _sound(cfg: Unit) -> str:
    return to_verilog(cfg, TOP)


def notices(trial: Trial, verilog: str, *, seed: int = 1) -> bool:
    """Whether the comparison tells a mutant from a sound unit."""
    try:
        return not compare(trial.cfg, verilog, trial.batches(), seed=seed).agrees
    except SimulationError as error:
        if "no progress" not in str(error):
            raise  # it failed for another reason than losing results
        return True


def missed(trial: Trial, *, seed: int = 1) -> list[str]:
    """The mutants that went unnoticed."""
    return [name for name in trial.mutants if not notices(trial, mutated(trial, name), seed=seed)]


def _row(case: Case, outcome: Outcome, caught: list[bool]) -> FormatRow:
    return FormatRow(
        unit=case.unit,
        format=case.format,
        vectors=outcome.vectors,
        exhaustive=case.exhaustive,
        mismatches=outcome.mismatches,
        cycle_error_max=outcome.cycle_error_max,
        stalled_vectors=outcome.stalled_vectors,
        mutants=len(caught),
        mutants_caught=sum(caught),
    )
