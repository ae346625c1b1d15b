"""Radix-4 digits of operands: what Booth and EN-T recoders must give, and how many are not zero.

Written from the definitions of the recodings, by arithmetic; the RTL works on bits.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.encode import digit_count

I8 = NDArray[np.int8]
I64 = NDArray[np.int64]


def booth_digits(x: I64, bits: int, *, signed: bool = True) -> I8:
    """Modified Booth: digit ``i`` is ``r(i) - 4 * r(i + 1)`` with ``r(i) = floor(x / 4**i + 1 / 2)``.

    Each higher part is rounded to nearest, so what is left for a digit is never more than 2 either way.

    Parameters
    ----------
    x : int64 array, shape (...)
        Operands of ``bits`` bits.
    bits : int, 2..16
        Width of an operand.
    signed : bool
        Whether they are two's complement.

    Returns
    -------
    int8 array, shape (..., digit_count)
        Of -2..2, the least significant first: ``sum(d[i] * 4**i) == x``.

    Raises
    ------
    ValueError
        If an operand does not fit its bits.
    """
    x = _checked(x, bits, signed=signed)
    rounded, digits = x, []
    for i in range(digit_count(bits, signed=signed)):
        above = (x + 2 * 4**i) // 4 ** (i + 1)
        digits.append(rounded - 4 * above)
        rounded = above
    return np.stack(digits, axis=-1).astype(np.int8)


def en_t_digits(x: I64, bits: int, *, signed: bool = True) -> I8:
    """EN-T of TPE: radix-4 digits -1, 0, 1, 2 of the magnitude, times the sign.

    Parameters, result and errors as of :func:`booth_digits`. Source: the authors' published RTL of TPE
    (HPCA'25, arXiv 2503.06342).
    """
    x = _checked(x, bits, signed=signed)
    rest, digits = np.abs(x), []
    for _ in range(digit_count(bits, signed=signed)):
        digit = (rest + 1) % 4 - 1  # of the four residues: -1, 0, 1, 2
        digits.append(digit * np.sign(x))
        rest = (rest - digit) // 4
    return np.stack(digits, axis=-1).astype(np.int8)


def nonzero_digits(
    x: I64, bits: int, encoder: Literal["booth", "en_t"], *, signed: bool = True
) -> I64:
    """How many digits of each operand are not zero; shape (...), as ``x``.

    That is how many partial products a serial multiplier has to add.
    """
    encode = {"booth": booth_digits, "en_t": en_t_digits}[encoder]
    return np.asarray(np.count_nonzero(encode(x, bits, signed=signed), axis=-1), dtype=np.int64)


def _checked(x: I64, bits: int, *, signed: bool) -> I64:
    x = np.asarray(x, dtype=np.int64)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if x.size and (x.min() < low or x.max() > high):
        raise ValueError(f"operands of {bits} bits must be in {low}..{high}")
    return x
