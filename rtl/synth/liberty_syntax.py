"""The syntax of Liberty files: groups, attributes and comments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lockstep.arch.error import InputError, shorten

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f]+|\\[ \t]*\n|/\*.*?\*/|//[^\n]*)|(?P<newline>\n)
    |"(?P<string>(?:[^"\\]|\\.)*)"|(?P<mark>[(){};:,])|(?P<word>(?!/\*)[^\s"(){};:,]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class Group:
    """``name(arguments) { attributes; groups }``.

    ``attributes`` holds the text of ``name: value`` and the arguments of ``name(a, b);``, joined by
    commas, with the line each was written on.
    """

    name: str
    arguments: list[str]
    line: int
    attributes: dict[str, tuple[str, int]] = field(default_factory=dict)
    groups: list["Group"] = field(default_factory=list)

    def named(self, *names: str) -> Iterator["Group"]:
        """Groups inside, of given names."""
        return (group for group in self.groups if group.name in names)

    def text(self, key: str, default: str = "") -> str:
        """Text of an attribute."""
        return self.attributes.get(key, (default, 0))[0]

    def numbers(self, key: str, where: str) -> tuple[float, ...]:
        """Numbers of an attribute, separated by commas or spaces; none if it is absent.

        Raises
        ------
        InputError
            If one is no number.
        """
        text, line = self.attributes.get(key, ("", 0))
        try:
            return tuple(float(word) for word in text.replace(",", " ").split())
        except ValueError:
            raise InputError(
                f"{where}:{line}: {key}: expected numbers, value {shorten(repr(text))}"
            ) from None

    def number(self, key: str, where: str, default: float) -> float:
        """A single number, or the default if the attribute is absent."""
        found = self.numbers(key, where)
        return found[0] if found else default


def parse_liberty(text: str, where: str) -> Group:
    """The outermost group of a Liberty file.

    Raises
    ------
    InputError
        If the text is not Liberty; the message names file and line.
    """
    return _Parser(text, where).top()


class _Parser:
    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.tokens = self._tokens(text)
        self.kind, self.value, self.line = next(self.tokens)

    def _tokens(self, text: str) -> Iterator[tuple[str, str, int]]:
        line, end = 1, 0
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                what = "a comment or a string that does not end"
                raise InputError(f"{self.where}:{line}: {what}: {shorten(repr(text[end:]))}")
            kind = str(match.lastgroup)
            if kind == "newline":
                line += 1
            elif kind == "space":
                line += match[0].count("\n")
            else:
                yield kind, match[kind], line
                line += match[0].count("\n")
            end = match.end()
        yield "end", "", line

    def _advance(self) -> None:
        self.kind, self.value, self.line = next(self.tokens)

    def _is(self, mark: str) -> bool:
        return self.kind == "mark" and self.value == mark

    def _refuse(self, expected: str) -> InputError:
        found = "the end of the file" if self.kind == "end" else shorten(repr(self.value))
        return InputError(f"{self.where}:{self.line}: expected {expected}, not {found}")

    def top(self) -> Group:
        outer = Group("", [], 1)
        self._statement(outer)
        if not outer.groups:
            raise self._refuse("library(NAME) { ... }")
        if self.kind != "end":
            raise self._refuse("the end of the file after the library")
        return outer.groups[0]

    def _statement(self, group: Group) -> None:
        if self.kind not in {"word", "string"}:
            raise self._refuse("a name")
        name, line = self.value, self.line
        self._advance()
        if self._is(":"):
            self._advance()
            group.attributes[name] = self._value(), line
        elif self._is("("):
            arguments = self._arguments()
            if self._is("{"):
                inner = Group(name, arguments, line)
                group.groups.append(inner)
                self._body(inner)
            else:
                group.attributes[name] = ",".join(arguments), line
        else:
            raise self._refuse(f"':' or '(' after {name}")
        while self._is(";"):
            self._advance()

    def _value(self) -> str:
        """Up to a semicolon or the end of the line."""
        words, line = [], self.line
        while not (self._is(";") or self._is("}") or self.kind == "end" or self.line != line):
            words.append(self.value)
            self._advance()
        if not words:
            raise self._refuse("a value")
        return " ".join(words)

    def _arguments(self) -> list[str]:
        self._advance()
        arguments: list[str] = []
        while not self._is(")"):
            if self.kind == "end" or (self.kind == "mark" and self.value not in {",", ":"}):
                raise self._refuse("')'")
            if self.kind != "mark":
                arguments.append(self.value)
            self._advance()
        self._advance()
        return arguments

    def _body(self, group: Group) -> None:
        opened = self.line
        self._advance()
        while not self._is("}"):
            if self.kind == "end":
                raise InputError(
                    f"{self.where}:{self.line}: the file ends inside {group.name}, "
                    f"which line {opened} opens; is it complete?"
                )
            self._statement(group)
        self._advance()
