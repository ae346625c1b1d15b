"""Seeded hashes and permutations, the same on every machine (numba)."""

import numpy as np

from lockstep.workloads.streams.emit import inlined

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31, _S32 = (np.uint64(bits) for bits in (11, 27, 30, 31, 32))
_TO_UNIT = 2.0**-53


@inlined
def random_word(seed: int, index: int | np.uint64) -> np.uint64:
    """64 random bits number ``index`` of a sequence: SplitMix64 (Steele et al., OOPSLA 2014)."""
    z = np.uint64(seed) * _MIX_2 + (np.uint64(index) + np.uint64(1)) * _GOLDEN
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return np.uint64(z ^ (z >> _S31))


@inlined
def random_unit(seed: int, index: int) -> float:
    """A random number of at least 0 and below 1."""
    return float(random_word(seed, index) >> _S11) * _TO_UNIT


@inlined
def random_below(seed: int, index: int, bound: int) -> int:
    """A random whole number of at least 0 and below ``bound``, which is below 2**31."""
    scaled = (random_word(seed, index) >> _S32) * np.uint64(bound) >> _S32
    return int(np.int64(scaled))  # numba's int() would leave it unsigned


@inlined
def permuted(seed: int, value: int, bits: int) -> int:
    """Where a random permutation of the numbers of ``bits`` bits sends ``value``.

    Three rounds of an odd multiplication, an addition and a shift, each of which can be undone.
    """
    mask = np.uint64((1 << bits) - 1)
    shift = np.uint64((bits + 1) // 2)
    v = np.uint64(value)
    for turn in range(3):
        factor = random_word(seed, turn) | np.uint64(1)
        v = (v * factor + random_word(seed, turn + 3)) & mask
        v ^= v >> shift
    return int(np.int64(v))
