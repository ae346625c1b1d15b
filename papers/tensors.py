"""Test tensors: what stands for weights and activations where no model's own are at hand.

Each is float32, rows by channels, reproducible from its seed. The family of ``outlier channels`` is what
language models' activations look like before a rotation (arXiv 2403.20137, 2510.25602): a few channels,
the same in every row, are far larger than the rest.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float32]

ROWS, CHANNELS = 64, 1024
TENSORS = 24
"""Tensors of each family."""

OUTLIER_CHANNELS = 8
"""Of 1024: nearly one per cent."""

_DEGREES_OF_FREEDOM = (3.0, 4.0, 6.0, 10.0)
_OUTLIER_SCALES = (5.0, 10.0, 20.0, 40.0)


def gaussian(rng: np.random.Generator, _: int) -> Tensor:
    """Independent standard normal elements."""
    return rng.standard_normal((ROWS, CHANNELS), np.float32)


def student_t(rng: np.random.Generator, index: int) -> Tensor:
    """Heavy tails; degrees of freedom 3, 4, 6 and 10 in turn."""
    freedom = _DEGREES_OF_FREEDOM[index % len(_DEGREES_OF_FREEDOM)]
    return rng.standard_t(freedom, (ROWS, CHANNELS)).astype(np.float32)


def outlier_channels(rng: np.random.Generator, index: int) -> Tensor:
    """Gaussian, but eight channels are 5, 10, 20 or 40 times as large."""
    x = gaussian(rng, index)
    channels = rng.choice(CHANNELS, OUTLIER_CHANNELS, replace=False)
    x[:, channels] *= np.float32(_OUTLIER_SCALES[index % len(_OUTLIER_SCALES)])
    return x


FAMILIES: dict[str, Callable[[np.random.Generator, int], Tensor]] = {
    "Gaussian": gaussian,
    "Student-t": student_t,
    "outlier channels": outlier_channels,
}


def tensors(family: str) -> Iterator[Tensor]:
    """The tensors of a family, each from a seed of its own."""
    for index in range(TENSORS):
        yield FAMILIES[family](np.random.default_rng(index), index)
