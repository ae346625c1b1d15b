"""INT v.s. FP: precision against the paper's figures, and the arithmetic of the cost table."""

import pytest

from lockstep.papers.gate_model import aligner_bits, lane_nand2
from lockstep.papers.int_vs_fp_cost import SHARED, _ranking, _relative
from lockstep.papers.int_vs_fp_qsnr import theory
from lockstep.papers.int_vs_fp_tensors import measured


def silent(_):
    pass


@pytest.fixture(scope="module")
def blocks():
    return theory(silent).data()


@pytest.fixture(scope="module")
def tensors():
    return measured(silent).data()


def test_crossovers_are_the_papers(blocks):
    assert len(blocks["crossovers"]) == 4
    for row in blocks["crossovers"]:
        assert row["crest_factor"] == pytest.approx(row["paper_crest_factor"], abs=0.01)
        assert row["qsnr_db"] == pytest.approx(row["paper_qsnr_db"], abs=0.01)


def test_closed_form_is_near_measured_blocks(blocks):
    assert len(blocks["agreement"]) == 8
    for row in blocks["agreement"]:
        assert row["bins"] >= 6
        assert abs(row["mean_difference_db"]) < 1
        assert abs(row["greatest_difference_db"]) < 2


def test_measured_blocks_cross_where_the_closed_form_does(blocks):
    """Crossovers within the range of Gaussian blocks: the lead changes sign within one bin of it."""
    for integer, floating, at in (("mxint6", "mxfp6", 1.96), ("nvint4", "nvfp4", 2.39)):
        leads = {
            i["crest_factor"]: i["measured_db"] - f["measured_db"]
            for i, f in zip(
                *([r for r in blocks["bins"] if r["format"] == n] for n in (integer, floating)),
                strict=True,
            )
        }
        assert all(lead > 0 for crest, lead in leads.items() if crest < at - 0.25)
        assert all(lead < 0 for crest, lead in leads.items() if crest > at + 0.25)


def test_the_papers_averages_lie_among_our_families(tensors):
    for row in tensors["paper"]:
        for side in ("int_db", "fp_db"):
            least, greatest = map(float, row[f"our_{side}"].split(" to "))
            assert least - 0.1 <= row[f"paper_{side}"] <= greatest + 0.1, (row, side)


def test_the_same_format_wins_on_rotated_tensors(tensors):
    for row in tensors["paper"]:
        if row["rotated"] or not row["pair"].startswith("nv"):
            integer = row["paper_int_wins"] > 0.5
            for family in ("Gaussian", "Student-t", "outlier channels"):
                assert (row[f"{family} lead_db"] > 0) == integer, row


def test_a_rotation_helps_integers_most_where_outliers_are(tensors):
    def lead(family, rotated):
        return {
            r["integer"]: r["integer_db"] - r["floating_db"]
            for r in tensors["families"]
            if (r["tensors"], r["rotated"]) == (family, rotated)
        }

    for name in ("mxint8", "mxint6", "nvint4"):
        gain = {f: lead(f, True)[name] - lead(f, False)[name] for f in ("Gaussian", "Student-t",
                                                                       "outlier channels")}  # fmt: skip
        assert gain["outlier channels"] > gain["Student-t"] > gain["Gaussian"] - 0.05


def test_gate_model_by_hand():
    # int8: 64 cells of an AND (4/3) and a full adder (14/3), and 16 full adders.
    assert lane_nand2("mxint8") == pytest.approx(64 * 6 + 16 * 14 / 3)
    # E2M1: 2 x 2 multiplier; 10 adder bits; exponents 2 x 16; aligner 10 log2(10) muxes.
    assert lane_nand2("nvfp4") == pytest.approx(
        4 * 6 + 10 * 14 / 3 + 2 * 16 + 33.2193 * 2 + 33.2193 * 10 / 3 / 16, abs=0.01
    )
    assert [aligner_bits(*fields) for fields in ((4, 3), (2, 1), (2, 3))] == [24, 10, 14]
    with pytest.raises(ValueError, match="not a block format"):
        lane_nand2("int8")


def test_relative_cost_by_hand():
    found = _relative({"mxfp8": 100, "mxint8": 80, "nvfp4": 60, "nvint4": 40, SHARED: 56})
    assert found["mxint8"] == 0.8
    assert found["mxfp8+nvfp4"] == 1
    assert found["separate"] == 120 / 160
    assert found["mxint8+nvint4"] == 2 * 56 / 160


def test_ranking_names_what_differs_from_the_paper():
    paper = {"mxfp8": 1.0, "mxint8": 0.79, "nvfp4": 0.54, "nvint4": 0.38}
    swapped = {"mxfp8": 1.0, "mxint8": 1.1, "nvfp4": 0.3, "nvint4": 0.2}
    rows = _ranking({"paper": paper, "ours": swapped})
    assert rows[0]["order"] == "nvint4 < nvfp4 < mxint8 < mxfp8"
    assert [row["as_in_the_paper"] for row in rows] == [True, False]
    assert [row["mxint8_over_mxfp8"] for row in rows] == [0.79, 1.1]
