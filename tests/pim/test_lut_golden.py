"""The golden GEMV against a loop over Python's integers, and the LUT formulation against it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.arch.lut import LutConfig
from lockstep.sim.golden.lut import gemv


def by_lookup(cfg, a, w, weight_bits, signed):
    """The product as SAIL's formulation has it: a LUT for each group, an index for each bit-plane."""
    (batch, k), n = a.shape, len(w)
    sums = np.zeros((batch, n), dtype=np.int64)
    for start in range(0, k, cfg.group):
        group = range(start, min(start + cfg.group, k))
        for b in range(batch):
            table = [
                sum(int(a[b, e]) for bit, e in enumerate(group) if index >> bit & 1)
                for index in range(1 << cfg.group)
            ]
            for output in range(n):
                for plane in range(weight_bits):
                    bits = [int(w[output, e]) >> plane & 1 for e in group]
                    entry = table[sum(bit << i for i, bit in enumerate(bits))]
                    top = signed and plane == weight_bits - 1
                    sums[b, output] += (-entry if top else entry) << plane
    return sums


@st.composite
def products(draw):
    cfg = LutConfig(
        group=draw(st.integers(1, 6)),
        activation_bits=draw(st.integers(4, 16)),
        batch=draw(st.integers(1, 3)),
        k_max=32,
    )
    n, k = draw(st.integers(1, 5)), draw(st.integers(1, 15))
    weight_bits, signed = draw(st.integers(1, 8)), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    a = rng.integers(*cfg.activation_range, size=(cfg.batch, k), endpoint=True)
    limits = cfg.weight_range(weight_bits, signed=signed)
    w = rng.integers(*limits, size=(n, k), endpoint=True)
    return cfg, a, w, weight_bits, signed


@given(products())
def test_look_ups_of_bit_planes_make_the_product(product):
    cfg, a, w, weight_bits, signed = product
    c = gemv(cfg, a, w, weight_bits=weight_bits, signed=signed)
    plain = [[sum(int(x) * int(y) for x, y in zip(v, o, strict=True)) for o in w] for v in a]
    assert c.tolist() == plain
    assert by_lookup(cfg, a, w, weight_bits, signed).tolist() == plain


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("weight_bits", range(1, 9))
def test_every_weight_of_every_width_is_weighed_right(weight_bits, signed):
    cfg = LutConfig(group=1)
    low, high = cfg.weight_range(weight_bits, signed=signed)
    w = np.arange(low, high + 1)[:, None]
    for a in (-128, -1, 1, 127):
        c = by_lookup(cfg, np.array([[a]]), w, weight_bits, signed)
        assert c[0].tolist() == [a * int(x) for x in w[:, 0]]


@pytest.mark.parametrize(
    ("a", "w", "bits", "complaint"),
    [
        ([[128]], [[0]], 4, r"activations must lie in -128\.\.127, not 128\.\.128"),
        ([[0]], [[8]], 4, r"weights must lie in -8\.\.7, not 8\.\.8"),
        ([[0]], [[0]], 5, r"weight_bits must lie in 1\.\.4, not 5"),
        ([[0, 0]], [[0]], 4, r"activations must be \(1, 1\), not \(1, 2\)"),
        ([[0]], [[0]] * 3, 4, "weights must be 1..2 by"),
        ([[0.5]], [[0]], 4, "activations must be a matrix of integers"),
    ],
)
def test_operands_are_checked(a, w, bits, complaint):
    with pytest.raises(ValueError, match=complaint):
        gemv(LutConfig(weight_bits=4, n_max=2), a, w, weight_bits=bits)
