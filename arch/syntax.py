"""Strict YAML and JSON: text to plain data, with the origin of every value.

The YAML is the subset people mean to write: mappings with unique string keys, lists and scalars.
Anchors, aliases, merge keys and tags are refused, and YAML 1.1's surprises are gone: ``on``,
``yes``, ``010``, ``12:30`` and dates are strings; ``1e9`` is a number.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import yaml

from lockstep.arch.error import InputError, Location, error_at, shorten, show

Where = Callable[[int], str]
"""From a line number, counted from 1, to what an error message calls that place."""

MAX_DEPTH = 64

# The C parser is ten times faster, which shows on a config.json with a thousand class labels.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BRACKETS: dict[type[yaml.Event], str] = {
    yaml.MappingStartEvent: "{",
    yaml.MappingEndEvent: "}",
    yaml.SequenceStartEvent: "[",
    yaml.SequenceEndEvent: "]",
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^\s,:\[\]{}"]+')


class _Event(NamedTuple):
    """One step through a document: a bracket of ``{}[]``, or ``=`` and a scalar."""

    kind: str
    value: object
    where: str
    fault: str = ""


def parse_yaml(text: str, where: Where) -> tuple[object, dict[Location, str]]:
    """The value of one YAML document and the origin of each part of it.

    Raises
    ------
    InputError
        If the text is empty, not valid, or outside the strict subset.
    """
    _check_text(text, where)
    return _compose(_yaml_events(text, where), where)


def parse_json(text: str, where: Where) -> tuple[object, dict[Location, str]]:
    """The value of one JSON document and the origin of each part of it.

    Raises
    ------
    InputError
        If the text is not valid, repeats a key, or has a number that is not finite.
    """
    _check_text(text, where)
    return _compose(_json_events(text, where), where)


def _check_text(text: str, where: Where) -> None:
    if bad := _UNPRINTABLE.search(text):
        here = where(text.count("\n", 0, bad.start()) + 1)
        raise InputError(f"{here}: not text, character U+{ord(bad[0]):04X}; is it the right file?")


def _yaml_events(text: str, where: Where) -> Iterator[_Event]:
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            here = where(_line(event.start_mark))
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise InputError(f"{here}: a second document starts here; keep only one")
            elif isinstance(event, yaml.NodeEvent) and (fault := _not_in_subset(event)):
                yield _Event("=", None, here, fault)
            elif isinstance(event, yaml.ScalarEvent):
                is_plain = event.implicit[0]
                value = _resolve(event.value) if is_plain else event.value
                yield _Event("=", value, here, _not_storable(value, event.value))
            elif type(event) in _BRACKETS:
                yield _Event(_BRACKETS[type(event)], None, here)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, where) from None
    except yaml.YAMLError as error:
        raise InputError(f"{where(1)}: not valid YAML: {error}; check the text") from None


def _line(mark: Any) -> int:
    return mark.line + 1 if mark else 1


def _syntax_error(error: yaml.MarkedYAMLError, text: str, where: Where) -> InputError:
    opened, line = _line(error.context_mark), _line(error.problem_mark or error.context_mark)
    context = f" {error.context}" if error.context else ""
    if context and opened != line:
        context += f" of line {opened}"
    has_tab = any("\t" in at for at in text.split("\n")[line - 1 : line])
    remedy = "indent with spaces, not tabs" if has_tab else "check brackets, quotes and indentation"
    return InputError(f"{where(line)}: not valid YAML: {error.problem}{context}; {remedy}")


def _not_in_subset(event: yaml.NodeEvent) -> str:
    if event.anchor is not None:
        return f"anchors and aliases are not allowed, value {show(event.anchor)}; write it out"
    tag = getattr(event, "tag", None)
    if tag is not None:
        return f"tags are not allowed, value {show(tag)}; remove it"
    if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and event.value == "<<":
        return "merge keys are not allowed, value '<<'; write the keys out"
    return ""


def _resolve(text: str) -> object:
    """The value of a plain YAML scalar."""
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 4000 else math.inf  # int() itself stops at 4300 digits
    if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _json_events(text: str, where: Where) -> Iterator[_Event]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where(error.lineno)}: not valid JSON: {error.msg}; check commas, quotes and brackets"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where(1)}: not valid JSON: {error}; is it the right file?") from None
    # The syntax is right, so commas and colons carry no news and tokens need no context.
    line, seen = 1, 0
    for token in _JSON_TOKEN.finditer(text):
        line += text.count("\n", seen, token.start())
        seen = token.start()
        if token[0] in "{}[]":
            yield _Event(token[0], None, where(line))
        else:
            value = json.loads(token[0])
            yield _Event("=", value, where(line), _not_storable(value, token[0]))


def _not_storable(value: object, text: str) -> str:
    """What is wrong with numbers that arithmetic cannot hold and strings that no file can."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"not a finite number, value {shorten(text)}; write one of at most 1.8e308"
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return f"integer too large, value {shorten(text)}; it must fit 64 bits"
    if isinstance(value, str) and _NOT_TEXT.search(value):
        return f"NUL or half a surrogate pair, value {show(value)}; remove it"
    return ""


def _compose(events: Iterator[_Event], where: Where) -> tuple[object, dict[Location, str]]:
    first = next(events, None)
    if first is None:
        raise InputError(f"{where(1)}: empty; write a value")
    origins: dict[Location, str] = {(): first.where}
    value = _node(first, events, (), origins)
    for _ in events:  # nothing is left but a second document or a syntax error, which raise
        pass
    return value, origins


def _node(
    event: _Event, events: Iterator[_Event], location: Location, origins: dict[Location, str]
) -> object:
    if event.fault:
        raise error_at(event.where, location, event.fault)
    if len(location) > MAX_DEPTH:
        raise error_at(event.where, location, f"nested deeper than {MAX_DEPTH} levels; flatten it")
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
        name = _key(key, location)
        here = (*location, name)
        if name in mapping:
            raise error_at(key.where, here, f"written twice, first at {origins[here]}; delete one")
        origins[here] = key.where
        mapping[name] = _node(next(events), events, here, origins)
    return mapping


def _key(event: _Event, location: Location) -> str:
    if event.fault:
        raise error_at(event.where, location, event.fault)
    if not isinstance(event.value, str):
        value = show(event.value) if event.kind == "=" else "[...]"
        raise error_at(
            event.where, location, f"a key must be a string, value {value}; put it in quotes"
        )
    return event.value
