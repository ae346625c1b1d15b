"""The golden GEMM, against Python's own integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.arch.tensor import MacConfig
from lockstep.sim.golden.tensor import gemm

sides = st.integers(1, 5)


def by_hand(cfg, a, b, c):
    """Sums of Python integers, of any size, wrapped at the end."""
    half, whole = 1 << cfg.acc_bits - 1, 1 << cfg.acc_bits
    rows = [
        [
            c[i][j] + sum(int(a[i][t]) * int(b[t][j]) for t in range(len(b)))
            for j in range(len(b[0]))
        ]
        for i in range(len(a))
    ]
    return [[(x + half) % whole - half for x in row] for row in rows]


@given(
    m=sides,
    n=sides,
    k=st.integers(1, 40),
    acc_bits=st.sampled_from([16, 17, 24, 32, 63, 64]),
    seed=st.integers(0, 2**32),
)
def test_gemm_wraps_as_integers_do(m, n, k, acc_bits, seed):
    rng = np.random.default_rng(seed)
    cfg = MacConfig(acc_bits=acc_bits)
    a = rng.choice([-128, -1, 0, 1, 127], size=(m, k))
    b = rng.integers(-128, 128, size=(k, n))
    half = 1 << acc_bits - 1
    c = rng.integers(-half, half - 1, size=(m, n), endpoint=True)
    assert gemm(cfg, a, b, c).tolist() == by_hand(cfg, a, b, c.tolist())


def test_wide_operands_wrap_modulo_the_accumulator():
    cfg = MacConfig(a="int32", b="int32", acc_bits=64)
    low = -(1 << 31)
    a, b = np.full((1, 4), low), np.full((4, 1), low)
    assert gemm(cfg, a, b).tolist() == by_hand(cfg, a.tolist(), b.tolist(), [[0]])


def test_all_pairs_of_int8_multiply_exactly():
    values = np.arange(-128, 128)
    products = gemm(MacConfig(acc_bits=16), values[:, None], values[None, :])
    np.testing.assert_array_equal(products, np.multiply.outer(values, values))


@given(k=st.integers(2, 40), cut=st.integers(1, 39), seed=st.integers(0, 2**32))
def test_cutting_k_in_two_changes_nothing(k, cut, seed):
    rng = np.random.default_rng(seed)
    cfg = MacConfig(acc_bits=16)
    a, b = rng.integers(-128, 128, (3, k)), rng.integers(-128, 128, (k, 2))
    first = gemm(cfg, a[:, :cut], b[:cut])
    np.testing.assert_array_equal(gemm(cfg, a[:, cut:], b[cut:], first), gemm(cfg, a, b))


def test_leading_axes_broadcast():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (5, 1, 2, 3)), rng.integers(-128, 128, (4, 3, 2))
    c = gemm(MacConfig(), a, b)
    assert c.shape == (5, 4, 2, 2)
    np.testing.assert_array_equal(c[3, 2], a[3, 0] @ b[2])


def test_a_format_that_is_no_plain_integer_is_refused():
    with pytest.raises(ValueError, match="bf16"):
        gemm(MacConfig(a="bf16", b="bf16"), [[1]], [[1]])


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ([[128]], [[1]], "a must lie in -128..127"),
        ([[1]], [[-129]], "b must lie in"),
        ([[1.0]], [[1]], "integers"),
        ([[1, 2]], [[1]], "K must be the same"),
        ([1], [[1]], "matrix"),
    ],
)
def test_gemm_refuses(a, b, says):
    with pytest.raises(ValueError, match=says):
        gemm(MacConfig(), np.array(a), np.array(b))
