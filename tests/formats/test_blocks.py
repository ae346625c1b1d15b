"""Block formats: scales, elements, edges, and their layout in memory."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lockstep.arch.formats import FORMATS, ExponentFormat, IntFormat, bfp, format_named
from lockstep.sim.golden.formats import Blocks, decode, encode, pack, quantize, unpack

BLOCK = [name for name, f in FORMATS.items() if f.kind == "block"]
SHARED = [n for n in BLOCK if isinstance(FORMATS[n].scale, ExponentFormat)]
NV = ["nvfp4", "nvint4"]
FLOAT32 = st.floats(-(2.0**120), 2.0**120, width=32)


def tensors(columns=48):
    return hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.just(columns)), elements=FLOAT32)


def exact(values):
    return [Fraction(float(v)) for v in values]


def floor_log2(x: Fraction) -> int:
    e = x.numerator.bit_length() - x.denominator.bit_length()
    return e if Fraction(2) ** e <= x else e - 1


def all_elements(f):
    """Every value an element may take, symmetric for integers."""
    codes = np.arange(1 << f.element.element_bits, dtype=np.uint8)
    if isinstance(f.element, IntFormat):
        codes = codes[codes != 1 << f.element.bits - 1]
    values = decode(codes, f.element)
    return sorted(set(exact(values[np.isfinite(values)])))


def nearest_distance(x: Fraction, values) -> Fraction:
    return min(abs(x - v) for v in values)


@pytest.mark.parametrize("rule", ["floor", "ceil"])
@pytest.mark.parametrize("name", SHARED)
@settings(max_examples=25, deadline=None)
@given(x=hnp.arrays(np.float32, 32, elements=FLOAT32))
def test_power_of_two_scales_follow_their_rule(name, rule, x):
    f = FORMATS[name]
    blocks = encode(x, f, scale_rule=rule)
    exponent = int(blocks.scales[0]) - f.scale.bias
    top = max(abs(v) for v in exact(x))
    least, greatest = -f.scale.bias, f.scale.max_code - f.scale.bias
    if top == 0:
        assert exponent == least
    elif rule == "floor":
        element = floor_log2(f.element.max_value)
        assert exponent == min(max(floor_log2(top) - element, least), greatest)
    else:
        assert top <= f.element.max_value * Fraction(2) ** exponent
        assert exponent == least or top > f.element.max_value * Fraction(2) ** (exponent - 1)
    values = all_elements(f)
    scale = Fraction(2) ** exponent
    for given_value, got in zip(exact(x), exact(decode(blocks, f)), strict=True):
        assert got / scale in values
        assert abs(given_value - got) / scale == nearest_distance(given_value / scale, values)


@pytest.mark.parametrize("name", NV)
@settings(max_examples=40, deadline=None)
@given(x=hnp.arrays(np.float32, (2, 16), elements=st.floats(-1000, 1000, width=32)))
def test_nv_scales_are_rounded_step_by_step(name, x):
    f = FORMATS[name]
    greatest = np.float32(f.element.max_value)
    per_block = np.abs(x).max(axis=-1) / greatest
    tensor_scale = np.float32(np.abs(x).max() / greatest) / np.float32(448)
    blocks = encode(x, f)
    assert blocks.tensor_scale == (tensor_scale or 1)
    want = encode(per_block / np.float32(blocks.tensor_scale), "fp8_e4m3")
    np.testing.assert_array_equal(blocks.scales[:, 0], want)
    factor = decode(want, "fp8_e4m3") * np.float32(blocks.tensor_scale)
    values = np.array([float(v) for v in all_elements(f)], np.float32)
    got = decode(blocks, f)
    for row, out, step in zip(x, got, factor, strict=True):
        if step == 0:
            assert not out.any()
            continue
        assert set((out / step).tolist()) <= set((values * step / step).tolist())
        error = np.abs(row[:, None] / step - values).min(axis=-1)
        assert np.all(np.abs(row / step - out / step) <= error * 1.001 + 1e-6)


@pytest.mark.parametrize("rule", ["floor", "ceil"])
@pytest.mark.parametrize("name", SHARED)
@settings(max_examples=40, deadline=None)
@given(x=tensors())
def test_quantizing_twice_is_quantizing_once(name, rule, x):
    once = quantize(x, name, scale_rule=rule)
    np.testing.assert_array_equal(quantize(once, name, scale_rule=rule), once)


@pytest.mark.parametrize("name", BLOCK)
@settings(max_examples=25, deadline=None)
@given(x=hnp.arrays(np.float32, 96, elements=FLOAT32), data=st.data())
def test_blocks_do_not_see_each_other(name, x, data):
    size = FORMATS[name].block
    order = np.array(data.draw(st.permutations(range(96 // size))))
    moved = x.reshape(-1, size)[order].reshape(-1)
    want = quantize(x, name).reshape(-1, size)[order].reshape(-1)
    np.testing.assert_array_equal(quantize(moved, name), want)


@pytest.mark.parametrize("name", BLOCK)
@settings(max_examples=25, deadline=None)
@given(x=hnp.arrays(np.float32, 32, elements=FLOAT32), data=st.data())
def test_order_and_sign_within_a_block_do_not_matter(name, x, data):
    size = FORMATS[name].block
    order = np.array(data.draw(st.permutations(range(size))))
    block = x[:size]
    np.testing.assert_array_equal(quantize(block[order], name), quantize(block, name)[order])
    np.testing.assert_array_equal(quantize(-block, name), -quantize(block, name))


@pytest.mark.parametrize("name", BLOCK)
def test_zero_blocks_stay_zero(name):
    blocks = encode(np.zeros((2, 64), np.float32), name)
    assert not blocks.codes.any()
    assert not decode(blocks, name).any()
    if name in SHARED:
        assert not blocks.scales.any()  # the least scale


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", BLOCK)
def test_nan_and_infinity_spoil_their_block_only(name, bad):
    x = np.ones((1, 64), np.float32)
    x[0, 5] = bad
    got = quantize(x, name, tensor_scale=1.0)
    size = FORMATS[name].block
    assert np.isnan(got[0, :size]).all()
    np.testing.assert_array_equal(got[0, size:], quantize(x[:, size:], name, tensor_scale=1.0)[0])
    assert encode(x, name).scales[0, 0] == FORMATS[name].scale.nan_code


@pytest.mark.parametrize("name", SHARED)
def test_ends_of_the_scale(name):
    f = FORMATS[name]
    tiny = np.full(32, 2.0**-149, np.float32)
    blocks = encode(tiny, name)
    assert blocks.scales[0] == 0
    huge = np.full(32, np.finfo(np.float32).max, np.float32)
    blocks = encode(huge, name)
    assert int(blocks.scales[0]) - f.scale.bias == 127 - f.element.max_exponent
    assert np.isfinite(decode(blocks, name)).all()
    top = Blocks(np.full((1, 32), 1, np.uint8), np.array([254], np.uint8), 32)
    value = Fraction(float(decode(np.uint8(1), f.element))) * Fraction(2) ** 127
    assert np.all(decode(top, name) == float(value))


def test_a_narrow_exponent_saturates_elements():
    f = bfp(4, 8, 4)  # scales 2**-7 to 2**7
    assert quantize(np.full(8, 1e6, np.float32), f).tolist() == [1.75 * 2**7] * 8
    assert quantize(np.full(8, 1e-6, np.float32), f).tolist() == [0] * 8


def test_asymmetric_clipping_uses_the_last_code():
    x = np.array([-1.999] + [0.25] * 31, np.float32)
    assert encode(x, "mxint8").codes[0, 0] == 0x81
    assert encode(x, "mxint8", symmetric=False).codes[0, 0] == 0x80
    assert quantize(x, "mxint8", symmetric=False)[0] == -2
    assert quantize(x, "mxint8")[0] == -127 / 64


def test_scales_just_below_a_power_of_two_are_not_rounded_up():
    x = np.full(32, np.nextafter(np.float32(8), np.float32(0)), np.float32)
    assert encode(x, "mxfp8").scales[0] == 127 + 2 - 8


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("name", ["mxfp4", "nvfp4", "bfp4_e8_b32"])
def test_any_axis_and_a_short_last_block(name, axis):
    x = np.random.default_rng(2).standard_normal((35, 40, 33)).astype(np.float32)
    got = quantize(x, name, axis=axis, tensor_scale=0.01)
    assert got.shape == x.shape
    moved = np.moveaxis(x, axis, -1)
    want = quantize(np.ascontiguousarray(moved), name, tensor_scale=0.01)
    np.testing.assert_array_equal(np.moveaxis(got, axis, -1), want)
    first = FORMATS[name].block
    np.testing.assert_array_equal(
        want[..., :first], quantize(moved[..., :first], name, tensor_scale=0.01)
    )


@pytest.mark.parametrize("name", [*FORMATS, "posit5_2", "bfp3_e5_b7"])
@pytest.mark.parametrize("axis", [0, -1])
def test_packing_takes_exactly_its_bits(name, axis):
    f = format_named(name)
    shape = (3 * f.block, 2 * f.block)
    rng = np.random.default_rng(9)
    if f.kind == "block":
        x = rng.standard_normal(shape).astype(np.float32)
        codes = encode(x, f, axis=axis)
        scale = codes.tensor_scale
    else:
        dtype = np.uint8 if f.element_bits <= 8 else np.uint32
        codes = rng.integers(0, 1 << f.element_bits, shape).astype(dtype)
        scale = 1.0
    data = pack(codes, f)
    assert len(data) == f.size_bytes(math.prod(shape))
    assert len(data) == math.ceil(math.prod(shape) * f.bits_per_element / 8)
    back = unpack(data, f, shape, axis=axis, tensor_scale=scale)
    np.testing.assert_array_equal(decode(back, f), decode(codes, f))
    np.testing.assert_array_equal(pack(back, f), data)


def test_packed_layout_of_a_block():
    x = np.zeros(32, np.float32)
    x[0], x[1], x[31] = 6, -0.5, 1
    data = pack(encode(x, "mxfp4"), "mxfp4")
    assert data[0] == 127  # scale first
    assert data[1] == 0x97  # then elements, the first in the low bits: 6 is 0111, -0.5 is 1001
    assert data[16] == 0x20
    assert len(data) == 17


def test_a_short_last_block_stores_no_padding():
    x = np.random.default_rng(3).standard_normal((4, 37)).astype(np.float32)
    blocks = encode(x, "mxfp6")
    data = pack(blocks, "mxfp6")
    assert len(data) == 4 * (37 * 6 + 2 * 8) // 8
    back = unpack(data, "mxfp6", (4, 37))
    np.testing.assert_array_equal(back.codes, blocks.codes)
    with pytest.raises(ValueError, match="expected 119 bytes"):
        unpack(data[:-1], "mxfp6", (4, 37))


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match="scale_rule"):
        encode(np.ones(32), "mxfp8", scale_rule="round")
    with pytest.raises(ValueError, match="tensor_scale"):
        encode(np.ones(32), "nvfp4", tensor_scale=0.0)


def test_a_small_tensor_scale_saturates():
    x = np.full(16, 1e30, np.float32)
    got = quantize(x, "nvfp4", tensor_scale=2.0**-40)
    assert got.tolist() == [6 * 448 * 2.0**-40] * 16
