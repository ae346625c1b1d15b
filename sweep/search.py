"""Which points a sweep asks, and in which order.

Points are asked in generations. What is asked depends on the sweep file and on the results of
earlier generations, in the order of point numbers: neither on the number of workers, nor on what
finishes first, nor on whether the sweep was cut off and begun again.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Protocol

import optuna

from lockstep.sweep.config import GridSearch, GuidedSearch, RandomSearch
from lockstep.sweep.point import Outcome
from lockstep.sweep.space import Choice, Dimension

Chosen = tuple[Choice, ...]
"""A choice of every dimension, in their order."""

GRID_GENERATION = 10_000
"""Points of a grid that are looked up together."""


class SearchMethod(Protocol):
    """Asks generation by generation, and is told each before the next."""

    def ask(self) -> list[Chosen]:
        """The next generation; empty when there is none."""

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """What came of the last generation, in its order."""


class Grid:
    """Every combination; the last dimension changes fastest."""

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._left: Iterator[Chosen] = product(*(d.choices for d in dimensions))

    def ask(self) -> list[Chosen]:
        """The next points of the grid."""
        return list(islice(self._left, GRID_GENERATION))

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Does not matter to a grid."""


class Sampled:
    """Points of an Optuna sampler, on a study in memory; ordered dimensions as their index."""

    def __init__(
        self,
        sampler: optuna.samplers.BaseSampler,
        dimensions: Sequence[Dimension],
        points: int,
        generation: int,
        objectives: int,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            sampler=sampler, directions=["minimize"] * objectives, storage=None
        )
        self._dimensions = tuple(dimensions)
        self._left, self._generation = points, generation
        self._trials: list[optuna.Trial] = []

    def ask(self) -> list[Chosen]:
        """The next generation, or what is left of the points."""
        count = min(self._left, self._generation)
        self._left -= count
        self._trials = [self._study.ask() for _ in range(count)]
        return [tuple(_suggest(trial, d) for d in self._dimensions) for trial in self._trials]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Objectives, and by how much constraints are broken; a failed point teaches nothing."""
        for trial, outcome in zip(self._trials, outcomes, strict=True):
            if outcome.status == "failed":
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            for i, violation in enumerate(outcome.violations):
                trial.set_constraint(str(i), violation)
            self._study.tell(trial, outcome.costs)


def _suggest(trial: optuna.Trial, dimension: Dimension) -> Choice:
    last = len(dimension.choices) - 1
    if dimension.is_ordered:
        index = trial.suggest_int(dimension.name, 0, last)
    else:
        index = trial.suggest_categorical(dimension.name, tuple(range(last + 1)))
    return dimension.choices[index]


def search_method(
    search: GridSearch | RandomSearch | GuidedSearch,
    dimensions: Sequence[Dimension],
    objectives: int,
) -> SearchMethod:
    """The search of a sweep file, at its first point."""
    if isinstance(search, GridSearch):
        return Grid(dimensions)
    sampler: optuna.samplers.BaseSampler
    if isinstance(search, RandomSearch):
        sampler, generation = optuna.samplers.RandomSampler(seed=search.seed), search.points
    else:
        generation = search.generation
        if search.method == "nsga2":
            sampler = optuna.samplers.NSGAIISampler(population_size=generation, seed=search.seed)
        else:
            sampler = optuna.samplers.TPESampler(n_startup_trials=generation, seed=search.seed)
    return Sampled(sampler, dimensions, search.points, generation, objectives)


def points_of(
    search: GridSearch | RandomSearch | GuidedSearch, dimensions: Sequence[Dimension]
) -> int:
    """How many points there are in all."""
    if not isinstance(search, GridSearch):
        return search.points
    total = 1
    for each in dimensions:
        total *= len(each.choices)
    return total
