"""Blocks for the dot product unit: every pair of codes, random ones, and ones that cancel or overflow."""

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.formats import FloatFormat, ScalarFormat
from lockstep.arch.mac import DotConfig
from lockstep.sim.golden import mac as golden
from lockstep.sim.golden.formats.scalar import encode_scalar
from lockstep.verify.mac_traffic import Ints, Traffic, pack

LONGEST_DOT = 5  # blocks


def dot(cfg: DotConfig, n_blocks: int, rng: np.random.Generator) -> Traffic:
    """Dot products of one to ``LONGEST_DOT`` blocks, ``n_blocks`` or a few more in all."""
    lengths: list[int] = []
    while sum(lengths) < n_blocks:
        lengths.append(int(rng.integers(1, LONGEST_DOT + 1)))
    return _traffic(cfg, *_blocks(cfg, sum(lengths), rng), np.array(lengths), rng)


def sweep_elements(cfg: DotConfig, rng: np.random.Generator) -> Traffic:
    """Every pair of element codes, alone in a block whose scales are 1, in lanes that take turns."""
    a_codes, b_codes = _grid(cfg.a_block.element_bits, cfg.b_block.element_bits)
    count, block = len(a_codes), cfg.a_block.block
    a, b = np.zeros((2, count, block), np.int64)
    # Consecutive pairs share a code of A: the row's number keeps lanes and codes out of step.
    at = np.arange(count), (np.arange(count) + (a_codes >> 1)) % block
    a[at], b[at] = a_codes, b_codes
    one = np.full(count, int(encode_scalar(1.0, cfg.a_block.scale)))
    return _traffic(cfg, a, b, one, one, np.ones(count, np.int64), rng)


def sweep_scales(cfg: DotConfig, rng: np.random.Generator) -> Traffic:
    """Every pair of scale codes, each with a block of its own."""
    a_scales, b_scales = _grid(cfg.a_block.scale_bits, cfg.b_block.scale_bits)
    a, b, *_ = _blocks(cfg, len(a_scales), rng)
    return _traffic(cfg, a, b, a_scales, b_scales, np.ones(len(a), np.int64), rng)


def _grid(a_bits: int, b_bits: int) -> tuple[Ints, Ints]:
    """Every pair of codes, each (pairs,)."""
    a, b = np.meshgrid(np.arange(1 << a_bits), np.arange(1 << b_bits), indexing="ij")
    return a.reshape(-1), b.reshape(-1)


def _traffic(
    cfg: DotConfig,
    a: Ints,
    b: Ints,
    a_scales: Ints,
    b_scales: Ints,
    lengths: Ints,
    rng: np.random.Generator,
) -> Traffic:
    """Blocks of (count, block) elements and (count,) scales; dots of (dots,) ``lengths``."""
    total = len(a)
    ends = np.cumsum(lengths)
    last = np.zeros(total, bool)
    last[ends - 1] = True
    want = np.empty(len(lengths), np.int64)
    for length in set(lengths.tolist()):
        rows = np.flatnonzero(lengths == length)
        at = (ends - length)[rows, None] + np.arange(length)
        want[rows] = golden.dot(cfg, a[at], b[at], a_scales[at], b_scales[at])
    want &= (1 << cfg.result_bits) - 1

    beats = cfg.beats_per_block

    def once_per_block(real: NDArray[np.integer], width: int) -> tuple[NDArray[np.integer], int]:
        """Garbage but for the last beat, where the unit looks."""
        noise = rng.integers(0, 1 << width, size=(total, beats))
        noise[:, -1] = real
        return noise.reshape(-1, 1), width

    words = pack(
        (a.reshape(-1, cfg.lanes), cfg.a_block.element_bits),
        (b.reshape(-1, cfg.lanes), cfg.b_block.element_bits),
        once_per_block(a_scales, cfg.a_block.scale_bits),
        once_per_block(b_scales, cfg.b_block.scale_bits),
        once_per_block(last.astype(np.int64), 1),
    )

    def wrong(outputs: list[int]) -> NDArray[np.bool_]:
        return np.asarray(np.array(outputs, np.int64) != want)[:, None]

    return Traffic(words=words, ends=ends * beats - 1, wrong=wrong, vectors=len(want))


def _blocks(cfg: DotConfig, count: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
    """Codes of A and B, (count, block), and of their scales, (count,)."""
    block = cfg.a_block.block
    half = block // 2
    a_element, b_element = cfg.a_block.element, cfg.b_block.element
    # Without this, formats with NaN would give little else.
    finite = rng.random((count, 1)) < 0.9
    a, b = (
        np.where(finite, _finite(codes, f), codes)
        for f in (a_element, b_element)
        for codes in [rng.integers(0, 1 << f.element_bits, size=(count, block))]
    )
    for i in range(count):
        kind = rng.integers(8)
        if kind < 2:  # cancels, all of it or all but one product
            a[i, half : 2 * half] = a[i, :half]
            b[i, half : 2 * half] = _negative(b[i, :half], b_element)
            b[i, rng.integers(block)] *= 1 - kind
        elif kind == 2:
            a[i] = 0
        elif kind == 3:  # the greatest sum, of either sign
            a[i] = _greatest(a_element)
            b[i] = _greatest(b_element)
            b[i] = rng.choice([b[i], _negative(b[i], b_element)])
        elif kind == 4:  # zeros and the least values
            a[i], b[i] = a[i] & 1, b[i] & 1
        elif kind == 5 and i:  # undoes the block before
            a[i], b[i] = a[i - 1], _negative(b[i - 1], b_element)
    a_scales, b_scales = (_scales(f.scale_bits, count, rng) for f in (cfg.a_block, cfg.b_block))
    for i in range(1, count):
        if rng.random() < 0.5:  # lets a block undo the one before
            a_scales[i], b_scales[i] = a_scales[i - 1], b_scales[i - 1]
    return a, b, a_scales, b_scales


def _scales(bits: int, count: int, rng: np.random.Generator) -> Ints:
    """Mostly near the middle, so that blocks are of like sizes; some extreme, some NaN."""
    size = 1 << bits
    anything = rng.integers(0, size, size=count)
    middling = (size // 2 + rng.integers(-12, 13, size=count)) % size
    extreme = rng.choice([0, 1, size - 2, size - 1], size=count)
    kind = rng.choice(3, size=count, p=[0.2, 0.7, 0.1])
    return np.asarray(np.choose(kind, [anything, middling, extreme]))


def _finite(codes: Ints, fmt: ScalarFormat) -> Ints:
    if not isinstance(fmt, FloatFormat):
        return codes
    sign = 1 << fmt.element_bits - 1
    return np.asarray(codes & sign | np.minimum(codes & sign - 1, fmt.max_code))


def _negative(codes: Ints, fmt: ScalarFormat) -> Ints:
    """The codes of the negatives; that of the least integer is its own."""
    size = 1 << fmt.element_bits
    return codes ^ size // 2 if isinstance(fmt, FloatFormat) else -codes % size


def _greatest(fmt: ScalarFormat) -> int:
    """The code of the greatest magnitude."""
    return fmt.max_code if isinstance(fmt, FloatFormat) else 1 << fmt.element_bits - 1
