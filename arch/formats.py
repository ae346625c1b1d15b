"""Number formats by name: the one table.

Sources: IEEE 754-2019 (fp16, fp32); OCP OFP8 1.0 (fp8); OCP Microscaling (MX) 1.0 (fp6, fp4, e8m0,
mxfp*, mxint8); arXiv 2510.25602 (mxint6, mxint4, nvfp4, nvint4); arXiv 2403.20137 (bfp); the Posit
Standard 2022 and the drafts before it (posit: the standard fixes ``es`` at 2, the drafts do not).
"""

import functools
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator

from lockstep.arch.number import (
    ExponentFormat,
    FloatFormat,
    Format,
    IntFormat,
    PositFormat,
)

__all__ = [
    "FORMATS",
    "BlockFormat",
    "ExponentFormat",
    "FloatFormat",
    "Format",
    "FormatName",
    "IntFormat",
    "PositFormat",
    "ScalarFormat",
    "ScaleRule",
    "bfp",
    "format_named",
    "format_row",
    "format_rows",
    "posit",
]


ScaleRule = Literal["floor", "ceil"]
"""How a power-of-two scale follows from the greatest magnitude of its block.

``floor``  the OCP rule: floor(log2(max)) - emax of the element; elements may saturate.
``ceil``   the least power of two with which nothing saturates.
"""


ScalarFormat = IntFormat | FloatFormat | ExponentFormat | PositFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFormat(Format):
    """``block`` elements and the scale that multiplies them.

    A floating-point scale (NVFP4, NVINT4) comes with one FP32 scale for the whole tensor, which
    lives beside the tensor and is not counted in ``bits_per_element``.
    """

    kind = "block"
    element: FloatFormat | IntFormat
    scale: ExponentFormat | FloatFormat
    size: int

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating point."""
        return self.element.is_float

    @property
    def element_bits(self) -> int:
        """Stored width of one element, in bits."""
        return self.element.element_bits

    @property
    def block(self) -> int:
        """Elements that share one scale."""
        return self.size

    @property
    def scale_bits(self) -> int:
        """Width of the scale, in bits."""
        return self.scale.element_bits

    @property
    def max_value(self) -> Fraction:
        """Greatest finite value."""
        return self.element.max_value * self.scale.max_value

    @property
    def min_normal(self) -> Fraction:
        """Least positive value of full precision."""
        return self.element.min_normal * self.scale.min_positive

    @property
    def min_positive(self) -> Fraction:
        """Least positive value, subnormals included."""
        return self.element.min_positive * self.scale.min_positive


@functools.cache
def posit(n: int, es: int) -> PositFormat:
    """The posit of ``n`` bits with ``es`` exponent bits, named ``posit<n>_<es>``.

    Raises
    ------
    ValueError
        Unless 3 <= n <= 32 and 0 <= es <= 5, the range in which every posit is a float64.
    """
    if not (3 <= n <= 32 and 0 <= es <= 5):
        raise ValueError(f"posit needs 3 <= n <= 32 and 0 <= es <= 5, not posit({n}, {es})")
    return PositFormat(name=f"posit{n}_{es}", n=n, es=es)


@functools.cache
def bfp(mantissa_bits: int, block: int, exponent_bits: int = 8) -> BlockFormat:
    """Block floating point, named ``bfp<mantissa>_e<exponent>_b<block>``.

    Parameters
    ----------
    mantissa_bits : int, 2..16
        Width of an element, sign included: two's complement with one integer bit.
    block : int, 1..4096
        Elements that share an exponent.
    exponent_bits : int, 2..8
        Width of that exponent; its all-ones code is NaN.

    Raises
    ------
    ValueError
        If a width is out of range.
    """
    if not (2 <= mantissa_bits <= 16 and 1 <= block <= 4096 and 2 <= exponent_bits <= 8):
        raise ValueError(
            "bfp needs 2..16 mantissa bits, blocks of 1..4096 and 2..8 exponent bits, "
            f"not {mantissa_bits}, {block} and {exponent_bits}"
        )
    scale = E8M0 if exponent_bits == 8 else _exponent(exponent_bits)
    name = f"bfp{mantissa_bits}_e{exponent_bits}_b{block}"
    return BlockFormat(name=name, element=_fixed_point(mantissa_bits), scale=scale, size=block)


def _float(name: str, exponent_bits: int, mantissa_bits: int) -> FloatFormat:
    return FloatFormat(
        name=name, exponent_bits=exponent_bits, mantissa_bits=mantissa_bits, specials="ieee"
    )


def _exponent(bits: int) -> ExponentFormat:
    return ExponentFormat(name=f"e{bits}m0", exponent_bits=bits)


def _fixed_point(bits: int) -> IntFormat:
    """The element of MXINT, NVINT and BFP: |value| < 2."""
    return IntFormat(name=f"fixed{bits}", bits=bits, fraction_bits=bits - 2)


def _mx(name: str, element: FloatFormat | IntFormat) -> BlockFormat:
    return BlockFormat(name=name, element=element, scale=E8M0, size=32)


def _nv(name: str, element: FloatFormat | IntFormat) -> BlockFormat:
    return BlockFormat(name=name, element=element, scale=E4M3, size=16)


E8M0 = _exponent(8)
E4M3 = FloatFormat(name="fp8_e4m3", exponent_bits=4, mantissa_bits=3, specials="fn")
E5M2 = _float("fp8_e5m2", 5, 2)
E3M2 = FloatFormat(name="fp6_e3m2", exponent_bits=3, mantissa_bits=2, specials="none")
E2M3 = FloatFormat(name="fp6_e2m3", exponent_bits=2, mantissa_bits=3, specials="none")
E2M1 = FloatFormat(name="fp4_e2m1", exponent_bits=2, mantissa_bits=1, specials="none")

_TABLE: tuple[Format, ...] = (
    *(IntFormat(name=f"int{bits}", bits=bits) for bits in (2, 3, 4, 5, 6, 7, 8, 16, 32)),
    IntFormat(name="uint4", bits=4, signed=False),
    _float("fp32", 8, 23),
    _float("tf32", 8, 10),
    _float("fp16", 5, 10),
    _float("bf16", 8, 7),
    *(E4M3, E5M2, E3M2, E2M3, E2M1, E8M0),
    _mx("mxfp8", E4M3),
    _mx("mxfp8_e5m2", E5M2),
    _mx("mxfp6", E2M3),
    _mx("mxfp6_e3m2", E3M2),
    _mx("mxfp4", E2M1),
    *(_mx(f"mxint{bits}", _fixed_point(bits)) for bits in (8, 6, 4)),
    _nv("nvfp4", E2M1),
    _nv("nvint4", IntFormat(name="int4", bits=4)),
    bfp(4, 32),
    *(posit(n, es) for n, es in ((4, 1), (8, 0), (16, 1), (16, 2), (32, 2))),
)
FORMATS: dict[str, Format] = {f.name: f for f in _TABLE}
"""The named formats; :func:`posit` and :func:`bfp` make the rest, and :func:`format_named` both."""


def format_named(name: str) -> Format:
    """Look a format up: a name of the table, ``posit<n>_<es>`` (or ``posit(n,es)``), or a bfp name.

    Raises
    ------
    ValueError
        If there is no such format; the message lists the known ones.
    """
    if name in FORMATS:
        return FORMATS[name]
    if match := re.fullmatch(r"posit(\d+)_(\d+)|posit\((\d+), ?(\d+)\)", name):
        n, es = (int(text) for text in match.groups() if text is not None)
        return posit(n, es)
    if match := re.fullmatch(r"bfp(\d+)_e(\d+)_b(\d+)", name):
        mantissa_bits, exponent_bits, block = map(int, match.groups())
        return bfp(mantissa_bits, block, exponent_bits)
    raise ValueError(
        f"unknown format {name!r}; known: {', '.join(FORMATS)}, "
        "and any posit<n>_<es> or bfp<mantissa>_e<exponent>_b<block>"
    )


def _known(name: str) -> str:
    return format_named(name).name


FormatName = Annotated[str, AfterValidator(_known)]
"""A field type for configs: a string that names a format."""


def format_rows() -> list[dict[str, str | int | float | None]]:
    """The table as plain data, one row per named format, for ``lockstep formats``.

    ``max``, ``min_normal`` and ``min_subnormal`` are values, without the tensor scale of NV
    formats; ``min_subnormal`` is None where there are none. ``dynamic_range_db`` is that of the
    amplitude.
    """
    return [format_row(f) for f in FORMATS.values()]


def format_row(f: Format) -> dict[str, str | int | float | None]:
    """One row of :func:`format_rows`."""
    span = f.max_value / f.min_positive
    return {
        "name": f.name,
        "kind": f.kind,
        "element_bits": f.element_bits,
        "bits_per_element": float(f.bits_per_element),
        "block": f.block,
        "scale": f.scale.name if isinstance(f, BlockFormat) else None,
        "max": float(f.max_value),
        "min_normal": float(f.min_normal),
        "min_subnormal": float(f.min_positive) if f.min_positive < f.min_normal else None,
        "dynamic_range_db": 20 * (math.log10(span.numerator) - math.log10(span.denominator)),
    }
