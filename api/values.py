"""What users pass: whole numbers, values of machine and sweep files, and paths to write to."""

import json
import operator
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, SupportsIndex

from lockstep.arch.error import InputError, shorten


def whole(name: str, value: SupportsIndex) -> int:
    """An int; numpy's are taken too.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise InputError(
            f"{name}: must be a whole number, value {shorten(repr(value))}; write it as 8"
        ) from None


def plain_text(where: str, value: object) -> str:
    """A value as JSON; tuples, paths, numpy's numbers and arrays are taken too.

    Raises
    ------
    InputError
        If it is no value of a YAML file.
    """

    def default(inner: object) -> object:
        if isinstance(inner, PathLike):
            return inner.__fspath__()
        if isinstance(inner, Mapping):
            return dict(inner)
        if hasattr(inner, "tolist"):  # numpy's
            return inner.tolist()
        raise TypeError

    try:
        return json.dumps(value, default=default, allow_nan=False)
    except (TypeError, ValueError):
        what = shorten(repr(value))
        raise InputError(
            f"{where}: not a value of a YAML file, value {what}; give a number, a string, a list "
            "or a dict"
        ) from None


def plain(where: str, value: object) -> Any:
    """A value as dicts, lists, strings, numbers, booleans and None; see :func:`plain_text`."""
    return json.loads(plain_text(where, value))


def write_text(path: str | PathLike[str], text: str) -> Path:
    """Write a file.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    try:
        Path(path).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; choose a file") from None
    return Path(path)
