"""What runners check of a point's keys: that a config has them, that their files exist."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import get_args, get_origin

from pydantic import BaseModel

from lockstep.arch.error import InputError, error_at, suggest
from lockstep.arch.load import resolve, shipped


def check_dotted(
    root: type[BaseModel], key: str, where: str, *, inside: str, others: Iterable[str]
) -> None:
    """Follow a dotted key through a config and those in it.

    Parameters
    ----------
    root : type of Config
        Where the key starts.
    key, where : str
        The key, and where it is written.
    inside : str
        What messages call ``root``: "a machine".
    others : iterable of str
        Keys that may be meant instead.

    Raises
    ------
    InputError
        ``WHERE: KEY: ...``, if the config has no such key.
    """
    models: list[type[BaseModel]] = [root]
    for depth, part in enumerate(key.split(".")):
        found = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        if not found:
            known = [name for model in models for name in model.model_fields]
            names = dict.fromkeys(known if depth else [*known, *others])
            message = f"unknown key, no {part!r} in {inside}; {suggest(part, names)}"
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


def named_file(folder: str, key: str, value: str, where: str, beside: Path) -> str:
    """A shipped name as it is, any other one as a path; relative ones start ``beside`` the file.

    Raises
    ------
    InputError
        ``WHERE: KEY: ...``, if there is no such file.
    """
    if is_shipped(folder, value):
        return value
    try:
        return str(resolve(folder, value, relative_to=beside))
    except InputError as error:
        raise error_at(where, (key,), str(error)) from None


def is_shipped(folder: str, name: str) -> bool:
    """Whether it is the name of a shipped file."""
    return name in _names(folder)


@lru_cache(maxsize=8)
def _names(folder: str) -> frozenset[str]:
    return frozenset(shipped(folder))
