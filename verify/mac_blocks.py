"""Blocks for the dot product unit: random ones, and blocks that cancel, vanish, overflow or are NaN."""

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.formats import FloatFormat, ScalarFormat
from lockstep.arch.mac import DotConfig
from lockstep.sim.golden import mac as golden
from lockstep.verify.mac_traffic import Ints, Traffic, pack

LONGEST_DOT = 5  # blocks


def dot(cfg: DotConfig, n_blocks: int, rng: np.random.Generator) -> Traffic:
    """Dot products of one to ``LONGEST_DOT`` blocks, ``n_blocks`` or a few more in all."""
    lengths: list[int] = []
    while sum(lengths) < n_blocks:
        lengths.append(int(rng.integers(1, LONGEST_DOT + 1)))
    total = sum(lengths)
    a, b, a_scales, b_scales = _blocks(cfg, total, rng)
    last = np.zeros(total, bool)
    last[np.cumsum(lengths) - 1] = True
    starts = np.cumsum([0, *lengths[:-1]])
    want = np.empty(len(lengths), np.uint32)
    for length in set(lengths):
        rows = np.flatnonzero(np.array(lengths) == length)
        at = starts[rows, None] + np.arange(length)
        want[rows] = golden.dot(cfg, a[at], b[at], a_scales[at], b_scales[at])

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
        return np.asarray(np.array(outputs, np.uint32) != want)[:, None]

    ends = np.flatnonzero(last) * beats + beats - 1
    return Traffic(words=words, ends=ends, wrong=wrong, vectors=len(want))


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
