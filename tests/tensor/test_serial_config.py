"""Configs of the serial engines: defaults, what they refuse, widths."""

import pytest
from pydantic import ValidationError

from lockstep.arch.tensor import tensor_config
from lockstep.sim.cycle.tensor import job_counts, stream_vectors

SIDES = {"rows": 4, "cols": 3}
BIT_SLICE = {"kind": "bit_slice", **SIDES}
LACONIC = {"kind": "laconic", **SIDES}


def test_bit_slice_recodes_by_en_t_with_one_encoder_a_row_unless_told_otherwise():
    assert tensor_config(BIT_SLICE).mac.encoder == "en_t"
    assert tensor_config(BIT_SLICE).mac.reduction == "opt4c"
    narrow = tensor_config({**BIT_SLICE, "mac": {"a": "int4"}}).mac
    assert (narrow.encoder, narrow.reduction) == ("en_t", "opt4c")
    assert tensor_config({**BIT_SLICE, "mac": {"encoder": "booth"}}).mac.encoder == "booth"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (
            {**BIT_SLICE, "mac": {"reduction": "opt1"}},
            "kind: bit_slice takes opt3 or opt4c or opt4e",
        ),
        ({**BIT_SLICE, "mac": {"a": "fp8_e4m3"}}, "no plain integer"),
        ({**BIT_SLICE, "mac": {"a": "int32", "acc_bits": 64}}, "16 bits"),
        ({**BIT_SLICE, "k_max": 30}, "k_max must be a multiple of 4, not 30"),
        (
            {**BIT_SLICE, "k_max": 40, "mac": {"reduction": "opt4e"}},
            "k_max must be a multiple of 16, not 40",
        ),
        ({**BIT_SLICE, "a_sigma": 0}, "greater than 0"),
        ({**BIT_SLICE, "pairs": 4}, "pairs"),
        ({**LACONIC, "mac": {"reduction": "opt3"}}, "kind: laconic takes mac"),
        ({**LACONIC, "mac": {"a": "mxfp8"}}, "plain integers"),
        ({**LACONIC, "mac": {"b": "int32", "acc_bits": 64}}, "16 bits"),
        ({**LACONIC, "pairs": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_built_is_refused(values, complaint):
    with pytest.raises(ValidationError, match=complaint):
        tensor_config(values)


@pytest.mark.parametrize("mac", [{}, {"b": "uint4"}, {"b": "int4"}])
@pytest.mark.parametrize("k_max", [4, 252, 256])
def test_a_sum_holds_the_greatest_digit_of_every_operand(mac, k_max):
    cfg = tensor_config({**BIT_SLICE, "k_max": k_max, "mac": mac})
    low, high = cfg.mac.b_range
    greatest = 2 * k_max * max(-low, high)
    assert greatest < 1 << cfg.sum_bits - 1
    assert greatest >= 1 << cfg.sum_bits - 2


@pytest.mark.parametrize(("values", "lanes"), [(BIT_SLICE, 4), ({**LACONIC, "pairs": 5}, 5)])
def test_a_transfer_brings_a_group(values, lanes):
    cfg = tensor_config(values)
    moved = stream_vectors(cfg, 9, 7, 21)
    assert moved["a"] == moved["b"] == 3 * 3 * -(-21 // lanes)
    counts = job_counts(cfg, 9, 7, 21)
    assert (counts["a_reads"], counts["b_reads"]) == (9 * 21 * 3, 21 * 7 * 3)


def test_pes_count_lanes_of_digits():
    assert tensor_config(BIT_SLICE).pes == 12
    assert tensor_config({**BIT_SLICE, "mac": {"reduction": "opt4e"}}).pes == 48
    assert tensor_config({**LACONIC, "pairs": 16}).pes == 192
