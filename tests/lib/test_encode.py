"""Radix-4 recoding: the golden digits, the RTL's against them, and how many are not zero."""

import math

import numpy as np
import pytest
from amaranth.hdl import Module, Shape, Signal
from amaranth.sim import Simulator

from lockstep.arch.encode import digit_count
from lockstep.rtl.lib.encode import DIGIT, digits_of, partial_products
from lockstep.sim.golden.encode import booth_digits, en_t_digits, nonzero_digits

ENCODERS = {"booth": booth_digits, "en_t": en_t_digits}
INT8 = np.arange(-128, 128)


def operands(bits, signed):
    return np.arange(1 << bits) - (1 << bits - 1 if signed else 0)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("bits", range(2, 13))
def test_digits_sum_to_the_operand(encoder, bits, signed):
    x = operands(bits, signed)
    digits = ENCODERS[encoder](x, bits, signed=signed)
    assert digits.dtype == np.int8
    assert digits.shape == (x.size, digit_count(bits, signed=signed))
    assert (digits @ 4 ** np.arange(digits.shape[1]) == x).all()
    assert (np.abs(digits) <= 2).all()
    if encoder == "en_t":
        assert (digits * np.sign(x)[:, None] >= -1).all()
    assert (digits[:, -1] != 0).any()  # none is to spare


def test_booth_digits_are_those_of_the_textbook():
    bit = [0] + [INT8 >> i & 1 for i in range(8)]
    digits = [-2 * bit[i + 2] + bit[i + 1] + bit[i] for i in range(0, 8, 2)]
    assert (booth_digits(INT8, 8) == np.stack(digits, axis=-1)).all()


def test_en_t_digits_of_some_operands():
    digits = en_t_digits(np.array([[-128, -1, 0], [3, 127, -43]]), 8)
    assert digits.tolist() == [
        [[0, 0, 0, -2], [-1, 0, 0, 0], [0, 0, 0, 0]],
        [[-1, 1, 0, 0], [-1, 0, 0, 2], [1, 1, 1, -1]],
    ]


@pytest.mark.parametrize("encoder", ENCODERS.values())
def test_operands_must_fit(encoder):
    for x, signed in ((128, True), (-129, True), (256, False), (-1, False)):
        with pytest.raises(ValueError, match="operands of 8 bits must be in"):
            encoder(np.array([x]), 8, signed=signed)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("bits", [*range(2, 11), 16])
def test_rtl_digits_are_golden(encoder, bits, signed):
    x = operands(bits, signed)[:: 1 if bits < 16 else 61]
    golden = ENCODERS[encoder](x, bits, signed=signed).astype(int)
    fields = {"nonzero": golden != 0, "two": abs(golden) == 2, "negative": golden < 0}
    codes = sum(field << DIGIT[name].offset for name, field in fields.items())
    place = DIGIT.size * np.arange(codes.shape[1])
    wanted = (codes << place).sum(axis=1)
    m = Module()
    value = Signal(Shape(bits, signed))
    digits = digits_of(m, value, encoder, name="d").as_value()
    got = []

    async def testbench(ctx):
        for operand in x.tolist():
            ctx.set(value, operand)
            got.append(ctx.get(digits))

    run(m, testbench)
    assert got == wanted.tolist()


@pytest.mark.parametrize("b_signed", [True, False])
@pytest.mark.parametrize("a_signed", [True, False])
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("a_bits", [4, 5])
def test_partial_products_sum_to_the_product(encoder, a_bits, a_signed, b_signed):
    """Among them the most negative operands of both sides."""
    m = Module()
    a, b = Signal(Shape(a_bits, a_signed)), Signal(Shape(4, b_signed))
    words = partial_products(m, digits_of(m, a, encoder, name="d"), b, name="p")
    product = Signal(Shape(a_bits + 6, signed=True))
    m.d.comb += product.eq(sum(words))
    wrong = []

    async def testbench(ctx):
        for x in operands(a_bits, a_signed).tolist():
            for y in operands(4, b_signed).tolist():
                ctx.set(a, x)
                ctx.set(b, y)
                if ctx.get(product) != x * y:
                    wrong.append((x, y, ctx.get(product)))

    run(m, testbench)
    assert wrong == []


def run(m, testbench):
    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize(
    ("encoder", "histogram", "mean"),
    [("en_t", [1, 15, 60, 108, 72], 2.918), ("booth", [1, 12, 54, 108, 81], 3.0)],
)
def test_nonzero_digits_of_uniform_int8(encoder, histogram, mean):
    """Counted from the authors' RTL of TPE (HPCA'25): 2.918 and 3.000 partial products."""
    count = nonzero_digits(INT8, 8, encoder)
    assert np.bincount(count).tolist() == histogram
    assert count.mean() == pytest.approx(mean, abs=5e-4)


def normal_int8(sigma):
    """Probability of each int8 as the authors' testbench of TPE's PE makes normal operands.

    A draw of N(0, sigma) outside [-128, 127] is drawn again, not clipped; the rest are rounded.
    """

    def below(x):
        return 0.5 * (1 + math.erf(min(max(x, -128.0), 127.0) / sigma / math.sqrt(2)))

    chance = np.array([below(x + 0.5) - below(x - 0.5) for x in INT8.tolist()])
    return chance / chance.sum()


SIGMAS = (10, 20, 30, 40, 50)


def test_nonzero_digits_of_normal_int8():
    """A mean per operand does not depend on how many there are; Booth's needs more everywhere."""
    means = {
        encoder: [normal_int8(s) @ nonzero_digits(INT8, 8, encoder) for s in SIGMAS]
        for encoder in ENCODERS
    }
    assert means["en_t"] == pytest.approx([1.762, 2.115, 2.335, 2.490, 2.604], abs=1e-3)
    assert means["booth"] == pytest.approx([1.93, 2.29, 2.53, 2.67, 2.77], abs=6e-3)


def monitored_means(k):
    """What the testbench of TPE's PE shows for each sigma, on average over rows of K operands.

    Unlike the true mean it depends on K. Its monitor adds up nonzero digits in every cycle that starts a
    group, four operands at one bit weight. A row's last group, at the highest weight, is counted again in
    the next cycle unless it has two nonzero digits or more, for only then does its start signal fall.
    """
    means = []
    for sigma in SIGMAS:
        chance = normal_int8(sigma)
        mean = chance @ nonzero_digits(INT8, 8, "en_t")
        top = chance @ (en_t_digits(INT8, 8)[:, -1] != 0)
        none, one = (1 - top) ** 4, 4 * top * (1 - top) ** 3
        means.append((k * mean + one) / (k + none + one))
    return np.array(means)


@pytest.mark.parametrize(
    ("k", "published"),
    [(32, [1.71, 2.05, 2.27, 2.45, 2.57]), (128, [1.75, 2.10, 2.32, 2.48, 2.60])],
)
def test_published_means_of_normal_int8(k, published):
    """The README of TPE's RTL prints two decimals, of one run of 1000 rows of K random operands."""
    count = nonzero_digits(INT8, 8, "en_t")
    deviation = np.array([
        np.sqrt(normal_int8(s) @ count**2 - (normal_int8(s) @ count) ** 2) for s in SIGMAS
    ])
    chance_error = 2 * deviation / np.sqrt(1000 * k)
    off = np.abs(monitored_means(k) - published)
    assert (off <= 0.005 + chance_error).all()
    assert (off <= 0.01).sum() >= 4


@pytest.mark.parametrize(
    ("k", "measured"), [(32, [1.710, 2.280, 2.575]), (128, [1.748, 2.322, 2.597])]
)
def test_measured_means_of_normal_int8(k, measured):
    """The authors' column testbench run under Verilator at sigma 10, 30, 50: many more operands."""
    assert monitored_means(k)[::2] == pytest.approx(measured, abs=0.004)
