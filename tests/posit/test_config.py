import pytest
from pydantic import ValidationError

from lockstep.arch.posit import OPERATIONS, PositConfig
from lockstep.arch.simd import MODES, SLOTS, WORD_BITS, SimdConfig, modes_of_slot
from lockstep.sim.cycle.posit import stream_cycles


@pytest.mark.parametrize("operation", OPERATIONS)
def test_format_gives_the_posit(operation):
    cfg = PositConfig(operation=operation, format="posit(12,2)", lanes=3)
    assert cfg.format == "posit12_2"
    assert (cfg.posit.n, cfg.posit.es) == (12, 2)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"format": "fp8_e4m3"}, "not a posit"),
        ({"format": "posit2_0"}, "3 <= n <= 32"),
        ({"format": "posit33_0"}, "3 <= n <= 32"),
        ({"lanes": 0}, "greater than or equal to 1"),
        ({"operation": "divide"}, "'multiply', 'add' or 'dot'"),
        ({"lane": 2}, "Extra inputs"),
    ],
)
def test_config_rejects(given, complaint):
    with pytest.raises(ValidationError, match=complaint):
        PositConfig(**{"operation": "add", "format": "posit8_0", **given})


def test_modes_are_those_of_the_paper():
    assert [(mode.format.name, mode.lanes) for mode in MODES] == [
        ("posit16_1", 1), ("posit8_0", 2), ("posit4_1", 4), ("fp4_e2m1", 4)
    ]  # fmt: skip
    # Significands, hidden bit included; those of posit(4,1) are all one.
    assert [mode.fraction_bits + 1 for mode in MODES] == [13, 6, 1, 2]


def test_lanes_meet_the_multiplier_where_their_words_are():
    for mode in MODES:
        for lane in range(mode.lanes):
            position = lane * mode.format.element_bits
            assert mode.slot(lane) * WORD_BITS // SLOTS == position
            assert mode in modes_of_slot(mode.slot(lane))
    assert [len(modes_of_slot(slot)) for slot in range(SLOTS)] == [4, 2, 3, 2]


def test_one_beat_takes_the_latency_and_each_further_one_a_cycle():
    for cfg in (PositConfig(operation="add", format="posit8_0"), SimdConfig()):
        assert stream_cycles(cfg, 1) == cfg.latency_cycles
        assert stream_cycles(cfg, 100) == cfg.latency_cycles + 99
