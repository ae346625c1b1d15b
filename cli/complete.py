"""What a shell completes values to; names of shipped files come from file names, so Tab is quick.

Where nothing fits, the shell goes on to file names.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import typer

from lockstep.arch.error import InputError

Completer = Callable[..., list[str]]


def one_of(*names: str) -> Completer:
    """Completes to one of a few words."""

    def complete() -> list[str]:
        return list(names)

    return complete


def shipped(folder: str, *more: str) -> Completer:
    """Completes to a shipped file of ``configs/FOLDER``, or to one of a few words more."""

    def complete() -> list[str]:
        root = Path(str(resources.files("lockstep.configs"))) / folder
        return [*more, *sorted(path.stem for path in root.glob("*.yaml"))]

    return complete


def format_names() -> list[str]:
    """Number formats that have a name of their own."""
    from lockstep.arch.formats import FORMATS

    return sorted(FORMATS)


def keys_of(folder: str, config: str) -> Completer:
    """Completes ``--set`` to the keys of the file that the command line names.

    The last key that fits comes with the value that it has, too: a shell then leaves out the blank
    that would follow ``KEY=``.

    Parameters
    ----------
    folder : str
        Where shipped files of the kind are.
    config : str
        ``MODULE:CLASS`` of what the file describes.
    """

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        pairs = dict(_leaves(_named(ctx.args, folder, config)))
        keys = [key for key in pairs if key.startswith(incomplete)]
        whole = keys if len(keys) == 1 else pairs if "=" in incomplete else []
        return [*(f"{key}=" for key in keys), *(f"{key}={pairs[key]}" for key in whole)]

    return complete


def _named(words: list[str], folder: str, config: str) -> dict[str, Any]:
    """The first file among the words: with its option unfinished, a line is not parsed further."""
    from lockstep.arch.load import load, resolve

    module, _, name = config.partition(":")
    for word in words:
        with suppress(InputError, OSError):
            read = load(getattr(import_module(module), name), resolve(folder, word))
            return dict(read.model_dump(mode="json"))
    return {}


def _leaves(data: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and their values as YAML takes them."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            yield f"{above}{key}", text
