"""The netlists whose energy is measured compute the golden model's results."""

import dataclasses

import pytest

from lockstep.arch.mac import DotConfig
from lockstep.papers.mac_energy import dot_energy, simulate_dot
from lockstep.papers.mac_units import Unit, row, synthesised
from lockstep.rtl.synth.yosys import synthesize_unit

pytestmark = pytest.mark.rtl

CFG = DotConfig(a="nvint4", b="nvint4", lanes=2)


@pytest.fixture(scope="module")
def gates():
    """A small dot unit: nvint4, two lanes, mapped module by module and flattened."""
    return synthesised(Unit(kind="dot", format="nvint4", lanes=2, cfg=CFG), lambda _: None)


def test_gates_compute_the_golden_dot_product(gates):
    activity, wrong = simulate_dot(CFG, gates)
    assert wrong == 0
    assert activity.toggles_per_cycle > 0


def test_a_wrong_gate_is_noticed(gates):
    swap = {"XOR2_X1": "XNOR2_X1", "AND2_X1": "OR2_X1", "NAND2_X1": "NOR2_X1"}
    at = next(i for i, g in enumerate(gates.flat.gates) if g.cell in swap)
    bad = dataclasses.replace(gates.flat.gates[at], cell=swap[gates.flat.gates[at].cell])
    flat = dataclasses.replace(
        gates.flat, gates=(*gates.flat.gates[:at], bad, *gates.flat.gates[at + 1 :])
    )
    assert simulate_dot(CFG, dataclasses.replace(gates, flat=flat))[1] > 0


def test_flattening_keeps_every_gate(gates):
    assert len(gates.flat.gates) == sum(gates.synthesis.cells.values())
    assert gates.flat.instances == ()
    assert len({g.name for g in gates.flat.gates}) == len(gates.flat.gates)


def test_paths_of_the_flat_module_are_whole(gates):
    """Across modules a path is as long as the longest inside one, or longer."""
    assert row(gates)["delay_ns"] > round(gates.synthesis.delay_ns, 3)


def test_area_is_near_that_of_a_flat_synthesis(gates):
    flat = synthesize_unit(CFG)
    assert gates.synthesis.nand2_equivalents == pytest.approx(flat.nand2_equivalents, rel=0.15)


def test_energy_is_that_of_all_parts(gates):
    found = dot_energy(gates)
    assert 0 < found.clock_pj < found.least_pj < found.most_pj
    assert found.most_pj == found.settled_pj + found.clock_pj + found.glitch_pj
