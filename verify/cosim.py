"""Run a cocotb testbench against a design under Verilator, inside pytest or outside.

The plan goes in and the report comes out as JSON files, named to the testbench by environment
variables: :func:`plan` and :func:`write_report` are for its use.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from lockstep.verify.verilator import TOP, Runner, build

_PLAN = "LOCKSTEP_PLAN"
_REPORT = "LOCKSTEP_REPORT"


class SimulationError(RuntimeError):
    """The testbench failed, or ended before it ran a test.

    Attributes
    ----------
    report : dict or None
        What the testbench reported before it failed.
    """

    def __init__(self, message: str, report: dict[str, Any] | None) -> None:
        super().__init__(message)
        self.report = report


def simulate(
    verilog: str, testbench: str, plan: Mapping[str, object], *, seed: int = 1
) -> dict[str, Any]:
    """Build a design, whose top module is ``dut``, and run a testbench on it.

    Parameters
    ----------
    verilog : str
        The design.
    testbench : str
        Dotted name of an importable module with cocotb tests.
    plan : mapping
        JSON data for the testbench.
    seed : int
        ``cocotb.RANDOM_SEED`` in the testbench.

    Returns
    -------
    dict
        The testbench's report.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator, or the design does not build.
    SimulationError
        If any test failed, or none ran.
    """
    build_dir = build(verilog)
    with tempfile.TemporaryDirectory(prefix="lockstep-") as name:
        folder = Path(name)
        (folder / "plan.json").write_text(json.dumps(plan))
        results = folder / "results.xml"
        log = folder / "sim.log"
        # cocotb's runner ends in either, or in neither; the results file tells.
        with contextlib.suppress(SystemExit, RuntimeError):
            Runner().test(
                hdl_toplevel=TOP,
                hdl_toplevel_lang="verilog",
                test_module=testbench,
                build_dir=build_dir,
                test_dir=folder,
                seed=seed,
                results_xml=str(results),
                log_file=log,
                extra_env={_PLAN: str(folder / "plan.json"), _REPORT: str(folder / "report.json")},
            )
        report_file = folder / "report.json"
        report = json.loads(report_file.read_text()) if report_file.exists() else None
        failure = _failure(results)
        if failure or report is None:
            raise SimulationError(f"{failure or 'no report'}\n{log.read_text()[-3000:]}", report)
        return dict(report)


def plan() -> dict[str, Any]:
    """For testbenches: the plan given to :func:`simulate`."""
    return dict(json.loads(Path(os.environ[_PLAN]).read_text()))


def write_report(report: Mapping[str, object]) -> None:
    """For testbenches: what :func:`simulate` is to return."""
    Path(os.environ[_REPORT]).write_text(json.dumps(report))


def _failure(results: Path) -> str | None:
    """What went wrong, in one line; None if tests ran and all passed."""
    if not results.exists():
        return "the simulator ended before running any test"
    cases = list(ElementTree.parse(results).iter("testcase"))
    if all(case.find("skipped") is not None for case in cases):
        return "the testbench ran no test"
    failed = [
        case.get("name", "?")
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return f"failed: {', '.join(failed)}" if failed else None
