"""A sweep in its folder: one at a time, with its record, its workers and its tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lockstep.arch.error import InputError
from lockstep.sweep.files import write_sweep
from lockstep.sweep.load import Sweep
from lockstep.sweep.pool import DaskCluster, LocalProcesses, OneProcess, Pool
from lockstep.sweep.record import Record, sqlite_url
from lockstep.sweep.run import Progress, SweepResult, run_sweep


def run_in_folder(
    sweep: Sweep,
    out: Path,
    *,
    jobs: int = 1,
    dask: str | None = None,
    storage: str | None = None,
    limit: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> SweepResult:
    """Run what the folder's record does not have yet, and write the tables.

    Parameters
    ----------
    sweep : Sweep
        As :func:`lockstep.sweep.load.load_sweep` gives it.
    out : Path
        The folder; made if it does not exist.
    jobs : int
        Local worker processes; 1 is this process.
    dask : str or None
        Scheduler of a dask cluster to run on instead.
    storage : str or None
        URL of the record's database; None: ``sweep.db`` in the folder.
    limit : int or None
        Only the first points.
    on_progress : callable
        Told now and then.

    Raises
    ------
    InputError
        If the folder, the database or the cluster cannot be used, or another sweep runs there.
    """
    with _locked(out):
        record = Record(
            storage or sqlite_url(out / "sweep.db"),
            sweep.study_name,
            sweep.config.objectives,
            sweep.dimensions,
        )
        try:
            with _pool(jobs, dask) as pool:
                result = run_sweep(sweep, record, pool, limit=limit, on_progress=on_progress)
        finally:
            record.close()
        write_sweep(result, out)
    return result


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Only one sweep works in a folder at a time."""
    import fcntl

    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise InputError(
            f"--out: {out}: cannot be written: {error.strerror}; choose a folder"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"--out: {out}: another sweep is running there; wait for it, or choose a folder"
            ) from None
        yield


def _pool(jobs: int, dask: str | None) -> Pool:
    if dask is not None:
        return DaskCluster(dask)
    return LocalProcesses(jobs) if jobs > 1 else OneProcess()
