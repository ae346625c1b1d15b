"""Codes in memory: every element and scale takes exactly its bits.

Bits run from the least significant of each code and of each byte. Scalar codes lie back to back. A
block is its scale, then its elements; blocks lie back to back, rows in order, and the last block of
a row leaves its padding out. Only the end of the whole is rounded up to a byte. A tensor scale is
not part of the layout.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import BlockFormat, ScalarFormat
from lockstep.sim.golden.formats.block import Blocks
from lockstep.sim.golden.formats.exact import Codes, checked, code_dtype

Bytes = NDArray[np.uint8]


def pack_scalar(codes: ArrayLike, fmt: ScalarFormat) -> Bytes:
    """Codes of any shape, in C order, to bytes."""
    flat = checked(codes, fmt).reshape(-1)
    return np.packbits(_bits(flat, fmt.element_bits), bitorder="little")


def unpack_scalar(data: Bytes, fmt: ScalarFormat, shape: tuple[int, ...]) -> Codes:
    """Codes of a packed array of ``shape``."""
    count = math.prod(shape)
    bits = _unpacked(data, count * fmt.element_bits)
    return _codes(bits.reshape(count, fmt.element_bits), fmt).reshape(shape)


def pack_blocks(x: Blocks, fmt: BlockFormat) -> Bytes:
    """Blocks to bytes."""
    elements = _bits(x.codes, fmt.element_bits)
    whole = np.concatenate(
        [_bits(x.scales, fmt.scale_bits), elements.reshape(*x.scales.shape, -1)], axis=-1
    )
    return np.packbits(whole[..., _stored(x.length, fmt)], bitorder="little")


def unpack_blocks(
    data: Bytes, fmt: BlockFormat, shape: tuple[int, ...], *, axis: int, tensor_scale: float
) -> Blocks:
    """Blocks of a packed tensor of ``shape``, blocked along ``axis``."""
    length = shape[axis]
    rows = np.delete(np.array(shape), axis)
    stored = _stored(length, fmt)
    whole = np.zeros((*rows, *stored.shape), np.uint8)
    whole[..., stored] = _unpacked(data, math.prod(rows) * int(stored.sum())).reshape(*rows, -1)
    scales = _codes(whole[..., : fmt.scale_bits], fmt.scale)
    elements = whole[..., fmt.scale_bits :].reshape(*scales.shape, fmt.block, fmt.element_bits)
    return Blocks(_codes(elements, fmt.element), scales, length, axis, tensor_scale)


def _stored(length: int, fmt: BlockFormat) -> NDArray[np.bool_]:
    """Which bits of one row's blocks are stored: (n_blocks, bits of a whole block)."""
    n_blocks = -(-length // fmt.block)
    element = np.arange(n_blocks * fmt.block).reshape(n_blocks, -1) < length
    scale = np.ones((n_blocks, fmt.scale_bits), np.bool_)
    return np.concatenate([scale, np.repeat(element, fmt.element_bits, axis=-1)], axis=-1)


def _bits(codes: Codes, width: int) -> Bytes:
    """(..., width) bits of codes, the least significant first."""
    raw = np.ascontiguousarray(codes.astype("<u4"))[..., None].view(np.uint8)
    return np.unpackbits(raw, axis=-1, count=width, bitorder="little")


def _codes(bits: Bytes, fmt: ScalarFormat) -> Codes:
    raw = np.packbits(bits, axis=-1, bitorder="little")
    padded = np.zeros((*raw.shape[:-1], 4), np.uint8)
    padded[..., : raw.shape[-1]] = raw
    return padded.view("<u4")[..., 0].astype(code_dtype(fmt))


def _unpacked(data: Bytes, n_bits: int) -> Bytes:
    if data.dtype != np.uint8 or data.shape != (-(-n_bits // 8),):
        raise ValueError(f"expected {-(-n_bits // 8)} bytes, not {data.shape} of {data.dtype}")
    return np.unpackbits(data, count=n_bits, bitorder="little")
