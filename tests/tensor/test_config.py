import pytest
from pydantic import ValidationError

from lockstep.arch.tensor import MacConfig, TensorConfig

GOOD = {"kind": "systolic", "dataflow": "weight_stationary", "rows": 4, "cols": 8}


def test_defaults_are_int8_into_32_bits():
    cfg = TensorConfig(**GOOD)
    assert (cfg.mac.a, cfg.mac.b, cfg.mac.acc_bits) == ("int8", "int8", 32)
    assert cfg.pes == 32
    assert cfg.job_max == 2**24 - 1
    assert not cfg.weight_double_buffer


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "greater than or equal to 1"),
        ({"cols": 1025}, "less than or equal to 1024"),
        ({"rows": 4.0}, "valid integer"),
        ({"kind": "tree"}, "systolic"),
        ({"dataflow": "row_stationary"}, "weight_stationary"),
        ({"depth": 2}, "Extra inputs"),
        ({"job_bits": 3}, "greater than or equal to 4"),
        (
            {"dataflow": "output_stationary", "weight_double_buffer": True},
            "needs dataflow: weight_stationary",
        ),
    ],
)
def test_a_bad_field_is_refused_with_a_reason(change, message):
    with pytest.raises(ValidationError, match=message):
        TensorConfig(**{**GOOD, **change})


def test_an_accumulator_must_hold_a_product():
    assert MacConfig(a="int8", b="int4", acc_bits=12).acc_bits == 12
    with pytest.raises(ValidationError, match="12 bits or more, not 11"):
        MacConfig(a="int8", b="int4", acc_bits=11)


def test_configs_are_frozen_and_hashable():
    cfg = TensorConfig(**GOOD)
    assert {cfg: 1}[TensorConfig(**GOOD)] == 1
    with pytest.raises(ValidationError, match="frozen"):
        cfg.rows = 5


@pytest.mark.parametrize(
    ("name", "limits"),
    [("int8", (-128, 127)), ("int4", (-8, 7)), ("uint4", (0, 15)), ("int16", (-32768, 32767))],
)
def test_integer_ranges(name, limits):
    mac = MacConfig(a=name, b="int4")
    assert mac.a_range == limits
    assert mac.b_range == (-8, 7)


@pytest.mark.parametrize("name", ["bf16", "fp8_e4m3", "mxint8", "nvfp4"])
def test_other_formats_have_no_integer_range(name):
    with pytest.raises(ValueError, match=f"'{name}'"):
        _ = MacConfig(a=name, b=name).a_range
