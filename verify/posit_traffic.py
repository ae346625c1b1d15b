"""Words for the posit units and the SIMD unit, and the results that the golden models give."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import PositFormat
from lockstep.arch.posit import PositConfig
from lockstep.arch.simd import MODES, WORD_BITS, SimdConfig, SimdMode
from lockstep.sim.golden import formats, simd
from lockstep.verify.mac_stream import EXHAUSTIVE_BITS

I64 = NDArray[np.int64]
Rng = np.random.Generator


@dataclass(slots=True, kw_only=True)
class Batch:
    """Words for the input stream, and the words that must come out.

    ``ends[i]`` is the index of the word after which result ``i`` is complete; ``lanes`` is how many
    numbers make one result.
    """

    lanes: int
    words: list[int] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    valid_p: float = 1.0
    ready_p: float = 1.0

    @property
    def vectors(self) -> int:
        """Numbers in all results."""
        return len(self.results) * self.lanes

    def mismatches(self, outputs: list[int]) -> int:
        """How many results have a wrong number."""
        return sum(got != wanted for got, wanted in zip(outputs, self.results, strict=True))


def packed(values: ArrayLike, bits: int) -> list[int]:
    """Rows of ``bits``-wide numbers as one integer each, the first in the low bits."""
    return [
        sum(int(value) << k * bits for k, value in enumerate(row)) for row in np.asarray(values)
    ]


def all_pairs(a: ArrayLike, b: ArrayLike) -> tuple[I64, I64]:
    """Every element of ``a`` with every one of ``b``."""
    left, right = np.meshgrid(np.asarray(a), np.asarray(b), indexing="ij")
    return left.ravel().astype(np.int64), right.ravel().astype(np.int64)


def corners(n: int) -> I64:
    """Codes of ``n`` bits next to every power of two, and their negatives: where regimes change."""
    near = [(1 << k) + d for k in range(n) for d in (-1, 0, 1)]
    return np.unique(np.array(near + [-x for x in near]) & (1 << n) - 1)


def lane_pairs(cfg: PositConfig, n_random: int, rng: Rng) -> tuple[I64, I64]:
    """Operand pairs: all, or those of corners, of every code with the neutral one, and random ones."""
    fmt = cfg.posit
    if fmt.n <= EXHAUSTIVE_BITS:
        return all_pairs(np.arange(1 << fmt.n), np.arange(1 << fmt.n))
    some = [all_pairs(corners(fmt.n), corners(fmt.n))]
    if fmt.n <= 16:
        neutral = 1 << fmt.n - 2 if cfg.operation == "multiply" else 0
        some.append(all_pairs(np.arange(1 << fmt.n), [neutral]))
    some.append(tuple(rng.integers(0, 1 << fmt.n, (2, n_random))))
    # Close magnitudes of opposite signs cancel.
    near = rng.integers(0, 1 << fmt.n, n_random // 4)
    some.append((near, -near + rng.integers(-2, 3, near.size) & (1 << fmt.n) - 1))
    a, b = (np.concatenate(side) for side in zip(*some, strict=True))
    return a, b


def lane_batch(cfg: PositConfig, a: I64, b: I64) -> Batch:
    """Pairs spread over the lanes; the last beat is filled up with zeros."""
    fmt, short = cfg.posit, -a.size % cfg.lanes
    a, b = (np.pad(x, (0, short)).reshape(-1, cfg.lanes) for x in (a, b))
    operation = formats.multiply if cfg.operation == "multiply" else formats.add
    return Batch(
        lanes=cfg.lanes,
        words=_pair_words(cfg, a, b),
        results=packed(operation(a, b, fmt), fmt.n),
        ends=list(range(len(a))),
    )


def _pair_words(cfg: PositConfig, a: I64, b: I64) -> list[int]:
    pairs = np.stack([a, b], axis=-1)  # in each lane, a is below b
    return packed(pairs.reshape(-1, 2 * cfg.lanes), cfg.posit.n)


def dot_batch(cfg: PositConfig, n_sums: int, rng: Rng) -> Batch:
    """Sums of random lengths and kinds, 64 products at most: no quire overflows."""
    fmt = cfg.posit
    batch = Batch(lanes=1)
    for _ in range(n_sums):
        beats = int(rng.integers(1, max(2, 64 // cfg.lanes + 1)))
        a, b = _dot_operands(fmt, beats * cfg.lanes, rng)
        _append_sum(batch, cfg, a, b)
    return batch


def dot_sweep(cfg: PositConfig) -> Batch:
    """Every pair of codes alone, in lanes that take turns."""
    codes = np.arange(1 << cfg.posit.n)
    a_codes, b_codes = all_pairs(codes, codes)
    count = np.arange(a_codes.size)
    a, b = np.zeros((2, a_codes.size, cfg.lanes), np.int64)
    # Consecutive pairs share a code of A: half of it keeps lanes and codes out of step.
    lane = (count + (a_codes >> 1)) % cfg.lanes
    a[count, lane], b[count, lane] = a_codes, b_codes
    alone = 3 << 2 * cfg.posit.n * cfg.lanes  # ``first`` and ``last``
    return Batch(
        lanes=1,
        words=[word | alone for word in _pair_words(cfg, a, b)],
        results=formats.dot(a, b, cfg.posit).tolist(),
        ends=count.tolist(),
    )


def quire_products(fmt: PositFormat) -> int:
    """Products of the greatest magnitude that a quire holds."""
    return (1 << fmt.quire_bits - 1 - 4 * fmt.max_exponent) - 1


def fullest_dot_batch(cfg: PositConfig) -> Batch:
    """As many products of the greatest magnitude as a quire holds, positive and negative."""
    fmt = cfg.posit
    batch = Batch(lanes=1)
    count = quire_products(fmt)
    top = fmt.nar_code - 1
    for factor in (top, -top & (1 << fmt.n) - 1):
        a = np.zeros(-(-count // cfg.lanes) * cfg.lanes, np.int64)
        a[:count] = top
        _append_sum(batch, cfg, a, np.full_like(a, factor))
    return batch


def _append_sum(batch: Batch, cfg: PositConfig, a: I64, b: I64) -> None:
    fmt = cfg.posit
    beats = _pair_words(cfg, a, b)
    flag = 2 * fmt.n * cfg.lanes  # ``first``; ``last`` is above it
    beats[0] |= 1 << flag
    beats[-1] |= 2 << flag
    batch.words += beats
    batch.ends.append(len(batch.words) - 1)
    batch.results.append(int(formats.dot(a, b, fmt)))


def _dot_operands(fmt: PositFormat, count: int, rng: Rng) -> tuple[I64, I64]:
    """Random numbers; ones that cancel, but for a few; extremes; one product; none; now and then NaR."""
    kind = rng.integers(6)
    a, b = rng.integers(0, 1 << fmt.n, (2, count))
    if kind == 1:  # the second half takes the first away
        half = count // 2
        a[half : 2 * half] = -a[:half] & (1 << fmt.n) - 1
        b[half : 2 * half] = b[:half]
    elif kind == 2:
        a, b = rng.choice(corners(fmt.n), (2, count))
    elif kind >= 4:  # a product alone is where most ties are
        a[5 - kind :] = 0
    for x in (a, b):
        x[x == fmt.nar_code] = 1
    if rng.random() < 0.05:
        a[rng.integers(count)] = fmt.nar_code
    return a, b


def simd_pairs(cfg: SimdConfig, mode: SimdMode, n_random: int, rng: Rng) -> Batch:
    """Single words: every pair of elements in every lane by itself, or corners and random pairs."""
    bits = mode.format.element_bits
    codes = np.arange(1 << bits) if bits <= EXHAUSTIVE_BITS else corners(bits)
    a, b = all_pairs(codes, codes)
    if bits > EXHAUSTIVE_BITS:
        a, b = (np.concatenate([x, rng.integers(0, 1 << bits, n_random)]) for x in (a, b))
    shifts = np.arange(mode.lanes) * bits
    a, b = ((x[None, :] << shifts[:, None]).reshape(-1) for x in (a, b))
    short = -a.size % cfg.dots
    a, b = (np.pad(x, (0, short)).reshape(-1, 1, cfg.dots) for x in (a, b))
    modes = np.full((len(a), 1), MODES.index(mode))
    return _simd_batch(cfg, zip(modes, a, b, strict=True))


def simd_sums(cfg: SimdConfig, modes: Iterable[SimdMode], n_sums: int, rng: Rng) -> Batch:
    """Sums of random words, each in one of the modes; few NaR."""
    allowed = [MODES.index(mode) for mode in modes]

    def sums() -> Iterable[tuple[I64, I64, I64]]:
        for _ in range(n_sums):
            length = int(rng.integers(1, 17))
            mode = rng.choice(allowed, length)
            shape = (length, cfg.dots)
            yield mode, _simd_words(mode, shape, rng), _simd_words(mode, shape, rng)

    return _simd_batch(cfg, sums())


def _simd_words(modes: I64, shape: tuple[int, int], rng: Rng) -> I64:
    words = rng.integers(0, 1 << WORD_BITS, shape)
    if rng.random() < 0.05:
        return words  # NaR are left in
    for index, mode in enumerate(MODES):
        if isinstance(mode.format, PositFormat):
            bits, nar = mode.format.n, mode.format.nar_code
            for lane in range(mode.lanes):
                hit = (words >> lane * bits & (1 << bits) - 1 == nar) & (modes == index)[:, None]
                words[hit] ^= 1 << lane * bits
    return words


def _simd_batch(cfg: SimdConfig, sums: Iterable[tuple[I64, I64, I64]]) -> Batch:
    """Sums of (words,) modes and (words, dots) operands, one after another."""
    batch = Batch(lanes=cfg.dots)
    mode_bits = (len(MODES) - 1).bit_length()
    for modes, a, b in sums:
        operands = packed(np.concatenate([a, b], axis=-1), WORD_BITS)
        beats = [
            int(mode) | word << mode_bits + 2 for mode, word in zip(modes, operands, strict=True)
        ]
        beats[0] |= 1 << mode_bits
        beats[-1] |= 2 << mode_bits
        batch.words += beats
        batch.ends.append(len(batch.words) - 1)
        codes = simd.dot(cfg, modes[None, :], a.T, b.T)
        batch.results += packed(codes[None, :], cfg.result.n)
    return batch
