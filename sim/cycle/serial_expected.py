"""Expected cycles of the serial engines, for operands of a known distribution.

Operands are taken as independent. Then the cycles of a row are a sum over groups, whose distribution
is a power of the group's in the frequency domain, and the slowest of R rows has its R-th power as
cumulative distribution: no sampling, no fit. Exact for ``opt3``, ``opt4c`` and ``laconic``; for
``opt4e`` the bit-weights of a row are also taken as independent, which leaves each row's mean exact
and changes only how far the slowest row is expected to lag.
"""

from functools import lru_cache
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.serial import BitSliceConfig, LaconicConfig, SerialBase
from lockstep.sim.cycle.serial import digits_of, transfers

F64 = NDArray[np.float64]


def operand_distribution(limits: tuple[int, int], sigma: float | None) -> F64:
    """Probability of each integer from the least to the greatest.

    Uniform, or normal with mean 0: redrawn until within the limits, then rounded to nearest, as the
    authors' testbench makes its operands.
    """
    low, high = limits
    count = high - low + 1
    if sigma is None:
        return np.full(count, 1 / count)
    edges = np.concatenate([[low], np.arange(low, high) + 0.5, [high]])
    below = np.array([0.5 + 0.5 * erf(edge / sigma / sqrt(2)) for edge in edges])
    mass = np.diff(below)
    probabilities: F64 = mass / mass.sum()
    return probabilities


def _total(index: NDArray[np.int64], probabilities: F64, size: int = 0) -> F64:
    """Probability of each index, over all that share it."""
    return np.bincount(index.ravel(), probabilities.ravel(), size).astype(np.float64)


@lru_cache(maxsize=64)
def _patterns(bits: int, signed: bool, encoder: str, sigma: float | None) -> F64:
    """Probability of each pattern of nonzero digits; bit ``i`` of the index is digit ``i``."""
    limits = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    digits = digits_of(np.arange(limits[0], limits[1] + 1), bits, encoder, signed=signed)
    index = (digits != 0) @ (1 << np.arange(digits.shape[1]))
    return _total(index, operand_distribution(limits, sigma), 1 << digits.shape[1])


def _patterns_of_a(cfg: SerialBase) -> F64:
    mac = cfg.mac
    return _patterns(mac.a_bits, mac.a_range[0] < 0, mac.encoder, cfg.a_sigma)


def digit_probabilities(cfg: SerialBase) -> F64:
    """Probability that each digit of an element of A is not zero, the least significant first."""
    patterns = _patterns_of_a(cfg)
    probabilities: F64 = patterns @ (
        np.arange(len(patterns))[:, None] >> np.arange(cfg.a_digits) & 1
    )
    return probabilities


def _bit_counts(n: int) -> NDArray[np.int64]:
    """How many bits are set in each of 0..n-1."""
    return np.array([i.bit_count() for i in range(n)])


@lru_cache(maxsize=256)
def _group(cfg: BitSliceConfig, operands: int) -> F64:
    """Distribution of the cycles of one group over all its bit-weights; index = cycles."""
    patterns = _patterns_of_a(cfg)
    n_patterns, digits = len(patterns), cfg.a_digits
    ones = _bit_counts(n_patterns)
    # Which bit-weights have a digit by now, and how many digits there are in all.
    state = np.zeros((n_patterns, digits * operands + 1))
    state[0, 0] = 1
    for _ in range(operands):
        after = np.zeros_like(state)
        for pattern in np.flatnonzero(patterns):
            union = np.arange(n_patterns) | pattern
            moved = state[:, : state.shape[1] - ones[pattern]] * patterns[pattern]
            np.add.at(after[:, ones[pattern] :], union, moved)
        state = after
    empty = 0 * ones if cfg.skip_empty_groups else digits - ones
    cycles = np.arange(state.shape[1]) + empty[:, None]
    return _total(cycles, state, digits * cfg.group + 1)


def _sum_of(pmfs: list[tuple[F64, int]]) -> F64:
    """Distribution of a sum of independent numbers: ``(pmf, how many of them)`` each."""
    size = sum((len(pmf) - 1) * count for pmf, count in pmfs) + 1
    spectrum = np.prod([np.fft.rfft(pmf, size) ** count for pmf, count in pmfs], axis=0)
    return np.clip(np.fft.irfft(spectrum, size), 0, None)


def _most(pmfs: list[F64]) -> F64:
    """Distribution of the maximum of independent numbers."""
    size = max(len(pmf) for pmf in pmfs)
    cdf = np.prod([np.cumsum(np.pad(pmf, (0, size - len(pmf)))) for pmf in pmfs], axis=0)
    return np.diff(cdf, prepend=0)


@lru_cache(maxsize=4096)
def row_distribution(cfg: BitSliceConfig, k: int) -> F64:
    """Distribution of a row's cycles in a pass of ``k`` operands; index = cycles."""
    if cfg.digit_lanes == 1:
        full, rest = divmod(k, cfg.group)
        return _sum_of([(_group(cfg, cfg.group), full), (_group(cfg, rest), int(rest > 0))])
    weights = []
    for q in digit_probabilities(cfg):
        lanes = []
        for lane in range(cfg.digit_lanes):
            chunks, rest = divmod(k, cfg.chunk)
            part = min(max(rest - lane * cfg.group, 0), cfg.group)
            groups = [(_digits_in_group(cfg, float(q), cfg.group), chunks)]
            if rest:
                groups.append((_digits_in_group(cfg, float(q), part), 1))
            lanes.append(_sum_of(groups))
        weights.append((_most(lanes), 1))
    return _sum_of(weights)


def _digits_in_group(cfg: BitSliceConfig, q: float, operands: int) -> F64:
    """Distribution of the cycles of one group of one bit-weight, each digit nonzero with ``q``."""
    pmf = np.array([1.0])
    for _ in range(operands):
        pmf = np.convolve(pmf, [1 - q, q])
    pmf = np.pad(pmf, (0, cfg.group + 1 - len(pmf)))
    if not cfg.skip_empty_groups:
        pmf[1] += pmf[0]
        pmf[0] = 0
    return pmf


@lru_cache(maxsize=65536)
def pass_cycles(cfg: BitSliceConfig, k: int, rows: int, at_least: int = 0) -> float:
    """Expected cycles of a round: the slowest of ``rows``, drain included, but ``at_least``."""
    cdf = np.minimum(np.cumsum(row_distribution(cfg, k)), 1.0) ** rows
    cycles = np.arange(len(cdf)) + cfg.drain_cycles
    return float(np.maximum(cycles, at_least) @ np.diff(cdf, prepend=0))


@lru_cache(maxsize=4096)
def group_cycles(cfg: LaconicConfig, pairs: int, rows: int, cols: int) -> float:
    """Expected cycles of one group of ``pairs`` lanes of the Laconic engine."""
    mac = cfg.mac
    b_patterns = _patterns(mac.b_bits, mac.b_range[0] < 0, mac.encoder, cfg.b_sigma)
    most = [
        _most([_total(_bit_counts(len(p)), p)] * count)
        for p, count in ((_patterns_of_a(cfg), rows), (b_patterns, cols))
    ]
    products = np.outer(np.arange(len(most[0])), np.arange(len(most[1])))
    lane = _total(products, np.outer(*most))
    return float(np.maximum(np.arange(len(lane)), 1) @ _most([lane] * pairs))


def cycles_per_operand(cfg: BitSliceConfig, k: int) -> float:
    """Expected cycles of one row per element of A, in passes of ``k``; drain included."""
    return pass_cycles(cfg, k, 1) / k


def compute_cycles(cfg: SerialBase, m: Any, n: Any, k: Any) -> Any:
    """Expected cycles of one job; floats, NumPy arrays broadcast.

    What :func:`lockstep.sim.cycle.serial.job_cycles` is on average.
    """
    job = _laconic_job if isinstance(cfg, LaconicConfig) else _bit_slice_job
    shapes = np.broadcast_arrays(m, n, k)
    table = np.stack([np.ravel(x) for x in shapes], axis=1)
    unique, where = np.unique(table, axis=0, return_inverse=True)
    cycles = np.array([job(cfg, *map(int, shape)) for shape in unique])
    result = cycles[where.ravel()].reshape(shapes[0].shape)
    return result if result.ndim else float(result)


def _fold_rows(cfg: SerialBase, m: int) -> list[tuple[int, int]]:
    """(rows in use, how many blocks of rows) of full blocks and of the one at the edge."""
    full, rest = divmod(m, cfg.rows)
    return [(rows, count) for rows, count in ((cfg.rows, full), (rest, int(rest > 0))) if count]


def _passes(cfg: BitSliceConfig, k: int) -> list[tuple[int, int, bool, bool, int]]:
    """(size, what is loaded meanwhile, starts a fold, ends one, how many) of a fold's passes."""
    most = cfg.k_max
    count = -(-k // most)
    rest = k - (count - 1) * most
    if count == 1:
        return [(k, k, True, True, 1)]
    inner = [(most, most, False, False, count - 3), (most, rest, False, False, 1)]
    return [
        (most, most if count > 2 else rest, True, False, 1),
        *(inner if count > 2 else ()),
        (rest, most, False, True, 1),
    ]


@lru_cache(maxsize=65536)
def _bit_slice_job(cfg: BitSliceConfig, m: int, n: int, k: int) -> float:
    """Sum the rounds; those alike are counted, not walked."""
    across = -(-n // cfg.cols)
    emptying = cfg.emptying_cycles
    total = float(transfers(cfg, min(k, cfg.k_max)) + emptying)
    blocks = _fold_rows(cfg, m)
    for block in blocks:
        rows, count = block
        folds = count * across
        for size, meanwhile, starts, ends, times in _passes(cfg, k):
            loading = transfers(cfg, meanwhile)
            # The job's first pass has no rows to wait for, its last nothing to load.
            full = emptying if starts else 0
            special: list[int] = []
            if starts and block == blocks[0]:
                special = [0 if ends and block == blocks[-1] and folds == 1 else loading]
            if ends and block == blocks[-1] and not (special and folds == 1):
                special.append(full)
            waits = [(max(loading, full), folds - len(special)), *((w, 1) for w in special)]
            total += times * sum(
                number * pass_cycles(cfg, size, rows, wait) for wait, number in waits if number
            )
    return total


@lru_cache(maxsize=65536)
def _laconic_job(cfg: LaconicConfig, m: int, n: int, k: int) -> float:
    """Folds by their rows and columns; a fold after another is never below R, the drain before it."""
    full, rest = divmod(k, cfg.pairs)
    across, edge = divmod(n, cfg.cols)
    total = 0.0
    for rows, count in _fold_rows(cfg, m):
        for cols, columns in ((cfg.cols, across), (edge, int(edge > 0))):
            if not columns:
                continue
            fold = full * group_cycles(cfg, cfg.pairs, rows, cols)
            if rest:
                fold += group_cycles(cfg, rest, rows, cols)
            first = not total
            total += fold * first + (count * columns - first) * max(fold, cfg.rows)
    return 1 + total + cfg.drain_cycles + cfg.emptying_cycles
