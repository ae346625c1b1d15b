"""Where each constant of a run comes from: key, value, unit and source of every config.

Tables of technology, DRAM, PIM and MMU carry sources beside their numbers. A shipped machine has
them as comments, which are read from its file; a value that was changed for the run says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lockstep.arch.load import read_yaml, shipped

FILES = ("machine", "tech", "dram", "timing", "pim", "mmu", "model")
"""Configs of run.json, in the order of the table; each is NAME.yaml in the run's folder."""

_UNITS = {
    "_bytes_per_s": "B/s", "_pj_per_bit": "pJ/bit", "_mhz": "MHz", "_ghz": "GHz", "_pj": "pJ",
    "_um2": "µm²", "_mm2": "mm²", "_mw": "mW", "_ma": "mA", "_ns": "ns", "_ps": "ps", "_nm": "nm",
    "_bytes": "B", "_bits": "bit", "_cycles": "cycles", "volts": "V", "_tokens": "tokens",
}  # fmt: skip

_UNSOURCED = "as {}.yaml has it, or lockstep's default; it cites nothing for it"

_LAW = {"scale", "capacity_exponent", "width_exponent"}


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant: ``file`` without ``.yaml``, dotted ``key``, ``value`` as text, unit, source.

    ``brief`` stands for a source that many keys share: what the head of the machine's file says.
    """

    file: str
    key: str
    value: str
    unit: str
    source: str
    brief: str = ""


def constants(record: Mapping[str, Any]) -> list[Constant]:
    """Every constant that a run could use.

    Parameters
    ----------
    record : mapping
        What run.json holds. MACs of formats that the tensor engine does not have are left out.
    """
    found = []
    for name in FILES:
        if data := record.get(name):
            if name == "tech":
                data = {**data, "mac": _own_macs(record["machine"], data["mac"])}
            explained = _machine_sources(data) if name == "machine" else {}
            for path, value in _leaves(data):
                key = ".".join(map(str, path))
                source, brief = _source(data, path), ""
                if not source:
                    source, brief = explained.get(key, (_UNSOURCED.format(name), ""))
                found.append(Constant(name, key, number(value), _unit(name, key), source, brief))
    return found


def number(value: object) -> str:
    """A value as the table shows it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(number(each) for each in value)
    if isinstance(value, Mapping):  # a power law of SRAM macros
        low, wide = value["capacity_exponent"], value["width_exponent"]
        return f"{value['scale']:.6g} × bytes^{low:g} × (word bits / 64)^{wide:g}"
    return str(value)


def _own_macs(machine: Mapping[str, Any], macs: Mapping[str, Any]) -> dict[str, Any]:
    own = ((machine.get("tensor") or {}).get("mac") or {}).values()
    return {name: figures for name, figures in macs.items() if name in own}


def _leaves(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, object]]:
    """Values with their paths; not names, and not the sources themselves."""
    is_law = isinstance(data, Mapping) and set(data) == _LAW
    if isinstance(data, Mapping) and not is_law:
        for key, value in data.items():
            aside = key in {"source", "sources"} or (not path and key in {"kind", "name"})
            if not (aside or str(key).endswith("_source") or value is None):
                yield from _leaves(value, (*path, key))
    elif isinstance(data, list) and data and isinstance(data[0], Mapping):
        for i, each in enumerate(data):
            yield from _leaves(each, (*path, i))
    else:
        yield path, data


def _source(data: Any, path: Sequence[str | int]) -> str:
    """The source that stands nearest to a value."""
    named = data.get("sources", {})
    keys = [".".join(map(str, path[:depth])) for depth in range(len(path), 0, -1)]
    nearest = next((str(named[key]) for key in keys if key in named), "")
    for part in path:
        if isinstance(data, Mapping):
            nearest = str(data.get("source") or nearest)
            beside = [k for k in data if k.endswith("_source")]
            own = [k for k in beside if str(part).startswith(k.removesuffix("_source"))]
            nearest = str(data[max(own, key=len)]) if own else nearest
        data = data[part]
    return nearest


def _unit(file: str, key: str) -> str:
    if file in {"timing", "pim"} and key.startswith("timing."):
        return "clocks"
    if key.startswith("sram."):
        key = "_" + key.partition(".")[2].split("_")[-1]
    return next((unit for end, unit in _UNITS.items() if key.endswith(end)), "")


def _machine_sources(machine: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Dotted key to (source, brief) by the shipped machine's file, or that another file says so."""
    path = shipped("machines").get(str(machine["name"]))
    leaves = {".".join(map(str, at)): value for at, value in _leaves(machine)}
    if path is None:
        return dict.fromkeys(leaves, ("as the machine's file has it, or lockstep's default", ""))
    head, comments, values = _comments(path)
    said = {}
    for key, value in leaves.items():
        if key not in values:
            said[key] = ("lockstep's default", "")
        elif value != values[key]:
            shipped_value = number(values[key])
            said[key] = (f"changed for this run; {path.name} has {shipped_value}", "")
        elif key in comments:
            said[key] = (f"{comments[key]} ({path.name})", "")
        else:
            said[key] = (head, f"head of {path.name}")
    return said


@cache
def _comments(path: Path) -> tuple[str, dict[str, str], dict[str, object]]:
    """Comment at the head of a YAML file; of each dotted key, the comment on its line, and its value."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = []
    for line in lines:
        if not line.startswith("#"):
            break
        head.append(line.lstrip("# "))
    document = read_yaml(path)
    comments = {}
    for location, origin in document.origins.items():
        line = lines[int(origin.rpartition(":")[2]) - 1]
        if found := re.search(r"\s#\s(.*)$", re.sub(r'"[^"]*"', "", line)):
            comments[".".join(map(str, location))] = found[1].strip()
    values = {".".join(map(str, at)): value for at, value in _leaves(document.data)}
    return " ".join(head), comments, values
