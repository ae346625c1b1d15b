"""Pages and the cost of their walks: what a predictor sees of them, and how well it finds the costly ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.tlb import LINE_PTES, PAGE_BITS, PredictorConfig
from lockstep.papers.reproduction import Cell
from lockstep.papers.victima_net import Network
from lockstep.sim.cycle.translation.run import PageProfile

Bits = NDArray[np.bool_]
COUNTERS = PredictorConfig()
FREQUENCIES, COSTS = COUNTERS.limit("frequency") + 1, COUNTERS.limit("cost") + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Pages that were walked for, ``n`` of them.

    Parameters
    ----------
    workload : int array of n
        Which one each is of.
    walks, dram_walks, cycles : int64 array of n
        Demand walks, those that reached DRAM, and cycles of all.
    neighbours : int64 array of n
        Pages walked for that begin in the same 32 KB.
    """

    workload: NDArray[np.int64]
    walks: NDArray[np.int64]
    dram_walks: NDArray[np.int64]
    cycles: NDArray[np.int64]
    neighbours: NDArray[np.int64]

    def __getitem__(self, chosen: Bits) -> "Pages":
        return Pages(
            workload=self.workload[chosen],
            walks=self.walks[chosen],
            dram_walks=self.dram_walks[chosen],
            cycles=self.cycles[chosen],
            neighbours=self.neighbours[chosen],
        )

    @property
    def frequency(self) -> NDArray[np.int64]:
        """The first counter, saturated."""
        return np.minimum(self.walks, FREQUENCIES - 1)

    @property
    def cost(self) -> NDArray[np.int64]:
        """The second counter, saturated."""
        return np.minimum(self.dram_walks, COSTS - 1)

    def costly(self, share: float) -> Bits:
        """The given share of all pages with the most cycles; fewer where pages are equal."""
        return self.cycles > np.quantile(self.cycles, 1 - share)


def sampled(profiles: Mapping[str, PageProfile], most: int, seed: int = 1) -> Pages:
    """Pages of all workloads; of each ``most`` at random, so that the largest does not decide alone."""
    random = np.random.default_rng(seed)
    parts = []
    for number, profile in enumerate(profiles.values()):
        found = len(profile.walks)
        chosen = np.sort(random.permutation(found)[:most])
        _, which, count = np.unique(
            profile.address // (LINE_PTES << PAGE_BITS), return_inverse=True, return_counts=True
        )
        parts.append((
            np.full(len(chosen), number),
            profile.walks[chosen],
            profile.dram_walks[chosen],
            profile.walk_cycles[chosen],
            count[which][chosen],
        ))
    workload, walks, dram_walks, cycles, neighbours = map(np.concatenate, zip(*parts, strict=True))
    return Pages(
        workload=workload,
        walks=walks,
        dram_walks=dram_walks,
        cycles=cycles,
        neighbours=neighbours,
    )


@dataclass(frozen=True, slots=True)
class Box:
    """Bounds of both counters, included."""

    min_frequency: int = 0
    max_frequency: int = FREQUENCIES - 1
    min_cost: int = 0
    max_cost: int = COSTS - 1

    def holds(self, pages: Pages) -> Bits:
        """Which pages lie inside."""
        frequency, cost = pages.frequency, pages.cost
        inside: Bits = (frequency >= self.min_frequency) & (frequency <= self.max_frequency)
        return inside & (cost >= self.min_cost) & (cost <= self.max_cost)

    @property
    def cells(self) -> int:
        """Pairs of values inside."""
        return (self.max_frequency - self.min_frequency + 1) * (self.max_cost - self.min_cost + 1)

    def __str__(self) -> str:
        return (
            f"frequency {self.min_frequency}-{self.max_frequency}, "
            f"cost {self.min_cost}-{self.max_cost}"
        )


def box_of(predictor: PredictorConfig) -> Box:
    """The box of a configuration."""
    frequency, cost = predictor.limits("frequency"), predictor.limits("cost")
    return Box(*frequency, *cost)


def counted(pages: Pages, label: Bits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pages, and costly pages, by frequency and cost."""
    cell = pages.frequency * COSTS + pages.cost
    shape = (FREQUENCIES, COSTS)
    pages_in = np.bincount(cell, minlength=FREQUENCIES * COSTS).reshape(shape)
    costly_in = np.bincount(cell[label], minlength=FREQUENCIES * COSTS).reshape(shape)
    return pages_in, costly_in


def best_box(pages: Pages, label: Bits, *, frequency: bool = True, cost: bool = True) -> Box:
    """The box with the greatest F1, of equal ones the largest; one may ignore a counter."""
    pages_in, costly_in = (_summed(cells) for cells in counted(pages, label))
    total = costly_in[-1, -1]
    best, found = (-1.0, 0), Box()
    for box in _boxes(frequency, cost):
        inside, right = _inside(pages_in, box), _inside(costly_in, box)
        f1 = 2 * right / (inside + total) if inside + total else 0.0
        if (f1, box.cells) > best:
            best, found = (f1, box.cells), box
    return found


def _boxes(frequency: bool, cost: bool) -> list[Box]:
    def spans(size: int, free: bool) -> list[tuple[int, int]]:
        if not free:
            return [(0, size - 1)]
        return [(least, most) for least in range(size) for most in range(least, size)]

    return [Box(*f, *c) for f in spans(FREQUENCIES, frequency) for c in spans(COSTS, cost)]


def _summed(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of all cells before each corner."""
    sums: NDArray[np.int64] = np.pad(cells.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return sums


def _inside(sums: NDArray[np.int64], box: Box) -> int:
    low, high = box.min_frequency, box.max_frequency + 1
    left, right = box.min_cost, box.max_cost + 1
    return int(sums[high, right] - sums[low, right] - sums[high, left] + sums[low, left])


Rule = Callable[[Pages], Bits]


def best_table(pages: Pages, label: Bits) -> Rule:
    """A bit for each value of both counters: the most accurate rule there is on these pages."""
    pages_in, costly_in = counted(pages, label)
    table = 2 * costly_in > pages_in
    return lambda other: table[other.frequency, other.cost]


def counters_network(pages: Pages, label: Bits) -> Rule:
    """A neural network of the two counters."""
    pages_in, costly_in = counted(pages, label)
    cells = np.indices(pages_in.shape).reshape(2, -1).T.astype(float)
    weight = np.concatenate([costly_in.ravel(), (pages_in - costly_in).ravel()]).astype(float)
    net = Network(np.tile(cells, (2, 1)), np.arange(2 * len(cells)) < len(cells), weight)
    table = (net.chance(cells) > 0.5).reshape(pages_in.shape)
    return lambda other: table[other.frequency, other.cost]


def profile_network(pages: Pages, label: Bits) -> Rule:
    """A neural network of all that the profile tells, nothing saturated."""

    def features(of: Pages) -> NDArray[np.float64]:
        columns = [np.log2(1 + x) for x in (of.walks, of.dram_walks, of.neighbours)]
        columns.append(of.dram_walks / of.walks)
        return np.stack(columns, axis=1)

    net = Network(features(pages), label, np.ones(len(label)))
    return lambda other: net.chance(features(other)) > 0.5


def scores(said: Bits, label: Bits) -> dict[str, Cell]:
    """Recall, accuracy, precision and F1, rounded; 0 where there is nothing to divide by."""
    right = int((said & label).sum())
    named, costly = int(said.sum()), int(label.sum())
    return {
        "recall": round(right / costly, 3) if costly else 0.0,
        "accuracy": round(float((said == label).mean()), 3),
        "precision": round(right / named, 3) if named else 0.0,
        "f1": round(2 * right / (named + costly), 3) if named + costly else 0.0,
    }
