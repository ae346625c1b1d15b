"""The RTL of a PIM channel, held to its models under Verilator."""

import pytest

from lockstep.arch.pim import PimSequencerConfig, load_pim
from lockstep.rtl.build import component, ports, to_verilog
from lockstep.verify.pim import (
    MAC_TESTBENCH,
    TESTBENCH,
    verify_banks,
    verify_machine_pim,
)
from lockstep.verify.pim_configs import channels, macs
from lockstep.verify.pim_jobs import random_jobs
from lockstep.verify.verilator import lint

pytestmark = pytest.mark.rtl


def check(row, *, jobs):
    assert row.complaints == ()
    assert row.passed
    assert row.mismatches == row.cycle_error_min == row.cycle_error_max == 0
    assert row.jobs >= jobs
    assert 0 < row.stalled_vectors < row.vectors


@pytest.mark.slow
def test_rtl_agrees_with_its_models_in_every_config():
    rows = verify_banks()
    assert [row.unit for row in rows] == ["PIM, bank MAC", "PIM, sequencer", "PIM, channel"]
    for row, mutants in zip(rows, (5, 15, 12), strict=True):
        assert row.configs >= 5
        assert row.mutants_caught == row.mutants == mutants
        check(row, jobs=40)


@pytest.mark.slow
def test_a_machines_channel_is_verified_scaled_down():
    alone, scaled = verify_machine_pim(load_pim("gddr6-aim"), quick=True)
    assert alone.scaled_from is None
    assert scaled.scaled_from == "16 banks of 16384 rows"
    for row in (alone, scaled):
        check(row, jobs=20)


@pytest.mark.xdist_group("rtl")
@pytest.mark.parametrize("cfg", channels()[:2], ids=lambda cfg: cfg.name)
def test_a_channel_agrees_with_its_models(cfg, cosim):
    plan = {"cfg": cfg.model_dump(), "banks": True}
    jobs = random_jobs(3, 25)
    report = cosim(cfg, TESTBENCH, {**plan, "unstalled": jobs, "stalled": jobs})
    assert report["complaints"] == []
    assert report["jobs"] == 6
    assert report["mismatches"] == 0
    assert len(report["cycle_errors"]) > 100  # of every command
    assert not any(report["cycle_errors"])


@pytest.mark.xdist_group("rtl")
def test_the_shipped_channels_sequencer_agrees_with_its_model(cosim):
    """At full size, with its own gaps: attention on growing keys and values, refreshes included."""
    cfg = PimSequencerConfig.model_validate(load_pim("gddr6-aim").model_dump())
    jobs = [
        ["attention", "scores", 200, 2, 128, "moderate"],
        ["attention", "values", 200, 1, 32, "moderate"],
        *random_jobs(1, 20),
    ]
    plan = {"cfg": cfg.model_dump(), "banks": False, "unstalled": jobs, "stalled": jobs[:1]}
    report = cosim(cfg, TESTBENCH, plan)
    assert report["complaints"] == []
    assert report["driven_cycles"] > 2 * cfg.timing.refi
    assert not any(report["cycle_errors"])


@pytest.mark.xdist_group("rtl")
def test_a_unit_agrees_with_its_model(cosim):
    cfg = macs()[0]
    plan = {"cfg": cfg.model_dump(), "batches": [[60, "any", 1.0], [60, "moderate", 0.5]]}
    report = cosim(cfg, MAC_TESTBENCH, plan)
    assert report["complaints"] == []
    assert report["vectors"] == 120
    assert not any(report["cycle_errors"])


def test_ports_are_those_of_the_docstring():
    unit = component(channels()[0])
    assert list(ports(unit)["interface"]["members"]) == [
        *("i", "i_data", "o", "command_valid", "command", "done"),
    ]


def test_verilog_is_clean():
    text = to_verilog(channels()[0], "dut")
    assert lint(text) == ""
    assert text.count("\nmodule dut_BankMac_") == 1  # written once, for all banks
