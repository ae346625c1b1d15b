"""Results by content: a point that was ever evaluated is not evaluated again.

A point's key covers its runner and settings, the code and the shipped tables of this package, and the
bytes of the user's files that it reads. Results are kept below the XDG cache folder.
"""

import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from lockstep.sweep.point import INTERNAL_ERROR, Result, Settings

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_PACKAGES = ("arch", "workloads", "sim", "sweep", "configs")
_TABLE = "create table if not exists results (key text primary key, result text not null)"
_AT_ONCE = 500
"""Keys per query; SQLite takes 999 in old versions."""


def point_key(runner: str, settings: Settings, files: Iterable[Path]) -> str:
    """Digest of all that decides a point's result."""
    parts = [runner, json.dumps(list(settings.items())), package_digest()]
    parts += [f"{path.name} {_digest_of(path)}" for path in files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def package_digest() -> str:
    """Of this package's version, and of its code and tables, which may be ahead of the version."""
    digest = hashlib.sha256(version("lockstep-sim").encode())
    for package in _PACKAGES:
        root = Path(str(resources.files(f"lockstep.{package}")))
        for path in sorted(root.rglob("*")):
            if path.suffix in {".py", ".yaml"}:
                digest.update(f"{package}/{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _digest_of(path: Path) -> str:
    if not path.is_file():
        return ""
    stat = path.stat()
    return _file_digest(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _file_digest(path: Path, _modified_ns: int, _size_bytes: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cache_path() -> Path:
    """Where results are kept."""
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return root / "lockstep" / "sweep" / "points.sqlite"


class PointCache:
    """Results of earlier sweeps; where nothing can be kept it is empty, which costs time only."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_path()
        self.is_broken = False

    def get(self, keys: Sequence[str]) -> dict[str, Result]:
        """Those results of ``keys`` that are known."""

        def read(database: sqlite3.Connection) -> Iterator[tuple[str, Result]]:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"select key, result from results where key in ({marks})"
                for key, text in database.execute(query, some):
                    yield key, result_of(json.loads(text))

        return dict(self._try("read", lambda database: list(read(database))) or ())

    def put(self, results: Mapping[str, Result]) -> None:
        """Keep results by key; not those of bugs, which may be the machine's this runs on."""
        rows = [
            (key, json.dumps(data_of(result)))
            for key, result in results.items()
            if not result.reason.startswith(INTERNAL_ERROR)
        ]
        insert = "insert or replace into results values (?, ?)"
        self._try("write", lambda database: database.executemany(insert, rows))

    def _try(self, what: str, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do it in one transaction; None if the cache is out of order."""
        if self.is_broken:
            return None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=30)) as database, database:
                database.execute(_TABLE)
                return work(database)
        except (OSError, sqlite3.Error, ValueError) as error:
            _LOG.warning("%s: cannot %s: %s; going on without it", self.path, what, error)
            self.is_broken = True
            return None


def data_of(result: Result) -> dict[str, object]:
    """A result as JSON."""
    return {"metrics": dict(result.metrics), "reason": result.reason}


def result_of(data: Mapping[str, object]) -> Result:
    """A result from JSON.

    Raises
    ------
    ValueError
        If it is none.
    """
    metrics, reason = data.get("metrics"), data.get("reason")
    if not isinstance(metrics, dict) or not isinstance(reason, str):
        raise ValueError("not a result")
    return Result(metrics=metrics, reason=reason)
