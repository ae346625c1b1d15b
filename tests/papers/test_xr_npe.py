"""XR-NPE: value sets typed in from the posit rules, and what the technology tables take from it."""

import json
from pathlib import Path

import pytest

from lockstep.arch.load import load, resolve
from lockstep.arch.simd import MODES
from lockstep.arch.tech import Tech
from lockstep.papers.mac_units import SIMD, synthesised
from lockstep.papers.prices import BASE, CITED, TECHS, price_rows
from lockstep.papers.simd_energy import simulate_simd
from lockstep.papers.xr_npe import PAPER, formats

MACS = Path(__file__).parents[2] / "results" / "xr-npe" / "macs.json"


def test_value_sets_and_significands():
    rows = {row["format"]: row for row in formats(lambda _: None).data()["formats"]}
    assert rows["posit4_1"]["values"] == "0.0625, 0.25, 0.5, 1, 2, 4, 16"
    assert rows["fp4_e2m1"]["values"] == "0.5, 1, 1.5, 2, 3, 4, 6"
    assert (rows["posit8_0"]["least"], rows["posit8_0"]["greatest"]) == (1 / 64, 64)
    assert (rows["posit16_1"]["least"], rows["posit16_1"]["greatest"]) == (2.0**-28, 2.0**28)
    assert [rows[n]["significand_bits"] for n in rows] == [13, 6, 1, 2]
    assert [rows[n]["products_per_word"] for n in rows] == [1, 2, 4, 4]
    assert [rows[n]["quire_bits"] for n in rows] == [128, 32, 32, None]


def test_every_claim_says_what_ours_is():
    claims = formats(lambda _: None).data()["claims"]
    assert len(claims) == 7
    assert all(len(claim["ours"]) > 20 for claim in claims)


def test_prices_follow_area():
    rows = [
        {"unit": "accumulate", "format": "int8", "nand2_per_lane": 1000.0},
        {"unit": "multiply", "format": "int8", "nand2_per_lane": 1.0},
        {"unit": "dot", "format": "mxfp4", "nand2_per_lane": 500.0},
    ]
    whole, half = price_rows(rows)
    for tech in TECHS:
        cited = load(Tech, resolve("tech", tech)).mac[BASE]
        for what in ("energy_pj", "area_um2"):
            assert whole[f"{what}_{tech}"] == pytest.approx(getattr(cited, what))
            assert half[f"{what}_{tech}"] == pytest.approx(getattr(cited, what) / 2, rel=1e-3)


@pytest.mark.parametrize("tech", TECHS)
def test_technology_tables_hold_these_prices(tech):
    """A table's entry is the recorded synthesis, and says so; cited ones are left alone."""
    table = load(Tech, resolve("tech", tech)).mac
    recorded = json.loads(MACS.read_text())["prices"]
    assert {row["format"] for row in recorded} | set(CITED) == set(table)
    for row in recorded:
        if row["format"] not in CITED:
            entry = table[row["format"]]
            assert entry.energy_pj == row[f"energy_pj_{tech}"]
            assert entry.area_um2 == row[f"area_um2_{tech}"]
            assert "xr-npe" in entry.source


def test_parts():
    assert list(PAPER.experiments) == ["formats", "macs", "sharing", "isolation"]


@pytest.mark.rtl
@pytest.mark.slow
def test_gates_of_the_simd_unit_compute_and_rest():
    """Results are the golden model's in every mode, and narrow modes take less energy per word."""
    gates = synthesised(SIMD, lambda _: None)
    spent = {}
    for mode in MODES:
        activity, wrong = simulate_simd(mode, gates)
        assert wrong == 0
        spent[mode.format.name] = activity.energy_pj_per_cycle
    assert spent["posit16_1"] == max(spent.values())
