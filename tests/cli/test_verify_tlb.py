"""Rows of proofs in ``lockstep verify tlb``; its RTL rows have tests of their own."""

from dataclasses import replace

import pytest

from lockstep.cli import units
from lockstep.verify.agreement import Proof

PROVED = Proof(
    name="TLB", claim="no two ways match", reach="always", expected="proved", result="proved",
    seconds=1.0,
)  # fmt: skip


@pytest.fixture
def rows(monkeypatch):
    """What the unit yields, with no simulation and one proof."""
    monkeypatch.setattr(units, "verify_tlb", lambda **_: [])
    monkeypatch.setattr(units.formal_translation, "sample", lambda: ["a proof"])
    monkeypatch.setattr(units, "prove", lambda jobs: [PROVED] if list(jobs) else [])
    return lambda: list(units.UNITS["tlb"](True, lambda line, total=None: None))


def test_proofs_are_rows(rows, tmp_path):
    assert rows() == [PROVED]
    paths = units.write_agreement(rows(), tmp_path)
    assert [path.name for path in paths] == ["proofs.md", "proofs.json"]
    assert "| TLB | no two ways match | proved | always |" in paths[0].read_text()


def test_a_bug_that_is_not_refuted_fails():
    assert not replace(PROVED, expected="refuted").passed


def test_without_the_tools_the_other_rows_stay(rows, monkeypatch, capsys):
    monkeypatch.setattr(units, "is_installed", lambda: False)
    assert rows() == []
    assert "pip install 'lockstep-sim[formal]'" in capsys.readouterr().err
