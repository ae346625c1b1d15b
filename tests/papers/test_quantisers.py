"""The quantisers against the rule of arXiv 2510.25602 (table of formats), written from its text alone.

scale = absmax / Qmax, rounded up to a power of two (MX), or divided by the tensor's scale / 448 and
rounded to nearest even in E4M3 (NV); elements to nearest even, clipped to +-Qmax, integers symmetric.
"""

import numpy as np
import pytest

from lockstep.sim.golden.formats import quantize


def float_grid(exponent_bits, mantissa_bits, bias, top):
    """Non-negative values in ascending order; the parity of the index is that of the last bit."""
    values = [
        (field > 0) * 2.0 ** (field - bias) + m * 2.0 ** (max(field, 1) - bias - mantissa_bits)
        for field in range(1 << exponent_bits)
        for m in range(1 << mantissa_bits)
    ]
    return np.array([v for v in values if v <= top])


E4M3 = float_grid(4, 3, 7, 448.0)
GRIDS = {
    "mxfp8": E4M3,
    "mxfp6": float_grid(2, 3, 1, 7.5),
    "mxfp4": float_grid(2, 1, 1, 6.0),
    "nvfp4": float_grid(2, 1, 1, 6.0),
    "mxint8": np.arange(128.0),
    "mxint6": np.arange(32.0),
    "mxint4": np.arange(8.0),
    "nvint4": np.arange(8.0),
}


def nearest(x, grid):
    """Nearest of the grid and its negative, ties to the even index, clipped."""
    magnitude = np.minimum(np.abs(x).astype(np.float64), grid[-1])
    above = np.clip(np.searchsorted(grid, magnitude), 1, len(grid) - 1)
    low, high = grid[above - 1], grid[above]
    up = (magnitude - low > high - magnitude) | (
        (magnitude - low == high - magnitude) & (above % 2 == 0)
    )
    return np.copysign(np.where(up, high, low), x)


def power_of_two_at_least(x):
    scale = 1.0
    while scale < x:
        scale *= 2
    while scale / 2 >= x:
        scale /= 2
    return scale


def paper_quantize(x, name):
    grid = GRIDS[name]
    top = grid[-1]
    rows = x.reshape(-1, 16 if name.startswith("nv") else 32)
    absmax = np.abs(rows).max(axis=-1)
    if name.startswith("nv"):
        per_block = absmax / np.float32(top)
        tensor = per_block.max() / np.float32(448)
        scales = nearest(per_block / tensor, E4M3).astype(np.float32) * tensor
    else:
        exact = absmax.astype(np.float64) / top
        # A double may round the quotient to a power of two that it lies just above.
        scales = np.array([power_of_two_at_least(v) for v in exact])
        scales = np.where(absmax > top * scales, 2 * scales, scales).astype(np.float32)
    scale = scales[:, None]
    codes = nearest(np.divide(rows, scale, where=scale > 0, out=np.zeros_like(rows)), grid)
    return (codes * scale.astype(np.float64)).reshape(x.shape)


def cases():
    rng = np.random.default_rng(7)
    wide = np.exp(4 * rng.standard_normal((64, 256)))
    yield (rng.standard_normal((64, 256)) * wide).astype(np.float32)
    yield rng.standard_normal((64, 256)).astype(np.float32)
    # Ties everywhere: halves, quarters and eighths around an exact greatest magnitude.
    ties = rng.integers(-896, 897, (64, 256)) / np.float32(8)
    ties[:, ::16] = 112
    yield ties.astype(np.float32)
    # A greatest magnitude one step around Qmax times a power of two.
    edge = np.nextafter(np.float32(1), np.array([0, 1, 2], np.float32))
    for top in (127, 31, 7, 448, 7.5, 6):
        near = rng.standard_normal((3, 32)).astype(np.float32)
        near[:, 0] = np.float32(top) * edge
        yield near


@pytest.mark.parametrize("name", GRIDS)
def test_quantize_is_the_papers_rule(name):
    for x in cases():
        got = quantize(x, name, scale_rule="ceil")
        want = paper_quantize(x, name)
        np.testing.assert_array_equal(got, want.astype(np.float32))


@pytest.mark.parametrize("name", [n for n in GRIDS if n.startswith("mx")])
def test_the_rule_is_not_the_default(name):
    """OCP's floor saturates where ceil does not, so the test above can tell them apart."""
    x = next(cases())
    assert (quantize(x, name) != quantize(x, name, scale_rule="ceil")).any()


@pytest.mark.parametrize(("name", "least"), [("mxint8", -127), ("mxint6", -31), ("mxint4", -7)])
def test_integers_are_symmetric(name, least):
    x = np.zeros((1, 32), np.float32)
    x[0, 0] = least - 0.7  # would round to the one code more that two's complement has
    assert quantize(x, name, scale_rule="floor").min() == least
    assert quantize(x, name, scale_rule="floor", symmetric=False).min() == least - 1
