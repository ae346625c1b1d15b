"""The one error a user's input can cause, and how its message quotes and suggests."""

import difflib
import json
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input, told in one line: ``FILE:LINE: KEY: what is wrong, value 'x'; remedy``."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


Location = tuple[str | int, ...]
"""Keys and list indices that lead from the root of a document to a value."""


def error_at(where: str, location: Location, message: str) -> InputError:
    """The error ``WHERE: DOTTED.KEY: message``."""
    key = shorten(repr(".".join(map(str, location)))[1:-1])
    return InputError(": ".join(part for part in (where, key, message) if part))


def shorten(text: str) -> str:
    """``text`` in 60 characters or fewer."""
    return text if len(text) <= 60 else text[:57] + "..."


def show(value: object) -> str:
    """A value as a message quotes it: one line, 60 characters or fewer, booleans as in YAML."""
    return shorten(repr(value) if isinstance(value, str) else json.dumps(value))


def suggest(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?``, or all known names if none is near."""
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    if near:
        return f"did you mean {by_lower[near[0]]!r}?"
    names = ", ".join(by_lower.values())
    return f"choose from {names}" if names else "there is none to choose from"
