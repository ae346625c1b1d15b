"""The runner with its tools replaced; and, slow, the proofs themselves."""

import json
import subprocess
from dataclasses import replace
from importlib.metadata import PackageNotFoundError

import pytest

from lockstep.verify import formal, formal_translation
from lockstep.verify.formal_jobs import TOP, Job, jobs

pytestmark = pytest.mark.rtl
JOB = Job(name="and", claim="is commutative", verilog=f"module {TOP}; endmodule\n")


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Stand-ins for the tools; returns the runs so far, and how the next ones end."""
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("importlib.metadata.version", lambda wheel: "1")
    monkeypatch.setattr(formal, "_program", lambda name: tmp_path / name)
    formal._compile_solver.cache_clear()
    solver, ran, ends = [], [], {"file": "PASS", "code": 0, "trace": False}

    def run(command, *, cwd=None, **_):
        if cwd is None:  # the solver, compiled ahead
            solver.append(command)
            return subprocess.CompletedProcess(command, 0)
        assert solver
        ran.append((cwd / f"{TOP}.v").read_text())
        ends["script"] = (cwd / "job.sby").read_text()
        (cwd / "job" / "engine_0").mkdir(parents=True)
        if ends["file"]:
            (cwd / "job" / ends["file"]).touch()
        if ends["trace"]:
            (cwd / "job" / "engine_0" / "trace.vcd").touch()
        return subprocess.CompletedProcess(command, ends["code"], "last words", "")

    monkeypatch.setattr(subprocess, "run", run)
    return ran, ends


def test_a_result_is_kept_until_the_job_changes(tools):
    ran, _ = tools
    (first,) = formal.prove([JOB])
    assert first.result == "proved"
    assert first.passed
    (again,) = formal.prove([JOB])
    assert again == first
    assert len(ran) == 1
    changed = replace(JOB, verilog=JOB.verilog + "// changed\n")
    list(formal.prove([changed]))
    assert ran == [JOB.verilog, changed.verilog]


def test_method_and_depth_reach_the_tool_and_make_another_job(tools):
    ran, ends = tools
    list(formal.prove([JOB]))
    assert "mode bmc\ndepth 1\n" in ends["script"]
    for job in (replace(JOB, depth=7), replace(JOB, depth=2, method="induction")):
        (row,) = formal.prove([job])
        assert row.reach == job.reach
    assert "mode prove\ndepth 2\n" in ends["script"]
    assert len(ran) == 3


def test_a_proof_says_how_far_it_reaches():
    assert "no state" in JOB.reach
    assert "7 cycles" in replace(JOB, depth=7).reach
    assert "always" in replace(JOB, depth=7, method="induction").reach


def test_a_refuted_job_fails_unless_a_bug_was_seeded(tools):
    tools[1].update(file="FAIL", code=2, trace=True)
    (row,) = formal.prove([JOB])
    assert (row.result, row.passed) == ("refuted", False)
    (seeded,) = formal.prove([replace(JOB, holds=False)])
    assert seeded.passed


@pytest.mark.parametrize(
    "ends", [{"file": "FAIL", "code": 2, "trace": False}, {"file": "", "code": 16}]
)
def test_no_result_is_an_error_and_is_not_kept(tools, ends):
    ran, state = tools
    state.update(ends)
    for _ in range(2):
        with pytest.raises(formal.ProofError, match="last words"):
            list(formal.prove([JOB]))
    assert len(ran) == 2


def test_missing_tools_are_named(tools, monkeypatch):
    def version(wheel):
        raise PackageNotFoundError(wheel)

    monkeypatch.setattr("importlib.metadata.version", version)
    with pytest.raises(formal.ProofError, match=r"lockstep-sim\[formal\]"):
        list(formal.prove([JOB]))


def test_the_command_fails_if_one_job_does(tools, tmp_path, monkeypatch):
    for source in (formal.formal_compress, formal.formal_translation):
        monkeypatch.setattr(source, "jobs", lambda: [])
    monkeypatch.setattr(formal.formal_jobs, "jobs", lambda: [JOB, replace(JOB, holds=False)])
    out = tmp_path / "rows.json"
    assert formal.main(["--out", str(out)]) == 1
    assert [row["passed"] for row in json.loads(out.read_text())] == [True, False]
    monkeypatch.setattr(formal.formal_jobs, "jobs", lambda: [JOB])
    assert formal.main([]) == 0


def test_seeded_bugs_change_the_design_and_not_the_claim():
    found = jobs()
    assert len({job.verilog for job in found}) == len(found)
    for bug in (job for job in found if not job.holds):
        (sound,) = (
            job for job in found if job.holds and job.claim == bug.claim
            and job.name.split()[0] == bug.name.split()[0]
        )  # fmt: skip
        assert sound.verilog.split("endmodule")[0] == bug.verilog.split("endmodule")[0]


@pytest.mark.slow
@pytest.mark.parametrize("source", [jobs, formal_translation.jobs])
def test_every_job_ends_as_expected(source):
    assert [row.summary() for row in formal.prove(source()) if not row.passed] == []
