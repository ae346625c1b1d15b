"""Operands for activity counts: drawn at random, or the tensors of a transformer layer.

Sums are taken side by side: operands are integers (folds, k, streams), where each stream has, fold
by fold, k pairs that are multiplied and added up.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.tensor import MacConfig
from lockstep.workloads.model import Model
from lockstep.workloads.parts import DenseFfn, GroupedAttention

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Shape = tuple[int, int, int]


class Product(NamedTuple):
    """Quantized operands of a GEMM: ``a`` (instances, M, K), ``b`` (instances, K, N)."""

    name: str
    a: Ints
    b: Ints


def zero(shape: Shape) -> tuple[Ints, Ints]:
    """Operands that are all 0."""
    return np.zeros(shape, np.int64), np.zeros(shape, np.int64)


def uniform(mac: MacConfig, shape: Shape, *, seed: int = 1) -> tuple[Ints, Ints]:
    """Every operand equally likely."""
    rng = np.random.default_rng(seed)
    (a_low, a_high), (b_low, b_high) = mac.a_range, mac.b_range
    return (
        rng.integers(a_low, a_high, shape, endpoint=True),
        rng.integers(b_low, b_high, shape, endpoint=True),
    )


def normal(mac: MacConfig, sigma: float, shape: Shape, *, seed: int = 1) -> tuple[Ints, Ints]:
    """Normal operands of standard deviation ``sigma`` in units of the last place, rounded and clipped."""
    rng = np.random.default_rng(seed)
    a, b = (
        np.clip(np.rint(rng.normal(0.0, sigma, shape)), low, high).astype(np.int64)
        for low, high in (mac.a_range, mac.b_range)
    )
    return a, b


def sampled(product: Product, shape: Shape, *, seed: int = 1) -> tuple[Ints, Ints]:
    """Stretches of dot products of a GEMM, each at a random place.

    Raises
    ------
    ValueError
        If ``shape`` asks for longer ones than the GEMM has.
    """
    folds, k, streams = shape
    rng = np.random.default_rng(seed)
    instances, m, longest = product.a.shape
    if k > longest:
        raise ValueError(f"{product.name} sums {longest} products, not {k}")

    def draw(n: int) -> Ints:
        return rng.integers(0, n, (folds, 1, streams))

    instance, row, column = draw(instances), draw(m), draw(product.b.shape[2])
    along = draw(longest - k + 1) + np.arange(k)[:, None]
    return product.a[instance, row, along], product.b[instance, along, column]


def transformer_products(model: Model, tokens: int, *, seed: int = 1) -> list[Product]:
    """INT8 operands of every GEMM in the first layer of a model whose weights are random.

    The layer computes in float64. The input is N(0, 1), weights are N(0, 1 / fan-in), norms have no
    gain, biases are 0; each operand is quantized with one scale, its greatest magnitude at 127. What
    random weights lack are the outliers of trained ones.

    Parameters
    ----------
    model : Model
        With layer norms before attention and feed-forward, multi-head or grouped attention without
        rotation, and a feed-forward that is dense, not gated, with ReLU or GELU; like GPT-2 and OPT.
    tokens : int
        Of one sequence, in a prefill.
    seed : int
        Of input and weights.

    Returns
    -------
    list of Product
        Named and shaped as in the operator graph of the model.

    Raises
    ------
    ValueError
        If the model is of another kind.
    """
    attention, ffn = model.attention, model.ffn[0]
    if not (
        isinstance(attention, GroupedAttention)
        and isinstance(ffn, DenseFfn)
        and (model.norm, model.norm_placement) == ("layernorm", "pre")
        and not (attention.rope or attention.qk_norm or ffn.gated)
        and ffn.activation in {"relu", "gelu"}
    ):
        raise ValueError(f"{model.name}: no numeric model of its layers; there is one of gpt2's")
    rng = np.random.default_rng(seed)
    stream = rng.normal(size=(tokens, model.hidden))
    return list(_layer(attention, ffn, stream, rng, causal=model.generates))


def _layer(
    attention: GroupedAttention,
    ffn: DenseFfn,
    stream: Floats,
    rng: np.random.Generator,
    *,
    causal: bool,
) -> Iterator[Product]:
    tokens, hidden = stream.shape

    def weights(k: int, n: int) -> Floats:
        return rng.normal(0.0, k**-0.5, (k, n))

    x = _layer_norm(stream)
    wq, wk, wv = (
        weights(hidden, n) for n in (attention.q_width, attention.kv_width, attention.kv_width)
    )
    for name, w in (("q", wq), ("k", wk), ("v", wv)):
        yield _quantized(f"attn.{name}_proj", x, w)

    # (heads, tokens, head_dim); the query heads of a group are rows of one product.
    heads, width = attention.kv_heads, attention.head_dim
    by_head = (x @ wq).reshape(tokens, heads, attention.group, width).transpose(1, 2, 0, 3)
    q = by_head.reshape(heads, attention.group * tokens, width)
    k, v = ((x @ w).reshape(tokens, heads, width).swapaxes(0, 1) for w in (wk, wv))
    yield _quantized("attn.scores", q, k.swapaxes(1, 2))
    scores = q @ k.swapaxes(1, 2) * width**-0.5
    if causal:
        hidden_keys = np.triu(np.ones((tokens, tokens), bool), 1)
        scores = np.where(np.tile(hidden_keys, (attention.group, 1)), -np.inf, scores)
    share = np.exp(scores - scores.max(axis=-1, keepdims=True))
    share /= share.sum(axis=-1, keepdims=True)
    yield _quantized("attn.values", share, v)
    by_head = (share @ v).reshape(heads, attention.group, tokens, width).transpose(2, 0, 1, 3)
    mixed = by_head.reshape(tokens, attention.o_width)
    wo = weights(attention.o_width, hidden)
    yield _quantized("attn.o_proj", mixed, wo)

    stream = stream + mixed @ wo
    x = _layer_norm(stream)
    w_up = weights(hidden, ffn.intermediate)
    yield _quantized("ffn.up_proj", x, w_up)
    inner = _activated(ffn.activation, x @ w_up)
    yield _quantized("ffn.down_proj", inner, weights(ffn.intermediate, hidden))


def _layer_norm(x: Floats) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5))


def _activated(name: str, x: Floats) -> Floats:
    """ReLU, or GELU by its usual approximation (Hendrycks and Gimpel, arXiv 1606.08415, section 2)."""
    if name == "relu":
        return np.maximum(x, 0.0)
    return np.asarray(0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))))


def _quantized(name: str, a: Floats, b: Floats) -> Product:
    codes = (np.rint(x * (127 / np.abs(x).max())).astype(np.int64) for x in (a, b))
    return Product(name, *(x if x.ndim == 3 else x[None] for x in codes))
