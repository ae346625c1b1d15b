"""The space of a sweep: its axes as choices, and the settings of a combination of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.sweep.config import Axis
from lockstep.sweep.point import Settings


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an axis: what tables call it, and the keys it sets."""

    label: JsonValue
    settings: Settings


@dataclass(frozen=True, slots=True)
class Dimension:
    """An axis and its choices, in order."""

    name: str
    choices: tuple[Choice, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether neighbours are alike: numbers, rising or falling."""
        labels = [choice.label for choice in self.choices]
        numbers = [n for n in labels if isinstance(n, int | float) and not isinstance(n, bool)]
        return len(numbers) == len(labels) and numbers in (
            sorted(numbers),
            sorted(numbers, reverse=True),
        )


def dimension(name: str, axis: Axis) -> Dimension:
    """The choices of an axis."""
    if axis.choices is not None:
        return Dimension(name, tuple(Choice(k, v) for k, v in axis.choices.items()))
    values = axis.numbers if axis.values is None else axis.values
    return Dimension(name, tuple(Choice(value, {name: value}) for value in values))


def combined(base: Settings, chosen: Sequence[Choice]) -> dict[str, JsonValue]:
    """The base, then each choice in turn; a key that is set again is applied where it is last set."""
    settings = dict(base)
    for choice in chosen:
        for key, value in choice.settings.items():
            settings.pop(key, None)
            settings[key] = value
    return settings


def columns(dimensions: Sequence[Dimension]) -> list[str]:
    """Names of the axes, then the keys that named choices set."""
    names = [d.name for d in dimensions]
    inner = (key for d in dimensions for c in d.choices for key in c.settings)
    return list(dict.fromkeys([*names, *inner]))


def row(
    names: Sequence[str], labels: Mapping[str, JsonValue], settings: Settings
) -> Iterator[object]:
    """Values of :func:`columns` for one point."""
    for name in names:
        yield labels[name] if name in labels else settings.get(name)


def cell(value: object) -> str:
    """A value in a CSV file: as the YAML file would have it, floats so that they read back equal."""
    if value is None or isinstance(value, str):
        return value or ""
    return repr(value) if isinstance(value, float) else json.dumps(value)
