"""Typed access to the keys of a ``config.json``; every error names file, line, key and remedy."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from lockstep.arch.error import InputError, show
from lockstep.arch.load import Document
from lockstep.workloads.parts import Activation

T = TypeVar("T")

_LARGEST = 1 << 24  # layers are walked one by one: a slip of the pen must not take minutes
_ACTIVATIONS: Mapping[str, Activation] = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "silu": "silu",
    "swish": "silu",
}
_GATES: Mapping[str, Literal["gelu", "silu"]] = {
    key: value for key, value in _ACTIVATIONS.items() if value != "relu"
}


@dataclass(frozen=True)
class Fields:
    """Keys of a document, and defaults of those that may be absent.

    Every method raises ``InputError`` if a key without default is missing, or its value is bad.
    """

    document: Document
    defaults: Mapping[str, object] = field(default_factory=dict)

    def with_defaults(self, defaults: Mapping[str, object]) -> "Fields":
        """The same document with these defaults."""
        return replace(self, defaults=defaults)

    @property
    def architecture(self) -> object:
        """The first of ``architectures``; None if none is named."""
        named = self.document.data.get("architectures")
        return named[0] if isinstance(named, list) and named else named

    def __contains__(self, key: str) -> bool:
        return key in self.document.data

    def size(self, key: str, *, least: int = 1) -> int:
        """A whole number, at least ``least``."""
        value = self.optional_size(key, least=least)
        if value is None:
            raise self.error(key, "null where a size is needed; write a whole number, such as 64")
        return value

    def optional_size(self, key: str, *, least: int = 1) -> int | None:
        """A whole number, at least ``least``, or null."""
        value = self._value(key)
        if value is None:
            return None
        if type(value) is not int:  # a bool is an int, too
            raise self.error(key, f"not a whole number, value {show(value)}; write one, such as 64")
        if not least <= value <= _LARGEST:
            raise self.error(key, f"out of range, value {value}; must be {least} to {_LARGEST}")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._value(key)
        if not isinstance(value, bool):
            raise self.error(key, f"not a boolean, value {show(value)}; write true or false")
        return value

    def activation(self, key: str) -> Activation:
        """An activation function; the approximations of gelu count as gelu."""
        return self._choice(key, _ACTIVATIONS)

    def gate(self) -> Literal["gelu", "silu"]:
        """The activation of a gated feed-forward."""
        return self._choice("hidden_act", _GATES)

    def layer_numbers(self, key: str) -> frozenset[int]:
        """A list of layer numbers, from 0."""
        value = self._value(key)
        if not isinstance(value, list | tuple) or not all(type(i) is int for i in value):
            raise self.error(key, f"not a list of layer numbers, value {show(value)}; write [0, 1]")
        return frozenset(value)

    def only(self, key: str, supported: object) -> None:
        """Refuse every value of a key but the one that is modelled."""
        value = self._value(key)
        if (type(value), value) != (type(supported), supported):  # 1 equals True
            raise self.error(key, f"not modelled, value {show(value)}; only {show(supported)} is")

    def multiple(self, key: str, other: str, of: int) -> int:
        """A size that must be a multiple of ``of``, the value of the key ``other``."""
        value = self.size(key)
        if value % of:
            raise self.error(key, f"not a multiple of {other} ({of}), value {value}; change either")
        return value

    def labels(self) -> int:
        """Classes of a classifier: as many as ``id2label`` has, else ``num_labels``, else 2."""
        id2label = self._value("id2label")
        if isinstance(id2label, dict) and id2label:
            return len(id2label)
        return self.optional_size("num_labels") or 2

    def error(self, key: str, message: str) -> InputError:
        """An error at the place of a key."""
        return self.document.error((key,), message)

    def _choice(self, key: str, choices: Mapping[str, T]) -> T:
        value = self._value(key)
        if not isinstance(value, str) or value not in choices:
            known = ", ".join(choices)
            raise self.error(key, f"unknown choice, value {show(value)}; must be one of {known}")
        return choices[value]

    def _value(self, key: str) -> object:
        if key in self.document.data:
            return self.document.data[key]
        if key not in self.defaults:
            raise self.error(key, f"missing; add '{key}', without it the model is not defined")
        return self.defaults[key]
