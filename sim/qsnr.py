"""Quantisation signal-to-noise ratio of block formats: measured, and in closed form.

The closed form is that of arXiv 2510.25602: Gaussian elements, and blocks described by one number,
the crest factor (greatest magnitude over root mean square). Where two formats cross over tells
which of them suits a tensor.
"""

import functools
import math
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.arch.formats import (
    BlockFormat,
    ExponentFormat,
    FloatFormat,
    Format,
    IntFormat,
    ScaleRule,
    format_named,
)
from lockstep.sim.golden.formats import quantize
from lockstep.workloads.phases import TENSOR_CLASSES, Formats

POWER_OF_TWO_OVERHEAD = 1.5
"""Scale in use over ideal scale, on average, if rounded up to a power of two [2510.25602]."""
E4M3_OVERHEAD = 1.05
"""The same for a scale rounded to nearest E4M3 [2510.25602]."""
_SEARCH_STEPS = 60  # halvings: enough to exhaust a float64
_SAMPLE = (64, 64)


@dataclass(frozen=True, slots=True)
class Crossover:
    """Where two formats are equally good: ``crest_factor``, and the QSNR there in dB."""

    crest_factor: float
    qsnr_db: float


def measured_qsnr_db(x: ArrayLike, quantized: ArrayLike) -> float:
    """Signal power over error power, in dB; infinite without error.

    Raises
    ------
    ValueError
        If ``x`` holds nothing but zeros.
    """
    signal = np.asarray(x, np.float64)
    power = float(np.sum(signal**2))
    noise = float(np.sum((signal - np.asarray(quantized, np.float64)) ** 2))
    if power == 0:
        raise ValueError("QSNR of a signal of zeros is undefined")
    return math.inf if noise == 0 else 10 * math.log10(power / noise)


@functools.cache
def gaussian_qsnr_db(fmt: str, scale_rule: ScaleRule = "floor") -> float | None:
    """Measured QSNR of a format on one small Gaussian tensor, always the same; in dB.

    Integers and floats of 8 bits or fewer without a block scale get one for the tensor, which makes
    its greatest magnitude the greatest value. The sample of 4096 elements is good for 0.2 dB.

    Parameters
    ----------
    fmt : str
        Any format.
    scale_rule : "floor" or "ceil"
        Of formats with a power-of-two scale.

    Returns
    -------
    float or None
        None where float32 loses nothing, or where the format has no code for a negative number.
    """
    found = format_named(fmt)
    x = _gaussian_sample()
    per_tensor = isinstance(found, IntFormat) or (
        isinstance(found, FloatFormat) and found.saturates
    )
    scale = float(found.max_value) / float(np.abs(x).max()) if per_tensor else 1.0
    db = measured_qsnr_db(x * scale, quantize(x * scale, found, scale_rule=scale_rule))
    return db if math.isfinite(db) else None


def formats_qsnr_db(formats: Formats) -> dict[str, float | None]:
    """:func:`gaussian_qsnr_db` of each tensor class: what its format alone costs in precision."""
    return {
        name: gaussian_qsnr_db(getattr(formats, name), formats.scale_rule)
        for name in TENSOR_CLASSES
    }


@functools.cache
def _gaussian_sample() -> NDArray[np.float64]:
    """Float32 values, by Box and Muller. To import numpy.random would take longer than all else."""
    count = _SAMPLE[0] * _SAMPLE[1] // 2
    words = np.frombuffer(random.Random(0).randbytes(8 * count), np.uint32).reshape(2, count)
    uniform = (words + 0.5) / 2.0**32
    radius, angle = np.sqrt(-2 * np.log(uniform[0])), 2 * np.pi * uniform[1]
    values = np.stack([radius * np.cos(angle), radius * np.sin(angle)])
    return values.astype(np.float32).astype(np.float64).reshape(_SAMPLE)


def crest_factor(x: ArrayLike, block: int) -> float:
    """Mean over blocks of the last axis of max |x| / rms(x); blocks of zeros are left out.

    Raises
    ------
    ValueError
        If the axis is not whole blocks.
    """
    rows = np.asarray(x, np.float64)
    if rows.shape[-1] % block:
        raise ValueError(f"an axis of {rows.shape[-1]} is not whole blocks of {block}")
    rows = rows.reshape(-1, block)
    rms = np.sqrt(np.mean(rows**2, axis=-1))
    return float(np.mean(np.abs(rows).max(axis=-1)[rms > 0] / rms[rms > 0]))


def theory_qsnr_db(fmt: str | Format, crest: float) -> float:
    """Closed-form QSNR of a block format, in dB.

    Parameters
    ----------
    fmt : str or Format
        A block format with integer or floating-point elements.
    crest : float, 1 or more
        Crest factor of the blocks. That of n elements is sqrt(n) at most. With power-of-two scales
        the formulas go on beyond, and so do published crossovers; with E4M3 scales they do not.

    Raises
    ------
    ValueError
        If the format is not a block format, or ``crest`` is out of range.
    """
    found = format_named(fmt) if isinstance(fmt, str) else fmt
    if not isinstance(found, BlockFormat):
        raise ValueError(f"{found.name} is not a block format")
    if not 1 <= crest <= _crest_limit(found):
        raise ValueError(f"the crest factor must be 1 to {_crest_limit(found):g}, not {crest}")
    noise = _int_noise if isinstance(found.element, IntFormat) else _float_noise
    return -10 * math.log10(noise(found, crest))


def crossover(integer: str | Format, floating: str | Format) -> Crossover | None:
    """The crest factor below which ``integer`` is better and above which ``floating`` is.

    None if one of them is better throughout.
    """

    def lead(crest: float) -> float:
        return theory_qsnr_db(integer, crest) - theory_qsnr_db(floating, crest)

    formats = (format_named(f) if isinstance(f, str) else f for f in (integer, floating))
    low, high = 1.0, min(_crest_limit(f) for f in formats)
    if not lead(low) > 0 > lead(high):
        return None
    for _ in range(_SEARCH_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if lead(middle) > 0 else (low, middle)
    return Crossover(low, theory_qsnr_db(integer, low))


def _crest_limit(fmt: Format) -> float:
    """With an E4M3 scale the greatest element is exact, and cannot hold more than all energy."""
    free = isinstance(fmt, BlockFormat) and isinstance(fmt.scale, ExponentFormat)
    return 100.0 if free else math.sqrt(fmt.block)


def _int_noise(fmt: BlockFormat, crest: float) -> float:
    """Relative error power of a uniform quantiser: step**2 / 12."""
    levels = 2.0 ** (fmt.element_bits - 1)
    if isinstance(fmt.scale, ExponentFormat):
        return (POWER_OF_TWO_OVERHEAD * crest / levels) ** 2 / 12
    return (E4M3_OVERHEAD * crest / levels) ** 2 / 12 * (1 - 1 / fmt.block)


def _float_noise(fmt: BlockFormat, crest: float) -> float:
    """Relative error power: normal elements, subnormal elements, and those flushed to zero."""
    element = fmt.element
    assert isinstance(element, FloatFormat)
    power_of_two = isinstance(fmt.scale, ExponentFormat)
    # One unit of the element, in units of the rms of the block.
    overhead = POWER_OF_TWO_OVERHEAD if power_of_two else E4M3_OVERHEAD
    unit = overhead * crest / float(element.max_value)
    step = unit * float(element.min_positive)
    normal_from, zero_below = unit * float(element.min_normal), step / 2
    subnormal = 2 * (_cdf(normal_from) - _cdf(zero_below))
    flushed = 2 * _cdf(zero_below) - 1 - 2 * zero_below * _pdf(zero_below)
    normal = 2 * (normal_from * _pdf(normal_from) + 1 - _cdf(normal_from))
    if not power_of_two:
        normal = max(normal - crest**2 / fmt.block, 0.0)
    return normal / (24 * 4.0**element.mantissa_bits) + step**2 / 12 * subnormal + flushed


def _cdf(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def _pdf(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
