"""PTW-CP and the rates that overrule it, by hand."""

import pytest

from lockstep.arch.tlb import PredictorConfig, VictimaConfig
from lockstep.sim.golden.predictor import Pressure, costly, counted


def test_every_walk_counts_and_those_that_reach_dram_cost():
    cfg = PredictorConfig()
    assert counted(cfg, (0, 0), False) == (1, 0)
    assert counted(cfg, (3, 4), True) == (4, 5)


def test_counters_stay_at_their_greatest_value():
    cfg = PredictorConfig(frequency_bits=2, cost_bits=1)
    assert counted(cfg, (3, 1), True) == (3, 1)


def test_bounds_are_in_the_box():
    cfg = PredictorConfig(min_frequency=2, max_frequency=3, min_cost=1, max_cost=1)
    inside = {(f, c) for f in range(8) for c in range(16) if costly(cfg, (f, c))}
    assert inside == {(2, 1), (3, 1)}


def _flag_after(rules, misses, instructions):
    pressure = Pressure(rules)
    pressure.tlb_misses = misses
    pressure.retire(instructions)
    return pressure.tlb_high


@pytest.mark.parametrize(
    ("mpki", "instructions", "most"), [(5.0, 1000, 5), (0.57, 100_000, 57), (2.3, 10_000, 23)]
)
def test_pressure_is_more_than_the_threshold_exactly(mpki, instructions, most):
    """0.57 * 100 000 is less than 57 000 in floating point: that many misses are not too many."""
    rules = VictimaConfig(pressure_mpki=mpki, window_instructions=instructions)
    assert not _flag_after(rules, most, instructions)
    assert _flag_after(rules, most + 1, instructions)


def test_a_flag_stands_until_the_next_window_ends():
    pressure = Pressure(VictimaConfig(window_instructions=100, pressure_mpki=5))
    pressure.tlb_misses = 50
    pressure.retire(99)
    assert not pressure.tlb_high
    pressure.retire(1)
    assert pressure.tlb_high
    assert pressure.tlb_misses == pressure.instructions == 0
    pressure.retire(99)
    assert pressure.tlb_high
    pressure.retire(1)
    assert not pressure.tlb_high


def test_without_a_threshold_the_predictor_is_always_asked():
    pressure = Pressure(VictimaConfig(window_instructions=1, bypass_mpki=None))
    pressure.cache_misses = 1000
    pressure.retire(1)
    assert not pressure.cache_high


@pytest.mark.parametrize("mpki", [0.0, 0.57, 5.0, 62.5, 1e6])
def test_rates_fit_products_of_64_bits(mpki):
    numerator, denominator = VictimaConfig(pressure_mpki=mpki).pressure_rate
    assert numerator * 1000 / denominator == pytest.approx(mpki)
    assert denominator <= 1_000_000
    assert numerator <= 1_000_000_000
