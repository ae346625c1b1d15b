from fractions import Fraction

import pytest
from pydantic import ValidationError

from lockstep.arch.formats import FORMATS, BlockFormat, FloatFormat, IntFormat, format_named
from lockstep.arch.mac import (
    AccumulateConfig,
    DotConfig,
    FixedSum,
    MultiplyConfig,
    least_exponent,
    product_of,
)
from lockstep.arch.tensor import MacConfig

ELEMENTS = [
    f for f in FORMATS.values() if isinstance(f, FloatFormat | IntFormat) and f.element_bits <= 19
]
BLOCKS = [f.name for f in FORMATS.values() if isinstance(f, BlockFormat)]


def extremes(fmt):
    """The least and the greatest value."""
    if isinstance(fmt, IntFormat):
        return Fraction(fmt.min_integer, 1 << fmt.fraction_bits), fmt.max_value
    return -fmt.max_value, fmt.max_value


@pytest.mark.parametrize("fmt", ELEMENTS, ids=lambda f: f.name)
def test_fixed_point_holds_every_product(fmt):
    product = product_of(fmt, fmt)
    unit = Fraction(2) ** product.least_exponent
    limit = 1 << product.fixed_bits - 1
    for x in extremes(fmt):
        for y in extremes(fmt):
            count = x * y / unit
            assert count.denominator == 1
            assert -limit <= count < limit


@pytest.mark.parametrize("fmt", ELEMENTS, ids=lambda f: f.name)
def test_the_unit_is_the_least_positive_value(fmt):
    assert Fraction(2) ** least_exponent(fmt) == fmt.min_positive


@pytest.mark.parametrize("name", [*BLOCKS, "bfp16_e8_b4096", "bfp2_e2_b3"])
def test_sum_bits_hold_a_block_of_extremes(name):
    cfg = DotConfig(a=name, b=name, lanes=1)
    unit = Fraction(2) ** cfg.product.least_exponent
    limit = 1 << cfg.sum_bits - 1
    ends = extremes(cfg.a_block.element)
    assert max(x * y for x in ends for y in ends) * cfg.a_block.block / unit < limit
    assert min(x * y for x in ends for y in ends) * cfg.a_block.block / unit >= -limit


def test_latency_counts_each_register():
    assert MultiplyConfig(a="int8", b="int8").latency_cycles == 1
    assert MultiplyConfig(a="bf16", b="bf16", result="rounded").latency_cycles == 2
    assert DotConfig(a="mxfp8", b="mxfp8", lanes=32).latency_cycles == 1 + 5 + 3
    assert DotConfig(a="mxfp8", b="mxfp8", lanes=8).latency_cycles == 1 + 3 + 1 + 3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MultiplyConfig(a="int8", b="fp8_e4m3"), "two floats or two integers"),
        (lambda: MultiplyConfig(a="fp32", b="fp32"), "more than FP32's 24 bits"),
        (lambda: MultiplyConfig(a="int32", b="int32"), "only accumulate"),
        (lambda: MultiplyConfig(a="mxfp8", b="mxfp8"), "is a block format"),
        (lambda: MultiplyConfig(a="posit8_0", b="posit8_0"), "neither a floating-point nor"),
        (lambda: MultiplyConfig(a="e8m0", b="e8m0"), "neither a floating-point nor"),
        (lambda: MultiplyConfig(a="int8", b="int8", result="rounded"), "same float format"),
        (
            lambda: MultiplyConfig(a="fp8_e4m3", b="fp8_e5m2", result="saturated"),
            "same float format",
        ),
        (lambda: MultiplyConfig(a="int8", b="int8", lanes=0), "greater than or equal to 1"),
        (lambda: AccumulateConfig(mac=MacConfig(a="bf16", b="bf16", acc_bits=24)), "acc_bits 32"),
        (lambda: DotConfig(a="mxfp8", b="nvfp4", lanes=16), "block size or scale"),
        (lambda: DotConfig(a="mxfp8", b="mxint8", lanes=16), "two floats or two integers"),
        (lambda: DotConfig(a="mxfp8", b="mxfp8", lanes=12), "divide the block of 32"),
        (lambda: DotConfig(a="fp8_e4m3", b="fp8_e4m3", lanes=1), "is not a block format"),
        (lambda: DotConfig(a="mxfp8", b="mxfp8", lanes=8, accumulate="int32"), "fp32"),
        (lambda: FixedSum(bits=33, lsb_exponent=0), "less than or equal to 32"),
        (lambda: AccumulateConfig(mac=MacConfig(reduction="opt1")), "not opt1"),
    ],
)
def test_config_rejects_what_cannot_be_built(build, message):
    with pytest.raises(ValidationError, match=message):
        build()


def test_blocks_of_different_elements_may_meet():
    cfg = DotConfig(a="mxfp8", b="mxfp4", lanes=8)
    assert cfg.product.a == format_named("fp8_e4m3")
    assert cfg.product.b == format_named("fp4_e2m1")


def test_a_fixed_sum_comes_from_plain_data():
    data = {"a": "mxfp8", "b": "mxfp8", "lanes": 8, "accumulate": {"bits": 24, "lsb_exponent": -4}}
    cfg = DotConfig.model_validate(data)
    assert cfg.accumulate == FixedSum(bits=24, lsb_exponent=-4)
    assert cfg.result_bits == 24
    assert DotConfig.model_validate(data | {"accumulate": "fp32"}).result_bits == 32
