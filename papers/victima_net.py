"""A small neural network in numpy, to hold a comparator against: two hidden layers, Adam, log loss."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

HIDDEN = 16
STEPS = 400
_RATE, _MOMENTUM, _VARIANCE, _SMALL = 0.02, 0.9, 0.999, 1e-8


class Network:
    """Chance of a class from some features, trained on all samples at once.

    Parameters
    ----------
    features : (n, f) array
    label : bool array of n
    weight : array of n
        How often each sample counts.
    seed : int
        Of the first weights.
    """

    def __init__(
        self, features: F64, label: NDArray[np.bool_], weight: F64, *, seed: int = 1
    ) -> None:
        random = np.random.default_rng(seed)
        self._mean = np.average(features, axis=0, weights=weight)
        spread = np.average((features - self._mean) ** 2, axis=0, weights=weight)
        self._scale = 1 / np.sqrt(np.maximum(spread, _SMALL))
        widths = (features.shape[1], HIDDEN, HIDDEN, 1)
        self._layers = [
            (random.normal(0, np.sqrt(2 / before), (before, after)), np.zeros(after))
            for before, after in pairwise(widths)
        ]
        self._train(features, label.astype(float), weight / weight.sum())

    def chance(self, features: F64) -> F64:
        """Of the class, for each of ``n`` rows of features."""
        return self._forward(features)[-1]

    def _forward(self, features: F64) -> list[F64]:
        """What every layer puts out, the input first."""
        outputs = [(features - self._mean) * self._scale]
        for i, (matrix, offset) in enumerate(self._layers):
            sums = outputs[-1] @ matrix + offset
            last = i == len(self._layers) - 1
            outputs.append(1 / (1 + np.exp(-sums[:, 0])) if last else np.maximum(sums, 0))
        return outputs

    def _gradients(self, features: F64, label: F64, weight: F64) -> list[F64]:
        outputs = self._forward(features)
        error = (weight * (outputs[-1] - label))[:, None]
        found: list[F64] = []
        for (matrix, _), before in zip(reversed(self._layers), outputs[-2::-1], strict=True):
            found += [error.sum(axis=0), before.T @ error]
            error = (error @ matrix.T) * (before > 0)
        return found[::-1]

    def _train(self, features: F64, label: F64, weight: F64) -> None:
        parameters = [array for layer in self._layers for array in layer]
        mean = [np.zeros_like(p) for p in parameters]
        square = [np.zeros_like(p) for p in parameters]
        for step in range(1, STEPS + 1):
            gradients = self._gradients(features, label, weight)
            for p, g, m, v in zip(parameters, gradients, mean, square, strict=True):
                m += (1 - _MOMENTUM) * (g - m)
                v += (1 - _VARIANCE) * (g * g - v)
                unbiased = np.sqrt(v / (1 - _VARIANCE**step)) + _SMALL
                p -= _RATE * m / (1 - _MOMENTUM**step) / unbiased
