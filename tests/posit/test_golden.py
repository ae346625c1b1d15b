"""The SIMD unit's golden model against sums of fractions."""

from fractions import Fraction

import numpy as np
import pytest

from lockstep.arch.simd import MODES, WORD_BITS, SimdConfig
from lockstep.sim.golden import simd
from lockstep.sim.golden.formats import decode

CFG = SimdConfig()
RESULT = CFG.result
VALUES = [Fraction(float(x)) for x in decode(np.arange(RESULT.nar_code, dtype=np.uint16), RESULT)]


def split(mode, word):
    bits = mode.format.element_bits
    return [word >> lane * bits & (1 << bits) - 1 for lane in range(mode.lanes)]


def value(mode, code):
    """None for NaR."""
    found = float(decode(np.uint16(code), mode.format))
    return None if np.isnan(found) else Fraction(found)


def exact_sum(modes, a, b):
    total = Fraction(0)
    for index, left, right in zip(modes, a, b, strict=True):
        mode = MODES[index]
        for x, y in zip(split(mode, int(left)), split(mode, int(right)), strict=True):
            if value(mode, x) is None or value(mode, y) is None:
                return None
            total += value(mode, x) * value(mode, y)
    return total


def test_sums_lie_between_their_codes_neighbours():
    rng = np.random.default_rng(3)
    finite = 0
    for _ in range(300):
        words = int(rng.integers(1, 5))
        modes = rng.integers(0, len(MODES), words)
        a, b = rng.integers(0, 1 << WORD_BITS, (2, words))
        got, total = int(simd.dot(CFG, modes, a, b)), exact_sum(modes, a, b)
        if total is None:
            assert got == RESULT.nar_code
            continue
        finite += 1
        code = (1 << RESULT.n) - got if total < 0 else got
        assert 0 < code < RESULT.nar_code or total == 0 == code
        assert VALUES[max(code - 1, 0)] <= abs(total) or code <= 1
        assert (
            abs(total) <= VALUES[min(code + 1, RESULT.nar_code - 1)] or code == RESULT.nar_code - 1
        )
        if total in VALUES:
            assert VALUES[code] == total
    assert finite > 100


@pytest.mark.parametrize("index", range(len(MODES)))
def test_ones_count_the_lanes(index):
    mode = MODES[index]
    bits = mode.format.element_bits
    one = next(c for c in range(1 << bits) if value(mode, c) == 1)
    word = sum(one << lane * bits for lane in range(mode.lanes))
    assert VALUES[int(simd.dot(CFG, [index] * 3, [word] * 3, [word] * 3))] == 3 * mode.lanes


def test_a_sum_that_cancels_leaves_the_least():
    top, least = RESULT.nar_code - 1, 1
    a = [top, least, top]
    b = [top, least, (1 << RESULT.n) - top]
    # The square of the least posit is far below it, but it is not zero.
    assert simd.dot(CFG, [0, 0, 0], a, b) == 1
    assert simd.dot(CFG, [0, 0, 0], [top, 0, top], b) == 0


@pytest.mark.parametrize(
    ("modes", "a", "complaint"),
    [([4], [0], "modes"), ([0], [1 << 16], "16 bits"), ([0], [-1], "16 bits")],
)
def test_golden_rejects(modes, a, complaint):
    with pytest.raises(ValueError, match=complaint):
        simd.dot(CFG, modes, a, [0])


def test_golden_rejects_a_sum_beyond_the_quire():
    top = np.full(1 << RESULT.quire_bits - 1 - 4 * RESULT.max_exponent, RESULT.nar_code - 1)
    modes = np.zeros_like(top)
    with pytest.raises(ValueError, match="quire"):
        simd.dot(CFG, modes, top, top)
    assert simd.dot(CFG, modes[1:], top[1:], top[1:]) == RESULT.nar_code - 1
