"""What the tensor config refuses, and the facts that live on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lockstep.arch.error import InputError
from lockstep.arch.load import json_schema
from lockstep.arch.machine import Machine, load_machine
from lockstep.arch.tensor import MacConfig, tensor_config

KINDS = {
    "systolic": {"dataflow": "output_stationary"},
    "cube": {"depth": 2},
    "matrix": {},
    "tree": {},
}
TAKES = {
    "systolic": ["mac", "opt1"],
    "cube": ["mac", "opt1"],
    "matrix": ["mac", "opt1"],
    "tree": ["mac", "opt1", "opt2"],
}
REDUCTIONS = ["mac", "opt1", "opt2", "opt3", "opt4c", "opt4e"]


def config(**changes):
    base = {"kind": "systolic", "dataflow": "weight_stationary", "rows": 4, "cols": 3}
    return tensor_config({**base, **changes})


def engine(kind, reduction="mac"):
    sides = {"kind": kind, "rows": 4, "cols": 3, "mac": {"reduction": reduction}}
    return tensor_config({**sides, **KINDS[kind]})


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
        ({"kind": "cubic"}, "cubic"),
        ({"kind": "cube"}, "dataflow"),
    ],
)
def test_config_refuses(changes, says):
    with pytest.raises(ValidationError, match=says):
        config(**changes)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_engine_takes_its_reductions_and_no_other(kind, reduction):
    if reduction in TAKES[kind]:
        assert engine(kind, reduction).mac.reduction == reduction
        return
    with pytest.raises(ValidationError, match=f"kind: {kind} takes {' or '.join(TAKES[kind])}"):
        engine(kind, reduction)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("tensor.kind=cubic", "tensor.kind: unknown choice, value 'cubic'; must be one of cube, "),
        ("tensor.depth=3", "tensor.depth: unknown key, value 3; choose from kind, rows, cols"),
        (
            "tensor.mac.reduction=opt3",
            (
                "tensor.mac.reduction: 'opt3' is serial, one digit of A at a time; "
                "kind: systolic takes mac or opt1"
            ),
        ),
        ("tensor.mac.encoder=en_t", "tensor.mac.encoder: 'en_t' needs a reduction that recodes A"),
        (
            "tensor.mac={a: bf16, b: bf16, reduction: opt1}",
            "tensor.mac.a: 'bf16' is no plain integer",
        ),
    ],
)
def test_a_wrong_engine_is_one_clear_line(override, line):
    with pytest.raises(InputError) as caught:
        load_machine("edge-os16", [override])
    assert f"--set {override}: {line}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_schema_tells_engines_apart_by_their_kind():
    tensor, none = json_schema(Machine)["properties"]["tensor"]["anyOf"]
    assert none == {"type": "null"}
    assert tensor["discriminator"]["propertyName"] == "kind"
    assert set(tensor["discriminator"]["mapping"]) >= set(KINDS)


@given(a=st.sampled_from(["int2", "int4", "int8", "uint4"]), b=st.sampled_from(["int8", "uint4"]))
def test_accumulator_holds_any_one_product(a, b):
    mac = MacConfig(a=a, b=b, acc_bits=16)
    extremes = [x * y for x in mac.a_range for y in mac.b_range]
    half = 1 << mac.acc_bits - 1
    assert -half <= min(extremes)
    assert max(extremes) < half


@given(
    a=st.sampled_from(["int2", "int4", "int8", "uint4"]),
    b=st.sampled_from(["int8", "uint4"]),
    length=st.integers(1, 70),
)
def test_a_dot_product_fits_its_bits(a, b, length):
    mac = MacConfig(a=a, b=b, acc_bits=64)
    extremes = [length * x * y for x in mac.a_range for y in mac.b_range]
    half = 1 << mac.dot_bits(length) - 1
    assert -half <= min(extremes)
    assert max(extremes) < half


def test_floating_formats_have_no_integer_range():
    with pytest.raises(ValueError, match="bf16"):
        _ = MacConfig(a="bf16", b="bf16").a_range


def test_smallest_tile_is_one_fold():
    ws, os = config(), config(dataflow="output_stationary")
    assert ws.smallest_tile == engine("tree").smallest_tile == (16, 3, 4)
    assert os.smallest_tile == engine("matrix").smallest_tile == (4, 3, 16)
    assert engine("cube").smallest_tile == (4, 3, 32)
    assert os.tile_bits(4, 3, 16) == 2 * (4 * 16 * 8 + 16 * 3 * 8 + 4 * 3 * 32)


def test_a_cube_has_a_pe_for_each_of_its_sides():
    assert engine("cube").pes == 4 * 3 * 2
    assert engine("cube").shape == "4x3x2"
