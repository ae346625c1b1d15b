"""Decoder and encoder of many posits, small and odd ones included, without Verilator."""

import numpy as np
import pytest
from amaranth.hdl import Module, Shape
from amaranth.sim import Simulator

from lockstep.arch.formats import posit
from lockstep.rtl.mac.posit.code import PositDecoder, PositEncoder, fields_layout
from lockstep.sim.golden.formats.exact import FINITE, Exact, bit_length, from_codes
from lockstep.sim.golden.formats.rounding import to_codes

pytestmark = pytest.mark.rtl
SMALL = [(n, es) for n in (3, 4, 5, 6, 7, 8) for es in (0, 1, 2, 5)]


def run(dut, process):
    top = Module()
    top.submodules += dut
    sim = Simulator(top)
    sim.add_testbench(process)
    sim.run()


@pytest.mark.parametrize(("n", "es"), SMALL)
def test_fields_are_the_golden_ones(n, es):
    fmt = posit(n, es)
    codes = np.arange(1 << n)
    exact = from_codes(codes, fmt)
    length = bit_length(exact.significand)
    dut = PositDecoder(fmt)

    async def check(ctx):
        for code in codes:
            ctx.set(dut.code, int(code))
            await ctx.delay(1e-9)
            fields = ctx.get(dut.fields)
            assert fields.nar == (exact.special[code] != FINITE)
            shift = fmt.significand_bits - int(length[code])
            assert fields.significand == int(exact.significand[code]) << shift
            if fields.significand:
                assert fields.negative == exact.negative[code]
                assert fields.scale == exact.exponent[code] + length[code] - 1

    run(dut, check)


@pytest.mark.parametrize(("n", "es"), [*SMALL, (16, 1), (32, 2)])
def test_codes_are_rounded_as_the_golden_ones(n, es):
    fmt = posit(n, es)
    rng = np.random.default_rng(n * 8 + es)
    reach = 2 * fmt.max_exponent + 2
    width = fmt.significand_bits + 2
    dut = PositEncoder(fmt, scale=Shape.cast(range(-reach, reach + 1)), width=width)
    count = 300
    # Sticky bits alone, none at all, and ties: the ends of the significand decide.
    low = rng.choice([0, 1, 2, 3, 4, 5], count) & (1 << width - 1) - 1
    any_ = rng.integers(0, 1 << width - 1, count)
    significand = np.where(rng.random(count) < 0.5, low, any_) | 1 << width - 1
    scale = np.where(
        rng.random(count) < 0.2,
        rng.integers(-reach, reach + 1, count),
        rng.integers(-fmt.max_exponent - 1, fmt.max_exponent + 1, count),
    )
    negative = rng.random(count) < 0.5
    exact = Exact(negative, significand, scale - width + 1, np.full(count, FINITE))
    # The golden model knows no sticky bit in so few: more zeros below change nothing.
    wanted = to_codes(exact, fmt)

    async def check(ctx):
        for i in range(count):
            ctx.set(dut.significand, int(significand[i]))
            ctx.set(dut.scale, int(scale[i]))
            ctx.set(dut.negative, int(negative[i]))
            await ctx.delay(1e-9)
            assert ctx.get(dut.code) == wanted[i]
        ctx.set(dut.significand, 0)
        await ctx.delay(1e-9)
        assert ctx.get(dut.code) == 0
        ctx.set(dut.nar, 1)
        await ctx.delay(1e-9)
        assert ctx.get(dut.code) == fmt.nar_code

    run(dut, check)


def test_layout_follows_the_format_table():
    layout = fields_layout(posit(16, 1))
    assert layout["significand"].width == 13
    assert layout["scale"].width == 6
