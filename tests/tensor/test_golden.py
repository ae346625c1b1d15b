import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.arch.tensor import MacConfig
from lockstep.sim.golden.tensor import gemm, wrap

MACS = st.sampled_from([
    MacConfig(),
    MacConfig(acc_bits=16),
    MacConfig(a="int4", b="uint4", acc_bits=8),
    MacConfig(a="int16", b="int16", acc_bits=33),
    MacConfig(a="int32", b="int32", acc_bits=64),
])


def wrapped(total, bits):
    return (total + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


@st.composite
def products(draw):
    mac = draw(MACS)
    m, n, k = (draw(st.integers(1, 6)) for _ in range(3))

    def matrix(low, high, rows, cols):
        values = st.one_of(st.sampled_from([low, high]), st.integers(low, high))
        return [[draw(values) for _ in range(cols)] for _ in range(rows)]

    half = 1 << mac.acc_bits - 1
    return (
        mac,
        matrix(*mac.a_range, m, k),
        matrix(*mac.b_range, k, n),
        matrix(-half, half - 1, m, n),
    )


@given(products())
def test_sums_are_python_sums_wrapped(case):
    mac, a, b, c = case
    exact = [
        [sum(a[i][x] * b[x][j] for x in range(len(b))) for j in range(len(b[0]))]
        for i in range(len(a))
    ]
    wanted = [[wrapped(total, mac.acc_bits) for total in row] for row in exact]
    assert gemm(mac, a, b).tolist() == wanted
    onto_c = [
        [wrapped(total + c[i][j], mac.acc_bits) for j, total in enumerate(row)]
        for i, row in enumerate(exact)
    ]
    assert gemm(mac, a, b, c).tolist() == onto_c


@given(products())
def test_cutting_k_in_two_changes_nothing(case):
    mac, a, b, _ = case
    a, b = np.array(a), np.array(b)
    cut = a.shape[1] // 2
    parts = gemm(mac, a[:, cut:], b[cut:], gemm(mac, a[:, :cut], b[:cut]))
    np.testing.assert_array_equal(parts, gemm(mac, a, b))


def test_all_pairs_of_int8_multiply_exactly():
    values = np.arange(-128, 128)
    products = gemm(MacConfig(acc_bits=16), values[:, None], values[None, :])
    np.testing.assert_array_equal(products, np.multiply.outer(values, values))


def test_wrapping_is_twos_complement_at_the_edges():
    sums = np.array([127, 128, -128, -129, 255, 256])
    assert wrap(sums, 8).tolist() == [127, -128, -128, 127, -1, 0]


def test_leading_axes_are_batches():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (3, 4, 5)), rng.integers(-128, 128, (3, 5, 2))
    together = gemm(MacConfig(), a, b)
    assert together.shape == (3, 4, 2)
    for i in range(3):
        np.testing.assert_array_equal(together[i], gemm(MacConfig(), a[i], b[i]))


@pytest.mark.parametrize(
    ("mac", "a", "b", "message"),
    [
        (MacConfig(), [[128]], [[0]], r"a must lie in -128\.\.127, not 128\.\.128"),
        (MacConfig(b="uint4"), [[0]], [[-1]], r"b must lie in 0\.\.15"),
        (MacConfig(), [[1.0]], [[1]], "a must hold integers"),
        (MacConfig(), [1], [[1]], "a must be a matrix"),
        (MacConfig(), [[1, 2]], [[1]], "K must be the same"),
        (MacConfig(a="bf16", b="bf16"), [[1]], [[1]], "'bf16'"),
    ],
)
def test_bad_operands_are_refused(mac, a, b, message):
    with pytest.raises(ValueError, match=message):
        gemm(mac, a, b)
