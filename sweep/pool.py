"""Who evaluates: this process, others on this machine, or a dask cluster.

All have ``workers``, how many points can be evaluated at a time, and ``map``, which takes batches as
there is room for them and yields each with its results as it finishes.
"""

import os
import signal
import threading
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from multiprocessing import connection, get_context, parent_process
from types import TracebackType
from typing import Any

from lockstep.arch.error import InputError, show
from lockstep.sweep.point import Point, Result
from lockstep.sweep.runner import runner_named

Batch = list[Point]
Done = tuple[Batch, list[Result]]


def evaluate_batch(runner: str, batch: Batch) -> list[Result]:
    """What a worker does: results of a batch, in its order."""
    return runner_named(runner).evaluate([point.settings for point in batch])


class Pool(AbstractContextManager["Pool"]):
    """Workers; closed at the end of the context."""

    workers: int

    @abstractmethod
    def map(self, runner: str, batches: Iterable[Batch]) -> Iterator[Done]:
        """Evaluate batches."""


class OneProcess(Pool):
    """No workers but the process itself."""

    workers = 1

    def map(self, runner: str, batches: Iterable[Batch]) -> Iterator[Done]:
        """Evaluate batches, one after another."""
        for batch in batches:
            yield batch, evaluate_batch(runner, batch)

    def __exit__(self, *_: object) -> None:
        return None


class LocalProcesses(Pool):
    """Processes on this machine, which end when this one does."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        # Not forked: this process has threads and open databases.
        self._executor = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_be_a_worker
        )

    def map(self, runner: str, batches: Iterable[Batch]) -> Iterator[Done]:
        """Evaluate batches.

        Raises
        ------
        InputError
            If a process was killed, for want of memory for instance.
        """

        def submit(batch: Batch) -> Any:
            return self._executor.submit(evaluate_batch, runner, batch)

        def some(futures: Collection[Any]) -> Iterable[Any]:
            return wait(futures, return_when=FIRST_COMPLETED).done

        try:
            yield from _in_flight(submit, some, batches, 2 * self.workers)
        except BrokenProcessPool as error:
            raise _lost(error) from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(cancel_futures=True)


class DaskCluster(Pool):
    """The workers of a dask.distributed cluster that is already running.

    Raises
    ------
    InputError
        If it cannot be reached, has no workers, or runs another version of this package.
    """

    def __init__(self, address: str) -> None:
        try:
            self._client: Any = _client(address)
            self._client.wait_for_workers(1, timeout=30)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"--dask: {show(address)} cannot be used: {' '.join(str(error).split())}; "
                "start a scheduler with 'dask scheduler' and workers with 'dask worker ADDRESS'"
            ) from None
        self._check_versions(address)
        self.workers = sum(self._client.nthreads().values())

    def _check_versions(self, address: str) -> None:
        from lockstep.sweep.cache import package_digest

        for worker, theirs in self._client.run(package_digest, on_error="return").items():
            if theirs != package_digest():
                self._client.close()
                raise InputError(
                    f"--dask: worker {worker} of {show(address)} has not this lockstep; install "
                    "the same version there and start it again"
                )

    def map(self, runner: str, batches: Iterable[Batch]) -> Iterator[Done]:
        """Evaluate batches.

        Raises
        ------
        InputError
            If the cluster is lost, or a batch kills one worker after another.
        """
        from concurrent.futures import CancelledError

        import distributed

        def submit(batch: Batch) -> Any:
            return self._client.submit(evaluate_batch, runner, batch, pure=False)

        def some(futures: Collection[Any]) -> Iterable[Any]:
            wait_for: Any = distributed.wait  # untyped
            done: Iterable[Any] = wait_for(list(futures), return_when="FIRST_COMPLETED").done
            return done

        try:
            yield from _in_flight(submit, some, batches, 2 * self.workers)
        except (OSError, CancelledError, distributed.KilledWorker) as error:
            raise _lost(error) from None

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _client(address: str) -> Any:
    import distributed

    client: Any = distributed.Client  # untyped
    return client(address, timeout=10)


def _in_flight(
    submit: Callable[[Batch], Any],
    some: Callable[[Collection[Any]], Iterable[Any]],
    batches: Iterable[Batch],
    window: int,
) -> Iterator[Done]:
    """Keep ``window`` batches submitted; the others are not begun, should the sweep end here."""
    waiting: dict[Any, Batch] = {}
    for batch in batches:
        waiting[submit(batch)] = batch
        while len(waiting) >= window:
            for future in some(waiting.keys()):
                yield waiting.pop(future), future.result()
    while waiting:
        for future in some(waiting.keys()):
            yield waiting.pop(future), future.result()


def _lost(error: BaseException) -> InputError:
    what = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"workers were lost: {what}; the same command goes on where this one ended")


def _be_a_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent

    def follow() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
