"""Number formats by name: the one table of element widths.

A block format stores ``block`` elements of ``element_bits`` and one scale of ``scale_bits``; the
bits an element really costs are therefore a ratio, kept exact as a :class:`fractions.Fraction`.

Sources: OCP Microscaling Formats (MX) v1.0 for MX element, block and scale widths; IEEE 754-2019
for fp16 and fp32; OCP OFP8 for fp8; NVFP4 and NVINT4 block size and scale as in arXiv 2510.25602.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A number format.

    Parameters
    ----------
    name : str
        The key used in YAML files and on the command line.
    element_bits : int
        Stored width of one element, in bits.
    is_float : bool
        Whether multiplying it needs a floating-point (or block floating-point) unit.
    block : int
        Elements that share one scale; 1 means no scale.
    scale_bits : int
        Width of that scale, in bits.
    """

    name: str
    element_bits: int
    is_float: bool
    block: int = 1
    scale_bits: int = 0

    @property
    def bits_per_element(self) -> Fraction:
        """Stored bits per element, scales included."""
        return self.element_bits + Fraction(self.scale_bits, self.block)

    def size_bytes(self, elements: int) -> int:
        """Bytes of ``elements`` stored back to back, rounded up to whole blocks, then whole bytes."""
        blocks = -(-elements // self.block)
        return -(-(elements * self.element_bits + blocks * self.scale_bits) // 8)


_TABLE = (
    *(
        Format(name=f"int{b}", element_bits=b, is_float=False)
        for b in (2, 3, 4, 5, 6, 7, 8, 16, 32)
    ),
    Format(name="uint4", element_bits=4, is_float=False),
    Format(name="fp32", element_bits=32, is_float=True),
    Format(name="tf32", element_bits=19, is_float=True),
    Format(name="fp16", element_bits=16, is_float=True),
    Format(name="bf16", element_bits=16, is_float=True),
    Format(name="fp8_e4m3", element_bits=8, is_float=True),
    Format(name="fp8_e5m2", element_bits=8, is_float=True),
    Format(name="mxfp8", element_bits=8, is_float=True, block=32, scale_bits=8),
    Format(name="mxfp6", element_bits=6, is_float=True, block=32, scale_bits=8),
    Format(name="mxfp4", element_bits=4, is_float=True, block=32, scale_bits=8),
    Format(name="mxint8", element_bits=8, is_float=False, block=32, scale_bits=8),
    Format(name="mxint6", element_bits=6, is_float=False, block=32, scale_bits=8),
    Format(name="mxint4", element_bits=4, is_float=False, block=32, scale_bits=8),
    Format(name="nvfp4", element_bits=4, is_float=True, block=16, scale_bits=8),
    Format(name="nvint4", element_bits=4, is_float=False, block=16, scale_bits=8),
)
FORMATS: dict[str, Format] = {f.name: f for f in _TABLE}


def format_named(name: str) -> Format:
    """Look a format up.

    Raises
    ------
    ValueError
        If the name is not in the table; the message lists the known ones.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise ValueError(f"unknown format {name!r}; known: {', '.join(FORMATS)}") from None


def _known(name: str) -> str:
    return format_named(name).name


FormatName = Annotated[str, AfterValidator(_known)]
"""A field type for configs: a string that names a format of the table."""
