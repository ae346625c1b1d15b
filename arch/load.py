"""Files to configs: strict reading, overrides, validation; and the files that are shipped."""

import contextlib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from lockstep.arch.config import Config
from lockstep.arch.document import Document, no_such_file, read_yaml
from lockstep.arch.error import InputError, show, suggest
from lockstep.arch.explain import explain

__all__ = [
    "Document",
    "InputError",
    "json_schema",
    "load",
    "read_yaml",
    "resolve",
    "shipped",
    "validate",
]

ConfigT = TypeVar("ConfigT", bound=Config)

_SUFFIXES = (".yaml", ".yml", ".json")


def load(cls: type[ConfigT], path: Path, overrides: Sequence[str] = ()) -> ConfigT:
    """Read a config from a YAML or JSON file.

    Parameters
    ----------
    cls : type of Config
        What the file describes.
    path : Path
        The file, see :func:`resolve`.
    overrides : sequence of "KEY=VALUE"
        Applied before validation; keys are dotted, values are YAML.

    Raises
    ------
    InputError
        On the first thing that is wrong: one line with file, line, key, value and remedy.
    """
    return validate(cls, read_yaml(path).overridden(overrides))


def validate(cls: type[ConfigT], document: Document) -> ConfigT:
    """Build a config from a document.

    Raises
    ------
    InputError
        On the first thing that is wrong: one line with file, line, key, value and remedy.
    """
    try:
        # Pydantic's JSON mode is as strict, but lets a list fill a tuple, as frozen configs need.
        return cls.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        raise explain(cls, document, error.errors(include_url=False)) from None


def json_schema(cls: type[Config]) -> dict[str, object]:
    """JSON Schema of a config's files, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **cls.model_json_schema()}


def shipped(folder: str) -> dict[str, Path]:
    """Name to path of the shipped YAML files of a folder: machines, models, tech or dram."""
    root = Path(str(resources.files("lockstep.configs"))) / folder
    return {path.stem: path for path in sorted(root.glob("*.yaml"))}


def resolve(folder: str, name_or_path: str, relative_to: Path | None = None) -> Path:
    """Path of a shipped file, or of a file of the user.

    Parameters
    ----------
    folder : str
        Where shipped files are looked for: machines, models, tech or dram.
    name_or_path : str
        A shipped name; or a path, known by a separator, a YAML or JSON suffix, or by existing.
    relative_to : Path or None
        Folder that relative paths start from; None: the working directory.

    Raises
    ------
    InputError
        If there is no such file; the message names the nearest one.
    """
    names = shipped(folder)
    if name_or_path in names:
        return names[name_or_path]
    path = (relative_to or Path()) / name_or_path
    with contextlib.suppress(OSError):  # a name that is too long to be one
        if name_or_path and path.exists():
            return path
    if name_or_path and (path.name != name_or_path or name_or_path.endswith(_SUFFIXES)):
        raise no_such_file(path)
    raise InputError(
        f"unknown {folder.removesuffix('s')} {show(name_or_path)}, neither a shipped name nor "
        f"a path; {suggest(name_or_path, names)}"
    )
