"""Docstrings in numpydoc style, taken apart."""

import inspect
import re
from dataclasses import dataclass, field

_HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a section such as Parameters: names, what stands after the colon, and the text."""

    names: tuple[str, ...]
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Docstring:
    """A summary, the prose below it, and sections by heading; entries where a section has them."""

    summary: str = ""
    prose: str = ""
    sections: dict[str, str] = field(default_factory=dict)

    def entries(self, heading: str) -> list[Entry]:
        """Entries of a section; none if it is not there."""
        found: list[Entry] = []
        for line in self.sections.get(heading, "").splitlines():
            if line[:1].strip():
                names, _, kind = line.partition(" : ")
                found.append(Entry(tuple(n.strip() for n in names.split(",")), kind.strip(), ""))
            elif found:
                last = found[-1]
                found[-1] = Entry(last.names, last.kind, f"{last.text} {line.strip()}".strip())
        return found


def parse(thing: object) -> Docstring:
    """The docstring of a class or function, its own and not an inherited one."""
    raw = getattr(thing, "__doc__", None)
    text = inspect.cleandoc(raw) if isinstance(raw, str) else ""
    pieces = _HEADING.split(text)
    summary, _, prose = pieces[0].strip().partition("\n\n")
    sections = dict(zip(pieces[1::2], (body.strip("\n") for body in pieces[2::2]), strict=True))
    return Docstring(" ".join(summary.split()), prose.strip(), sections)
