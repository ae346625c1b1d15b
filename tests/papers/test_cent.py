"""CENT's figures: where ours must agree, and how far it may not."""

import pytest

from lockstep.papers.cent import PAPER
from lockstep.papers.cent_published import cent
from lockstep.papers.cent_runs import steps, system_for


@pytest.fixture(scope="module")
def parts():
    return {part.name: part.data()[part.name] for part in PAPER.parts(None, lambda what: None)}


def test_tokens_per_s_are_within_the_band(parts):
    assert [row["PPxTP"] for row in parts["decode"]] == ["1x8", "8x1", "32x1", "1x32", "8x4", "32x1", "80x1"]  # fmt: skip
    for row in parts["decode"]:
        # Attention is mapped otherwise: it is the faster the more of the time is attention.
        assert 1.1 < row["ratio"] < 1.7, row


def test_energy_without_standby_agrees(parts):
    for row in parts["decode"]:
        assert row["active ratio"] == pytest.approx(1, abs=0.1), row
        assert row["mJ"] > row["active mJ"]


def test_the_order_of_settings_is_the_papers(parts):
    for model in ("7b", "70b"):
        rows = [row for row in parts["decode"] if row["model"] == model]
        for column in ("tokens/s", "active mJ"):
            ours = sorted(rows, key=lambda row: row[column])
            published = f"CENT {column.removeprefix('active ')}"
            assert ours == sorted(rows, key=lambda row: row[published])


def test_products_with_weights_take_as_long(parts):
    """At a context of 128 attention is little, and without tensor parallelism all is products."""
    rows = [r for r in parts["blocks"] if r["context"] == 128 and r["PPxTP"].endswith("x1")]
    assert len(rows) == 4
    for row in rows:
        assert row["pim ratio"] == pytest.approx(1, abs=0.06), row


def test_attention_is_what_differs(parts):
    by_setting = {}
    for row in parts["blocks"]:
        by_setting.setdefault((row["model"], row["PPxTP"]), []).append(row["pim ratio"])
    for ratios in by_setting.values():
        assert ratios == sorted(ratios, reverse=True)


def test_links_are_the_papers_where_tensors_are_parallel(parts):
    for row in parts["blocks"]:
        if not row["PPxTP"].endswith("x1"):
            assert row["link us"] == pytest.approx(row["CENT link us"], rel=0.2)


def test_a_steps_parts_add_up():
    setting = cent().decode.rows[1]
    (step,) = steps(setting, [1024])
    assert step.seconds > 32 * sum(step.block_us.values()) * 1e-6
    assert 0 < step.standby_joules < step.joules
    assert system_for(setting).machine.pim.link.bytes_per_s == pytest.approx(57.98e9, rel=1e-3)
