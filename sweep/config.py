"""The sweep file: what is fixed, what is swept, how it is searched, and what counts."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, model_validator

from lockstep.arch.config import Config

_BOUND = re.compile(r"([a-z0-9_]+)\s*(<=|>=)\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)")
MAX_POINTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Bound:
    """A constraint: ``metric <= limit``, or ``metric >= limit``."""

    metric: str
    sense: str
    limit: float

    def violation(self, value: float) -> float:
        """By how much ``value`` breaks it; 0 or less if it does not."""
        return value - self.limit if self.sense == "<=" else self.limit - value


FITS = Bound("memory_fill", "<=", 1.0)
"""What the constraint ``fits`` means: weights and KV cache take no more than the memory has."""


def parse_bound(text: str) -> Bound:
    """A constraint as a sweep file writes it.

    Raises
    ------
    ValueError
        If it is none.
    """
    if text == "fits":
        return FITS
    found = _BOUND.fullmatch(text.strip())
    try:
        return Bound(found[1], found[2], float(found[3])) if found else _no_bound()
    except ValueError:  # also of a number such as 1.2.3
        raise ValueError("not a constraint; write 'area_mm2 <= 400' or 'fits'") from None


def _no_bound() -> Bound:
    raise ValueError


def _checked(text: str) -> str:
    parse_bound(text)
    return text


class Axis(Config):
    """One dimension of the space: a list of values, a range of numbers, or named choices.

    Written as ``[16, 32]``, ``{first: 16, last: 128, step: 16}``, ``{first: 16, last: 128, factor: 2}``
    or ``{choices: {int8: {KEY: VALUE, ...}, ...}}``.

    Parameters
    ----------
    values : list
        Values of the key that the axis is named after.
    first, last : number
        The first value, and what none may be beyond.
    step, factor : number
        From one value to the next.
    choices : mapping of name to mapping of key to value
        Keys that change together; the axis has a name of its own.
    """

    values: Annotated[tuple[JsonValue, ...], Field(min_length=1, max_length=10_000)] | None = None
    first: int | float | None = None
    last: int | float | None = None
    step: Annotated[int | float, Field(gt=0)] | None = None
    factor: Annotated[int | float, Field(gt=1)] | None = None
    choices: (
        Annotated[dict[str, dict[str, JsonValue]], Field(min_length=1, max_length=10_000)] | None
    ) = None

    @model_validator(mode="before")
    @classmethod
    def _list_is_values(cls, data: object) -> object:
        return {"values": tuple(data)} if isinstance(data, list) else data

    @model_validator(mode="after")
    def _is_one_of_three(self) -> "Axis":
        written = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if written not in (
            {"values"},
            {"choices"},
            {"first", "last", "step"},
            {"first", "last", "factor"},
        ):
            raise ValueError(
                "not an axis; write a list, {first, last, step}, {first, last, factor}, or {choices}"
            )
        if self.first is not None:
            assert self.last is not None
            if self.last < self.first:
                raise ValueError(f"last must be at least {self.first}, the first, not {self.last}")
            if self.factor is not None and self.first <= 0:
                raise ValueError(f"first must be above 0 where there is a factor, not {self.first}")
            if len(self.numbers) > 10_000:
                raise ValueError("more than 10000 values; take a larger step or factor")
        return self

    @property
    def numbers(self) -> tuple[int | float, ...]:
        """Values of a range, one more than 10,000 at most; whole numbers if all it has is whole."""
        assert self.first is not None
        assert self.last is not None
        found: list[int | float] = []
        while len(found) <= 10_000:
            if self.step is not None:
                value = self.first + len(found) * self.step
            else:
                assert self.factor is not None
                value = self.first * self.factor ** len(found)
            if value > self.last + 1e-9 * abs(self.last):  # decimal fractions end a little beyond
                break
            found.append(value)
        return tuple(found)


Points = Annotated[int, Field(ge=1, le=MAX_POINTS)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
Generation = Annotated[int, Field(ge=2, le=10_000)]


class GridSearch(Config):
    """Every combination; the last axis changes fastest.

    Parameters
    ----------
    method : "grid"
        Says that all of them are run.
    """

    method: Literal["grid"]


class RandomSearch(Config):
    """Combinations drawn at random, each independently of the others.

    Parameters
    ----------
    method : "random"
        Says that they are drawn.
    points : int
        In all.
    seed : int
    """

    method: Literal["random"]
    points: Points
    seed: Seed = 0


class GuidedSearch(Config):
    """A multi-objective search that learns from one generation of points what to ask in the next.

    Parameters
    ----------
    method : "nsga2" or "tpe"
        The genetic algorithm NSGA-II (Deb et al., 2002) or the tree-structured Parzen estimator
        (Bergstra et al., 2011; several objectives: Ozaki et al., 2020), both of Optuna.
    points : int
        In all.
    generation : int
        Points asked at a time, without knowing each other's results; NSGA-II's population.
    seed : int
    """

    method: Literal["nsga2", "tpe"]
    points: Points
    generation: Generation = 50
    seed: Seed = 0


Search = Annotated[GridSearch | RandomSearch | GuidedSearch, Field(discriminator="method")]


class SweepConfig(Config):
    """A sweep file.

    Parameters
    ----------
    kind : "sweep"
    name : str
    runner : str
        What evaluates a point: ``workload``, a model on a machine; ``translation``, an MMU under the
        addresses of workloads.
    base : mapping of key to value
        What all points share, keys as in ``space``.
    space : mapping of key, or name of choices, to Axis
        Keys are the runner's own (``model``, ``prefill``, ...) or dotted keys of the machine or MMU file.
    search : GridSearch, RandomSearch or GuidedSearch
    constraints : list of str
        ``METRIC <= NUMBER``, ``METRIC >= NUMBER`` or ``fits``.
    objectives : mapping of metric to "min" or "max"
        What is better: less or more of each; the Pareto front is over all of them.
    """

    kind: Literal["sweep"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    runner: str = "workload"
    base: Annotated[dict[str, JsonValue], Field(default_factory=dict)]
    space: Annotated[dict[str, Axis], Field(min_length=1, max_length=64)]
    search: Search
    constraints: tuple[Annotated[str, AfterValidator(_checked)], ...] = ()
    objectives: Annotated[dict[str, Literal["min", "max"]], Field(min_length=1, max_length=8)]

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """The constraints, parsed."""
        return tuple(map(parse_bound, self.constraints))
