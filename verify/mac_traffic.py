"""Operands for the multiply-accumulate units, as words of their streams, and what must come out.

Formats of 8 bits or fewer get every pair of codes, wider ones all pairs of corner codes and random
ones. Sums start from values that cancel, absorb or overflow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.formats import FloatFormat, IntFormat, ScalarFormat
from lockstep.arch.mac import FP32, AccumulateConfig, MultiplyConfig, Product
from lockstep.sim.golden import formats
from lockstep.sim.golden import mac as golden
from lockstep.sim.golden.formats.exact import INFINITE, NAN, to_floats
from lockstep.sim.golden.formats.scalar import encode_scalar
from lockstep.verify.mac_stream import EXHAUSTIVE_BITS

Ints = NDArray[np.int64]
LONGEST_SUM = 5  # steps
FEWEST_STEPS = 500  # beats of sums, however few pairs there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One batch for a unit.

    Parameters
    ----------
    words : list of int
        One per beat.
    ends : array of int, (results,)
        The beat that completes each result.
    wrong : callable
        Given the output words, which vectors of them are wrong: (results, lanes) of bool.
    vectors : int
        Lanes of all results.
    valid_p, ready_p : float
        Chances of a valid word and of a ready consumer.
    """

    words: list[int]
    ends: Ints
    wrong: Callable[[list[int]], NDArray[np.bool_]]
    vectors: int
    valid_p: float = 1.0
    ready_p: float = 1.0

    def mismatches(self, outputs: list[int]) -> int:
        """How many vectors are wrong."""
        return int(self.wrong(outputs).sum())


def pack(*fields: tuple[NDArray[np.integer], int]) -> list[int]:
    """Words of (beats, lanes) fields, each given with its width; the first is least significant."""
    bits = [
        (codes.astype(np.int64)[..., None] >> np.arange(width) & 1).reshape(len(codes), -1)
        for codes, width in fields
    ]
    rows = np.packbits(np.concatenate(bits, axis=1).astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def unpack(words: Sequence[int], lanes: int, *widths: int) -> list[Ints]:
    """The fields of each lane, (words, lanes): the inverse of :func:`pack` for a lane at a time."""
    size = -(-lanes * sum(widths) // 8)
    raw = np.frombuffer(b"".join(w.to_bytes(size, "little") for w in words), np.uint8)
    bits = np.unpackbits(raw.reshape(len(words), size), axis=1, bitorder="little")
    bits = bits[:, : lanes * sum(widths)].reshape(len(words), lanes, sum(widths)).astype(np.int64)
    edges = np.cumsum([0, *widths])
    return [bits[..., low:high] @ (1 << np.arange(high - low)) for low, high in pairwise(edges)]


def multiply(
    cfg: MultiplyConfig, n_random: int, rng: np.random.Generator, *, sample: bool = False
) -> Traffic:
    """Pairs for a multiplier: see :func:`pairs`."""
    of = cfg.product
    a, b = pairs(of, n_random, cfg.lanes, rng, sample=sample)
    words = pack((a, of.a.element_bits), (b, of.b.element_bits))

    def wrong(outputs: list[int]) -> NDArray[np.bool_]:
        if cfg.result == "exact":
            return _wrong_products(of, unpack(outputs, cfg.lanes, *_product_widths(of)), a, b)
        (codes,) = unpack(outputs, cfg.lanes, of.a.element_bits)
        want = formats.multiply(a, b, of.a, saturate=cfg.result == "saturated")
        return np.asarray(codes != want)

    ends = np.arange(len(words))
    return Traffic(words=words, ends=ends, wrong=wrong, vectors=a.size)


def accumulate(
    cfg: AccumulateConfig, n_random: int, rng: np.random.Generator, *, sample: bool = False
) -> Traffic:
    """Sums of one to ``LONGEST_SUM`` steps over pairs as in :func:`pairs`, in random order.

    If that is every pair, each is first added to zero alone, so that its product is seen; random
    ones follow.
    """
    a, b = pairs(cfg.product, n_random, cfg.lanes, rng, sample=sample)
    alone = len(a) if is_swept(cfg.product) and not sample else 0
    if alone:
        again = rng.integers(0, alone, size=max(alone, FEWEST_STEPS))
        a, b = np.concatenate([a, a[again]]), np.concatenate([b, b[again]])
    beats = np.arange(len(a))
    first = (beats <= alone) | (rng.random(len(a)) < 0.4)
    step = beats - np.maximum.accumulate(np.where(first, beats, 0))
    step %= LONGEST_SUM
    first = step == 0
    last = np.append(first[1:], True)
    c = _starts(cfg, a, b, rng)
    c[:alone] = 0

    sums = np.zeros_like(c)
    for k in range(LONGEST_SUM):
        at = np.flatnonzero(step == k)
        so_far = c[at] if k == 0 else sums[at - 1]
        sums[at] = golden.accumulate(cfg, a[at], b[at], so_far)
    want = sums[last] & (1 << cfg.mac.acc_bits) - 1

    words = pack(
        (a, cfg.mac.a_bits),
        (b, cfg.mac.b_bits),
        (c, cfg.mac.acc_bits),
        (first[:, None], 1),
        (last[:, None], 1),
    )

    def wrong(outputs: list[int]) -> NDArray[np.bool_]:
        (got,) = unpack(outputs, cfg.lanes, cfg.mac.acc_bits)
        return np.asarray(got != want)

    ends = np.flatnonzero(last)
    return Traffic(words=words, ends=ends, wrong=wrong, vectors=want.size)


def corner_codes(fmt: ScalarFormat) -> Ints:
    """Codes around everything that is special in a format, both signs."""
    if isinstance(fmt, FloatFormat):
        one = fmt.bias << fmt.mantissa_bits
        least_normal = 1 << fmt.mantissa_bits
        top = (1 << fmt.element_bits - 1) - 1
        near = [0, least_normal, one, one + least_normal, fmt.max_code, top]
        middle = [one // 2, (one + fmt.max_code) // 2, one + least_normal // 2]
    else:
        top = (1 << fmt.element_bits - 1) - 1
        near, middle = [0, top], [top // 3]
    codes = {c + d for c in near for d in (-2, -1, 0, 1, 2)} | set(middle)
    positive = np.array(sorted(c for c in codes if 0 <= c <= top))
    return np.concatenate([positive, positive + top + 1])


def is_swept(of: Product) -> bool:
    """Whether the operands are narrow enough to try every pair of their codes."""
    return max(of.a.element_bits, of.b.element_bits) <= EXHAUSTIVE_BITS


def pairs(
    of: Product, n_random: int, lanes: int, rng: np.random.Generator, *, sample: bool
) -> tuple[Ints, Ints]:
    """Pairs of codes, each (beats, lanes).

    Every pair, in random order, if neither operand is wider than 8 bits and it is no ``sample``; else
    ``n_random`` random ones, after all pairs of corner codes if it is no ``sample``. The last beat is
    filled up.
    """
    sizes = (1 << of.a.element_bits, 1 << of.b.element_bits)
    exhaustive = is_swept(of) and not sample
    sides = [np.zeros(0, np.int64)] * 2
    if exhaustive:
        sides = [np.arange(size) for size in sizes]
    elif not sample:
        sides = [corner_codes(of.a), corner_codes(of.b)]
    grid = np.meshgrid(*sides)
    count = 0 if exhaustive else n_random
    count += -(grid[0].size + count) % lanes
    order = rng.permutation(grid[0].size + count)
    a, b = (
        np.concatenate([g.reshape(-1), rng.integers(0, size, count)])[order].reshape(-1, lanes)
        for g, size in zip(grid, sizes, strict=True)
    )
    return a, b


def _product_widths(of: Product) -> list[int]:
    if not of.is_float:
        return [of.fixed_bits]
    return [of.significand_bits, of.max_shift.bit_length(), 1, 1, 1]


def _wrong_products(of: Product, fields: list[Ints], a: Ints, b: Ints) -> NDArray[np.bool_]:
    """Compare values, for a product has several significands; all of them are float64s."""
    want = golden.product(of, a, b)
    value = to_floats(want)
    if not of.is_float:
        sign_bit = 1 << of.fixed_bits - 1
        got = (fields[0] ^ sign_bit) - sign_bit
        return np.asarray(np.ldexp(got.astype(np.float64), of.least_exponent) != value)
    significand, shift, sign, inf, nan = fields
    finite = (inf == 0) & (nan == 0)
    magnitude = np.ldexp(
        significand.astype(np.float64), (shift + of.least_exponent).astype(np.int32)
    )
    wrong = (nan == 1) != (want.special == NAN)
    wrong |= ((inf == 1) & (nan == 0)) != (want.special == INFINITE)
    wrong |= (want.special != NAN) & (sign != want.negative)
    wrong |= finite & (magnitude != np.abs(value))
    return np.asarray(wrong)


def _starts(cfg: AccumulateConfig, a: Ints, b: Ints, rng: np.random.Generator) -> Ints:
    """Sums to start from: anything at all, or next to what cancels the first product."""
    anything = rng.integers(0, 1 << cfg.mac.acc_bits, size=a.shape)
    if isinstance(cfg.product.a, IntFormat):
        sign_bit = 1 << cfg.mac.acc_bits - 1
        return np.asarray((anything ^ sign_bit) - sign_bit)
    value = -to_floats(golden.product(cfg.product, a, b))
    cancels = encode_scalar(value, FP32).astype(np.int64)
    near = cancels + rng.integers(-2, 3, size=a.shape) & 0xFFFFFFFF
    # The same exponent, give or take 30: a sum that rounds.
    field = np.clip((cancels >> 23 & 0xFF) + rng.integers(-30, 31, size=a.shape), 0, 254)
    alike = anything & 0x807FFFFF | field << 23
    corners = rng.choice(corner_codes(FP32), size=a.shape)
    kind = rng.choice(5, size=a.shape, p=[0.2, 0.1, 0.4, 0.2, 0.1])
    return np.choose(kind, [cancels, near, alike, anything, corners])
