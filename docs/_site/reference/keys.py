"""Every key of a kind of file, from the config classes that read it."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lockstep.arch.dram import DramSpec
from lockstep.arch.machine import Machine
from lockstep.arch.memory import DramPreset, TimedDramPreset
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.tech import Tech
from lockstep.sweep.config import SweepConfig
from lockstep.workloads.model import Model
from reference.docstring import Entry, parse
from reference.markdown import code, literal, plain, table
from reference.types import limits, models, words

KINDS: dict[str, tuple[type[BaseModel], ...]] = {
    "machine": (Machine,),
    "model": (Model,),
    "tech": (Tech,),
    "dram": (TimedDramPreset, DramPreset),
    "dram_timing": (DramSpec,),
    "pim": (PimChannelConfig,),
    "mmu": (MmuConfig,),
    "sweep": (SweepConfig,),
}
"""Kind of ``lockstep schema`` to the classes that such a file may be."""

_UNITS = (
    ("_pj_per_bit", "pJ/bit"),
    ("_bytes_per_s", "bytes/s"),
    ("_bytes", "bytes"),
    ("_bits", "bits"),
    ("_cycles", "cycles"),
    ("_instructions", "instructions"),
    ("_mhz", "MHz"),
    ("_ns", "ns"),
    ("_ps", "ps"),
    ("_nm", "nm"),
    ("_pj", "pJ"),
    ("_um2", "µm²"),
    ("_mm2", "mm²"),
    ("_mw", "mW"),
    ("_ma", "mA"),
    ("_mpki", "per 1,000 instructions"),
    ("_tokens", "tokens"),
    ("volts", "V"),
    ("_share", "of 1"),
)

_ALWAYS = {
    "kind": "Says what this is.",
    "name": "Its name.",
    "source": "Where the figures come from.",
    "clock_mhz": "Its clock.",
    "energy_pj": "Of one operation or event.",
    "area_um2": "Of one instance.",
    "seed": "Of what is drawn at random; the same one draws the same.",
}
"""Keys that mean the same wherever they stand and are not described again."""


_DEEPEST = 12
"""Keys in a dotted path; one more is a class inside itself."""


@dataclass(slots=True)
class Section:
    """A config class: where a file of this kind has it, and what picks it there."""

    cls: type[BaseModel]
    paths: list[str] = field(default_factory=list)
    tag: str = ""

    @property
    def anchor(self) -> str:
        """Its heading's anchor: the class, whose name does not change with the heading."""
        return self.cls.__name__.removesuffix("Config").lower()

    @property
    def heading(self) -> str:
        """The first dotted path, and the tag."""
        first = code(self.paths[0]) if self.paths[0] else "Top level"
        return f"{first}: {self.tag}" if self.tag else first


def sections(kind: str) -> list[Section]:
    """Config classes of a kind of file, outermost first, each once."""
    roots = KINDS[kind]
    found: dict[type, Section] = {}
    waiting: list[tuple[str, type[BaseModel], str]] = [
        ("", cls, parse(cls).summary.partition(";")[0].rstrip(".") if len(roots) > 1 else "")
        for cls in roots
    ]
    while waiting:
        path, cls, tag = waiting.pop(0)
        section = found.setdefault(cls, Section(cls, tag=tag))
        if path in section.paths or path.count(".") > _DEEPEST:
            continue
        section.paths.append(path)
        waiting += [
            (place, each, _tag(each, choices))
            for name, info in cls.model_fields.items()
            for place, choices in models(info.annotation, f"{path}.{name}".lstrip("."))
            for each in choices
        ]
    return sorted(found.values(), key=lambda s: _order(s, list(found)))


def _order(section: Section, found: list[type]) -> tuple[Any, ...]:
    """By the first key of the path, as the file's class has them; then as they were found."""
    top = section.paths[0].split(".")[0].removesuffix("[]")
    names = [name for cls in found[:1] for name in cls.model_fields]  # type: ignore[attr-defined]
    return (names.index(top) if top in names else -1, found.index(section.cls))


def _tag(cls: type[BaseModel], choices: list[type[BaseModel]]) -> str:
    """``kind: systolic`` where a key of the file decides between classes."""
    if len(choices) < 2:
        return ""
    for name, info in cls.model_fields.items():
        if get_origin(info.annotation) is Literal and all(name in c.model_fields for c in choices):
            return code(f"{name}: {' or '.join(map(str, get_args(info.annotation)))}")
    return cls.__name__


def page(kind: str) -> str:
    """Tables of all keys of a kind of file, a section per config class."""
    found = sections(kind)
    anchors = {section.cls: section.anchor for section in found}
    return "\n".join(_section(section, anchors) for section in found)


def _section(section: Section, anchors: dict[type, str]) -> str:
    cls, doc = section.cls, parse(section.cls)
    parts = [f"## {section.heading} {{#{section.anchor}}}", plain(doc.summary)]
    if doc.prose:
        parts.append(plain(doc.prose))
    if len(section.paths) > 1:
        parts.append("Also at " + ", ".join(code(path) for path in section.paths[1:]) + ".")
    entries = _entries(cls)
    parts += [
        plain(entry.text)
        for entry in dict.fromkeys(entries.values())
        if len(entry.names) > 1 and any(_inner(cls, name) for name in entry.names)
    ]
    rows = [
        {
            "key": f'<a id="{section.anchor}.{name}"></a>{code(name)}',
            "takes": words(info.annotation, anchors),
            "default": _default(info),
            "range": limits(info),
            "unit": next((unit for end, unit in _UNITS if name.endswith(end)), "-"),
            "what it is": _description(cls, name, info, entries),
        }
        for name, info in cls.model_fields.items()
    ]
    bare = [key for key in ("range", "unit") if all(row[key] == "-" for row in rows)]
    rows = [{key: text for key, text in row.items() if key not in bare} for row in rows]
    return "\n\n".join([*parts, table(rows)])


def _entries(cls: type[BaseModel]) -> dict[str, Entry]:
    """What docstrings say of each field; a class says more than its bases."""
    found: dict[str, Entry] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= {n: e for e in parse(base).entries("Parameters") for n in e.names}
    return found


def _inner(cls: type[BaseModel], name: str) -> list[type[BaseModel]]:
    """Config classes that a field holds, in a list or mapping too."""
    info = cls.model_fields.get(name)
    return [each for _, found in models(info.annotation, "") for each in found] if info else []


def _description(
    cls: type[BaseModel], name: str, info: FieldInfo, entries: dict[str, Entry]
) -> str:
    entry, inner = entries.get(name), _inner(cls, name)
    own = entry.text if entry and not (inner and len(entry.names) > 1) else ""
    said = plain(re.sub(r"\bNone\b", "``null``", own))  # as a file has it
    if len(inner) > 1:
        links = ", ".join(f"[{_tag(each, inner)}](#{Section(each).anchor})" for each in inner)
        return f"One of {links}. {said}".strip()
    if said or inner:
        return said or plain(parse(inner[0]).summary)
    if info.description:
        return plain(info.description)
    if name.endswith("_source"):
        return f"Where {code(name.removesuffix('_source'))} comes from."
    return _ALWAYS.get(name, "-")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return "its defaults"
    if isinstance(value, tuple | dict) and not value:
        return "none"
    return literal(value)


def described(cls: type[BaseModel], name: str) -> str:
    """What a field or a property of a config class is, in words."""
    if name in cls.model_fields:
        return _description(cls, name, cls.model_fields[name], _entries(cls))
    doc = parse(getattr(cls, name))
    return plain(" ".join(part for part in (doc.summary, doc.prose) if part))
