"""Configs of the LUT slice: what they refuse, widths, cycles of a build."""

import pytest
from pydantic import ValidationError

from lockstep.arch.lut import LutConfig


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"group": 0}, "greater than or equal to 1"),
        ({"group": 9}, "less than or equal to 8"),
        ({"activation_bits": 3}, "greater than or equal to 4"),
        ({"weight_bits": 9}, "less than or equal to 8"),
        (
            {"adders": 8},
            "adders must be 7 or fewer, the most independent sums of a group of 4, not 8",
        ),
        ({"group": 1, "adders": 2}, "adders must be 1 or fewer"),
        ({"acc_bits": 29}, "acc_bits must hold every sum of k_max 16384 products, 30 bits or more"),
        ({"k_max": 3}, "group must be k_max or fewer, 3, not 4"),
        ({"ports": 2, "n_max": 1}, "ports must be n_max or fewer, 1, not 2"),
        ({"lanes": 4}, "Extra inputs"),
    ],
)
def test_what_cannot_be_built_is_refused(values, complaint):
    with pytest.raises(ValidationError, match=complaint):
        LutConfig.model_validate(values)


@pytest.mark.parametrize("weight_bits", range(1, 9))
@pytest.mark.parametrize("k_max", [1, 7, 16, 4096])
def test_accumulators_are_as_wide_as_the_greatest_sum_needs(weight_bits, k_max):
    cfg = LutConfig(group=1, weight_bits=weight_bits, k_max=k_max, activation_bits=5)
    products = [
        a * w
        for a in cfg.activation_range
        for bits in range(1, weight_bits + 1)
        for signed in (False, True)
        for w in cfg.weight_range(bits, signed=signed)
    ]
    low, high = k_max * min(products), k_max * max(products)

    def fits(bits):
        return -(1 << bits - 1) <= low and high < 1 << bits - 1

    assert fits(cfg.exact_bits)
    assert not fits(cfg.exact_bits - 1)


@pytest.mark.parametrize("group", range(1, 9))
def test_one_adder_takes_a_cycle_for_each_sum_of_two_or_more(group):
    cfg = LutConfig(group=group)
    assert cfg.build_cycles == cfg.lut_sums == 2**group - group - 1


@pytest.mark.parametrize(("adders", "cycles"), [(1, 11), (2, 1 + 2 + 4), (3, 1 + 1 + 3), (7, 3)])
def test_adders_share_the_sums_of_a_level(adders, cycles):
    """In a group of 4 the second activation is added to one sum, the third to 3, the last to 7."""
    assert LutConfig(adders=adders).build_cycles == cycles


def test_an_entry_holds_the_sum_of_a_whole_group():
    for group in range(1, 9):
        cfg = LutConfig(group=group)
        assert -(1 << cfg.entry_bits - 1) <= group * cfg.activation_range[0]
        assert -(1 << cfg.entry_bits - 2) > group * cfg.activation_range[0] or group == 1
