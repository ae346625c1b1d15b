"""What a PIM channel's file says, and what it may not."""

import pytest

from lockstep.arch.error import InputError
from lockstep.arch.load import shipped
from lockstep.arch.pim import PimMacConfig, load_pim
from lockstep.arch.pim_isa import Instruction, Op, check_program


def test_the_shipped_channel_has_the_published_rates():
    """AiM: 16 banks x 16 lanes every ns, 512 GB/s; a row of 2 KB and a global buffer for one."""
    cfg = load_pim("gddr6-aim")
    assert cfg.peak_bytes_per_s == 512e9
    assert cfg.peak_macs_per_cycle * 1e12 / cfg.clock_ps == 256e9
    assert cfg.row_elements * 2 == 2048
    assert cfg.buffer_entries * cfg.mac.burst_bits // 8 == 2048
    assert cfg.capacity_bytes == 512 << 20


@pytest.mark.parametrize("name", shipped("pim"))
def test_shipped_channels_load_and_say_where_their_numbers_come_from(name):
    cfg = load_pim(name)
    assert {"timing", "mac", "banks"} <= set(cfg.sources)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("timing.refi=500", "refi: leaves no time between refreshes"),
        ("timing.ras=90", "rc: is shorter than ras"),
        ("timing.cl_register=51", "cl_register: is longer than cl"),
        ("timing.burst=1", "less than 2"),
        ("mac.acc_bits=24", "floats accumulate in FP32"),
        ("mac.element=fp32", "needs more than FP32's 24 bits"),
        ("mac.element=mxfp8", "neither a float nor an integer"),
        ("banks=0", "must be >= 1"),
        ("columms=64", "did you mean 'columns'?"),
        ("sources={clock_ps: aim_simulator}", "has nothing on banks"),
        ("sources.timings=aim_simulator", "names 'timings'"),
    ],
)
def test_bad_channels_are_told_in_one_line(override, told):
    with pytest.raises(InputError) as error:
        load_pim("gddr6-aim", [override])
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert "gddr6-aim.yaml" in str(error.value) or f"--set {override}" in str(error.value)


def test_integer_accumulators_hold_a_product():
    with pytest.raises(ValueError, match="acc_bits must hold a product, 16 bits"):
        PimMacConfig(element="int8", acc_bits=15)


@pytest.mark.parametrize(
    "instruction",
    [
        Instruction(Op.MAC_ABK, row=16384),
        Instruction(Op.MAC_ABK, column=60, count=5),
        Instruction(Op.MAC_ABK, entry=1, count=64),
        Instruction(Op.MAC_ABK, bank=1),
        Instruction(Op.MAC_SBK, bank=16),
        Instruction(Op.WR_GB, count=65),
        Instruction(Op.WR_GB, count=0),
        Instruction(Op.WR_GB, row=1),
        Instruction(Op.RD_MAC, count=2),
        Instruction(Op.RD_MAC, accumulator=1),
        Instruction(Op.RD_SBK, row=-1),
        Instruction(Op.EOC, entry=1),
    ],
    ids=str,
)
def test_programs_stay_inside_the_channel(instruction):
    cfg = load_pim("gddr6-aim")
    check_program(cfg, [Instruction(Op.MAC_ABK, row=16383, column=63), Instruction(Op.EOC)])
    with pytest.raises(ValueError, match="instruction 1 does not fit the channel gddr6-aim"):
        check_program(cfg, [Instruction(Op.EOC), instruction])
