"""Codes to values and back, against Fractions computed from the standards' own words."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.formats import FORMATS, FloatFormat, format_named
from lockstep.sim.golden.formats import decode, encode, quantize

SCALARS = [name for name, f in FORMATS.items() if f.kind != "block"]
FLOATS = [name for name, f in FORMATS.items() if isinstance(f, FloatFormat)]


def all_codes(name):
    bits = FORMATS[name].element_bits
    return np.arange(1 << bits, dtype=np.uint8 if bits <= 8 else np.uint16)


def test_every_code_decodes_to_its_definition(reference):
    got = decode(all_codes(reference.name), reference.name)
    for code, value in enumerate(reference.values):
        if isinstance(value, Fraction):
            assert Fraction(float(got[code])) == value
        else:
            assert got[code] == value or (math.isnan(value) and math.isnan(got[code]))
        if reference.negative_zero(code):
            assert math.copysign(1, got[code]) == -1


@pytest.mark.parametrize("name", [n for n in SCALARS if FORMATS[n].element_bits <= 19])
def test_every_value_encodes_to_its_code(name):
    bits = FORMATS[name].element_bits
    codes = np.arange(1 << bits, dtype=np.uint32)
    values = decode(codes, name)
    known = ~np.isnan(values)
    saturate = False if isinstance(FORMATS[name], FloatFormat) else None
    np.testing.assert_array_equal(encode(values[known], name, saturate=saturate), codes[known])


@pytest.mark.parametrize("name", ["posit16_1", "posit16_2"])
def test_every_16_bit_posit_decodes_to_its_definition(name, read_posit):
    got = decode(all_codes(name), name)
    for code, value in enumerate(got):
        want = read_posit(f"{code:016b}", FORMATS[name].es)
        assert Fraction(float(value)) == want if isinstance(want, Fraction) else math.isnan(value)


@pytest.mark.parametrize("es", range(6))
@pytest.mark.parametrize("n", [3, 4, 5, 7, 11, 24, 32])
def test_posits_of_any_size_decode_and_encode(n, es, read_posit):
    name = f"posit{n}_{es}"
    rng = np.random.default_rng(n * 8 + es)
    ends = [0, 1, 2, (1 << n - 1) - 1, 1 << n - 1, (1 << n - 1) + 1, (1 << n) - 1]
    codes = np.array([*ends, *rng.integers(0, 1 << n, 200)], np.uint32)
    values = decode(codes, name)
    for code, value in zip(codes, values, strict=True):
        want = read_posit(f"{code:0{n}b}", es)
        assert Fraction(float(value)) == want if isinstance(want, Fraction) else math.isnan(value)
    np.testing.assert_array_equal(encode(values, name), codes)


def test_16_bit_floats_decode_like_the_machine():
    codes = all_codes("fp16")
    np.testing.assert_array_equal(decode(codes, "fp16"), codes.view(np.float16).astype(np.float32))
    wide = (codes.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(decode(codes, "bf16"), wide)


def interesting(reference):
    """Values, borders between neighbours and the closest float64 on either side of each."""
    values = sorted(v for v in reference.values if isinstance(v, Fraction))
    points = {Fraction(0), *values}
    points |= {(a + b) / 2 for a, b in itertools.pairwise(values)}
    if reference.name.startswith("posit"):
        points |= {a * Fraction(3, 4) for a in values} | {a * Fraction(5, 8) for a in values}
        points |= {a * Fraction(181, 128) for a in values}
    top = max(values)
    points |= {top * k / 32 for k in range(30, 70)} | {-top * k / 32 for k in range(30, 70)}
    points |= {min(abs(v) for v in values if v) * k / 8 for k in range(-12, 13)}
    floats = np.array([float(p) for p in sorted(points)])
    return np.unique(np.concatenate([floats, np.nextafter(floats, np.inf),
                                     np.nextafter(floats, -np.inf)]))  # fmt: skip


@pytest.mark.parametrize("saturate", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_encoding_rounds_to_nearest_even_and_saturates_or_overflows(reference, dtype, saturate):
    top = np.finfo(dtype).max
    x = np.clip(interesting(reference), -top, top).astype(dtype)
    x = np.unique(x + dtype(0))  # no minus zero
    got = encode(x, reference.name, saturate=saturate)
    want = [reference.nearest(Fraction(float(v)), saturate) for v in x]
    # What rounds to zero from below is minus zero, where there is one.
    minus_zero = reference.name.startswith("fp") * (1 << reference.bits - 1)
    signed = [w if w or v >= 0 else minus_zero for w, v in zip(want, x, strict=True)]
    np.testing.assert_array_equal(got, signed)


@pytest.mark.parametrize("name", FLOATS)
def test_sign_of_zero_survives(name):
    f = FORMATS[name]
    tiny = -float(f.min_positive) / 4
    codes = encode(np.array([0.0, -0.0, tiny]), name)
    assert codes.tolist() == [0, 1 << f.element_bits - 1, 1 << f.element_bits - 1]
    assert np.signbit(decode(codes, name)).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("name", "saturate", "codes"),
    [
        # NaN, -NaN, +inf, -inf, and a number above every finite one: OFP8 1.0, table 3.
        ("fp8_e4m3", True, [0x7F, 0x7F, 0x7E, 0xFE, 0x7E]),
        ("fp8_e4m3", False, [0x7F, 0x7F, 0x7F, 0xFF, 0x7F]),
        ("fp8_e4m3", None, [0x7F, 0x7F, 0x7E, 0xFE, 0x7E]),
        ("fp8_e5m2", True, [0x7E, 0x7E, 0x7B, 0xFB, 0x7B]),
        ("fp8_e5m2", False, [0x7E, 0x7E, 0x7C, 0xFC, 0x7C]),
        ("fp16", None, [0x7E00, 0x7E00, 0x7C00, 0xFC00, 0x7C00]),
        ("fp16", True, [0x7E00, 0x7E00, 0x7BFF, 0xFBFF, 0x7BFF]),
        ("bf16", None, [0x7FC0, 0x7FC0, 0x7F80, 0xFF80, 0x7F80]),
        ("tf32", None, [0x3FE00, 0x3FE00, 0x3FC00, 0x7FC00, 0x3FC00]),
        ("fp32", None, [0x7FC00000, 0x7FC00000, 0x7F800000, 0xFF800000, 0x7F800000]),
        ("e8m0", None, [0xFF, 0xFF, 0xFE, 0xFF, 0xFE]),
        ("posit8_0", None, [0x80, 0x80, 0x80, 0x80, 0x7F]),
    ],
)
def test_specials_and_overflow(name, saturate, codes):
    x = np.array([np.nan, -np.nan, np.inf, -np.inf, 1e300])
    assert encode(x, name, saturate=saturate).tolist() == codes


@pytest.mark.parametrize("name", ["fp6_e3m2", "fp6_e2m3", "fp4_e2m1", "int8", "int32", "uint4"])
def test_nan_is_refused_by_formats_without_one(name):
    with pytest.raises(ValueError, match="has no NaN"):
        encode([1.0, np.nan], name)
    f = FORMATS[name]
    assert decode(encode([np.inf], name), name) == float(f.max_value)


@pytest.mark.parametrize("name", ["fp32", "tf32", "fp16", "bf16", "int16", "int32", "posit32_2"])
def test_wide_formats_round_float64_once(name):
    """Just above and below a border, where going through float32 would decide wrongly."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 1 << 19 if name == "tf32" else 1 << 16, 500).astype(np.uint32)
    if FORMATS[name].element_bits == 32:
        codes = codes << 12 | 0x40000000
    values = decode(codes, name).astype(np.float64)
    above = decode(codes + np.uint32(1), name).astype(np.float64)
    keep = np.isfinite(values) & np.isfinite(above) & ((values > 0) == (above > 0))
    low, high, c = values[keep], above[keep], codes[keep]
    border = (low + high) / 2
    assert len(c) > 300
    if name.startswith(("fp", "tf", "bf")) or name.startswith("int"):
        even = np.where(c % 2 == 0, c, c + 1)
        np.testing.assert_array_equal(encode(border, name), even)
    np.testing.assert_array_equal(encode(np.nextafter(border, low), name), c)
    np.testing.assert_array_equal(encode(np.nextafter(border, high), name), c + 1)


@pytest.mark.parametrize("name", SCALARS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_quantizing_is_idempotent_and_monotonic(name, data):
    low = 0.0 if name in ("e8m0",) else None
    floats = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=low)
    x = np.sort(np.array(data.draw(st.lists(floats, min_size=1, max_size=20)), np.float32))
    once = quantize(x, name, saturate=True)
    np.testing.assert_array_equal(quantize(once, name, saturate=True), once)
    assert np.all(np.diff(once.astype(np.float64)) >= 0)


def test_large_arrays_are_cut_into_chunks_without_a_seam():
    x = np.random.default_rng(1).standard_normal((3, 50_001)).astype(np.float32)
    whole = encode(x, "fp8_e4m3")
    assert whole.shape == x.shape
    np.testing.assert_array_equal(whole[:, :7001], encode(x[:, :7001], "fp8_e4m3"))
    np.testing.assert_array_equal(whole.T, encode(x.T, "fp8_e4m3"))


def test_empty_and_scalar_inputs():
    assert encode(np.zeros((0, 3), np.float32), "fp4_e2m1").shape == (0, 3)
    assert decode(encode(2.5, "fp8_e4m3"), "fp8_e4m3") == 2.5


@pytest.mark.parametrize("codes", [[-1], [16], [0.5]])
def test_what_is_not_a_code_is_refused(codes):
    with pytest.raises(ValueError, match="fp4_e2m1"):
        decode(np.array(codes), "fp4_e2m1")


def test_unknown_formats_are_refused():
    with pytest.raises(ValueError, match="unknown format 'fp9'"):
        encode([1.0], "fp9")
    with pytest.raises(ValueError, match="needs Blocks"):
        decode([1], "mxfp8")
    assert format_named("posit(16,1)") is format_named("posit16_1") is not None
