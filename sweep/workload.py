"""The runner ``workload``: which keys its points have, and which files they read."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from lockstep.arch.document import Document, read_yaml
from lockstep.arch.error import InputError, Location
from lockstep.arch.load import validate
from lockstep.arch.machine import Machine
from lockstep.sweep.evaluate import METRICS, Workload, evaluate
from lockstep.sweep.keys import check_dotted, is_shipped, named_file
from lockstep.sweep.point import Settings

__all__ = ["AT_ONCE", "METRICS", "REQUIRED", "check", "evaluate", "files"]

AT_ONCE = 16
REQUIRED = tuple(name for name, field in Workload.model_fields.items() if field.is_required())
_FOLDERS = {"machine": "machines", "model": "models"}


def check(key: str, value: JsonValue, where: str, folder: Path) -> JsonValue:
    """See :class:`lockstep.sweep.runner.Runner`; values of the machine are left to its loader."""
    if key not in Workload.model_fields:
        check_dotted(Machine, key, where, inside="a machine", others=Workload.model_fields)
        return value
    stand_in: dict[str, Any] = {"machine": "", "model": "", "prefill": 1}
    origins: dict[Location, str] = {(): where, (key,): where}
    validate(Workload, Document(path=folder, data=stand_in | {key: value}, origins=origins))
    if key in _FOLDERS:
        return named_file(_FOLDERS[key], key, str(value), where, folder)
    return value


def files(settings: Settings) -> Iterable[Path]:
    """Files that are not shipped: machine and model, and what their texts name, and so on."""
    machine, model = str(settings["machine"]), str(settings["model"])
    folder = Path(machine).parent  # of a shipped machine, names that are paths are absolute
    texts = [value for key, value in settings.items() if key not in Workload.model_fields]
    yield from _named_by(texts, folder)
    if not is_shipped("machines", machine):
        yield from _with_named(Path(machine))
    if not is_shipped("models", model):
        path = Path(model)
        yield path / "config.json" if path.is_dir() else path


def _named_by(value: object, folder: Path) -> Iterator[Path]:
    """Files beside ``folder`` that a string in ``value`` is the path of, each with what it names."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _named_by(item, folder)
    elif isinstance(value, str) and value.endswith((".yaml", ".yml", ".json")):
        path = folder / value
        if path.is_file():
            yield from _with_named(path)


def _with_named(path: Path) -> tuple[Path, ...]:
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else (path,)


@lru_cache(maxsize=1024)
def _read(path: Path, _modified_ns: int) -> tuple[Path, ...]:
    try:
        data = read_yaml(path).data
    except InputError:  # its runs will say so
        return (path,)
    return path, *_named_by(data, path.parent)
