"""Add, multiply and fused multiply-add on codes, against Fractions."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from lockstep.arch.formats import FORMATS
from lockstep.sim.golden.formats import add, decode, encode, fma, multiply

WIDE = ("fp16", "bf16", "tf32", "fp32", "posit16_1", "posit16_2", "posit32_2", "int16", "int32")


def expected(reference, operands, operation, saturate):
    """Code of ``operation`` on values; Python floats know the rules of infinities and NaN."""
    values = [reference.values[c] for c in operands]
    finite = all(isinstance(v, Fraction) for v in values)
    if not finite:
        result = operation(*(float(v) for v in values))
        if math.isnan(result):
            return reference.nan_code()
        greatest = reference.ordered[-1][1]
        return greatest + (not saturate) | (result < 0) << reference.bits - 1
    exact = operation(*values)
    code = reference.nearest(exact, saturate)
    if code == 0 and exact < 0 and reference.name.startswith("fp"):
        return 1 << reference.bits - 1
    if exact == 0 and reference.name.startswith("fp"):
        signed = operation(*(float(decode(np.uint8(c), reference.name)) for c in operands))
        return (math.copysign(1, signed) < 0) << reference.bits - 1
    return code


@pytest.mark.parametrize(
    ("ours", "operation"),
    [(add, lambda a, b: a + b), (multiply, lambda a, b: a * b)],
    ids=["add", "multiply"],
)
def test_all_pairs_of_codes(reference, ours, operation):
    codes = np.arange(1 << reference.bits, dtype=np.uint8)
    for saturate in (True, False) if "fp8" in reference.name else (True,):
        got = ours(codes[:, None], codes[None, :], reference.name, saturate=saturate).tolist()
        for a, b in itertools.product(codes.tolist(), repeat=2):
            want = expected(reference, (a, b), operation, saturate)
            assert got[a][b] == want, (reference.name, hex(a), hex(b), saturate)


@pytest.mark.parametrize("name", ["fp4_e2m1", "posit4_1", "int4", "uint4"])
def test_fma_of_all_triples(name, reference_named):
    reference = reference_named(name)
    codes = np.arange(16, dtype=np.uint8)
    got = fma(codes[:, None, None], codes[:, None], codes, name)
    for a, b, c in itertools.product(range(16), repeat=3):
        want = expected(reference, (a, b, c), lambda x, y, z: x * y + z, True)
        assert got[a, b, c] == want, (a, b, c)


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2", "fp6_e3m2", "posit8_0", "int8"])
def test_fma_of_random_triples(name, reference_named):
    reference = reference_named(name)
    rng = np.random.default_rng(3)
    triples = rng.integers(0, 1 << reference.bits, (3000, 3)).astype(np.uint8)
    got = fma(*triples.T, name, saturate=True)
    for triple, code in zip(triples.tolist(), got.tolist(), strict=True):
        assert code == expected(reference, triple, lambda x, y, z: x * y + z, True), triple


def is_nearest(exact, code, name):
    """Whether no neighbour of ``code`` is closer to ``exact``, and a tie is even."""
    got = Fraction(float(decode(np.uint32(code), name)))
    error = abs(exact - got)
    for neighbour in (code - 1, code + 1):
        value = float(decode(np.uint32(neighbour % (1 << FORMATS[name].element_bits)), name))
        if math.isfinite(value) and (Fraction(value) < 0) == (got < 0):
            other = abs(exact - Fraction(value))
            if other < error or (other == error and code % 2):
                return False
    return True


def triples_of(name, count=400):
    """Codes near one another in magnitude, so that sums cancel and products stay in range."""
    rng = np.random.default_rng(FORMATS[name].element_bits)
    if name.startswith("int"):
        top = 2 ** (FORMATS[name].element_bits // 2 - 2)
        values = rng.integers(-top, top, (3, count)).astype(np.float64)
    else:
        values = rng.standard_normal((3, count)) * 2.0 ** rng.integers(-3, 4, (3, count))
    a, b, c = encode(values, name)
    # A third of the addends nearly cancel the product, and a third lie far below it.
    third = count // 3
    a64, b64 = decode(a, name).astype(np.float64), decode(b, name).astype(np.float64)
    c[:third] = encode(-(a64 * b64)[:third], name)
    if not name.startswith("int"):
        scale = 2.0 ** -rng.integers(8, 14, third)
        c[third : 2 * third] = encode((a64 * b64)[third : 2 * third] * scale, name)
    return a, b, c


@pytest.mark.parametrize("name", WIDE)
def test_wide_formats_round_the_exact_result(name):
    a, b, c = triples_of(name)
    values = [[Fraction(float(v)) for v in decode(x, name)] for x in (a, b, c)]
    sums, products, fused = add(a, c, name), multiply(a, b, name), fma(a, b, c, name)
    for i, (x, y, z) in enumerate(zip(*values, strict=True)):
        for exact, code in ((x + z, sums[i]), (x * y, products[i]), (x * y + z, fused[i])):
            if name.startswith("posit") and exact:
                assert code not in (0, FORMATS[name].nar_code)
            assert is_nearest(exact, int(code), name), (name, x, y, z)


@pytest.mark.parametrize(
    ("name", "fraction_bits"), [("fp32", 23), ("posit32_2", 27), ("fp16", 10), ("posit16_1", 12)]
)
def test_an_addend_far_below_decides_a_tie(name, fraction_bits):
    """(1 + u)**2 = 1 + 2u + u**2, with u**2 half a unit in the last place."""
    u = 2.0 ** -((fraction_bits + 1) // 2)
    half = 2.0 ** -(fraction_bits + 1)
    a, b = encode([1 + u, 1 + half / u], name)
    least = 1 if name.startswith("posit") else encode(float(FORMATS[name].min_positive), name)
    tiny = np.uint32(least)
    minus_tiny = encode(-float(FORMATS[name].min_positive), name)
    below = encode(1 + u + half / u, name)
    assert fma(a, b, np.uint32(0), name) == below + below % 2
    assert fma(a, b, tiny, name) == below + 1
    assert fma(a, b, minus_tiny, name) == below


@pytest.mark.parametrize("name", ["fp16", "fp32"])
def test_numpy_agrees_on_random_bits(name):
    """Subnormals, overflow, infinities and NaN of the formats that numpy has."""
    kind, bits = {"fp16": (np.float16, np.uint16), "fp32": (np.float32, np.uint32)}[name]
    rng = np.random.default_rng(11)
    a, b = rng.integers(0, np.iinfo(bits).max, (2, 100_000), dtype=bits, endpoint=True)
    with np.errstate(all="ignore"):
        for ours, theirs in (
            (add(a, b, name), a.view(kind) + b.view(kind)),
            (multiply(a, b, name), a.view(kind) * b.view(kind)),
        ):
            got = ours.view(kind)
            np.testing.assert_array_equal(got, theirs)
            known = ~np.isnan(theirs)
            np.testing.assert_array_equal(ours[known], theirs.view(bits)[known])
            assert set(ours[~known].tolist()) == {FORMATS[name].nan_code}


@pytest.mark.parametrize("name", ["posit8_0", "posit16_1", "posit32_2"])
def test_nar_is_contagious(name):
    nar = np.uint32(FORMATS[name].nar_code)
    one = encode(1.0, name)
    assert add(nar, one, name) == multiply(nar, one, name) == fma(one, one, nar, name) == nar


@pytest.mark.parametrize("name", ["posit8_0", "posit16_1", "posit32_2"])
def test_posits_neither_underflow_nor_overflow(name):
    top = np.uint32(FORMATS[name].nar_code - 1)
    least = np.uint32(1)
    assert multiply(top, top, name) == top
    assert multiply(least, least, name) == least
    minus_least = np.uint32((1 << FORMATS[name].element_bits) - 1)
    assert multiply(least, minus_least, name) == minus_least
    assert add(least, minus_least, name) == 0


def test_block_formats_have_no_arithmetic_on_single_codes():
    with pytest.raises(ValueError, match="mxfp8 is not a scalar format"):
        add([1], [2], "mxfp8")
