"""The block sums whose cost is compared compute what they should."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from lockstep.arch.formats import format_named
from lockstep.rtl.mac.block_sum import BlockSum, BlockSumConfig
from lockstep.sim.golden.formats import decode

pytestmark = pytest.mark.rtl


def sums(cfg, codes):
    """(sum as a float, sum of magnitudes) for each row of A and B codes."""
    dut = BlockSum(cfg)
    element = format_named(cfg.a).element
    unit = 2.0**cfg.product.least_exponent
    got = []

    def joined(row):
        return sum(int(c) << k * element.element_bits for k, c in enumerate(row))

    async def drive(ctx):
        for a, b in codes:
            ctx.set(dut.a, joined(a))
            ctx.set(dut.b, joined(b))
            got.append(ctx.get(dut.o) * 2.0 ** ctx.get(dut.shift) * unit)

    sim = Simulator(dut)
    sim.add_testbench(drive)
    sim.run()
    return np.array(got)


def blocks(fmt, count=6):
    """Codes of A and B; E4M3's NaN is left out. The first is all zeros but one lane."""
    found = format_named(fmt)
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 1 << found.element.element_bits, (count, 2, found.block))
    if fmt == "mxfp8":
        codes = np.where(codes & 0x7F == 0x7F, 0, codes)
    codes[0, :, 1:] = 0
    return codes


@pytest.mark.parametrize("fmt", ["mxfp8", "mxint8", "nvfp4", "nvint4"])
def test_exact_sums(fmt):
    codes = blocks(fmt)
    values = decode(codes, format_named(fmt).element).astype(np.float64)
    np.testing.assert_array_equal(sums(BlockSumConfig(a=fmt, b=fmt), codes), values.prod(1).sum(-1))


def test_aligned_as_in_the_paper_e2m1_loses_nothing():
    codes = blocks("nvfp4")
    values = decode(codes, format_named("nvfp4").element).astype(np.float64)
    cfg = BlockSumConfig(a="nvfp4", b="nvfp4", aligned_bits=10)
    np.testing.assert_array_equal(sums(cfg, codes), values.prod(1).sum(-1))


@pytest.mark.parametrize("bits", [24, 14])
def test_cut_sums_lose_less_than_a_unit_of_the_greatest_product_a_lane(bits):
    codes = blocks("mxfp8")
    products = decode(codes, format_named("mxfp8").element).astype(np.float64).prod(1)
    got = sums(BlockSumConfig(a="mxfp8", b="mxfp8", aligned_bits=bits), codes)
    error = np.abs(got - products.sum(-1))
    # A significand of 8 bits stands on top of bits - 1: one unit is 2**(8 - (bits - 1)) of it, or less.
    unit = np.abs(products).max(-1) * 2.0 ** (8 - (bits - 1))
    assert (error <= products.shape[-1] * unit).all()
    assert error[0] == 0  # one product: nothing to align with
    assert (error > 0).any()  # or this would be the exact sum
