"""The runner ``workload``: which keys its points have, and which files they read."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, JsonValue

from lockstep.arch.document import Document, read_yaml
from lockstep.arch.error import InputError, Location, error_at, suggest
from lockstep.arch.load import resolve, shipped, validate
from lockstep.arch.machine import Machine
from lockstep.sweep.evaluate import METRICS, Workload, evaluate
from lockstep.sweep.point import Settings

__all__ = ["METRICS", "REQUIRED", "check", "evaluate", "files"]

REQUIRED = tuple(name for name, field in Workload.model_fields.items() if field.is_required())
_FOLDERS = {"machine": "machines", "model": "models"}


def check(key: str, value: JsonValue, where: str, folder: Path) -> JsonValue:
    """See :class:`lockstep.sweep.runner.Runner`; values of the machine are left to its loader."""
    if key not in Workload.model_fields:
        _check_machine_key(key, where)
        return value
    stand_in: dict[str, Any] = {"machine": "", "model": "", "prefill": 1}
    origins: dict[Location, str] = {(): where, (key,): where}
    validate(Workload, Document(path=folder, data=stand_in | {key: value}, origins=origins))
    if key not in _FOLDERS or value in _shipped(_FOLDERS[key]):
        return value
    try:
        return str(resolve(_FOLDERS[key], str(value), relative_to=folder))
    except InputError as error:
        raise error_at(where, (key,), str(error)) from None


@lru_cache(maxsize=8)
def _shipped(folder: str) -> frozenset[str]:
    return frozenset(shipped(folder))


def _check_machine_key(key: str, where: str) -> None:
    """Follow a dotted key through the machine's configs, as far as their fields are named."""
    models: list[type[BaseModel]] = [Machine]
    for depth, part in enumerate(key.split(".")):
        found = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        if not found:
            known = {name: None for model in models for name in model.model_fields}
            if depth == 0:
                known |= dict.fromkeys(Workload.model_fields)
            message = f"unknown key, no {part!r} in a machine; {suggest(part, known)}"
            raise error_at(where, (key,), message)
        models = [model for annotation in found for model in _models_in(annotation)]
        if not models or any(map(_has_dict, found)):
            return


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _has_dict(annotation: object) -> bool:
    return get_origin(annotation) is dict or any(map(_has_dict, get_args(annotation)))


def files(settings: Settings) -> Iterable[Path]:
    """Files that are not shipped: machine and model, and what their texts name, and so on."""
    machine, model = str(settings["machine"]), str(settings["model"])
    folder = Path(machine).parent  # of a shipped machine, names that are paths are absolute
    texts = [value for key, value in settings.items() if key not in Workload.model_fields]
    yield from _named_by(texts, folder)
    if machine not in _shipped("machines"):
        yield from _with_named(Path(machine))
    if model not in _shipped("models"):
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
