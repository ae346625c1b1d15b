"""The Python interface: every public name of the package, from its signature and docstring."""

import dataclasses
import inspect
import re
from typing import Any

import lockstep
from reference.docstring import Docstring, parse
from reference.markdown import code, plain, table

_LISTS = ("Parameters", "Attributes", "Returns", "Yields", "Raises")


def page() -> str:
    """A section for each name of ``lockstep.__all__``: functions, then classes, then the rest."""
    things = {name: getattr(lockstep, name) for name in lockstep.__all__}
    functions = {n: t for n, t in things.items() if inspect.isroutine(t)}
    classes = {n: t for n, t in things.items() if inspect.isclass(t)}
    rest = {n: t for n, t in things.items() if n not in functions and n not in classes}
    parts = [
        "## Functions",
        *(_function(n, t, 3, "lockstep.") for n, t in sorted(functions.items())),
    ]
    parts += ["## Classes", *(_class(n, t) for n, t in sorted(classes.items()))]
    if rest:
        parts += ["## Values", *(f"- {code(f'lockstep.{n}')}" for n in sorted(rest))]
    return "\n\n".join(parts)


def _class(name: str, cls: type) -> str:
    parts = [f"### {name} {{#{name}}}", _body(parse(cls)).replace("**Parameters**", "**Fields**")]
    values, methods = [], []
    for member in _public(cls):
        thing = inspect.getattr_static(cls, member)
        if isinstance(thing, classmethod | staticmethod):
            thing = thing.__func__
        getter = getattr(thing, "fget", None) or getattr(thing, "func", None)
        if inspect.isfunction(thing):
            methods.append(_function(member, thing, 4, f"{name}."))
        elif getter:
            values.append({
                "attribute": f'<a id="{name}.{member}"></a>{code(member)}',
                "type": code(_result(getter)),
                "what it is": plain(
                    " ".join(filter(None, (parse(getter).summary, parse(getter).prose)))
                ),
            })
    return "\n\n".join([*parts, table(values), *methods])


def _public(cls: type) -> list[str]:
    """Members that a user may use, in the order of the source: own ones first, then inherited ones of ours."""
    found: dict[str, None] = {}
    for base in cls.__mro__:
        if base.__module__.startswith("lockstep"):
            found |= dict.fromkeys(name for name in vars(base) if not name.startswith("_"))
    fields = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    return [name for name in found if name not in fields]


def _function(name: str, function: Any, level: int, owner: str) -> str:
    anchor = f"{owner}{name}".removeprefix("lockstep.")
    heading = f"{'#' * level} {owner.removeprefix('lockstep.')}{name} {{#{anchor}}}"
    return f"{heading}\n\n```python\n{owner}{name}{_signature(function)}\n```\n\n{_body(parse(function))}"


def _signature(function: Any) -> str:
    """Parameters and result as written, on lines of their own where they are many."""
    found = inspect.signature(function)
    parameters = [p for p in found.parameters.values() if p.name not in ("self", "cls")]
    found = found.replace(parameters=parameters)
    text = re.sub(r"<function [^>]*>", "...", str(found)).replace("'", "")
    text = re.sub(
        r"\b(?:lockstep|collections|typing|pathlib|matplotlib|pandas)\.(?:\w+\.)*", "", text
    )
    if len(text) < 80:
        return text
    inside, _, result = text.rpartition(")")
    pieces = _split(inside[1:])
    return "(\n" + "".join(f"    {piece},\n" for piece in pieces) + f"){result}"


def _result(getter: Any) -> str:
    return _signature(getter).rpartition("-> ")[2]


def _split(text: str) -> list[str]:
    pieces, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += character
    return [piece.strip() for piece in pieces if piece.strip() and piece.strip() != "/"]


def _body(doc: Docstring) -> str:
    parts = [plain(doc.summary), plain(doc.prose)]
    for heading, text in doc.sections.items():
        if heading in _LISTS:
            parts.append(f"**{heading}**\n\n" + "\n".join(_items(doc, heading)))
        elif heading == "Examples":
            parts.append(f"**{heading}**\n\n```python\n{inspect.cleandoc(text)}\n```")
        else:
            parts.append(f"**{heading}**\n\n{plain(text)}")
    return "\n\n".join(part for part in parts if part)


def _items(doc: Docstring, heading: str) -> list[str]:
    lines = []
    for entry in doc.entries(heading):
        names = ", ".join(code(name.removeprefix("lockstep.arch.error.")) for name in entry.names)
        kind = f" : {plain(entry.kind)}" if entry.kind else ""
        lines.append(f"- {names}{kind}" + (f". {plain(entry.text)}" if entry.text else ""))
    return lines
