"""Run a sweep: ask, look up what is known, evaluate the rest, store, tell, and begin again."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from types import FrameType, TracebackType
from typing import Any

from lockstep.sweep.cache import PointCache
from lockstep.sweep.load import Sweep
from lockstep.sweep.pareto import Front, judge, pareto
from lockstep.sweep.point import Outcome, Point, Result
from lockstep.sweep.pool import Batch, Pool
from lockstep.sweep.record import Record
from lockstep.sweep.search import search_method


@dataclass(slots=True)
class Progress:
    """How far a sweep is; of the points ``done``, some were ``resumed`` or found in the ``cache``."""

    total: int
    done: int = 0
    evaluated: int = 0
    resumed: int = 0
    cached: int = 0
    repeated: int = 0
    failed: int = 0
    infeasible: int = 0
    front: Front = field(default_factory=Front)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """Outcomes in order of point numbers; all of them, unless the sweep was interrupted."""

    sweep: Sweep
    outcomes: tuple[Outcome, ...]
    progress: Progress
    interrupted: bool

    @property
    def front(self) -> list[Outcome]:
        """The Pareto front, of points that repeat others the first."""
        return pareto(self.outcomes)


class Interrupt:
    """While it is entered, SIGINT and SIGTERM ask for an end; a second one ends at once."""

    def __init__(self) -> None:
        self.is_asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.is_asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()


class _Run:
    """The state of a running sweep."""

    def __init__(
        self,
        sweep: Sweep,
        record: Record,
        pool: Pool,
        interrupt: Interrupt,
        progress: Progress,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._sweep, self._record, self._pool = sweep, record, pool
        self._interrupt, self._progress, self._on_progress = interrupt, progress, on_progress
        self._cache = PointCache()
        self._recorded = record.finished()
        self._known: dict[str, Result] = {}

    def generation(self, points: Sequence[Point]) -> list[Outcome]:
        """Outcomes of the points, in their order; fewer if the sweep is interrupted."""
        found: dict[int, Outcome] = {}
        unknown: dict[str, list[Point]] = {}
        resumed = self._resumed(points)
        cached = self._cache.get([p.key for p in points if p.number not in resumed])
        looked_up = []
        for point in points:
            if point.number in resumed:
                outcome = self._judged(point, resumed[point.number])
                self._progress.resumed += 1
                found[point.number] = outcome
            elif point.key in self._known or point.key in cached:
                if point.key in self._known:
                    self._progress.repeated += 1
                else:
                    self._progress.cached += 1
                result = self._known.get(point.key) or cached[point.key]
                outcome = found[point.number] = self._judged(point, result)
                looked_up.append(outcome)
            else:
                unknown.setdefault(point.key, []).append(point)
        self._record.finish(looked_up)
        self._on_progress(self._progress)
        for outcome in self._evaluated(unknown):
            found[outcome.point.number] = outcome
        return [found[point.number] for point in points if point.number in found]

    def _resumed(self, points: Sequence[Point]) -> dict[int, Result]:
        """Results by number of the points that the record has, for the same content."""
        found = {}
        for point in points:
            key, result = self._recorded.get(point.number, ("", None))
            if result is not None and key == point.key:
                found[point.number] = result
                self._known[key] = result
        return found

    def _evaluated(self, unknown: dict[str, list[Point]]) -> Iterator[Outcome]:
        """Evaluate the first point of each key; store its outcome, and that of its repeats."""
        firsts = [points[0] for points in unknown.values()]
        most = self._sweep.runner.AT_ONCE
        batches = self._begun(_batches(firsts, self._pool.workers, most))
        for batch, results in self._pool.map(self._sweep.config.runner, batches):
            by_key = {p.key: result for p, result in zip(batch, results, strict=True)}
            self._cache.put(by_key)
            outcomes = [
                self._judged(point, result)
                for key, result in by_key.items()
                for point in unknown[key]
            ]
            self._record.finish(outcomes)
            self._progress.evaluated += len(batch)
            self._progress.repeated += len(outcomes) - len(batch)
            self._on_progress(self._progress)
            yield from outcomes

    def _begun(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            if self._interrupt.is_asked:
                return
            self._record.start(batch)
            yield batch

    def _judged(self, point: Point, result: Result) -> Outcome:
        outcome = judge(self._sweep.config, point, result)
        self._known[point.key] = result
        self._progress.done += 1
        self._progress.failed += outcome.status == "failed"
        self._progress.infeasible += outcome.status == "infeasible"
        self._progress.front.add(outcome)
        return outcome


def _batches(points: Sequence[Point], workers: int, most: int) -> Iterator[Batch]:
    """At least four per worker where there are points enough, so that all end together."""
    size = max(1, min(most, ceil(len(points) / (4 * workers))))
    for start in range(0, len(points), size):
        yield list(points[start : start + size])


def run_sweep(
    sweep: Sweep,
    record: Record,
    pool: Pool,
    *,
    limit: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> SweepResult:
    """Run the points of a sweep that the record does not have.

    SIGINT and SIGTERM end it when the batches under way are stored.

    Parameters
    ----------
    sweep : Sweep
        As :func:`lockstep.sweep.load.load_sweep` gives it.
    record : Record
        Where points are stored as they finish.
    pool : Pool
        Who evaluates them; does not change any result.
    limit : int or None
        Only the first points.
    on_progress : callable
        Told now and then.
    """
    total = min(sweep.total, sweep.total if limit is None else limit)
    progress = Progress(total)
    search = search_method(
        sweep.config.search, sweep.dimensions, objectives=len(sweep.config.objectives)
    )
    outcomes: list[Outcome] = []
    with Interrupt() as interrupt:
        run = _Run(sweep, record, pool, interrupt, progress, on_progress)
        while len(outcomes) < total and not interrupt.is_asked:
            chosen = search.ask()[: total - len(outcomes)]
            points = [sweep.point(len(outcomes) + i, each) for i, each in enumerate(chosen)]
            told = run.generation(points)
            outcomes += told
            if len(outcomes) < total and len(told) == len(points):
                search.tell(told)
    return SweepResult(
        sweep=sweep,
        outcomes=tuple(outcomes),
        progress=progress,
        interrupted=len(outcomes) < total,
    )
