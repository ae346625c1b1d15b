"""The shipped table of units and engines, what the simulator takes from it, and other nodes."""

import pytest

from lockstep.arch.load import InputError, shipped
from lockstep.arch.machine import load_machine
from lockstep.arch.synthesis import EngineFigures, SynthesisTable, engine_name, load_synthesis_table
from lockstep.arch.tensor import tensor_config
from lockstep.rtl.synth.scaling import area_factor, delay_factor
from lockstep.rtl.synth.table import COMMAND, ENGINES, MACS, TARGET_NS
from lockstep.sim.area import area_mm2

TABLE = load_synthesis_table()


@pytest.mark.parametrize("name", shipped("synthesis"))
def test_shipped_tables_are_complete(name):
    table = load_synthesis_table(name)
    assert table.library == name
    assert table.command == COMMAND
    assert table.target_delay_ns == TARGET_NS
    assert list(table.engines) == [engine_name(cfg) for cfg in ENGINES]
    for prefix in (*(f"{fmt} multiply-accumulate" for fmt in MACS), *table.engines):
        assert any(unit.startswith(prefix) for unit in table.units), prefix
    nand2_um2 = {round(unit.area_um2 / unit.nand2_equivalents, 2) for unit in table.units.values()}
    assert len(nand2_um2) == 1


def test_an_engine_is_no_smaller_than_its_pes():
    for name, engine in TABLE.engines.items():
        pes = [unit for key, unit in TABLE.units.items() if key.startswith(name) and "PE" in key]
        sums = 64 if "opt4e" in name else engine.pes
        if pes and "laconic" not in name and "cube" not in name:
            assert engine.area_um2 > sums * max(unit.area_um2 for unit in pes), name


def figures(pes, area_um2):
    rest = {"nand2_equivalents": 1.0, "flip_flops": 0, "memory_bits": 0}
    return EngineFigures(pes=pes, area_um2=area_um2, **rest)


def table(**engines):
    return SynthesisTable(
        kind="synthesis",
        library="l",
        tool="t",
        command="c",
        target_delay_ns=1.0,
        units={},
        engines={name.replace("_", " "): found for name, found in engines.items()},
    )


SOME = table(
    output_stationary_mac=figures(64, 6400.0),
    output_stationary_opt1=figures(32, 4800.0),
    bit_slice_opt4e=figures(256, 51200.0),
    tree_opt2=figures(64, 1.0),
)
OS = {"kind": "systolic", "dataflow": "output_stationary", "rows": 3, "cols": 5}


@pytest.mark.parametrize(
    ("tensor", "ratio"),
    [
        ({**OS}, 1.0),
        ({**OS, "mac": {"reduction": "opt1"}}, 1.5),
        ({**OS, "mac": {"reduction": "opt1", "encoder": "en_t"}}, 1.5),
        ({**OS, "mac": {"reduction": "opt1", "a": "int4"}}, 1.0),  # no figures in that format
        ({**OS, "mac": {"reduction": "opt1", "acc_bits": 24}}, 1.0),
        ({"kind": "bit_slice", "rows": 2, "cols": 2, "mac": {"reduction": "opt4e"}}, 2.0),
        ({"kind": "bit_slice", "rows": 2, "cols": 2}, 1.0),  # not in the table
        # A tree, but no plain one.
        ({"kind": "tree", "rows": 2, "cols": 2, "mac": {"reduction": "opt2"}}, 1.0),
    ],
)
def test_area_is_relative_to_the_plain_mac_of_the_same_architecture(tensor, ratio):
    assert SOME.area_over_mac(tensor_config(tensor)) == pytest.approx(ratio)


@pytest.mark.parametrize("name", ["edge-os16", "edge-cube8", "edge-tree16", "edge-matrix16"])
def test_a_reduction_changes_the_area_of_the_macs_and_nothing_else(name):
    plain = load_machine(name)
    changed = load_machine(name, ["tensor.mac.reduction=opt1"])
    before, after = area_mm2(plain), area_mm2(changed)
    assert before["mac"] == plain.machine.engine.pes * plain.mac.area_um2 * 1e-6
    ratio = TABLE.area_over_mac(changed.machine.engine)
    assert ratio != 1
    assert after["mac"] == pytest.approx(ratio * before["mac"])
    assert {**after, "mac": 0} == {**before, "mac": 0}


def test_a_table_without_engines_is_fine_and_a_missing_one_is_not():
    assert table().area_over_mac(tensor_config(OS)) == 1
    with pytest.raises(InputError, match="generic-28mn"):
        load_synthesis_table("generic-28mn")


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
