"""Block formats: elements that share a scale (MX, NV, BFP)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import BlockFormat, ExponentFormat, FloatFormat, IntFormat, ScaleRule
from lockstep.sim.golden.formats.exact import Codes, code_dtype
from lockstep.sim.golden.formats.scalar import CHUNK, decode_scalar, encode_scalar


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """A tensor in a block format.

    Parameters
    ----------
    codes : ndarray of uint, (..., n_blocks, block)
        Elements, the blocked axis moved last; the last block is padded with zeros.
    scales : ndarray of uint, (..., n_blocks)
    length : int
        Elements along the axis, padding excluded.
    axis : int
        Where the axis was.
    tensor_scale : float
        The FP32 factor of the whole tensor; 1 unless the format has floating-point scales.
    """

    codes: Codes
    scales: Codes
    length: int
    axis: int = -1
    tensor_scale: float = 1.0


def encode_blocks(
    x: ArrayLike,
    fmt: BlockFormat,
    *,
    axis: int = -1,
    scale_rule: ScaleRule = "floor",
    symmetric: bool = True,
    tensor_scale: float | None = None,
) -> Blocks:
    """Blocks nearest to ``x``; see :func:`lockstep.sim.golden.formats.encode`."""
    given = np.moveaxis(np.asarray(x, dtype=np.float32), axis, -1)
    length = given.shape[-1]
    n_blocks = -(-length // fmt.block)
    padding = [(0, 0)] * (given.ndim - 1) + [(0, n_blocks * fmt.block - length)]
    padded = np.pad(given, padding) if padding[-1][1] else np.ascontiguousarray(given)
    rows = padded.reshape(-1, fmt.block)
    # The largest magnitude as an integer orders like the float, and NaN above all.
    top = np.empty(len(rows), np.float32)
    for part in _parts(rows):
        top[part] = (rows[part].view(np.uint32) & 0x7FFFFFFF).max(axis=-1).view(np.float32)
    bad = ~np.isfinite(top)
    top[bad] = 0
    if isinstance(fmt.scale, ExponentFormat):
        tensor_scale = 1.0
        scales = _power_of_two_scales(top, fmt.element, fmt.scale, scale_rule)
    else:
        if tensor_scale is None:
            tensor_scale = _tensor_scale(top, fmt)
        scales = _float_scales(top, fmt, fmt.scale, tensor_scale)
    # Whatever their elements are, these blocks become zeros, or NaN by their scale.
    factor = _factors(scales, fmt, tensor_scale)
    dead = bad | (factor == 0)
    factor[dead] = 1
    codes = np.empty(rows.shape, code_dtype(fmt.element))
    for part in _parts(rows):
        alive = np.where(dead[part, None], 0, rows[part]) if dead[part].any() else rows[part]
        with np.errstate(over="ignore"):  # under a given tensor scale: saturates
            scaled = alive / factor[part, None]
        codes[part] = encode_scalar(scaled, fmt.element, saturate=True)
    if symmetric and isinstance(fmt.element, IntFormat):
        codes += codes == 1 << fmt.element.bits - 1
    if fmt.scale.nan_code is not None:
        scales[bad] = fmt.scale.nan_code
    shape = (*given.shape[:-1], n_blocks)
    return Blocks(
        codes.reshape(*shape, fmt.block), scales.reshape(shape), length, axis, tensor_scale
    )


def decode_blocks(x: Blocks, fmt: BlockFormat) -> NDArray[np.float32]:
    """Values, in the shape of the tensor that was encoded; infinite where float32 overflows."""
    rows = x.codes.reshape(-1, fmt.block)
    with np.errstate(over="ignore"):
        factor = _factors(x.scales, fmt, x.tensor_scale).reshape(-1, 1)
        value = np.empty(rows.shape, np.float32)
        for part in _parts(rows):
            np.multiply(decode_scalar(rows[part], fmt.element), factor[part], out=value[part])
    whole = value.reshape(*x.scales.shape[:-1], -1)[..., : x.length]
    return np.moveaxis(whole, -1, x.axis)


def _parts(rows: NDArray[Any]) -> Iterator[slice]:
    """Slices of whole blocks, small enough for the cache."""
    step = max(1, CHUNK // rows.shape[-1])
    return (slice(start, start + step) for start in range(0, len(rows), step))


def _factors(scales: Codes, fmt: BlockFormat, tensor_scale: float) -> NDArray[np.float32]:
    """What elements are divided by on the way in and multiplied by on the way out."""
    return decode_scalar(scales, fmt.scale) * np.float32(tensor_scale)


def _tensor_scale(top: NDArray[np.float32], fmt: BlockFormat) -> float:
    """The FP32 scale that maps the greatest block scale to the greatest scale code."""
    scale = top.max(initial=0) / np.float32(fmt.element.max_value)
    return float(scale / np.float32(fmt.scale.max_value)) or 1.0


def _float_scales(
    top: NDArray[np.float32], fmt: BlockFormat, scale: FloatFormat, tensor_scale: float
) -> Codes:
    if not 0 < tensor_scale < np.inf:
        raise ValueError(f"tensor_scale must be positive and finite, not {tensor_scale}")
    per_block = top / np.float32(fmt.element.max_value)
    with np.errstate(over="ignore"):
        return encode_scalar(per_block / np.float32(tensor_scale), scale)


def _power_of_two_scales(
    top: NDArray[np.float32],
    element: FloatFormat | IntFormat,
    scale: ExponentFormat,
    rule: ScaleRule,
) -> Codes:
    if rule not in get_args(ScaleRule):
        raise ValueError(f"scale_rule must be one of {get_args(ScaleRule)}, not {rule!r}")
    # No logarithm, so no rounding near a power of two; in float64 every float32 is normal.
    fraction, exponent = np.frexp(top.astype(np.float64))
    exponent = exponent - 1 - element.max_exponent
    if rule == "ceil":
        exponent += 2 * fraction > float(element.max_value) / 2.0**element.max_exponent
    exponent[top == 0] = -scale.bias
    codes: Codes = np.clip(exponent + scale.bias, 0, scale.max_code).astype(code_dtype(scale))
    return codes
