"""Encode, decode, quantise, pack and unpack: any format by name."""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import BlockFormat, Format, ScaleRule, format_named
from lockstep.sim.golden.formats.block import Blocks, decode_blocks, encode_blocks
from lockstep.sim.golden.formats.exact import Codes
from lockstep.sim.golden.formats.packing import (
    pack_blocks,
    pack_scalar,
    unpack_blocks,
    unpack_scalar,
)
from lockstep.sim.golden.formats.scalar import (
    Floats,
    decode_scalar,
    encode_scalar,
    scalar_format,
)


def encode(
    x: ArrayLike,
    fmt: str | Format,
    *,
    axis: int = -1,
    scale_rule: ScaleRule = "floor",
    symmetric: bool = True,
    saturate: bool | None = None,
    tensor_scale: float | None = None,
) -> Codes | Blocks:
    """Codes of the values nearest to ``x``: ties to the even code.

    Parameters
    ----------
    x : array_like
        Any shape. Block formats work on float32; scalar formats take float64 too, unrounded.
    fmt : str or Format
        A format or its name.
    axis : int
        Block formats: the axis that is cut into blocks.
    scale_rule : "floor" or "ceil"
        Block formats with a power-of-two scale: see :data:`ScaleRule`. Floating-point scales are
        max / (greatest element) / tensor_scale, to nearest even.
    symmetric : bool
        Block formats with integer elements: clip to -max, and leave the code below it unused.
    saturate : bool, optional
        Scalar floats: whether overflow, infinities included, gives the greatest finite value
        rather than infinity (or NaN, where there is no infinity). By default formats of 8 bits or
        fewer do.
        Integers, posits and the elements of blocks always saturate.
    tensor_scale : float, optional
        NV formats: the FP32 scale of the tensor; by default the one that makes the greatest block
        scale the greatest code.

    Returns
    -------
    ndarray of uint, in the shape of ``x``; or Blocks
        A NaN becomes the format's own (NaR in a posit, as infinities do). A block that holds a NaN
        or an infinity gets a NaN scale.

    Raises
    ------
    ValueError
        If the format is unknown, an option is out of range, or there is a NaN and a scalar format
        without one.
    """
    found = format_named(fmt) if isinstance(fmt, str) else fmt
    if isinstance(found, BlockFormat):
        return encode_blocks(
            x,
            found,
            axis=axis,
            scale_rule=scale_rule,
            symmetric=symmetric,
            tensor_scale=tensor_scale,
        )
    return encode_scalar(x, scalar_format(found), saturate=saturate)


def decode(codes: ArrayLike | Blocks, fmt: str | Format) -> Floats:
    """Values of codes.

    Returns
    -------
    ndarray of float32, or of float64 if a value of the format needs it
        In the shape of ``codes``, or of the tensor that was encoded to blocks. Where the scale of a
        block takes a value out of the range of float32, the value is infinite.

    Raises
    ------
    ValueError
        If the format is unknown or ``codes`` are not its codes.
    """
    found = format_named(fmt) if isinstance(fmt, str) else fmt
    if isinstance(found, BlockFormat):
        return decode_blocks(_blocks(codes, found), found)
    return decode_scalar(cast(ArrayLike, codes), scalar_format(found))


def quantize(
    x: ArrayLike,
    fmt: str | Format,
    *,
    axis: int = -1,
    scale_rule: ScaleRule = "floor",
    symmetric: bool = True,
    saturate: bool | None = None,
    tensor_scale: float | None = None,
) -> Floats:
    """The values of ``fmt`` nearest to ``x``: :func:`encode`, then :func:`decode`."""
    codes = encode(
        x,
        fmt,
        axis=axis,
        scale_rule=scale_rule,
        symmetric=symmetric,
        saturate=saturate,
        tensor_scale=tensor_scale,
    )
    return decode(codes, fmt)


def pack(codes: ArrayLike | Blocks, fmt: str | Format) -> NDArray[np.uint8]:
    """Codes as they lie in memory; :mod:`.packing` has the layout.

    Returns
    -------
    ndarray of uint8, (n_bytes,)
        ``fmt.size_bytes(elements)`` bytes if every row is whole blocks.

    Raises
    ------
    ValueError
        If the format is unknown or ``codes`` are not its codes.
    """
    found = format_named(fmt) if isinstance(fmt, str) else fmt
    if isinstance(found, BlockFormat):
        return pack_blocks(_blocks(codes, found), found)
    return pack_scalar(cast(ArrayLike, codes), scalar_format(found))


def unpack(
    data: NDArray[np.uint8],
    fmt: str | Format,
    shape: tuple[int, ...],
    *,
    axis: int = -1,
    tensor_scale: float = 1.0,
) -> Codes | Blocks:
    """The codes that :func:`pack` made ``data`` of; ``shape`` is that of the tensor.

    Raises
    ------
    ValueError
        If the format is unknown or ``data`` has the wrong length.
    """
    found = format_named(fmt) if isinstance(fmt, str) else fmt
    if isinstance(found, BlockFormat):
        return unpack_blocks(data, found, shape, axis=axis, tensor_scale=tensor_scale)
    return unpack_scalar(data, scalar_format(found), shape)


def _blocks(codes: ArrayLike | Blocks, fmt: BlockFormat) -> Blocks:
    if not isinstance(codes, Blocks):
        raise ValueError(f"{fmt.name} needs Blocks, codes and scales, not {type(codes).__name__}")
    return codes
