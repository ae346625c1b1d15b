"""The table of formats: figures as the standards and papers print them."""

import json
import math
from fractions import Fraction

import pytest

from lockstep.arch.formats import FORMATS, BlockFormat, bfp, format_named, format_rows, posit

# name: bits per element, greatest, least normal, least subnormal (None: there are none).
PUBLISHED = {
    "fp8_e4m3": (8, 448, 2**-6, 2**-9),  # OFP8 1.0, table 1
    "fp8_e5m2": (8, 57344, 2**-14, 2**-16),
    "fp6_e3m2": (6, 28, 0.25, 0.0625),  # MX 1.0, section 5.3
    "fp6_e2m3": (6, 7.5, 1, 0.125),
    "fp4_e2m1": (4, 6, 1, 0.5),
    "fp16": (16, 65504, 2**-14, 2**-24),
    "bf16": (16, 255 * 2.0**120, 2**-126, 2**-133),
    "tf32": (19, 2047 * 2.0**117, 2**-126, 2**-136),
    "fp32": (32, (2**24 - 1) * 2.0**104, 2**-126, 2**-149),
    "e8m0": (8, 2.0**127, 2**-127, None),
    "int8": (8, 127, 1, None),
    "uint4": (4, 15, 1, None),
    "mxfp8": (8.25, 448 * 2.0**127, 2**-133, 2**-136),
    "mxfp6": (6.25, 7.5 * 2.0**127, 2**-127, 2**-130),
    "mxfp4": (4.25, 6 * 2.0**127, 2**-127, 2**-128),
    "mxint8": (8.25, 127 / 64 * 2.0**127, 2**-133, None),
    "mxint4": (4.25, 7 / 4 * 2.0**127, 2**-129, None),
    "nvfp4": (4.5, 6 * 448, 2**-9, 2**-10),
    "nvint4": (4.5, 7 * 448, 2**-9, None),
    "posit4_1": (4, 16, 1 / 16, None),
    "posit8_0": (8, 64, 1 / 64, None),
    "posit16_1": (16, 2**28, 2**-28, None),
    "posit16_2": (16, 2.0**56, 2**-56, None),
    "posit32_2": (32, 2.0**120, 2**-120, None),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_row_holds_the_published_figures(name):
    row = {row["name"]: row for row in format_rows()}[name]
    got = tuple(row[key] for key in ("bits_per_element", "max", "min_normal", "min_subnormal"))
    assert got == PUBLISHED[name]
    least = PUBLISHED[name][3] or PUBLISHED[name][2]
    assert row["dynamic_range_db"] == pytest.approx(20 * math.log10(PUBLISHED[name][1] / least))


def test_rows_are_the_table_and_plain_data():
    rows = format_rows()
    assert [row["name"] for row in rows] == list(FORMATS)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert {row["block"] for row in rows} == {1, 16, 32}
    assert {row["scale"] for row in rows} == {None, "e8m0", "fp8_e4m3"}


@pytest.mark.parametrize(
    ("name", "bias", "max_code", "inf_code", "nan_code"),
    [
        ("fp8_e4m3", 7, 0x7E, None, 0x7F),
        ("fp8_e5m2", 15, 0x7B, 0x7C, 0x7E),
        ("fp6_e3m2", 3, 0x1F, None, None),
        ("fp6_e2m3", 1, 0x1F, None, None),
        ("fp4_e2m1", 1, 0x7, None, None),
        ("fp16", 15, 0x7BFF, 0x7C00, 0x7E00),
        ("bf16", 127, 0x7F7F, 0x7F80, 0x7FC0),
        ("fp32", 127, 0x7F7FFFFF, 0x7F800000, 0x7FC00000),
    ],
)
def test_special_codes(name, bias, max_code, inf_code, nan_code):
    f = FORMATS[name]
    assert (f.bias, f.max_code, f.inf_code, f.nan_code) == (bias, max_code, inf_code, nan_code)


@pytest.mark.parametrize(
    ("n", "es", "quire_bits"),
    [(8, 0, 32), (16, 1, 128), (32, 2, 512), (8, 2, 128), (16, 2, 256), (17, 0, 128)],
)
def test_quires_have_their_published_width_and_six_carry_bits(n, es, quire_bits):
    assert posit(n, es).quire_bits == quire_bits
    assert posit(n, es).quire_bits > 2 * posit(n, es).quire_fraction_bits + 6


def test_posit_significands_have_their_published_width():
    widths = {f"{n},{es}": posit(n, es).significand_bits for n, es in ((4, 1), (8, 0), (16, 1))}
    assert widths == {"4,1": 1, "8,0": 6, "16,1": 13}


def test_names_of_families():
    assert format_named("posit(8,0)") is format_named("posit8_0")
    assert format_named("posit9_2") is posit(9, 2)
    f = format_named("bfp5_e6_b24")
    assert f is bfp(5, 24, 6)
    assert isinstance(f, BlockFormat)
    assert (f.element_bits, f.block, f.scale_bits) == (5, 24, 6)
    assert f.bits_per_element == 5 + Fraction(6, 24)
    # BFP12 of arXiv 2403.20137: 4 + 8/n bits.
    assert bfp(4, 64).bits_per_element == 4 + Fraction(8, 64)


@pytest.mark.parametrize(
    "name", ["posit2_0", "posit33_2", "posit8_6", "bfp1_e8_b32", "bfp4_e9_b32"]
)
def test_families_have_limits(name):
    with pytest.raises(ValueError, match=r"needs"):
        format_named(name)


@pytest.mark.parametrize("name", ["fp9", "", "posit", "posit8", "MXFP8"])
def test_unknown_names_list_the_known_ones(name):
    with pytest.raises(ValueError, match="mxfp8"):
        format_named(name)


def test_sizes_round_up_to_blocks_and_bytes():
    assert FORMATS["mxfp4"].size_bytes(32) == 17
    assert FORMATS["mxfp4"].size_bytes(33) == 19
    assert FORMATS["int3"].size_bytes(3) == 2
    assert FORMATS["nvfp4"].size_bytes(16) == 9
