"""Strict reading of YAML and JSON: plain data, and for every key the place it was written.

The YAML is the subset people mean to write: mappings with unique string keys, lists and scalars.
Anchors, aliases, merge keys and tags are refused, and so are the surprises of YAML 1.1: ``on`` and
``yes`` are strings, ``010`` and ``12:30`` are strings, ``1e9`` is a number.
"""

import copy
import difflib
import json
import math
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

import yaml

Location = tuple[str | int, ...]
"""Keys and list indices from the root of a document to a value."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 64

# The C parser is ten times faster, which shows on a config.json with a thousand class labels.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^\s,:\[\]{}"]+')


class InputError(ValueError):
    """Bad input of the user, in one line: ``FILE:LINE: KEY: what is wrong, value 'x'; remedy``."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


def shorten(text: str) -> str:
    """``text`` in 60 characters or fewer."""
    return text if len(text) <= 60 else text[:57] + "..."


def show(value: object) -> str:
    """A value as a message quotes it: one line, 60 characters or fewer, booleans as in YAML."""
    return shorten(repr(value) if isinstance(value, str) else json.dumps(value, default=repr))


def suggest(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?``, or the known names if none is near."""
    names = list(known)
    by_lower = {known_name.lower(): known_name for known_name in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    if near:
        return f"did you mean {by_lower[near[0]]!r}?"
    return f"choose from {', '.join(names)}" if names else "there is none to choose from"


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
        while location and location not in self.origins:
            location = location[:-1]
        return self.origins[location]

    def error(self, location: Location, message: str) -> InputError:
        """The error ``FILE:LINE: KEY: message``."""
        key = "".join(f"{shorten(str(part))}: " for part in [".".join(map(str, location))] if part)
        return InputError(f"{self.where(location)}: {key}{message}")

    def overridden(self, overrides: Sequence[str]) -> "Document":
        """A copy with each ``KEY=VALUE`` applied in turn; keys are dotted, values are YAML.

        Raises
        ------
        InputError
            If an override is not ``KEY=VALUE``, or leads through a value that is no mapping.
        """
        data = copy.deepcopy(self.data)
        origins = dict(self.origins)
        for override in overrides:
            source = f"--set {shorten(override)}"
            key, equals, text = override.partition("=")
            location = tuple(part.strip() for part in key.split("."))
            if not (equals and all(location)):
                raise InputError(
                    f"{source}: not KEY=VALUE; write a dotted key, '=' and a value, "
                    f"such as dram.channels=2"
                )
            node: object = data
            for part in location[:-1]:
                node = node.setdefault(part, {}) if isinstance(node, dict) else node
            if not isinstance(node, dict):
                raise InputError(f"{source}: leads through {show(node)}, which is not a mapping")
            stale = [old for old in origins if old[: len(location)] == location]
            for old in stale:
                del origins[old]
            origins[location] = source
            node[location[-1]], inner = _compose(_yaml_events(text, _always(source)), "value")
            origins |= {location + below: source for below in inner}
        return Document(path=self.path, data=data, origins=origins)


def read_yaml(path: Path) -> Document:
    """Read a YAML file, or a JSON file if its name ends in ``.json``.

    Raises
    ------
    InputError
        If the file is missing, unreadable, larger than 1 MB, not UTF-8 text, not valid, or not one
        mapping with unique string keys; the message has the line.
    """

    def where(line: int) -> str:
        return f"{path}:{line}"

    text = _text(path)
    events = _json_events(text, where) if path.suffix == ".json" else _yaml_events(text, where)
    data, origins = _compose(events, "file")
    if not isinstance(data, dict):
        raise InputError(
            f"{origins[()]}: not a mapping, value {show(data)}; the file must be 'key: value' lines"
        )
    return Document(path=path, data=data, origins=origins)


def _text(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{path}: is a directory; give a file in it")
        if not stat.S_ISREG(mode):
            raise InputError(f"{path}: not a regular file; give a YAML or JSON file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        names = sorted(p.name for p in beside if p.suffix in {".yaml", ".yml", ".json"})
        folder = "its folder does not exist" if not path.parent.is_dir() else ""
        raise InputError(f"{path}: no such file; {folder or suggest(path.name, names)}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeError as error:
        raise InputError(f"{path}: not a file name: {error}") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES} bytes; is it the right file?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: not UTF-8, byte 0x{raw[error.start]:02x}; save it as UTF-8 text"
        ) from None
    if bad := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise InputError(
            f"{path}:{line}: not text, character U+{ord(bad[0]):04X}; is it the right file?"
        )
    return text


class _Event(NamedTuple):
    """One step through a document: a bracket of ``{}[]``, or ``=`` with a scalar value."""

    kind: str
    value: object
    where: str


_Where = Callable[[int], str]


def _always(source: str) -> _Where:
    return lambda _: source


def _yaml_events(text: str, where: _Where) -> Iterator[_Event]:
    brackets = {
        yaml.MappingStartEvent: "{",
        yaml.MappingEndEvent: "}",
        yaml.SequenceStartEvent: "[",
        yaml.SequenceEndEvent: "]",
    }
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            here = where(event.start_mark.line + 1)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise InputError(f"{here}: a second document starts here; keep only one")
            elif isinstance(event, yaml.NodeEvent):
                if event.anchor is not None:
                    raise InputError(
                        f"{here}: anchors and aliases are not allowed, value {show(event.anchor)}; "
                        f"write the value out"
                    )
                tag = getattr(event, "tag", None)
                if tag is not None:
                    raise InputError(
                        f"{here}: tags are not allowed, value {show(tag)}; write plain values"
                    )
            if isinstance(event, yaml.ScalarEvent):
                plain = event.implicit[0]
                value = _resolve(event.value, here) if plain else event.value
                yield _Event("=", _checked(value, here), here)
            elif type(event) in brackets:
                yield _Event(brackets[type(event)], None, here)
    except yaml.MarkedYAMLError as error:
        _raise_syntax_error(error, where)
    except (yaml.YAMLError, UnicodeError) as error:
        raise InputError(f"{where(1)}: not valid YAML: {error}") from None


def _raise_syntax_error(error: yaml.MarkedYAMLError, where: _Where) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    opened = error.context_mark
    context = f" {error.context}" if error.context else ""
    if opened and mark and opened.line != mark.line:
        context += f" that starts on line {opened.line + 1}"
    tab = "\\t" in str(error.problem) or "tab" in str(error.problem)
    remedy = "indent with spaces, not tabs" if tab else "check brackets, quotes and indentation"
    line = mark.line + 1 if mark else 1
    raise InputError(f"{where(line)}: not valid YAML: {error.problem}{context}; {remedy}") from None


def _resolve(text: str, here: str) -> object:
    """The value of a plain YAML scalar."""
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= 40 else math.inf
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        raise InputError(f"{here}: not a finite number, value {show(text)}; write a number")
    return text


def _json_events(text: str, where: _Where) -> Iterator[_Event]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where(error.lineno)}: not valid JSON: {error.msg}; check commas, quotes and brackets"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where(1)}: not valid JSON: {error}") from None
    # The syntax is right, so commas and colons carry no news and tokens need no context.
    line, last = 1, 0
    for token in _JSON_TOKEN.finditer(text):
        line += text.count("\n", last, token.start())
        last = token.start()
        here = where(line)
        if token[0] in "{}[]":
            yield _Event(token[0], None, here)
        else:
            yield _Event("=", _checked(json.loads(token[0]), here), here)


def _checked(value: object, here: str) -> object:
    """Refuse numbers that arithmetic cannot hold and strings that no file can."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{here}: number out of range; the largest is 1.8e308")
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise InputError(f"{here}: integer out of range, value {show(value)}; it must fit 64 bits")
    if isinstance(value, str) and _SURROGATE.search(value):
        raise InputError(f"{here}: half a surrogate pair, value {show(value)}; write the character")
    return value


def _compose(events: Iterator[_Event], what: str) -> tuple[object, dict[Location, str]]:
    """The value of all events, and the origin of each part; ``what`` names it if it is absent."""
    first = next(events, None)
    if first is None:
        raise InputError(f"the {what} is empty")
    origins: dict[Location, str] = {(): first.where}
    value = _node(first, events, (), origins)
    for _ in events:  # a YAML error, or a second document, may follow
        pass
    return value, origins


def _node(
    event: _Event, events: Iterator[_Event], location: Location, origins: dict[Location, str]
) -> object:
    if len(location) > MAX_DEPTH:
        raise InputError(f"{event.where}: nested deeper than {MAX_DEPTH} levels")
    if event.kind == "=":
        return event.value
    if event.kind == "[":
        items: list[object] = []
        while (item := next(events)).kind != "]":
            here = (*location, len(items))
            origins[here] = item.where
            items.append(_node(item, events, here, origins))
        return items
    mapping: dict[str, object] = {}
    while (key := next(events)).kind != "}":
        name = key.value
        if not isinstance(name, str):
            found = f", value {show(name)}" if key.kind == "=" else ""
            raise InputError(f"{key.where}: a key must be a string{found}; put it in quotes")
        here = (*location, name)
        dotted = shorten(".".join(map(str, here)))
        if name == "<<":
            raise InputError(f"{key.where}: {dotted}: merge keys are not allowed; write them out")
        if name in mapping:
            raise InputError(
                f"{key.where}: {dotted}: written twice, first at {origins[here]}; delete one"
            )
        origins[here] = key.where
        mapping[name] = _node(next(events), events, here, origins)
    return mapping
