"""Dot products: exact ones against Fractions, the FP32 accumulator against its definition."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.formats import FORMATS, FloatFormat, PositFormat
from lockstep.sim.golden.formats import Blocks, decode, dot, encode

SCALAR_FLOATS = [n for n, f in FORMATS.items() if isinstance(f, FloatFormat)]
POSITS = [n for n, f in FORMATS.items() if isinstance(f, PositFormat)]
BLOCK = [n for n, f in FORMATS.items() if f.kind == "block"]


def random_codes(name, shape, seed=0):
    f = FORMATS[name]
    dtype = np.uint8 if f.element_bits <= 8 else np.uint16 if f.element_bits <= 16 else np.uint32
    codes = np.random.default_rng(seed).integers(0, 1 << f.element_bits, shape).astype(dtype)
    codes[~np.isfinite(decode(codes, name))] = 0
    return codes


def exact_dot(a, b) -> Fraction:
    return sum((Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True)),
               Fraction(0))  # fmt: skip


def fp32(x: Fraction) -> np.float32:
    """Nearest even FP32, from the definition: scale to an integer, round it, scale back."""
    if x == 0:
        return np.float32(0)
    magnitude = abs(x)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    exponent -= Fraction(2) ** exponent > magnitude
    unit = Fraction(2) ** max(exponent - 23, -149)
    rounded = round(magnitude / unit) * unit  # Fraction rounds ties to even
    value = math.inf if rounded >= 2**128 else float(rounded)
    return np.float32(math.copysign(value, x))


@pytest.mark.parametrize("name", SCALAR_FLOATS)
@pytest.mark.parametrize("k", [1, 2, 7, 64])
def test_exact_dot_is_rounded_once(name, k):
    a, b = random_codes(name, (2, 20, k), seed=k)
    got = dot(a, b, name)
    assert got.dtype == np.float32
    for row, (x, y) in enumerate(zip(decode(a, name), decode(b, name), strict=True)):
        assert got[row] == fp32(exact_dot(x, y))


@pytest.mark.parametrize("name", SCALAR_FLOATS)
def test_exact_dot_survives_cancellation(name):
    """The large products cancel in full and leave the least product there is."""
    f = FORMATS[name]
    top, one, least = (encode(v, name, saturate=True) for v in (1e300, 1.0, float(f.min_positive)))
    minus_top = top | np.asarray(1 << f.element_bits - 1, top.dtype)
    a = np.array([top, least, minus_top])
    b = np.array([top, one, top])
    assert dot(a, b, name) == np.float32(float(f.min_positive))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("name", "half", "tiny"),
    [
        ("fp32", 2.0**-24, 2.0**-140),
        ("bf16", 2.0**-24, 2.0**-120),
        ("posit32_2", 2.0**-28, 2.0**-100),
    ],
)
def test_a_product_far_below_decides_a_tie(name, half, tiny, sign):
    ones = encode(np.ones(3), name)
    got = dot(encode(np.array([1, half, sign * tiny]), name), ones, name)
    if name in POSITS:
        got = decode(got, name)
    assert got == (1 + 2 * half if sign > 0 else 1)


@pytest.mark.parametrize("name", ["fp32", "tf32", "bf16", "posit32_2", "posit16_1"])
def test_long_sums_of_full_significands_are_exact(name):
    """All but the last bits of 8192 products cancel."""
    rng = np.random.default_rng(8)
    x, y = (encode(rng.uniform(1, 2, (4, 4096)), name) for _ in range(2))
    minus_y = encode(-decode(y, name).astype(np.float64), name)
    nearly = minus_y + rng.integers(0, 2, y.shape).astype(y.dtype)
    a, b = np.concatenate([x, x], axis=-1), np.concatenate([y, nearly], axis=-1)
    got = dot(a, b, name)
    for row, (p, q) in enumerate(zip(decode(a, name), decode(b, name), strict=True)):
        exact = exact_dot(p, q)
        if name.startswith("posit"):
            assert got[row] == encode(float(exact), name)  # few enough bits for a float64
            assert Fraction(float(exact)) == exact
        else:
            assert got[row] == fp32(exact)


@pytest.mark.parametrize("name", POSITS)
def test_posit_dot_rounds_the_quire_once(name, read_posit):
    f = FORMATS[name]
    a, b = random_codes(name, (2, 40, 16), seed=4)
    got = dot(a, b, name)
    for row, (x, y) in enumerate(zip(decode(a, name), decode(b, name), strict=True)):
        exact = exact_dot(x, y)
        value = Fraction(float(decode(got[row], name)))
        if exact == 0:
            assert got[row] == 0
            continue
        magnitude = abs(exact)
        code = int(got[row]) if exact > 0 else (1 << f.n) - int(got[row])
        assert value * exact > 0
        lower = read_posit(f"{code - 1:0{f.n}b}1", f.es) if code > 1 else Fraction(0)
        upper = read_posit(f"{code:0{f.n}b}1", f.es)
        assert lower <= magnitude
        assert code == f.nar_code - 1 or magnitude <= upper
        assert magnitude not in (lower, upper) or code % 2 == 0


@pytest.mark.parametrize("name", ["posit8_0", "posit16_1"])
def test_a_sum_that_overflows_the_quire_is_refused(name):
    f = FORMATS[name]
    top = np.array([f.nar_code - 1], np.uint16)
    room = 1 << f.quire_bits - 1 - 4 * f.max_exponent
    assert dot(np.repeat(top, room - 1), np.repeat(top, room - 1), name) == f.nar_code - 1
    with pytest.raises(ValueError, match="does not fit the quire"):
        dot(np.repeat(top, room), np.repeat(top, room), name)


@pytest.mark.parametrize("name", ["int4", "int8", "uint4", "int16"])
def test_integer_dot_is_an_integer(name):
    a, b = random_codes(name, (2, 3, 100))
    want = (decode(a, name).astype(np.int64) * decode(b, name).astype(np.int64)).sum(axis=-1)
    np.testing.assert_array_equal(dot(a, b, name), want)
    assert dot(a, b, name).dtype == np.int64


def test_an_integer_dot_too_long_for_int64_is_refused():
    codes = np.zeros(2, np.uint32)
    with pytest.raises(ValueError, match="may not fit int64"):
        dot(codes, codes, "int32")


@pytest.mark.parametrize("lanes", [1, 4, 5])
@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2", "fp4_e2m1", "bf16", "fp16", "posit8_0"])
def test_fp32_accumulator_rounds_each_group_then_each_sum(name, lanes):
    a, b = random_codes(name, (2, 10, 17), seed=lanes)
    got = dot(a, b, name, accumulate="fp32", lanes=lanes)
    for row, (x, y) in enumerate(zip(decode(a, name), decode(b, name), strict=True)):
        total = np.float32(0)
        for at in range(0, 17, lanes):
            group = slice(at, at + lanes)
            with np.errstate(over="ignore", invalid="ignore"):
                total = total + fp32(exact_dot(x[group], y[group]))
        np.testing.assert_array_equal(got[row], total)


def random_blocks(name, shape, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * 2.0 ** rng.integers(-12, 12, (*shape[:-1], 1))
    return encode(x.astype(np.float32), name, tensor_scale=2.0**-6)


def block_terms(x, y, name):
    """Exact sums of each block, scales included; NumPy multiplies powers of two exactly."""
    f = FORMATS[name]
    for i in range(x.codes.shape[-2]):
        scale = exact_dot([decode(x.scales[i], f.scale)], [decode(y.scales[i], f.scale)])
        yield scale * exact_dot(decode(x.codes[i], f.element), decode(y.codes[i], f.element))


def rows_of(blocks):
    return [Blocks(c, s, blocks.length) for c, s in zip(blocks.codes, blocks.scales, strict=True)]


@pytest.mark.parametrize("name", BLOCK)
def test_block_dot_exact_and_with_the_fp32_accumulator(name):
    a, b = (random_blocks(name, (6, 100), seed) for seed in (1, 2))
    exact, finite = dot(a, b, name), dot(a, b, name, accumulate="fp32")
    tensor = np.float32(a.tensor_scale) * np.float32(b.tensor_scale)
    for row, (x, y) in enumerate(zip(rows_of(a), rows_of(b), strict=True)):
        terms = list(block_terms(x, y, name))
        assert exact[row] == fp32(sum(terms)) * tensor
        total = np.float32(0)
        for term in terms:
            total = total + fp32(term)
        assert finite[row] == total * tensor


@pytest.mark.parametrize("name", ["mxfp8", "mxfp8_e5m2", "mxint8", "bfp4_e8_b32"])
def test_block_dot_at_the_ends_of_the_scale(name):
    f = FORMATS[name]
    ones = np.full((2, 32), 1, np.uint8)
    a = Blocks(ones, np.array([254, 0], np.uint8), 64)
    b = Blocks(ones, np.array([0, 127], np.uint8), 64)
    least = Fraction(float(decode(np.uint8(1), f.element))) ** 2 * 32
    assert dot(a, b, name) == fp32(least * (1 + Fraction(2) ** -127))
    # The second block's 2**-127 is lost in the FP32 sum, as it is in one rounding.
    assert dot(a, b, name, accumulate="fp32") == fp32(least)


@pytest.mark.parametrize("accumulate", ["exact", "fp32"])
@pytest.mark.parametrize("name", BLOCK)
def test_a_nan_scale_spoils_the_sum(name, accumulate):
    x = np.ones((2, 64), np.float32)
    x[1, 40] = np.nan
    a = encode(x, name)
    got = dot(a, a, name, accumulate=accumulate)
    assert got[0] > 0
    assert np.isnan(got[1])


@pytest.mark.parametrize("accumulate", ["exact", "fp32"])
def test_specials_follow_ieee(accumulate):
    inf, minus, zero, one, nan = 0x7C, 0xFC, 0x00, 0x3C, 0x7E
    a = np.array([[inf, one], [inf, one], [inf, inf], [minus, one], [nan, one]], np.uint8)
    b = np.array([[one, one], [zero, one], [one, 0xBC], [one, one], [one, one]], np.uint8)
    got = dot(a, b, "fp8_e5m2", accumulate=accumulate)
    np.testing.assert_array_equal(got, [np.inf, np.nan, np.nan, -np.inf, np.nan])


def test_nar_reaches_the_sum():
    assert dot(np.uint8([1, 0x80]), np.uint8([1, 1]), "posit8_0") == 0x80


def test_leading_axes_broadcast():
    a, b = random_codes("fp8_e4m3", (2, 5, 12))
    table = dot(a[:, None, :], b[None, :, :], "fp8_e4m3")
    assert table.shape == (5, 5)
    assert table[3, 1] == dot(a[3], b[1], "fp8_e4m3")


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_order_does_not_matter_to_an_exact_dot(data):
    name = data.draw(st.sampled_from(["fp8_e5m2", "posit16_1", "fp16", "fp32"]))
    top = 1 << FORMATS[name].element_bits
    pairs = data.draw(st.lists(st.tuples(*[st.integers(0, top - 1)] * 2), min_size=1, max_size=12))
    shuffled = data.draw(st.permutations(pairs))
    results = [dot(*np.array(p, np.uint32).T, name) for p in (pairs, shuffled)]
    np.testing.assert_array_equal(*results)


def test_shapes_and_kinds_that_do_not_match_are_refused():
    a, b = encode(np.ones(32), "mxfp8"), encode(np.ones(64), "mxfp8")
    with pytest.raises(ValueError, match="one length"):
        dot(a, b, "mxfp8")
    for short in ([1], 1):
        with pytest.raises(ValueError, match="one length"):
            dot([1, 2], short, "int8")
    with pytest.raises(ValueError, match="must be Blocks"):
        dot(a.codes, b.codes, "mxfp8")
    with pytest.raises(ValueError, match="accumulate"):
        dot(a, a, "mxfp8", accumulate="fp16")
    with pytest.raises(ValueError, match="lanes"):
        dot([1], [1], "fp8_e4m3", accumulate="fp32", lanes=0)
