"""Random jobs for the tensor engine, and the words that its streams must carry for them.

The order is the one that :class:`lockstep.rtl.tensor.engine.TensorEngine` documents, written out
once more as plain loops. Lanes beyond the edge of a matrix carry garbage.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.tensor import TensorBase
from lockstep.sim.golden.tensor import gemm

I64 = NDArray[np.int64]
Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One transfer: a word with lane 0 in its low bits, and how many of its lanes are useful."""

    word: int
    lanes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job's transfers on each stream, in order.

    ``c_out`` is what the engine must emit; ``feeds_back`` marks those of it that are partial sums and
    return through ``i_c``. ``c_in`` is what it takes there: the rows of C that the job adds to, and
    None wherever the next row fed back is due.
    """

    shape: Shape
    accumulate: bool
    c_in: list[Vector | None] = field(default_factory=list)
    a: list[Vector] = field(default_factory=list)
    b: list[Vector] = field(default_factory=list)
    c_out: list[Vector] = field(default_factory=list)
    feeds_back: list[bool] = field(default_factory=list)

    def word(self, cfg: TensorBase) -> int:
        """The transfer on ``i_job``."""
        return job_word(cfg, self.shape, accumulate=self.accumulate)


def job_word(cfg: TensorBase, shape: Shape, *, accumulate: bool = False) -> int:
    """A shape (m, n, k) as a payload of ``i_job``."""
    return sum(size << i * cfg.job_bits for i, size in enumerate((*shape, accumulate)))


def random_shapes(cfg: TensorBase, count: int, rng: np.random.Generator) -> list[Shape]:
    """Shapes (m, n, k), mostly around multiples of the array's sides; a few are larger."""

    def size(side: int) -> int:
        kind = rng.integers(4)
        if kind == 0:
            return int(rng.integers(1, side + 1))
        if kind == 1:
            return max(1, int(side * rng.integers(1, 3) + rng.integers(-1, 2)))
        return int(rng.integers(1, 2 * side + 4 if kind == 2 else 3 * side + 8))

    deep = max(cfg.rows, cfg.lanes_per_step)
    return [(size(cfg.rows), size(cfg.cols), size(deep)) for _ in range(count)]


def random_job(cfg: TensorBase, shape: Shape, rng: np.random.Generator) -> Job:
    """A job of random operands: uniform, extremes and zeros, or one value throughout.

    One in three adds to a C of its own.
    """
    m, n, k = shape
    a = _operands(cfg.mac.a_range, (m, k), rng)
    b = _operands(cfg.mac.b_range, (k, n), rng)
    job = Job(shape=shape, accumulate=bool(rng.integers(3) == 0))
    before = np.zeros((m, n), dtype=np.int64)
    if job.accumulate:
        half = 1 << cfg.mac.acc_bits - 1
        before = rng.integers(-half, half - 1, size=(m, n), endpoint=True)
    if cfg.holds_outputs:
        _held_outputs(cfg, job, a, b, before, rng)
    else:
        _held_weights(cfg, job, a, b, before, rng)
    return job


def _held_outputs(
    cfg: TensorBase, job: Job, a: I64, b: I64, before: I64, rng: np.random.Generator
) -> None:
    c = gemm(cfg.mac, a, b, before)
    for m in range(0, len(a), cfg.rows):
        for n in range(0, b.shape[1], cfg.cols):
            of_a, of_b = a[m : m + cfg.rows].T, b[:, n : n + cfg.cols]
            job.a.extend(_vectors(of_a, cfg.rows, cfg.mac.a_bits, rng, cfg.lanes_per_step))
            job.b.extend(_vectors(of_b, cfg.cols, cfg.mac.b_bits, rng, cfg.lanes_per_step))
            block = c[m : m + cfg.rows, n : n + cfg.cols]
            job.c_out.extend(_vectors(block, cfg.cols, cfg.mac.acc_bits, None))
            if job.accumulate:
                added = before[m : m + cfg.rows, n : n + cfg.cols]
                job.c_in.extend(_vectors(added, cfg.cols, cfg.mac.acc_bits, rng))
    job.feeds_back.extend([False] * len(job.c_out))


def _held_weights(
    cfg: TensorBase, job: Job, a: I64, b: I64, before: I64, rng: np.random.Generator
) -> None:
    for n in range(0, b.shape[1], cfg.cols):
        added = before[:, n : n + cfg.cols]
        if job.accumulate:
            job.c_in.extend(_vectors(added, cfg.cols, cfg.mac.acc_bits, rng))
        for k in range(0, len(b), cfg.rows):
            weights = b[k : k + cfg.rows, n : n + cfg.cols]
            job.a.extend(_vectors(a[:, k : k + cfg.rows], cfg.rows, cfg.mac.a_bits, rng))
            job.b.extend(_vectors(weights, cfg.cols, cfg.mac.b_bits, rng))
            k_end = k + cfg.rows
            so_far = gemm(cfg.mac, a[:, :k_end], b[:k_end, n : n + cfg.cols], added)
            job.c_out.extend(_vectors(so_far, cfg.cols, cfg.mac.acc_bits, None))
            fed_back = k_end < len(b)
            job.feeds_back.extend([fed_back] * len(a))
            job.c_in.extend([None] * (len(a) * fed_back))


def _operands(limits: tuple[int, int], shape: tuple[int, int], rng: np.random.Generator) -> I64:
    low, high = limits
    kind = rng.integers(4)
    if kind == 0:
        return np.full(shape, rng.choice([low, high]), dtype=np.int64)
    if kind == 1:
        return rng.choice([low, low + 1, -1 if low < 0 else 1, 0, 1, high], size=shape)
    return rng.integers(low, high + 1, size=shape)


def _vectors(
    rows: I64, lanes: int, bits: int, garbage: np.random.Generator | None, together: int = 1
) -> list[Vector]:
    """``together`` rows at a time as one word; lanes beyond the edges are zero, or garbage.

    Row d of a word has lanes ``d * lanes`` on.
    """
    edges = [(0, -len(rows) % together), (0, lanes - rows.shape[1])]
    useful = np.pad(np.ones(rows.shape, dtype=np.bool_), edges).reshape(-1, together * lanes)
    values = np.pad(rows, edges).reshape(useful.shape)
    if garbage:
        noise = garbage.integers(0, 1 << 63, size=useful.shape)
        values = np.where(useful, values, noise)
    place = np.array([1 << i * bits for i in range(useful.shape[1])], dtype=object)
    words = (values.astype(object) & ((1 << bits) - 1)) @ place
    counts = useful.sum(axis=1)
    return [Vector(word=int(w), lanes=int(n)) for w, n in zip(words, counts, strict=True)]
