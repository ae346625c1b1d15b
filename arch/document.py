"""A YAML or JSON file in memory: plain data, the origin of every value, and overrides."""

import copy
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lockstep.arch.error import InputError, Location, error_at, shorten, show, suggest
from lockstep.arch.syntax import parse_json, parse_yaml

MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A mapping that was read, and where each of its values was written.

    Parameters
    ----------
    path : Path
    data : dict
        Plain dicts, lists, strings, ints, floats, booleans and None.
    origins : mapping of Location to str
        ``FILE:LINE``, or ``--set KEY=VALUE`` for an overridden value.
    """

    path: Path
    data: dict[str, object]
    origins: Mapping[Location, str]

    def where(self, location: Location) -> str:
        """Origin of a value; of the nearest mapping around it if it was not written."""
        while location not in self.origins:
            location = location[:-1]
        return self.origins[location]

    def error(self, location: Location, message: str) -> InputError:
        """The error ``FILE:LINE: KEY: message``."""
        return error_at(self.where(location), location, message)

    def overridden(self, overrides: Sequence[str]) -> "Document":
        """A copy with each ``KEY=VALUE`` applied in turn; keys are dotted, values are YAML.

        Raises
        ------
        InputError
            If an override is not ``KEY=VALUE``, or leads through a value that is no mapping.
        """
        data, origins = copy.deepcopy(self.data), dict(self.origins)
        for override in overrides:
            source = f"--set {shorten(override)}"
            key, equals, text = override.partition("=")
            location = tuple(key.split("."))
            if not (equals and all(location)):
                raise InputError(f"{source}: not KEY=VALUE; write it as in dram.channels=2")
            node: object = data
            for depth, part in enumerate(location[:-1], start=1):
                if isinstance(node, dict):
                    node = node.setdefault(part, {})
                    origins.setdefault(location[:depth], source)
            if not isinstance(node, dict):
                raise InputError(
                    f"{source}: {key} is inside {show(node)}, which is not a mapping; "
                    f"set a key of a mapping"
                )
            node[location[-1]], inner = parse_yaml(text, partial(_same, source))
            kept = {at: o for at, o in origins.items() if at[: len(location)] != location}
            origins = kept | {location + at: source for at in inner}
        return Document(path=self.path, data=data, origins=origins)


def _same(source: str, _line: int) -> str:
    return source


def read_yaml(path: Path) -> Document:
    """Read a YAML file, or a JSON file if its name ends in ``.json``.

    Raises
    ------
    InputError
        If the file is missing, unreadable, larger than 1 MB, not UTF-8 text, not valid, or not one
        mapping with unique string keys.
    """
    text = _text(path)
    parse = parse_json if path.suffix.lower() == ".json" else parse_yaml
    data, origins = parse(text, lambda line: f"{path}:{line}")
    if not isinstance(data, dict):
        raise InputError(f"{origins[()]}: not a mapping, value {show(data)}; write keys and values")
    return Document(path=path, data=data, origins=origins)


def no_such_file(path: Path) -> InputError:
    """The error for a file that is not there; its message names the nearest one that is."""
    try:
        files = sorted(path.parent.iterdir())
    except OSError:
        return InputError(f"{path}: no such file; there is no folder {path.parent} to find it in")
    names = [file.name for file in files if file.suffix in {".yaml", ".yml", ".json"}]
    return InputError(f"{path}: no such file; {suggest(path.name, names)}")


def _text(path: Path) -> str:
    raw = _bytes(path)
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES} bytes; is it the right file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise InputError(f"{path}:{line}: not UTF-8, byte 0x{byte:02x}; save it as UTF-8") from None


def _bytes(path: Path) -> bytes:
    """The file's first bytes: one more than the limit shows that it is too large."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{path}: is a directory; name a file in it")
        if not stat.S_ISREG(mode):
            raise InputError(f"{path}: not a regular file; name a YAML or JSON file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise no_such_file(path) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check the path") from None
