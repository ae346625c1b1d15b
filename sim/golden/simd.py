"""Golden model of the SIMD unit: exact dot products of words whose format may change word by word."""

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.simd import MODES, WORD_BITS, SimdConfig
from lockstep.sim.golden.formats.accumulate import sum_of_products
from lockstep.sim.golden.formats.exact import Codes, Exact, bit_length, from_codes
from lockstep.sim.golden.formats.rounding import to_codes


def dot(cfg: SimdConfig, modes: ArrayLike, a: ArrayLike, b: ArrayLike) -> Codes:
    """Sums of the products of all elements of all words, rounded once.

    Parameters
    ----------
    cfg : SimdConfig
        Its quire and result format.
    modes : integers, (..., words)
        Index of the mode in which each pair of words is read.
    a, b : integers, (..., words)
        Words; lane 0 in the least significant bits.

    Returns
    -------
    ndarray of uint, (...)
        Codes of ``cfg.result``: NaR if any element is.

    Raises
    ------
    ValueError
        If there is no such mode, a word is too wide, or a sum does not fit the quire.
    """
    mode = np.asarray(modes)
    if mode.size and not 0 <= mode.min() <= mode.max() < len(MODES):
        raise ValueError(f"modes must lie in 0..{len(MODES) - 1}")
    total = sum_of_products(*(_elements(mode, word) for word in (a, b)))
    top = total.exponent + bit_length(total.significand) + cfg.result.quire_fraction_bits
    if np.any((total.significand > 0) & (top >= cfg.result.quire_bits)):
        raise ValueError(f"a sum does not fit the quire, {cfg.result.quire_bits} bits")
    return to_codes(total, cfg.result)


def _elements(modes: NDArray[np.int64], words: ArrayLike) -> Exact:
    """Elements of all words, (..., words * lanes of all modes): zeros in modes that are not a word's."""
    word = np.asarray(words)
    if word.size and not 0 <= word.min() <= word.max() < 1 << WORD_BITS:
        raise ValueError(f"words must have {WORD_BITS} bits")
    parts = []
    for index, mode in enumerate(MODES):
        bits = mode.format.element_bits
        codes = word[..., None] >> np.arange(mode.lanes) * bits & (1 << bits) - 1
        parts.append(from_codes(np.where(modes[..., None] == index, codes, 0), mode.format))

    def joined(field: str) -> NDArray[Any]:
        whole = np.concatenate([getattr(part, field) for part in parts], axis=-1)
        return whole.reshape(*whole.shape[:-2], -1)

    return Exact(*(joined(field.name) for field in fields(Exact)))
