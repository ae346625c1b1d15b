"""Golden model of the multiply-accumulate units and block dot products: their finite accumulators.

Operands and FP32 results are codes, unsigned integers; :mod:`lockstep.sim.golden.formats` reads them
as exact numbers and rounds.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import BlockFormat, IntFormat
from lockstep.arch.mac import FP32, AccumulateConfig, DotConfig, FixedSum, Product
from lockstep.sim.golden.formats.accumulate import sum_of_products
from lockstep.sim.golden.formats.arithmetic import exact_product, exact_sum
from lockstep.sim.golden.formats.exact import (
    INFINITE,
    NAN,
    Exact,
    Ints,
    bit_length,
    from_codes,
)
from lockstep.sim.golden.formats.rounding import shift_right_even, to_codes

FP32Codes = NDArray[np.uint32]


def product(of: Product, a: ArrayLike, b: ArrayLike) -> Exact:
    """The exact products of codes; they broadcast.

    Raises
    ------
    ValueError
        If an operand is not a code of its format.
    """
    return exact_product(from_codes(a, of.a), from_codes(b, of.b))


def accumulate(cfg: AccumulateConfig, a: ArrayLike, b: ArrayLike, c: ArrayLike) -> Ints | FP32Codes:
    """``c + a * b``: one step of one lane's sum.

    Parameters
    ----------
    cfg : AccumulateConfig
        Formats; lanes do not matter.
    a, b : array_like of uint, (...)
        Codes of the operand formats.
    c : array_like of int or uint, (...)
        The sum so far: an integer of ``acc_bits``, signed, or an FP32 code.

    Returns
    -------
    ndarray, (...)
        int64, wrapped to ``acc_bits``; or FP32 codes, the exact product and ``c`` rounded once.

    Raises
    ------
    ValueError
        If an operand is not a code of its format.
    """
    addend = product(cfg.product, a, b)
    if isinstance(cfg.product.a, IntFormat):
        spare = 64 - cfg.mac.acc_bits
        value = np.where(addend.negative, -addend.significand, addend.significand)
        return (np.asarray(c, np.int64) + value) << spare >> spare
    return cast(FP32Codes, to_codes(exact_sum(addend, from_codes(c, FP32)), FP32))


def dot(
    cfg: DotConfig, a: ArrayLike, b: ArrayLike, a_scales: ArrayLike, b_scales: ArrayLike
) -> FP32Codes | Ints:
    """Dot products of vectors of blocks.

    The sum of a block is exact; times its scales it is rounded once, to FP32 or to fixed point.
    Additions, which FP32 rounds, take the blocks in order, from +0. Tensor scales of NV formats are
    left to whoever takes the result.

    Parameters
    ----------
    cfg : DotConfig
        Formats and accumulator; lanes do not matter.
    a, b : array_like of uint, (..., n_blocks, block)
        Codes of elements.
    a_scales, b_scales : array_like of uint, (..., n_blocks)
        Codes of scales.

    Returns
    -------
    ndarray, (...)
        uint32, FP32 codes; any NaN is the format's quiet one. Or int64, see :class:`FixedSum`.

    Raises
    ------
    ValueError
        If an operand is not a code of its format, or is not in blocks of its format's size.
    """
    blocks = sum_of_products(
        _scaled(cfg.a_block, a, a_scales),
        _scaled(cfg.b_block, b, b_scales),
    )
    if isinstance(cfg.accumulate, FixedSum):
        return _fixed_sum(cfg.accumulate, blocks)
    terms = to_codes(blocks, FP32).view(np.float32)
    total = np.zeros(terms.shape[:-1], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(terms.shape[-1]):
            total = total + terms[..., k]
    return np.where(np.isnan(total), np.uint32(FP32.nan_code or 0), total.view(np.uint32))


def _fixed_sum(of: FixedSum, blocks: Exact) -> Ints:
    """The sum over the last axis."""
    # Beyond ``far`` an addend saturates whatever sum it meets; an infinity does.
    far = 1 << of.bits
    shift = blocks.exponent - of.lsb_exponent
    top = bit_length(blocks.significand) + shift
    beyond = ((blocks.significand > 0) & (top > of.bits)) | (blocks.special == INFINITE)
    magnitude = np.where(
        shift >= 0,
        blocks.significand << np.clip(shift, 0, of.bits),
        shift_right_even(blocks.significand, np.maximum(-shift, 0)),
    )
    magnitude = np.where(beyond, far, magnitude)
    terms = np.where(blocks.negative, -magnitude, magnitude)
    total = np.zeros(terms.shape[:-1], np.int64)
    for k in range(terms.shape[-1]):
        total = np.clip(total + terms[..., k], -of.max_integer, of.max_integer)
    return np.where((blocks.special == NAN).any(axis=-1), of.nan, total)


def _scaled(fmt: BlockFormat, codes: ArrayLike, scales: ArrayLike) -> Exact:
    """Elements times their block's scale, exact."""
    elements = np.asarray(codes)
    if elements.shape[-1] != fmt.block:
        raise ValueError(
            f"blocks of {fmt.name} have {fmt.block} elements, not {elements.shape[-1]}"
        )
    return exact_product(
        from_codes(elements, fmt.element), from_codes(np.asarray(scales)[..., None], fmt.scale)
    )
