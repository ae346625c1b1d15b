"""Jobs for the serial engines, with operands whose digits matter, and the words their streams carry.

The order of lanes and transfers is the one that :class:`lockstep.rtl.tensor.serial_engine.SerialEngine`
documents, written out once more as plain loops. Lanes beyond the edge of a matrix carry garbage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.serial import SerialBase
from lockstep.sim.golden.tensor import gemm
from lockstep.verify.tensor_traffic import Job, Shape, Vector

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Limits = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialJob:
    """A job's transfers, and its operands, on which its cycles depend."""

    job: Job
    a: I64
    b: I64


def random_shapes(
    cfg: SerialBase, count: int, k_most: int, rng: np.random.Generator
) -> list[Shape]:
    """Shapes (m, n, k): up to two folds each way and a bit, and K around multiples of a transfer."""

    def size(side: int, most: int) -> int:
        kind = rng.integers(3)
        if kind == 0:
            return int(rng.integers(1, side + 1))
        if kind == 1:
            return max(1, int(side * rng.integers(1, 3) + rng.integers(-1, 2)))
        return int(rng.integers(1, most + 1))

    return [
        (
            size(cfg.rows, 2 * cfg.rows + 2),
            size(cfg.cols, 2 * cfg.cols + 2),
            size(cfg.lanes_per_step, k_most),
        )
        for _ in range(count)
    ]


def random_job(cfg: SerialBase, shape: Shape, data: str, rng: np.random.Generator) -> SerialJob:
    """A job on operands of one kind, a key of ``DATA``; one in three adds to a C of its own."""
    m, n, k = shape
    a, b = DATA[data](cfg, shape, rng)
    accumulate = bool(rng.integers(3) == 0)
    before = np.zeros((m, n), dtype=np.int64)
    if accumulate:
        half = 1 << cfg.mac.acc_bits - 1
        before = rng.integers(-half, half - 1, size=(m, n), endpoint=True)
    c = gemm(cfg.mac, a, b, before)
    job = Job(shape=shape, accumulate=accumulate)
    step = cfg.lanes_per_step
    for i in range(0, m, cfg.rows):
        for j in range(0, n, cfg.cols):
            for kk in range(0, k, step):
                left = a[i : i + cfg.rows, kk : kk + step].T
                right = b[kk : kk + step, j : j + cfg.cols]
                job.a.append(_vector(left, (step, cfg.rows), cfg.mac.a_bits, rng))
                job.b.append(_vector(right, (step, cfg.cols), cfg.mac.b_bits, rng))
            block = np.s_[i : i + cfg.rows, j : j + cfg.cols]
            lanes, bits = (1, cfg.cols), cfg.mac.acc_bits
            job.c_out.extend(_vector(row[None], lanes, bits, None) for row in c[block])
            if accumulate:
                job.c_in.extend(_vector(row[None], lanes, bits, rng) for row in before[block])
    job.feeds_back.extend([False] * len(job.c_out))
    return SerialJob(job=job, a=a, b=b)


def _vector(
    values: I64, lanes: tuple[int, int], bits: int, garbage: np.random.Generator | None
) -> Vector:
    """One word of the lanes, row by row; lanes without a value are zero, or garbage."""
    depth, width = values.shape
    everywhere = (
        np.zeros(lanes, dtype=np.int64)
        if garbage is None
        else garbage.integers(0, 1 << min(bits, 62), size=lanes)
    )
    everywhere[:depth, :width] = values
    mask = (1 << bits) - 1
    word = sum((int(v) & mask) << i * bits for i, v in enumerate(everywhere.ravel()))
    return Vector(word=word, lanes=depth * width)


def _pairs(
    draw: Callable[[Limits, tuple[int, int], np.random.Generator], I64],
) -> Callable[[SerialBase, Shape, np.random.Generator], tuple[I64, I64]]:
    """A and B drawn alike."""

    def both(cfg: SerialBase, shape: Shape, rng: np.random.Generator) -> tuple[I64, I64]:
        m, n, k = shape
        return draw(cfg.mac.a_range, (m, k), rng), draw(cfg.mac.b_range, (k, n), rng)

    return both


def uniform(limits: Limits, shape: Sequence[int], rng: np.random.Generator) -> I64:
    """Any operand as likely as any other."""
    return rng.integers(limits[0], limits[1], size=shape, endpoint=True)


def normal(sigma: float) -> Callable[[Limits, Sequence[int], np.random.Generator], I64]:
    """Normal with mean 0, redrawn while out of range, rounded to nearest."""

    def draw(limits: Limits, shape: Sequence[int], rng: np.random.Generator) -> I64:
        values = rng.normal(0, sigma, size=shape)
        while (out := (values < limits[0]) | (values > limits[1])).any():
            values[out] = rng.normal(0, sigma, size=int(out.sum()))
        return np.rint(values).astype(np.int64)

    return draw


def _constant(pick: Callable[[Limits], int]) -> Callable[..., I64]:
    return lambda limits, shape, rng: np.full(shape, pick(limits), dtype=np.int64)


def _sparse(limits: Limits, shape: tuple[int, int], rng: np.random.Generator) -> I64:
    """Mostly zeros, with extremes in between: long runs of empty groups beside full ones."""
    return uniform(limits, shape, rng) * (rng.random(shape) < 0.15)


def transformer(cfg: SerialBase, shape: Shape, rng: np.random.Generator) -> tuple[I64, I64]:
    """Operands of a product inside a small transformer block of random weights, quantised.

    Either activations after layer normalisation by weights, attention probabilities by values, or
    what GELU leaves by weights.
    """
    m, n, k = shape
    width = max(8, k)
    weights = [rng.normal(0, width**-0.5, (width, width)) for _ in range(3)]
    tokens = _normalised(rng.normal(size=(max(m, k), width)) * rng.lognormal(0, 0.5, width))
    keys, values = tokens @ weights[0], tokens @ weights[1]
    scores = np.exp(tokens @ keys.T / np.sqrt(width))
    attention = scores / scores.sum(axis=1, keepdims=True)
    hidden = tokens @ weights[2]
    gelu = 0.5 * hidden * (1 + np.tanh(0.7979 * (hidden + 0.0447 * hidden**3)))
    products = ((tokens, weights[0]), (attention, values), (gelu, weights[1]))
    left, right = products[rng.integers(len(products))]
    columns = np.resize(right, (len(right), max(n, width)))
    return (
        _quantised(left[:m, :k], cfg.mac.a_range),
        _quantised(columns[:k, :n], cfg.mac.b_range),
    )


def _normalised(x: F64) -> F64:
    centred = x - x.mean(axis=1, keepdims=True)
    result: F64 = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return result


def _quantised(x: F64, limits: Limits) -> I64:
    """Scaled so that the greatest magnitude is the greatest operand; clipped, if unsigned."""
    scaled = x * (limits[1] / max(float(np.abs(x).max()), 1e-9))
    return np.clip(np.rint(scaled), *limits).astype(np.int64)


DATA: dict[str, Callable[[SerialBase, Shape, np.random.Generator], tuple[I64, I64]]] = {
    "uniform": _pairs(uniform),
    "normal, sigma 10": _pairs(normal(10)),
    "normal, sigma 30": _pairs(normal(30)),
    "all zero": _pairs(_constant(lambda limits: 0)),
    "all the lowest": _pairs(_constant(lambda limits: limits[0])),
    "mostly zero": _pairs(_sparse),
    "transformer": transformer,
}
"""Kinds of operands."""
