"""What every table needs while it is measured."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Session:
    """One run of ``python -m benchmarks``.

    Parameters
    ----------
    fresh : bool
        Whether kept answers of peers are measured again.
    say : callable
        Shows what is being measured.
    """

    fresh: bool
    say: Callable[[str], None]
    recalled: list[str] = field(default_factory=list)

    def note_recalled(self, answer: dict[str, Any]) -> None:
        """Remember that a peer's times are not from this run."""
        if answer["recalled"]:
            self.recalled.append(answer["measured_utc"])
