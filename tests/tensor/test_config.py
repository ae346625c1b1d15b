"""What the tensor config refuses, and the facts that live on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lockstep.arch.tensor import MacConfig, TensorConfig


def config(**changes):
    base = {"kind": "systolic", "dataflow": "weight_stationary", "rows": 4, "cols": 3}
    return TensorConfig.model_validate({**base, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rows": 0}, "rows"),
        ({"cols": 1025}, "cols"),
        ({"rows": 4.0}, "rows"),
        ({"dataflow": "row_stationary"}, "dataflow"),
        ({"dataflow": "output_stationary", "weight_double_buffer": True}, "weight_double_buffer"),
        ({"mac": {"a": "int9"}}, "int9"),
        ({"mac": {"acc_bits": 15}}, "acc_bits"),
        ({"job_bits": 3}, "job_bits"),
        ({"depth": 2}, "depth"),
    ],
)
def test_config_refuses(changes, says):
    with pytest.raises(ValidationError, match=says):
        config(**changes)


@given(a=st.sampled_from(["int2", "int4", "int8", "uint4"]), b=st.sampled_from(["int8", "uint4"]))
def test_accumulator_holds_any_one_product(a, b):
    mac = MacConfig(a=a, b=b, acc_bits=16)
    extremes = [x * y for x in mac.a_range for y in mac.b_range]
    half = 1 << mac.acc_bits - 1
    assert -half <= min(extremes)
    assert max(extremes) < half


def test_floating_formats_have_no_integer_range():
    with pytest.raises(ValueError, match="bf16"):
        _ = MacConfig(a="bf16", b="bf16").a_range


def test_smallest_tile_is_one_fold():
    ws, os = config(), config(dataflow="output_stationary")
    assert ws.smallest_tile == (16, 3, 4)
    assert os.smallest_tile == (4, 3, 16)
    assert os.tile_bits(4, 3, 16) == 2 * (4 * 16 * 8 + 16 * 3 * 8 + 4 * 3 * 32)
