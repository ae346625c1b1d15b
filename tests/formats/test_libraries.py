"""Outside truth: ml_dtypes, gfloat and softposit, each disagreement named (docs/formats.md)."""

import gfloat
import gfloat.formats
import ml_dtypes
import numpy as np
import pytest
import softposit

from lockstep.arch.formats import FORMATS
from lockstep.sim.golden.formats import add, decode, dot, encode, fma, multiply, quantize

FLOATS = {
    "fp8_e4m3": (ml_dtypes.float8_e4m3fn, gfloat.formats.format_info_ocp_e4m3),
    "fp8_e5m2": (ml_dtypes.float8_e5m2, gfloat.formats.format_info_ocp_e5m2),
    "fp6_e3m2": (ml_dtypes.float6_e3m2fn, gfloat.formats.format_info_ocp_e3m2),
    "fp6_e2m3": (ml_dtypes.float6_e2m3fn, gfloat.formats.format_info_ocp_e2m3),
    "fp4_e2m1": (ml_dtypes.float4_e2m1fn, gfloat.formats.format_info_ocp_e2m1),
    "bf16": (ml_dtypes.bfloat16, gfloat.formats.format_info_bfloat16),
    "fp16": (np.float16, gfloat.formats.format_info_binary16),
}
TINY = ["fp6_e3m2", "fp6_e2m3", "fp4_e2m1"]  # every code is finite
MX = {
    "mxfp8": gfloat.formats.format_info_mxfp8_e4m3,
    "mxfp8_e5m2": gfloat.formats.format_info_mxfp8_e5m2,
    "mxfp6": gfloat.formats.format_info_mxfp6_e2m3,
    "mxfp6_e3m2": gfloat.formats.format_info_mxfp6_e3m2,
    "mxfp4": gfloat.formats.format_info_mxfp4_e2m1,
    "mxint8": gfloat.formats.format_info_mxint8,
}
E8M0 = ml_dtypes.float8_e8m0fnu


def all_codes(name):
    bits = FORMATS[name].element_bits
    return np.arange(1 << bits, dtype=np.uint8 if bits <= 8 else np.uint16)


def wide_range(count, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(count) * np.exp(rng.standard_normal(count) * 6)).astype(np.float32)


def cast(x, dtype):
    """Codes of ml_dtypes' cast from float32."""
    with np.errstate(all="ignore"):
        y = np.asarray(x, np.float32).astype(dtype)
    return y.view(np.uint8 if y.itemsize == 1 else np.uint16)


@pytest.mark.parametrize("name", [*FLOATS, "e8m0", "int4", "uint4", "int2"])
def test_ml_dtypes_has_the_same_code_tables(name):
    codes = all_codes(name)
    dtype = FLOATS[name][0] if name in FLOATS else getattr(ml_dtypes, name, E8M0)
    np.testing.assert_array_equal(decode(codes, name), codes.view(dtype).astype(np.float32))


@pytest.mark.parametrize("name", FLOATS)
def test_ml_dtypes_casts_the_same(name):
    x = wide_range(300_000)
    saturate = name in TINY
    got = encode(x, name, saturate=saturate)
    np.testing.assert_array_equal(got, cast(x, FLOATS[name][0]))


@pytest.mark.parametrize("name", [n for n in FLOATS if FORMATS[n].element_bits <= 8])
def test_ml_dtypes_adds_and_multiplies_all_pairs_the_same_but_for_the_sign_of_nan(name):
    dtype = FLOATS[name][0]
    codes = all_codes(name)
    a, b = np.meshgrid(codes, codes, indexing="ij")
    left, right = a.view(dtype), b.view(dtype)
    with np.errstate(all="ignore"):
        theirs = {add: left + right, multiply: left * right}
    finite = np.isfinite(decode(a, name)) & np.isfinite(decode(b, name))
    for ours, result in theirs.items():
        got, want = ours(a, b, name, saturate=name in TINY), result.view(np.uint8)
        # NaN out of nothing: ours is positive, theirs has the sign of an operand or of the CPU's.
        nan = np.isnan(result.astype(np.float32)) & ~finite
        np.testing.assert_array_equal(got[~nan], want[~nan])
        if name not in TINY:
            assert set(got[nan].tolist()) == {FORMATS[name].nan_code}
            assert set((want[nan] >> 7).tolist()) == {0, 1}


@pytest.mark.parametrize("name", TINY)
def test_ml_dtypes_casts_nan_to_a_zero_and_we_refuse(name):
    assert decode(cast([np.nan, -np.nan], FLOATS[name][0]), name).tolist() == [0, 0]
    with pytest.raises(ValueError, match="has no NaN"):
        encode([np.nan], name)


def test_ml_dtypes_overflows_e4m3_to_nan_and_we_saturate_unless_asked():
    x = [464.0, 464.1, 1e9]
    assert cast(x, ml_dtypes.float8_e4m3fn).tolist() == [0x7E, 0x7F, 0x7F]
    assert encode(x, "fp8_e4m3", saturate=False).tolist() == [0x7E, 0x7F, 0x7F]
    assert encode(x, "fp8_e4m3").tolist() == [0x7E, 0x7E, 0x7E]


def test_e8m0_ties_and_zero_differ():
    x = np.float32([3, 6, 12, 24])
    assert cast(x, E8M0).tolist() == [129, 130, 131, 132]  # away from zero
    theirs = gfloat.round_ndarray(gfloat.formats.format_info_ocp_e8m0, x)
    ours = decode(encode(x, "e8m0"), "e8m0")
    assert ours.tolist() == theirs.tolist() == [2, 8, 8, 32]  # to even codes
    not_ties = np.abs(wide_range(100_000))
    np.testing.assert_array_equal(encode(not_ties, "e8m0"), cast(not_ties, E8M0))
    # No code is zero: ml_dtypes answers NaN, gfloat a value it cannot encode, we the least scale.
    assert cast([0.0], E8M0) == 0xFF
    assert gfloat.round_float(gfloat.formats.format_info_ocp_e8m0, 0.0) == 0
    assert encode([0.0], "e8m0") == 0


def test_e8m0_infinity_is_nan_there_and_saturates_here():
    assert cast([np.inf], E8M0) == 0xFF
    assert np.isnan(gfloat.round_float(gfloat.formats.format_info_ocp_e8m0, np.inf))
    assert encode([np.inf], "e8m0") == 0xFE


def test_gfloat_rounds_negative_numbers_into_unsigned_e8m0_and_we_answer_nan():
    assert gfloat.round_float(gfloat.formats.format_info_ocp_e8m0, -2.0) == -2
    assert encode([-2.0], "e8m0") == cast([-2.0], E8M0) == 0xFF


def test_ml_dtypes_truncates_and_wraps_small_integers_and_we_round_and_saturate():
    x = np.float32([1.5, 2.7, -2.7, 9, -9])
    assert x.astype(ml_dtypes.int4).astype(np.int8).tolist() == [1, 2, -2, -7, 7]
    assert decode(encode(x, "int4"), "int4").tolist() == [2, 3, -3, 7, -8]
    seven = np.array([7], ml_dtypes.int4)
    assert (seven + seven).astype(np.int8) == -2
    assert decode(add([7], [7], "int4"), "int4") == 7


@pytest.mark.parametrize("name", FLOATS)
def test_gfloat_decodes_and_rounds_the_same(name):
    info = FLOATS[name][1]
    codes = all_codes(name)
    np.testing.assert_array_equal(decode(codes, name), gfloat.decode_ndarray(info, codes))
    x = wide_range(20_000, seed=1).astype(np.float64)
    for saturate in (True,) if name in TINY else (True, False):
        want = gfloat.round_ndarray(info, x, sat=saturate)
        np.testing.assert_array_equal(decode(encode(x, name, saturate=saturate), name), want)


@pytest.mark.parametrize("name", MX)
def test_gfloat_quantizes_mx_blocks_the_same(name):
    x = np.random.default_rng(0).standard_normal((40, 32)).astype(np.float32)
    x[3] = 0
    x *= np.exp2(np.arange(-20, 20, dtype=np.float32))[:, None]
    want = [
        gfloat.quantize_block(MX[name], row.astype(np.float64), gfloat.compute_scale_amax)
        for row in x
    ]
    np.testing.assert_array_equal(quantize(x, name), np.array(want))


def test_gfloat_rounds_the_scale_up_just_below_a_power_of_two_and_we_do_not():
    x = np.full(32, np.nextafter(np.float32(8), np.float32(0)))
    emax = FORMATS["mxfp8"].element.max_exponent
    assert gfloat.compute_scale_amax(emax, x) == 2.0 ** (3 - emax)
    assert int(encode(x, "mxfp8").scales[0]) - 127 == 2 - emax


def test_gfloat_uses_the_last_code_of_mxint8_and_we_do_only_if_asked():
    x = np.array([-1.999] + [0.0] * 31)
    theirs = list(gfloat.encode_block(MX["mxint8"], 1.0, x))
    assert theirs[:2] == [127, 0x80]
    assert encode(x, "mxint8").codes[0, 0] == 0x81
    assert encode(x, "mxint8", symmetric=False).codes[0, 0] == 0x80


def posit(name, code):
    value = {"posit8_0": softposit.posit8, "posit16_1": softposit.posit16}.get(
        name, softposit.posit32
    )()
    value.fromBits(int(code))
    return value


POSITS = ["posit8_0", "posit16_1", "posit32_2"]


@pytest.mark.parametrize("name", ["posit8_0", "posit16_1"])
def test_softposit_decodes_the_same_but_for_nar(name):
    codes = all_codes(name)
    theirs = np.array([float(posit(name, code)) for code in codes])
    ours = decode(codes, name)
    nar = FORMATS[name].nar_code
    assert theirs[nar] == np.inf  # the standard, 6.5: NaN
    assert np.isnan(ours[nar])
    keep = codes != nar
    np.testing.assert_array_equal(ours[keep], theirs[keep])


def test_softposit_adds_and_multiplies_all_pairs_of_posit8_the_same():
    codes = all_codes("posit8_0")
    values = [posit("posit8_0", code) for code in codes]
    ours = {op: op(codes[:, None], codes, "posit8_0").tolist() for op in (add, multiply)}
    for i, a in enumerate(values):
        assert [(a + b).v.v for b in values] == ours[add][i]
        assert [(a * b).v.v for b in values] == ours[multiply][i]


@pytest.mark.parametrize("name", POSITS)
@pytest.mark.parametrize("near_one", [False, True])
def test_softposit_agrees_on_random_operations(name, near_one):
    bits, rng = FORMATS[name].element_bits, np.random.default_rng(1)
    codes = rng.integers(0, 1 << bits, (3, 3000)).astype(np.uint32)
    if near_one:
        codes = encode(rng.standard_normal((3, 3000)), name)
    muladd = getattr(softposit, f"p{bits}_mulAdd")
    sums, products = add(codes[0], codes[1], name), multiply(codes[0], codes[1], name)
    fused = fma(*codes, name)
    for i, column in enumerate(codes.T):
        a, b, c = (posit(name, code) for code in column)
        assert (a + b).v.v == sums[i]
        assert (a * b).v.v == products[i]
        assert muladd(a.v, b.v, c.v).v == fused[i]


@pytest.mark.parametrize("name", POSITS)
def test_softposit_encodes_the_same(name):
    specials = [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300, 5e-324, 0.0, -0.0]
    x = np.concatenate([wide_range(5000).astype(np.float64), specials])
    convert = getattr(softposit, f"convertDoubleToP{FORMATS[name].element_bits}")
    assert encode(x, name).tolist() == [convert(float(v)).v for v in x]


def px2(code, n):
    value = softposit.posit_2_t()
    value.v = int(code) << (32 - n)
    return value


@pytest.mark.parametrize("n", [3, 4, 5, 6, 8, 16, 20, 31])
def test_softposit_agrees_on_posits_of_any_size_with_es_2(n):
    name, rng = f"posit{n}_2", np.random.default_rng(n)
    a, b = rng.integers(0, 1 << n, (2, 3000)).astype(np.uint32)
    x = wide_range(3000, seed=n).astype(np.float64)
    sums, products, codes = add(a, b, name), multiply(a, b, name), encode(x, name)
    for i in range(3000):
        left, right = px2(a[i], n), px2(b[i], n)
        assert softposit.pX2_add(left, right, n).v >> (32 - n) == sums[i]
        assert softposit.pX2_mul(left, right, n).v >> (32 - n) == products[i]
        assert softposit.convertDoubleToPX2(float(x[i]), n).v >> (32 - n) == codes[i]


@pytest.mark.parametrize("name", POSITS)
def test_softposit_quire_gives_the_same_dot(name):
    bits, rng = FORMATS[name].element_bits, np.random.default_rng(2)
    quire = getattr(softposit, f"quire{bits}")
    for near_one in (False, True):
        codes = rng.integers(0, 1 << bits, (2, 60, 20)).astype(np.uint32)
        if near_one:
            codes = encode(rng.standard_normal((2, 60, 20)), name)
        codes[codes == FORMATS[name].nar_code] = 1
        got = dot(codes[0], codes[1], name)
        for row in range(60):
            total = quire()
            for a, b in codes[:, row].T:
                total.qma(posit(name, a), posit(name, b))
            assert total.toPosit().v.v == got[row]
