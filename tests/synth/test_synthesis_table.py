"""The shipped table of units, and scaling to other nodes."""

import pytest

from lockstep.arch.load import shipped
from lockstep.rtl.synth.scaling import area_factor, delay_factor
from lockstep.rtl.synth.table import COMMAND, ENGINES, MACS, TARGET_NS, load_synthesis_table


@pytest.mark.parametrize("name", shipped("synthesis"))
def test_shipped_tables_are_complete(name):
    table = load_synthesis_table(name)
    assert table.library == name
    assert table.command == COMMAND
    assert table.target_delay_ns == TARGET_NS
    for prefix in (*(f"{fmt} multiply-accumulate" for fmt in MACS), *ENGINES):
        assert any(unit.startswith(prefix) for unit in table.units), prefix
    nand2_um2 = {round(unit.area_um2 / unit.nand2_equivalents, 2) for unit in table.units.values()}
    assert len(nand2_um2) == 1


@pytest.mark.rtl
def test_a_row_is_what_synthesis_gives_now():
    from lockstep.arch.mac import AccumulateConfig
    from lockstep.arch.tensor import MacConfig
    from lockstep.rtl.synth.yosys import synthesize_unit

    row = load_synthesis_table().units["int4 multiply-accumulate"]
    unit = AccumulateConfig(mac=MacConfig(a="int4", b="int4"))
    now = synthesize_unit(unit, target_delay_ns=TARGET_NS)
    # Another Yosys may do a little better or worse.
    assert now.area_um2 == pytest.approx(row.area_um2, rel=0.1)
    assert now.flip_flops == row.flip_flops


def test_areas_scale_as_the_paper_says():
    assert area_factor(45, 32) == pytest.approx(1 / 2.2)
    assert area_factor(32, 7) == pytest.approx(0.13)
    assert area_factor(28, 28) == 1
    assert area_factor(32, 20) < area_factor(32, 28) < 1
    assert area_factor(28, 7) * area_factor(7, 28) == pytest.approx(1)


def test_delays_scale_with_the_gate():
    assert delay_factor(28, 45) == pytest.approx(45 / 28)
    with pytest.raises(ValueError, match="16 nm"):
        delay_factor(28, 16)
    with pytest.raises(ValueError, match="5 nm"):
        area_factor(28, 5)
