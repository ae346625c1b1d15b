"""Energy of OPT4C's PE from its gates, and the table of ratios."""

import numpy as np
import pytest

from lockstep.arch.serial import BitSliceConfig
from lockstep.arch.tensor import MacConfig
from lockstep.papers.tpe_energy import energy_part
from lockstep.papers.tpe_energy_serial import measure_serial_pe, synthesize_serial_pe
from lockstep.papers.tpe_published import tpe
from lockstep.sim.cycle.serial import row_cycles
from lockstep.verify.activity import MismatchError
from lockstep.verify.activity_operands import normal, uniform, zero

SHAPE = (3, 16, 8)
MAC = MacConfig()


def config(**mac):
    return BitSliceConfig(kind="bit_slice", rows=8, cols=8, k_max=16, mac=mac)


@pytest.fixture(scope="module")
def gates():
    return synthesize_serial_pe(config())


@pytest.mark.rtl
@pytest.mark.parametrize("encoder", ["en_t", "booth"])
def test_cycles_are_those_of_the_slowest_row_and_its_drain(gates, encoder):
    cfg = config(encoder=encoder)  # PE and lane are the same for both
    a, b = uniform(MAC, SHAPE)
    found = measure_serial_pe(cfg, gates, a, b)
    rows = row_cycles(cfg, a.transpose(0, 2, 1))  # (folds, streams)
    counted = (rows.max(axis=1) + cfg.drain_cycles)[1:].sum()
    assert found.cycles * 2 * 16 == pytest.approx(counted)


@pytest.mark.rtl
def test_a_pe_without_digits_takes_the_fewest_cycles_and_the_least(gates):
    idle = measure_serial_pe(config(), gates, *zero(SHAPE))
    busy = measure_serial_pe(config(), gates, *uniform(MAC, SHAPE))
    assert idle.cycles == 1 + 4 / 16  # 4 bit-weights of 4 groups each; 4 cycles of drain
    assert 0 < idle.settled_pj < busy.settled_pj / 2
    assert idle.toggles < busy.toggles / 10  # enables, of the sums at the end of each bit-weight


@pytest.mark.rtl
def test_larger_operands_toggle_more(gates):
    small, large = (
        measure_serial_pe(config(), gates, *normal(MAC, sigma, SHAPE)) for sigma in (5.0, 40.0)
    )
    assert small.cycles < large.cycles
    assert small.toggles < large.toggles
    assert small.settled_pj < large.settled_pj


@pytest.mark.rtl
def test_wrong_sums_are_found_out(gates):
    longer = np.full((2, 64, 3), -128)  # than these gates, made for 16, have bits for
    with pytest.raises(MismatchError, match=r"^6 of 6 sums of the gates"):
        measure_serial_pe(config(), gates, longer, longer)


def row(pe, settled, glitch, operands="x"):
    return {"pe": pe, "operands": operands, "settled_pj": settled, "glitch_pj": glitch}


def test_ratios_are_over_the_plain_mac_on_the_same_operands():
    rows = [
        row("systolic_os mac", 1.0, 3.0),
        row("systolic_os mac", 2.0, 2.0, "y"),
        row("systolic_os opt1", 1.5, 0.5),
        row("bit_slice opt4c", 5.0, 1.0, "y"),
    ]
    ratios, pes = energy_part(rows).tables
    assert pes.rows == rows
    assert [tuple(r.values()) for r in ratios.rows] == [
        ("systolic_os opt1", "x", 1.5, 0.5),
        ("bit_slice opt4c", "y", 2.5, 1.5),
    ]


def test_published_ratios_are_those_of_the_abstract():
    ratios = tpe().paper_ratios
    names = ("systolic_os", "cube", "tree", "matrix")
    assert ratios.area_efficiency == dict(zip(names, (1.27, 1.28, 1.56, 1.44), strict=True))
    assert ratios.energy_efficiency == dict(zip(names, (1.04, 1.56, 1.49, 1.20), strict=True))
