"""XSBench (Tramm et al., 2014): macroscopic cross sections from a unionised energy grid.

A lookup draws an energy and a material, finds the energy in the grid of all nuclides' energies by
binary search, and gathers for every nuclide of the material the two gridpoints around the energy.
The grid's index table of several GB is not kept: an index is counted up from a sample of the table,
one row in ``SAMPLE``, so that the host needs little memory. Which nuclides a material is made of is
drawn here; how many, and how often it is met, are XSBench's figures.

| access | instructions | which |
| --- | --- | --- |
| load an energy of the grid | 6 | halve, add, load, compare, 2 selects |
| load a nuclide's number | 4 | increment, compare-and-branch, address, load |
| load its concentration | 2 | address, load |
| load its index | 4 | multiply, add, shift, load |
| load the gridpoints' first line | 8 | 2 multiplies, add, compare, branch, 3 loads (same line) |
| load each further line | 16 | loads, subtracts, multiplies and adds of 5 cross sections |
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockstep.workloads.streams.chunk import Layout, Run, Stream
from lockstep.workloads.streams.emit import (
    F64,
    FULL,
    I32,
    I64,
    algorithm,
    blocks,
    buffer,
    kernel,
    load,
)
from lockstep.workloads.streams.options import XsOptions
from lockstep.workloads.streams.scramble import random_unit

U16 = NDArray[np.uint16]

FRACTIONS = (0.14, 0.052, 0.275, 0.134, 0.154, 0.064, 0.066, 0.055, 0.008, 0.015, 0.025, 0.013)
"""Share of lookups in each material (fuel, cladding, cold water, hot water, vessel, ...): XSBench."""

NUCLIDES = (321, 5, 4, 4, 27, 21, 21, 21, 21, 21, 9, 9)
"""Nuclides of each material in its large reactor."""

SAMPLE_LOG2 = 6
SAMPLE = 1 << SAMPLE_LOG2
GRIDPOINT_BYTES = 48
"""An energy and 5 cross sections."""


class Grids(NamedTuple):
    """The grids, and where they lie.

    Parameters
    ----------
    energy : float64 array
        All nuclides' energies in order.
    owner : uint16 array
        The nuclide of each.
    before : uint16 array of (samples, nuclides)
        Energies of a nuclide before each ``SAMPLE``-th of the grid.
    gridpoints : int
        Energies of one nuclide.
    material : int32 array of (materials, most nuclides), n_nuclides : int32 array of materials
    chance : float64 array of materials
        Share of lookups in this material or one before it.
    """

    energy: F64
    owner: U16
    before: U16
    gridpoints: int
    material: I32
    n_nuclides: I32
    chance: F64
    energy_at: int
    index_at: int
    gridpoint_at: int
    material_at: int
    concentration_at: int


def xs(options: XsOptions, seed: int) -> Stream:
    """One lookup after another."""
    layout = Layout()
    grids = make_grids(options, seed, layout)

    def start() -> Run:
        out = buffer()
        since = np.zeros(options.nuclides, np.int32)
        return Run(blocks(_look_up(out, grids, since, seed), out))

    return Stream("xs", seed, tuple(layout.regions), start)


def make_grids(options: XsOptions, seed: int, layout: Layout) -> Grids:
    """Random energies, and materials of random nuclides."""
    random = np.random.default_rng(seed)
    total = options.nuclides * options.gridpoints
    energy = random.random(total)
    order = np.argsort(energy, kind="stable")
    owner = (order // options.gridpoints).astype(np.uint16)
    before = np.zeros((-(-total // SAMPLE), options.nuclides), np.uint16)
    _sample(owner, before)

    n_nuclides = np.minimum(NUCLIDES, options.nuclides).astype(np.int32)
    material = np.zeros((len(NUCLIDES), int(n_nuclides.max())), np.int32)
    for row, n in zip(material, n_nuclides, strict=True):
        row[:n] = random.permutation(options.nuclides)[:n]
    return Grids(
        energy=energy[order],
        owner=owner,
        before=before,
        gridpoints=options.gridpoints,
        material=material,
        n_nuclides=n_nuclides,
        chance=np.cumsum(FRACTIONS),
        energy_at=layout.place("energy grid", 8 * total),
        index_at=layout.place("index table", 4 * total * options.nuclides),
        gridpoint_at=layout.place("gridpoints", GRIDPOINT_BYTES * total),
        material_at=layout.place("materials", 4 * material.size),
        concentration_at=layout.place("concentrations", 8 * material.size),
    )


@kernel
def _sample(owner: U16, before: U16) -> None:
    """Count each nuclide's energies before every sampled one."""
    for i in range(1, before.shape[0]):
        before[i] = before[i - 1]
        for j in range((i - 1) * SAMPLE, i * SAMPLE):
            before[i, owner[j]] += 1


@algorithm
def _look_up(out: I64, g: Grids, since: I32, seed: int) -> Iterator[int]:
    """``since`` counts energies of each nuclide since the sample; it starts with zeros."""
    n, turn, nuclides = 0, 0, since.shape[0]
    while True:
        wanted, kind = random_unit(seed, 2 * turn), random_unit(seed, 2 * turn + 1)
        turn += 1
        m = 0
        while m < g.chance.shape[0] - 1 and kind >= g.chance[m]:
            m += 1
        low, high = 0, g.energy.shape[0] - 1
        while high - low > 1:
            middle = low + (high - low) // 2
            n = load(out, n, g.energy_at + middle * 8, 6)
            if g.energy[middle] > wanted:
                high = middle
            else:
                low = middle
        sample = low >> SAMPLE_LOG2
        for j in range(sample << SAMPLE_LOG2, low + 1):
            since[g.owner[j]] += 1
        for i in range(g.n_nuclides[m]):
            nuclide = g.material[m, i]
            place = m * g.material.shape[1] + i
            n = load(out, n, g.material_at + place * 4, 4)
            n = load(out, n, g.concentration_at + place * 8, 2)
            n = load(out, n, g.index_at + (low * nuclides + nuclide) * 4, 4)
            # The last energy at or below the one wanted, that has another one after it.
            index = max(0, np.int64(g.before[sample, nuclide]) + since[nuclide] - 1)
            point = nuclide * g.gridpoints + min(index, g.gridpoints - 2)
            address = g.gridpoint_at + point * GRIDPOINT_BYTES
            end = address + 2 * GRIDPOINT_BYTES
            n = load(out, n, address, 8)
            address = (address // 64 + 1) * 64
            while address < end:
                n = load(out, n, address, 16)
                address += 64
            if n >= FULL:
                yield n
                n = 0
        for j in range(sample << SAMPLE_LOG2, low + 1):
            since[g.owner[j]] = 0
