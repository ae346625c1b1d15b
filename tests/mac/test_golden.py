"""The golden model against exact rational arithmetic, written out here once more."""

from fractions import Fraction

import numpy as np
import pytest

from lockstep.arch.formats import FloatFormat, format_named
from lockstep.arch.mac import FP32, AccumulateConfig, DotConfig, FixedSum
from lockstep.arch.tensor import MacConfig
from lockstep.sim.golden import formats
from lockstep.sim.golden import mac as golden

NAN = 0x7FC00000
INF = 0x7F800000


def value(fmt, code):
    """A finite code's value, or None."""
    if not isinstance(fmt, FloatFormat):
        integer = code - (1 << fmt.bits) if fmt.signed and code >> fmt.bits - 1 else code
        return Fraction(integer, 1 << fmt.fraction_bits)
    magnitude = code & (1 << fmt.element_bits - 1) - 1
    if magnitude > fmt.max_code:
        return None
    field, fraction = magnitude >> fmt.mantissa_bits, magnitude & (1 << fmt.mantissa_bits) - 1
    significand = fraction + (1 << fmt.mantissa_bits if field else 0)
    scale = Fraction(2) ** (max(field, 1) - fmt.bias - fmt.mantissa_bits)
    return -significand * scale if code >> fmt.element_bits - 1 else significand * scale


def assert_nearest(code, exact):
    """``code`` is the FP32 number nearest to ``exact``, the even one of two."""
    magnitude = code & 0x7FFFFFFF
    if exact:
        assert (code >> 31) == (exact < 0)
    exact = abs(exact)
    # One step past the greatest value stands for infinity.
    step_past = {INF: Fraction(2) ** 128}
    here = step_past.get(magnitude, value(FP32, magnitude))
    for other in (magnitude - 1, magnitude + 1):
        if 0 <= other <= INF:
            there = step_past.get(other, value(FP32, other))
            near, far = abs(here - exact), abs(there - exact)
            assert near < far or (near == far and magnitude % 2 == 0) or exact > here > there


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2", "fp6_e3m2", "fp4_e2m1", "fp16", "bf16"])
def test_a_step_is_rounded_once(name):
    cfg = AccumulateConfig(mac=MacConfig(a=name, b=name))
    fmt = format_named(name)
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 1 << fmt.element_bits, (2, 3000))
    products = formats.decode(a.astype(np.uint32), name).astype(np.float64) * formats.decode(
        b.astype(np.uint32), name
    )
    near = np.nan_to_num(-products, posinf=0, neginf=0).clip(-3e38, 3e38).astype(np.float32)
    c = np.where(
        rng.random(3000) < 0.5,
        near.view(np.uint32).astype(np.int64) ^ rng.integers(0, 1 << 12, 3000),
        rng.integers(0, 1 << 32, 3000),
    )
    result = golden.accumulate(cfg, a, b, c)
    finite = 0
    for x, y, z, r in zip(a.tolist(), b.tolist(), c.tolist(), result.tolist(), strict=True):
        values = value(fmt, x), value(fmt, y), value(FP32, z)
        if None not in values:
            finite += 1
            assert_nearest(r, values[0] * values[1] + values[2])
    assert finite > 1000


@pytest.mark.parametrize(
    ("a", "b", "c", "result"),
    [
        (0x7E00, 0x3C00, 0, NAN),  # NaN * 1 + 0
        (0x7C00, 0x0000, 0, NAN),  # inf * 0 + 0
        (0x7C00, 0x3C00, 0, INF),
        (0x7C00, 0xBC00, 0, 0xFF800000),
        (0x7C00, 0x3C00, 0xFF800000, NAN),  # inf - inf
        (0x3C00, 0x3C00, 0xFFC00001, NAN),  # any NaN becomes the quiet one
        (0x3C00, 0x3C00, 0xBF800000, 0),  # 1 - 1 is +0
        (0x8000, 0x3C00, 0x80000000, 0x80000000),  # -0 + -0 is -0
        (0x8000, 0x3C00, 0, 0),  # -0 + 0 is +0
    ],
)
def test_special_values_follow_ieee_754(a, b, c, result):
    cfg = AccumulateConfig(mac=MacConfig(a="fp16", b="fp16"))
    assert golden.accumulate(cfg, [a], [b], [c]).tolist() == [result]


def test_integers_wrap():
    cfg = AccumulateConfig(mac=MacConfig(a="int8", b="int8", acc_bits=16))
    sums = golden.accumulate(cfg, [0x80, 0x7F], [0x80, 0x80], [0x7FFF, -0x8000])
    assert sums.tolist() == [0x3FFF - 0x8000, 0x8000 - 127 * 128]


@pytest.mark.parametrize(
    "name", ["mxfp8", "mxfp8_e5m2", "mxfp6", "mxfp4", "mxint8", "nvfp4", "nvint4", "bfp5_e6_b12"]
)
def test_a_block_is_exact_until_it_is_rounded_once(name):
    cfg = DotConfig(a=name, b=name, lanes=1)
    fmt = cfg.a_block
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 1 << fmt.element_bits, (2, 200, 1, fmt.block))
    scales = rng.integers(0, 1 << fmt.scale_bits, (2, 200, 1))
    result = golden.dot(cfg, a, b, *scales)
    finite = 0
    for i in range(200):
        pairs = [
            (value(fmt.element, x), value(fmt.element, y))
            for x, y in zip(a[i, 0].tolist(), b[i, 0].tolist(), strict=True)
        ]
        factors = [scale_value(fmt.scale, int(s[i, 0])) for s in scales]
        if None in factors or any(None in pair for pair in pairs):
            continue
        finite += 1
        exact = sum(x * y for x, y in pairs) * factors[0] * factors[1]
        # The block's sum is added to +0, which makes -0 of what rounds to nothing +0.
        assert_nearest(int(result[i]) or (exact < 0) << 31, exact)
    assert finite > 20 if name == "mxfp8_e5m2" else finite > 100


def scale_value(fmt, code):
    if isinstance(fmt, FloatFormat):
        return value(fmt, code)
    return None if code == (1 << fmt.exponent_bits) - 1 else Fraction(2) ** (code - fmt.bias)


def test_blocks_add_up_in_order_in_fp32():
    cfg = DotConfig(a="mxfp4", b="mxfp4", lanes=1)
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 16, (2, 50, 6, 32))
    scales = rng.integers(120, 140, (2, 50, 6))
    total = np.zeros(50, np.float32)
    for k in range(6):
        one = np.s_[:, k : k + 1]
        blocks = golden.dot(cfg, a[one], b[one], scales[0][one], scales[1][one])
        total += blocks.view(np.float32)
    assert (golden.dot(cfg, a, b, *scales) == total.view(np.uint32)).all()
    backwards = golden.dot(cfg, a[:, ::-1], b[:, ::-1], scales[0][:, ::-1], scales[1][:, ::-1])
    assert (backwards != total.view(np.uint32)).any()


def test_dot_matches_the_formats_dot():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 20, 96)).astype(np.float32)
    a, b = formats.encode(x, "mxfp8"), formats.encode(y, "mxfp8")
    cfg = DotConfig(a="mxfp8", b="mxfp8", lanes=8)
    ours = golden.dot(cfg, a.codes, b.codes, a.scales, b.scales)
    assert (ours.view(np.float32) == formats.dot(a, b, "mxfp8", accumulate="fp32")).all()


@pytest.mark.parametrize(
    ("element", "scale", "result"),
    [
        (0x7F, 127, NAN),  # an element is NaN
        (0x38, 255, NAN),  # the scale is NaN
        (0x00, 255, NAN),  # ... of a block of zeros, too
        (0x38, 127, 0x42000000),  # 32 times 1 * 1
        (0x7E, 254, INF),
        (0x01, 0, 0),  # far below the least subnormal
    ],
)
def test_scales_make_nan_infinity_and_nothing(element, scale, result):
    cfg = DotConfig(a="mxfp8", b="mxfp8", lanes=8)
    codes = np.full((1, 32), element)
    assert golden.dot(cfg, codes, codes, [scale], [scale]) == result


def test_opposite_infinities_are_nan():
    cfg = DotConfig(a="mxfp8_e5m2", b="mxfp8_e5m2", lanes=8)
    ones, mixed = np.full((1, 32), 0x3C), np.full((1, 32), 0x3C)
    mixed[0, 5] = 0x7C
    assert golden.dot(cfg, ones, mixed, [127], [127]) == INF
    mixed[0, 9] = 0xFC
    assert golden.dot(cfg, ones, mixed, [127], [127]) == NAN


def test_golden_rejects_what_is_no_code():
    mac = AccumulateConfig(mac=MacConfig(a="fp4_e2m1", b="fp4_e2m1"))
    with pytest.raises(ValueError, match="4 bits"):
        golden.accumulate(mac, [16], [0], [0])
    dot = DotConfig(a="nvfp4", b="nvfp4", lanes=16)
    with pytest.raises(ValueError, match="16 elements, not 8"):
        golden.dot(dot, np.zeros((1, 8), int), np.zeros((1, 8), int), [0], [0])


@pytest.mark.parametrize(
    ("name", "bits", "lsb_exponent"),
    [("mxfp8", 32, -18), ("mxfp8_e5m2", 12, 0), ("mxint8", 20, -3), ("nvfp4", 32, -20)],
)
def test_fixed_point_sums_round_each_block_and_saturate(name, bits, lsb_exponent):
    of = FixedSum(bits=bits, lsb_exponent=lsb_exponent)
    cfg = DotConfig(a=name, b=name, lanes=1, accumulate=of)
    fmt = cfg.a_block
    rng = np.random.default_rng(6)
    a, b = rng.integers(0, 1 << fmt.element_bits, (2, 300, 3, fmt.block))
    a[:, :, 4:] = b[:, :, 4:] = 0  # or formats with NaN would give little else
    one = int(formats.encode(1.0, fmt.scale))
    scales = rng.integers(one - 10, one + 10, (2, 300, 3))
    result = golden.dot(cfg, a, b, *scales)
    top = (1 << bits - 1) - 1
    found = []
    for i in range(300):
        total = 0
        for k in range(3):
            pairs = [
                (value(fmt.element, x), value(fmt.element, y))
                for x, y in zip(a[i, k, :4].tolist(), b[i, k, :4].tolist(), strict=True)
            ]
            if any(None in pair for pair in pairs):
                break
            factors = [scale_value(fmt.scale, int(s[i, k])) for s in scales]
            exact = sum(x * y for x, y in pairs) * factors[0] * factors[1]
            # Fraction rounds ties to even.
            total = max(-top, min(top, total + round(exact / Fraction(2) ** lsb_exponent)))
        else:
            assert result[i] == total
            found.append(total)
    assert len(found) > 50
    assert {top, -top} <= set(found) or bits == 32
    assert len(set(found)) > 20


@pytest.mark.parametrize(
    ("element", "scale", "result"),
    [
        (0x7F, 127, -128),  # NaN
        (0x38, 255, -128),  # the scale is NaN
        (0x3C, 127, 72),  # 32 times 1.5 * 1.5
        (0x7E, 254, 127),  # beyond any sum
        (0x01, 0, 0),  # below half a unit
    ],
)
def test_nan_in_fixed_point_is_the_least_code(element, scale, result):
    of = FixedSum(bits=8, lsb_exponent=0)
    cfg = DotConfig(a="mxfp8", b="mxfp8", lanes=8, accumulate=of)
    codes = np.full((1, 32), element)
    assert golden.dot(cfg, codes, codes, [scale], [scale]) == result


def test_infinities_saturate_in_fixed_point_and_nan_stays():
    of = FixedSum(bits=8, lsb_exponent=0)
    cfg = DotConfig(a="mxfp8_e5m2", b="mxfp8_e5m2", lanes=8, accumulate=of)
    ones, mixed = np.full((1, 32), 0x3C), np.full((1, 32), 0x3C)
    mixed[0, 5] = 0xFC
    assert golden.dot(cfg, ones, mixed, [127], [127]) == -127
    mixed[0, 9] = 0x7C
    assert golden.dot(cfg, ones, mixed, [127], [127]) == -128
    two = [np.stack([x[0], ones[0]]) for x in (ones, mixed)]
    assert golden.dot(cfg, *two, [127, 127], [127, 127]) == -128
