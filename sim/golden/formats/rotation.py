"""Changes of basis that make tensors easier to quantise and leave products as they are."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

RopePairs = Literal["none", "half", "interleaved"]
"""Channels that a rotary embedding rotates together: i, i + head_dim / 2; or 2i, 2i + 1."""


def hadamard(x: ArrayLike, *, axis: int = -1, size: int | None = None) -> NDArray[np.float32]:
    """Multiply by the orthonormal Hadamard matrix in Sylvester order, ``size`` channels at a time.

    The matrix is symmetric and its own inverse; rotating both operands of a product along its inner
    axis keeps it. Butterflies run from neighbours outwards, in float32, and the factor
    ``1 / sqrt(size)`` comes last.

    Parameters
    ----------
    x : array_like
        Any shape; worked on as float32.
    axis : int
        The axis of channels.
    size : int, optional
        Order of the matrix, a power of two that divides the axis; by default the whole axis.

    Raises
    ------
    ValueError
        If ``size`` is not a power of two or does not divide the axis.
    """
    moved = np.moveaxis(np.asarray(x, np.float32), axis, -1)
    channels = moved.shape[-1]
    order = channels if size is None else size
    if order < 1 or order & order - 1 or channels % order:
        raise ValueError(f"size must be a power of two that divides {channels}, not {order}")
    y = moved
    stride = 1
    while stride < order:
        pairs = y.reshape(*moved.shape[:-1], -1, 2, stride)
        first, second = pairs[..., 0, :], pairs[..., 1, :]
        y = np.stack([first + second, first - second], axis=-2)
        stride *= 2
    y = y.reshape(moved.shape) * np.float32(order**-0.5)
    return np.moveaxis(y, -1, axis)


def k_sort(
    k_weights: ArrayLike, *, head_dim: int, rope_pairs: RopePairs = "none"
) -> NDArray[np.int64]:
    """Channel order that gathers outliers of K in the same blocks (arXiv 2403.20137).

    Apply it to the output channels of both W_k and W_q, once, at compile time: QK^T stays as it is.
    With rotary embeddings the two channels of a pair move together, and so must the angle of the
    pair: permute the table of angles by the order of the pairs.

    Parameters
    ----------
    k_weights : array_like, (heads * head_dim, d_model)
        W_k, a row per output channel.
    head_dim : int
        Channels never leave their head.
    rope_pairs : "none", "half" or "interleaved"
        See :data:`RopePairs`.

    Returns
    -------
    ndarray of int64, (heads * head_dim,)
        Channels in ascending order of norm within each head; ``w[order]`` applies it.

    Raises
    ------
    ValueError
        If the rows are not whole heads, or ``head_dim`` is odd where pairs are asked for.
    """
    weights = np.asarray(k_weights, np.float64)
    if head_dim < 1 or weights.shape[0] % head_dim:
        raise ValueError(f"{weights.shape[0]} rows are not whole heads of {head_dim} channels")
    if rope_pairs != "none" and head_dim % 2:
        raise ValueError(f"head_dim must be even to form pairs, not {head_dim}")
    channels = np.arange(weights.shape[0]).reshape(-1, head_dim)
    # (heads, groups, members of a group): groups are sorted, members stay together.
    if rope_pairs == "none":
        groups = channels[..., None]
    elif rope_pairs == "half":
        groups = np.stack(np.split(channels, 2, axis=-1), axis=-1)
    else:
        groups = channels.reshape(len(channels), -1, 2)
    energy = np.sum(weights**2, axis=-1)[groups].sum(axis=-1)
    order = np.argsort(energy, axis=-1, kind="stable")
    ranked = np.take_along_axis(groups, order[..., None], axis=1)
    if rope_pairs == "half":
        ranked = np.swapaxes(ranked, 1, 2)
    return ranked.reshape(-1)
