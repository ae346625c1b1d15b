"""The harness itself: it must fail loudly, cache builds, and write what it found."""

import json
import threading
from dataclasses import replace

import pytest

from lockstep.arch.tensor import SystolicConfig

pytest.importorskip("cocotb")

from lockstep.verify import tensor as harness
from lockstep.verify import verilator
from lockstep.verify.agreement import AgreementRow, markdown, write_agreement
from lockstep.verify.cosim import SimulationError, simulate
from lockstep.verify.measure import measure_gemm_cycles
from lockstep.verify.mutants import mutants
from lockstep.verify.tensor import TESTBENCH, verify_machine_tensor

SMALL = SystolicConfig(kind="systolic", dataflow="output_stationary", rows=4, cols=3)
PLAN = {"cfg": SMALL.model_dump(), "shapes": [[5, 4, 3]], "stalled": [], "long": []}
ROW = AgreementRow(
    unit="tensor, tried",
    configs=2,
    config_names=("2x2", "3x3"),
    jobs=10,
    vectors=1234,
    stalled_vectors=56,
    mismatches=0,
    cycle_error_min=0.0,
    cycle_error_mean=0.0,
    cycle_error_max=0.0,
    rtl_cycles_per_s=2345.6,
    mutants=3,
    mutants_caught=3,
    complaints=(),
)


@pytest.mark.rtl
def test_a_report_comes_back(cosim):
    report = cosim(SMALL, TESTBENCH, PLAN)
    assert report["jobs"] == 1
    assert report["vectors"] == 10  # five rows of C in two blocks of columns
    assert report["complaints"] == []


@pytest.mark.rtl
def test_a_testbench_that_cannot_be_imported_is_an_error(cosim):
    with pytest.raises(SimulationError, match="before running any test"):
        cosim(SMALL, "lockstep.verify.no_such_testbench", PLAN)


@pytest.mark.rtl
def test_a_testbench_without_tests_is_an_error(cosim):
    with pytest.raises(SimulationError, match=r"ran no test|before running any test"):
        cosim(SMALL, "lockstep.verify.agreement", PLAN)


@pytest.mark.rtl
def test_a_failing_testbench_is_an_error_that_keeps_the_report():
    bug = "takes a cycle longer, with the same values"
    with pytest.raises(SimulationError, match="failed: ") as caught:
        simulate(mutants(SMALL)[bug], TESTBENCH, PLAN)
    report = caught.value.report
    assert report["mismatches"] == 0
    # Four folds, each one cycle longer: only the cycle checks can tell.
    assert max(report["cycle_errors"]) == 4


@pytest.mark.rtl
def test_a_row_with_a_broken_engine_does_not_pass(monkeypatch):
    verilog = mutants(SMALL)["adds to the sums of the fold before"]
    monkeypatch.setattr(harness, "to_verilog", lambda *_: verilog)
    monkeypatch.setattr(harness, "mutants", lambda *_, **__: {})
    row = verify_machine_tensor(SMALL, quick=True)
    assert row.complaints
    assert not row.passed


@pytest.mark.rtl
def test_large_arrays_are_scaled_down_and_say_so(monkeypatch):
    monkeypatch.setattr(harness, "LARGEST_PES", 12)
    monkeypatch.setattr(harness, "mutants", lambda *_, **__: {})
    row = verify_machine_tensor(SMALL.model_copy(update={"rows": 16, "cols": 6}), quick=True)
    assert row.scaled_from == "16x6"
    assert row.config_names == ("4x3 int8 x int8 into 32 bits",)
    assert row.passed


@pytest.mark.rtl
def test_free_running_cycles_are_those_of_the_model():
    cycles, cycles_per_s = measure_gemm_cycles(SMALL, 40, 30, 50)
    assert cycles == 10 * 10 * (50 + 4 + 3 - 2)
    assert cycles_per_s > 0


@pytest.mark.rtl
def test_bad_verilog_is_an_error_with_verilators_words():
    with pytest.raises(verilator.BuildError, match="syntax error"):
        verilator.build("module dut; oops endmodule")


@pytest.mark.rtl
def test_builds_race_without_harm_and_clear_what_was_left_half_built(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path))
    started = []

    def build_in(folder, verilog):
        assert not list(folder.iterdir())
        started.append(folder)
        (folder / "dut").write_text(verilog)

    monkeypatch.setattr(verilator, "_build_in", build_in)
    first = verilator.build("module dut; endmodule")
    left = tmp_path / f"{verilator._key('other', *verilator._FLAGS)}.building"
    left.mkdir()
    (left / "Vtop.mk").write_text("half of it")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(verilator.build("other"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0] != first
    assert len(started) == 2
    assert (found[0] / "dut").read_text() == "other"
    assert not left.exists()


def test_the_table_is_written_as_markdown_and_json(tmp_path):
    scaled = replace(ROW, scaled_from="99x9", mutants_caught=2)
    assert ROW.passed
    assert not scaled.passed
    lines = markdown([ROW, scaled]).splitlines()
    assert "| tensor, tried | 2 | 10 | 1,234 | 56 | 0 | 0 / 0 / 0 | 2,346 | 3 of 3 |" in lines
    assert "(scaled down from 99x9)" in lines[3]
    assert len({line.count("|") for line in lines}) == 1
    paths = write_agreement([ROW, scaled], tmp_path / "out")
    assert [p.name for p in paths] == ["agreement.md", "agreement.json"]
    first, second = json.loads(paths[1].read_text())
    assert first["vectors"] == 1234
    assert [first["passed"], second["passed"]] == [True, False]
