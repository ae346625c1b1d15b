"""Pydantic's errors, retold for the person who wrote the file: where, what, and what to do."""

import difflib
import re
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from lockstep.arch.document import Document
from lockstep.arch.error import InputError, Location, show, suggest

Models = list[type[BaseModel]]

_MESSAGES = {
    "bool_type": ("not a boolean", "write true or false"),
    "dict_type": ("not a mapping", "write keys and values"),
    "float_type": ("not a number", "write a plain number without quotes, such as 0.5 or 1e9"),
    "int_type": ("not an integer", "write a whole number in plain digits, such as 64"),
    "list_type": ("not a list", "write a list, such as [1, 2]"),
    "model_attributes_type": ("not a mapping", "write keys and values"),
    "model_type": ("not a mapping", "write keys and values"),
    "string_type": ("not a string", "put it in quotes"),
    "tuple_type": ("not a list", "write a list, such as [1, 2]"),
    "greater_than": ("too small", "must be > {gt}"),
    "greater_than_equal": ("too small", "must be >= {ge}"),
    "less_than": ("too large", "must be < {lt}"),
    "less_than_equal": ("too large", "must be <= {le}"),
    "multiple_of": ("does not divide evenly", "must be a multiple of {multiple_of}"),
    "string_too_long": ("too long", "must be at most {max_length} characters"),
    "string_too_short": ("too short", "must be at least {min_length} characters"),
    "too_long": ("too long", "must have at most {max_length} items"),
    "too_short": ("too short", "must have at least {min_length} items"),
}
"""Pydantic's error type to what is wrong and its remedy."""

_WORDS: dict[object, str] = {
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    str: "a string",
}


def explain(
    cls: type[BaseModel], document: Document, details: Iterable[ErrorDetails]
) -> InputError:
    """The first of pydantic's errors on ``document`` as one line.

    A wrong ``kind`` comes before all else, and a misspelt key before the key it leaves missing.
    """
    detail = min(details, key=lambda d: (d["loc"] != ("kind",), d["type"] != "extra_forbidden"))
    kind, loc = detail["type"], detail["loc"]
    context: dict[str, Any] = detail.get("ctx", {})
    path = _path(document.data, loc)
    # Pydantic's own input is the converted one: 0.0 where the file says 0.
    value = loc[-2] if loc[-1:] == ("[key]",) else _value_at(document.data, path)
    if kind == "value_error":
        return _own_error(document, path, _models_at(cls, loc), str(context["error"]))
    if kind == "missing":
        key = str(loc[-1])
        message = f"missing; {_how_to_add(key, _fields(_models_at(cls, loc[:-1]), key))}"
        return document.error((*path, key), message)
    if kind.startswith("union_tag"):
        key = context["discriminator"].strip("'")
        choices = [c for field in _fields(_models_at(cls, loc), key) for c in _choices(field)]
        path = (*path, key)
        message = (
            _wrong_choice(context["tag"], choices)
            if "tag" in context
            else f"missing; add '{key}: ...', one of {', '.join(choices)}"
        )
    elif kind == "extra_forbidden":
        known = [name for model in _models_at(cls, loc[:-1]) for name in model.model_fields]
        message = f"unknown key, value {show(value)}; {suggest(str(loc[-1]), known)}"
    elif kind == "literal_error" and loc == ("kind",):
        wanted = context["expected"].replace("'", "")
        message = f"wrong kind of file, value {show(value)}; a {wanted} file is wanted here"
    elif kind == "literal_error":
        expected = context["expected"]
        message = _wrong_choice(value, re.findall("'([^']*)'", expected) or [expected])
    else:
        wrong, remedy = _MESSAGES.get(kind, (detail["msg"], "see its JSON Schema"))
        limits = {name: _plain(limit) for name, limit in context.items()}
        message = f"{wrong}, value {show(value)}; {remedy.format(**limits)}"
    return document.error(path, message)


def _plain(limit: object) -> object:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _own_error(document: Document, path: Location, models: Models, message: str) -> InputError:
    """A validator of ours failed: its message may start with the dotted key that it blames."""
    whole = path
    key, _, rest = message.partition(" ")
    blamed = tuple(key.split("."))
    if any(blamed[0] in model.model_fields for model in models):
        path, message = (*path, *blamed), rest
    value = _value_at(document.data, path)
    if not isinstance(value, dict | None) and show(value) not in re.split(r"[\s,;]+", message):
        wrong, semicolon, remedy = message.partition(";")
        message = f"{wrong}, value {show(value)}{semicolon}{remedy}"
    # Keys that must agree: the file may be right on its own and an override elsewhere at fault.
    inside = (o for at, o in document.origins.items() if at[: len(whole)] == whole)
    overrides = {o: None for o in inside if o.startswith("--set ") and o != document.where(path)}
    return document.error(path, message + "".join(f" (with {o})" for o in overrides))


def _wrong_choice(value: object, choices: list[str]) -> str:
    near = difflib.SequenceMatcher(b=str(value))

    def distance(choice: str) -> float:
        near.set_seq1(choice)
        return -near.ratio()

    ranked = ", ".join(sorted(choices, key=distance))
    return f"unknown choice, value {show(value)}; must be {'one of ' * (len(choices) > 1)}{ranked}"


def _how_to_add(key: str, fields: list[FieldInfo]) -> str:
    what = "see its JSON Schema"
    for field in fields[:1]:
        choices, models = _choices(field), _models_in(field.annotation)
        if len(choices) == 1:
            return f"add '{key}: {choices[0]}'"
        if choices:
            what = f"one of {', '.join(choices)}"
        elif models:
            inner = models[0].model_fields
            needed = [name for name, each in inner.items() if each.is_required()]
            what = f"a mapping with {', '.join(needed or inner)}"
        what = field.description or _WORDS.get(field.annotation, what)
    return f"add '{key}: ...', {what}"


def _fields(models: Models, key: str) -> list[FieldInfo]:
    return [model.model_fields[key] for model in models if key in model.model_fields]


def _choices(field: FieldInfo) -> list[str]:
    is_literal = get_origin(field.annotation) is Literal
    return [str(choice) for choice in get_args(field.annotation)] if is_literal else []


def _models_in(annotation: object) -> Models:
    """Every model a type is made of: ``A | None``, ``tuple[A, ...]``, ``dict[str, A]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _models_at(cls: type[BaseModel], loc: Location) -> Models:
    """The models that the value at pydantic's ``loc`` may be; a union's tag picks one."""
    models: Models = [cls]
    for part in loc:
        fields = _fields(models, str(part))
        tagged = [m for m in models if any(part in _choices(f) for f in m.model_fields.values())]
        if fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
        elif tagged:
            models = tagged
    return models


def _path(data: object, loc: Location) -> Location:
    """The part of pydantic's ``loc`` that exists in ``data``: no union tags, no missing keys."""
    path: Location = ()
    for part in loc:
        is_index = isinstance(data, list) and isinstance(part, int)
        if is_index or (isinstance(data, dict) and part in data):
            data = data[part]  # type: ignore[index]
            path = (*path, part)
    return path


def _value_at(data: object, path: Location) -> object:
    """The value, or None where there is none."""
    for part in path:
        if _path(data, (part,)) == ():
            return None
        data = data[part]  # type: ignore[index]
    return data
