"""PIM-GPT's statements and HBM-PIM's GEMV: bounds that hold, and shapes that must show."""

import pytest

from lockstep.arch.machine import load_machine
from lockstep.papers import pim_gpt
from lockstep.papers.pim_gpt_hbm import SIZES, gemv_row
from lockstep.papers.pim_gpt_runs import decode, model_of
from lockstep.workloads.counts import parameters

STATED = pim_gpt.pim_gpt()


@pytest.fixture(scope="module")
def tables():
    parts = pim_gpt.PAPER.parts(None, lambda what: None)
    return {part.name: part.tables[0] for part in parts}


def test_peak_over_the_gpus_memory_is_the_bound(tables):
    bound = 8 * 16 * 16 * 2 * 1e9 / 320e9
    assert f"**{bound:.1f} times**" in tables["models"].note
    for row in tables["models"].rows:
        assert 3 < row["speedup"] < bound
        assert row["at 41x"] == pytest.approx(row["speedup"] / 41)
        assert row["at 137x"] < row["at 41x"] < 1


def test_statements_are_met_as_far_as_they_can_be(tables):
    rows = {row["model"]: row for row in tables["models"].rows}
    assert len(rows) == 8
    for row in rows.values():
        assert row["hits"] == pytest.approx(STATED.claims.row_hit_share, abs=0.02)
        assert row["less moved"] > STATED.claims.movement_reduction[0] / 2
        assert row["other"] < 0.1


def test_sizes_are_the_models():
    sizes = {row.name: parameters(model_of(row)) for row in STATED.models.rows}
    assert sizes["gpt2-xl"] == pytest.approx(1.5576e9, rel=1e-3)
    assert sizes["gpt3-xl"] == pytest.approx(1.315e9, rel=0.01)
    assert max(sizes.values()) < 1.6e9


def test_a_slower_asic_costs_what_it_worked(tables):
    for row, clocked in zip(tables["models"].rows, tables["clock"].rows, strict=True):
        # but for the look-up of a token's embedding, which waits for DRAM at any clock
        assert clocked["100 MHz"] == pytest.approx(1 + 9 * row["other"], rel=0.02)
        times = [clocked[f"{mhz} MHz"] for mhz in pim_gpt.CLOCKS_MHZ]
        assert times == sorted(times)


def test_contexts_stand_for_all_between():
    system, model = load_machine("pim-gpt"), model_of(STATED.models.rows[0])
    some, all_of_them = (
        decode(system, model, range(16, 65, 16)),
        decode(system, model, range(1, 65)),
    )
    assert some.seconds == pytest.approx(all_of_them.seconds, rel=0.01)


def test_banks_lose_when_small_and_win_when_large():
    system = load_machine("hbm-pim")
    rows = {size: gemv_row(system, size) for size in SIZES}
    assert rows[STATED.gemv.pim_slower_at]["speedup"] < 1
    assert rows[STATED.gemv.pim_faster_at]["speedup"] > STATED.gemv.least_gain
    # Below a whole tile the time follows the inputs: what is left of the launch grows linearly.
    work = {size: row["pim us"] - row["launch us"] for size, row in rows.items()}
    assert work[4096] == pytest.approx(4 * work[1024], rel=0.1)
    assert rows[8192]["tile used"] == rows[4096]["tile used"] == 1
    assert work[8192] == pytest.approx(4 * work[4096], rel=0.05)
