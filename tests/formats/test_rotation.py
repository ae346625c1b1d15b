"""Hadamard rotation and K-sort: what they keep and what they gain."""

import numpy as np
import pytest

from lockstep.sim.golden.formats import decode, dot, encode, hadamard, k_sort, quantize
from lockstep.sim.qsnr import crest_factor, measured_qsnr_db


def sylvester(n):
    h = np.ones((1, 1))
    while len(h) < n:
        h = np.block([[h, h], [h, -h]])
    return h / np.sqrt(n)


@pytest.mark.parametrize("size", [1, 2, 16, 64])
def test_hadamard_is_the_sylvester_matrix(size):
    x = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)
    matrix = np.kron(np.eye(64 // size), sylvester(size))
    np.testing.assert_allclose(hadamard(x, size=size), x @ matrix, atol=2e-6)
    np.testing.assert_allclose(hadamard(hadamard(x, size=size), size=size), x, atol=2e-6)


def test_hadamard_keeps_products():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(hadamard(a) @ hadamard(b, axis=0), a @ b, atol=1e-4)


def test_hadamard_lowers_the_crest_factor_and_so_helps_integers():
    x = np.random.default_rng(1).standard_t(3, (500, 128)).astype(np.float32)
    turned = hadamard(x)
    assert crest_factor(turned, 32) < crest_factor(x, 32)
    gain = {
        name: measured_qsnr_db(turned, quantize(turned, name))
        - measured_qsnr_db(x, quantize(x, name))
        for name in ("mxint8", "mxint4", "mxfp8")
    }
    assert min(gain["mxint8"], gain["mxint4"]) > max(1.0, gain["mxfp8"])


@pytest.mark.parametrize("size", [3, 0, 48, 128])
def test_hadamard_refuses_other_sizes(size):
    with pytest.raises(ValueError, match="power of two"):
        hadamard(np.zeros(64), size=size)


HEADS, HEAD_DIM = 2, 128  # a half is two blocks of 32


@pytest.fixture
def projections():
    """W_q and W_k of two heads; one channel in 16 of K is an outlier."""
    rng = np.random.default_rng(2)
    w_q, w_k = rng.standard_normal((2, HEADS * HEAD_DIM, 32)).astype(np.float32)
    w_k[::16] *= 30
    return w_q, w_k


@pytest.mark.parametrize("pairs", ["none", "half", "interleaved"])
def test_k_sort_permutes_within_heads_and_keeps_pairs(projections, pairs):
    order = k_sort(projections[1], head_dim=HEAD_DIM, rope_pairs=pairs)
    heads = order.reshape(HEADS, HEAD_DIM)
    for head, channels in enumerate(heads):
        assert sorted(channels) == list(range(head * HEAD_DIM, (head + 1) * HEAD_DIM))
    if pairs == "half":
        np.testing.assert_array_equal(heads[:, 64:], heads[:, :64] + 64)
    if pairs == "interleaved":
        np.testing.assert_array_equal(heads[:, 1::2], heads[:, ::2] + 1)
        assert not (heads[:, ::2] % 2).any()


def test_k_sort_sorts_by_norm(projections):
    order = k_sort(projections[1], head_dim=HEAD_DIM)
    norms = np.linalg.norm(projections[1][order], axis=-1).reshape(HEADS, HEAD_DIM)
    assert (np.diff(norms) >= 0).all()


@pytest.mark.parametrize("pairs", ["none", "half", "interleaved"])
def test_k_sort_leaves_exact_products_as_they_are(projections, pairs):
    """Q K^T to 0 ulp: an exact dot product does not see the order of its terms."""
    order = k_sort(projections[1], head_dim=HEAD_DIM, rope_pairs=pairs)
    x = np.random.default_rng(3).standard_normal((10, 32))
    q, k = (encode(x @ w.T, "bf16") for w in projections)
    plain = dot(q[:, None, :], k[None, :, :], "bf16")
    turned = dot(q[:, None, order], k[None, :, order], "bf16")
    np.testing.assert_array_equal(turned, plain)


def rope(x, positions, angles, pairs):
    """Rotate the pairs of one head, (tokens, head_dim), by position times angle."""
    turn = np.exp(1j * positions[:, None] * angles)
    if pairs == "half":
        first, second = np.split(x, 2, axis=-1)
    else:
        first, second = x[:, ::2], x[:, 1::2]
    z = (first + 1j * second) * turn
    if pairs == "half":
        return np.concatenate([z.real, z.imag], axis=-1)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


@pytest.mark.parametrize("pairs", ["half", "interleaved"])
def test_k_sort_commutes_with_rope_if_the_angles_move_too(projections, pairs):
    order = k_sort(projections[1], head_dim=HEAD_DIM, rope_pairs=pairs)[:HEAD_DIM]
    rank = order[: HEAD_DIM // 2] if pairs == "half" else order[::2] // 2
    positions, angles = np.arange(10.0), 10_000.0 ** -(np.arange(64) / 64)
    k = np.random.default_rng(4).standard_normal((10, HEAD_DIM))
    np.testing.assert_array_equal(
        rope(k[:, order], positions, angles[rank], pairs),
        rope(k, positions, angles, pairs)[:, order],
    )


@pytest.mark.parametrize("pairs", ["none", "half", "interleaved"])
def test_k_sort_gathers_outliers_and_lowers_the_error(projections, pairs):
    order = k_sort(projections[1], head_dim=HEAD_DIM, rope_pairs=pairs)
    x = np.random.default_rng(5).standard_normal((200, 32)).astype(np.float32)
    k = x @ projections[1].T
    plain = np.mean((quantize(k, "bfp4_e8_b32") - k) ** 2)
    turned = np.mean((quantize(k[:, order], "bfp4_e8_b32") - k[:, order]) ** 2)
    assert turned < plain


def test_k_sort_refuses_parts_of_heads():
    with pytest.raises(ValueError, match="whole heads"):
        k_sort(np.zeros((10, 4)), head_dim=4)
    with pytest.raises(ValueError, match="even"):
        k_sort(np.zeros((9, 4)), head_dim=3, rope_pairs="half")


def test_decoded_codes_feed_a_rotation():
    assert hadamard(decode(encode(np.ones(4), "fp4_e2m1"), "fp4_e2m1")).tolist() == [2, 0, 0, 0]
