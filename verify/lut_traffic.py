"""Jobs for the LUT slice, and the words that its streams carry for them.

The order of transfers and lanes is the one that :class:`lockstep.rtl.pim.lut.LutSlice` documents,
written out once more as plain loops. Lanes beyond the edge of the matrix carry garbage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.lut import LutConfig
from lockstep.sim.golden.lut import gemv

I64 = NDArray[np.int64]
Rng = np.random.Generator
Limits = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LutJob:
    """A job, its activations, on which its cycles depend, and its transfers on each stream, in order."""

    n: int
    k: int
    weight_bits: int
    signed: bool
    activations: I64
    word: int
    a: list[int]
    w: list[int]
    o: list[int]

    def __str__(self) -> str:
        return f"{self.n} x {self.k}, {self.weight_bits} bits"


def random_job(cfg: LutConfig, kind: str, rng: Rng) -> LutJob:
    """A job of random size, width of weights, and sign, on activations of one kind, a key of ``DATA``."""
    n, k = random_size(cfg.ports, cfg.n_max, rng), random_size(cfg.group, cfg.k_max, rng)
    weight_bits = int(rng.integers(1, cfg.weight_bits, endpoint=True))
    signed = bool(rng.integers(2))
    if kind == "extreme":  # the longest sums of the widest products: accumulators fill up
        n, k, weight_bits = cfg.n_max, cfg.k_max, cfg.weight_bits
    activations = DATA[kind](cfg, k, rng)
    limits = cfg.weight_range(weight_bits, signed=signed)
    weights = rng.integers(*limits, size=(n, k), endpoint=True)
    if kind == "extreme":
        weights[:] = limits[0] if signed else limits[1]
    c = gemv(cfg, activations, weights, weight_bits=weight_bits, signed=signed)
    fields = (
        (n, cfg.n_max.bit_length()),
        (k, cfg.k_max.bit_length()),
        (weight_bits, cfg.weight_bits.bit_length()),
        (int(signed), 1),
    )
    groups = [range(start, start + cfg.group) for start in range(0, k, cfg.group)]
    blocks = [range(start, start + cfg.ports) for start in range(0, n, cfg.ports)]

    def bit(plane: int, output: int, element: int) -> int:
        exists = output < n and element < k
        return int(weights[output, element] >> plane if exists else rng.integers(2)) & 1

    def activation(b: int, element: int) -> int:
        return int(activations[b, element] if element < k else rng.integers(*cfg.activation_range))

    return LutJob(
        n=n,
        k=k,
        weight_bits=weight_bits,
        signed=signed,
        activations=activations,
        word=_packed(fields),
        a=[
            _lanes([activation(b, e) for b in range(cfg.batch) for e in group], cfg.activation_bits)
            for group in groups
        ],
        w=[
            _lanes([bit(plane, output, e) for output in block for e in group], 1)
            for group in groups
            for block in blocks
            for plane in reversed(range(weight_bits))
        ],
        o=[
            _lanes(
                [int(c[b, x]) if x < n else 0 for x in block for b in range(cfg.batch)],
                cfg.acc_bits,
            )
            for block in blocks
        ],
    )


def random_size(side: int, most: int, rng: Rng) -> int:
    """At most ``most``: short, about a multiple of ``side``, or anything."""
    kind = rng.integers(3)
    if kind == 0:
        size = int(rng.integers(1, side, endpoint=True))
    elif kind == 1:
        size = int(side * rng.integers(1, 4) + rng.integers(-1, 2))
    else:
        size = int(rng.integers(1, most, endpoint=True))
    return min(max(1, size), most)


def _packed(fields: Sequence[tuple[int, int]]) -> int:
    """Numbers of given widths as one word, the first in the low bits."""
    word = at = 0
    for value, bits in fields:
        word |= (value & (1 << bits) - 1) << at
        at += bits
    return word


def _lanes(values: Sequence[int], bits: int) -> int:
    return _packed([(value, bits) for value in values])


def _uniform(cfg: LutConfig, k: int, rng: Rng) -> I64:
    return rng.integers(*cfg.activation_range, size=(cfg.batch, k), endpoint=True)


def _least(cfg: LutConfig, k: int, rng: Rng) -> I64:
    return np.full((cfg.batch, k), cfg.activation_range[0], dtype=np.int64)


def _zero(cfg: LutConfig, k: int, rng: Rng) -> I64:
    return np.zeros((cfg.batch, k), dtype=np.int64)


def _repeating(cfg: LutConfig, k: int, rng: Rng) -> I64:
    """Two groups in three repeat the one before; in some of them one element of one vector differs."""
    a = _uniform(cfg, k, rng)
    for start in range(cfg.group, k, cfg.group):
        if rng.random() < 2 / 3:
            short = min(cfg.group, k - start)
            a[:, start : start + short] = a[:, start - cfg.group :][:, :short]
            if rng.random() < 1 / 3:
                b, e = rng.integers(cfg.batch), start + rng.integers(short)
                a[b, e] = rng.integers(*cfg.activation_range, endpoint=True)
    return a


DATA: dict[str, Callable[[LutConfig, int, Rng], I64]] = {
    "uniform": _uniform,
    "repeating": _repeating,
    "zero": _zero,
    "extreme": _least,
}
"""Kinds of activations."""
