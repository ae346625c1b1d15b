"""A field's annotation in words: what it takes, and within what limits."""

import math
import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reference.markdown import code, number

_WORDS = {int: "integer", float: "number", str: "string", bool: "true or false"}


def is_model(annotation: object) -> bool:
    """Whether it is a config class."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def members(annotation: object) -> tuple[object, ...]:
    """What a union is made of, without None; the annotation itself if it is none."""
    annotation = bare(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(m for part in get_args(annotation) for m in members(part))
    return () if annotation is type(None) else (annotation,)


def bare(annotation: Any) -> Any:
    """Without Annotated, and an alias resolved."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation


def models(annotation: object, path: str) -> Iterator[tuple[str, list[type[BaseModel]]]]:
    """Config classes inside an annotation, those of one place together, each with its dotted path."""
    here = [m for m in members(annotation) if is_model(m)]
    if here:
        yield path, here  # type: ignore[misc]
    for member in members(annotation):
        if get_origin(member) is dict:
            yield from models(get_args(member)[1], f"{path}.NAME")
        elif get_origin(member) in (tuple, list):
            for part in dict.fromkeys(get_args(member)):
                if part is not Ellipsis:
                    yield from models(part, f"{path}[]")


def words(annotation: object, anchors: dict[type, str]) -> str:
    """What may be written there, as Markdown."""
    optional = type(None) in get_args(bare(annotation))
    choices = members(annotation)
    if sum(map(is_model, choices)) > 1:
        anchors = {}  # the description leads to each
    parts = list(dict.fromkeys(_one(member, anchors) for member in choices))
    if {"integer", "number"} <= set(parts):
        parts.remove("integer")
    return " or ".join(parts + ["null"] * optional)


def _one(annotation: Any, anchors: dict[type, str]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if is_model(annotation):
        return f"[mapping](#{anchors[annotation]})" if annotation in anchors else "mapping"
    if origin is Literal:
        return ", ".join(code(choice) for choice in arguments)
    if origin is dict:
        keys, values = (words(argument, anchors) for argument in arguments)
        return f"mapping of {keys} to {values}"
    if origin in (tuple, list):
        parts = [words(a, anchors) for a in arguments if a is not Ellipsis]
        return f"list of {', '.join(dict.fromkeys(parts))}"
    if annotation.__class__.__name__ == "TypeAliasType" or annotation is Any:
        return "any value"
    return _WORDS.get(annotation, "any value")


def limits(info: FieldInfo) -> str:
    """Bounds of a field's value, and of what is inside it, in words."""
    return "; ".join(dict.fromkeys(_limits(info.annotation, info.metadata))) or "-"


def _limits(annotation: Any, metadata: Sequence[object]) -> Iterator[str]:
    yield from _bounds(metadata)
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        flat = [m for note in notes for m in getattr(note, "metadata", [note])]
        yield from _limits(inner, flat)
        return
    inside = "each " if get_origin(annotation) in (tuple, list, dict) else ""
    if get_origin(annotation) is Literal:
        return
    for argument in get_args(annotation):
        if argument is not Ellipsis:
            for text in _limits(argument, []):
                yield inside + text if not text.startswith(inside or " ") else text


def _bounds(metadata: Sequence[object]) -> Iterator[str]:
    found: dict[str, Any] = {
        name: getattr(note, name)
        for note in metadata
        for name in ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
        if getattr(note, name, None) is not None
    }
    low, high = found.get("ge"), found.get("le")
    above, below = found.get("gt"), found.get("lt")
    if above is not None:
        yield f"above {_plain(above)}"
    if low is not None and high is not None:
        yield f"{_plain(low)} to {_plain(high)}"
    elif low is not None:
        yield f"{_plain(low)} or more"
    elif high is not None:
        yield f"{_plain(high)} or less"
    if below is not None:
        yield f"below {_plain(below)}"
    if "multiple_of" in found:
        yield f"multiple of {_plain(found['multiple_of'])}"
    least, most = found.get("min_length"), found.get("max_length")
    if least is not None and most is not None:
        yield f"length {_plain(least)} to {_plain(most)}"
    elif least is not None:
        yield f"length {_plain(least)} or more"
    elif most is not None:
        yield f"length {_plain(most)} or less"
    if "pattern" in found:
        yield f"matches {code(found['pattern'])}"


def _plain(value: float) -> str:
    """A limit; large powers of two and ten as such."""
    for base in (2, 10):
        power = round(math.log(value, base)) if value >= 1e5 else 0
        whole: int = base**power
        if power and value in (whole, whole - 1):
            return f"{base}<sup>{power}</sup>{' - 1' if value < whole else ''}"
    return number(int(value)) if float(value).is_integer() else f"{value:g}"
