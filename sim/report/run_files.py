"""What the page needs to know of a run: made from a result, or read back from its folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.arch.config import Config
from lockstep.arch.load import Document, InputError, read_yaml, validate
from lockstep.arch.machine import Machine
from lockstep.arch.tech import Tech
from lockstep.sim.report.rates import Rates
from lockstep.sim.report.record import record
from lockstep.sim.report.table import Row, op_rows, read_report
from lockstep.sim.report.trace import trace
from lockstep.sim.run import RunResult
from lockstep.workloads.model import Model

MOST_TRACE_BYTES = 50_000_000

_RECORDED: dict[str, type | tuple[type, ...]] = {
    "command": str, "repeat": str, "seed": (int, type(None)), "versions": dict,
    "git": (str, type(None)), "prefill": int, "decode": int, "batch": int, "formats": dict,
    "dram_mode": str, "rates": dict, "machine": dict, "tech": dict, "dram": dict, "model": dict,
}  # fmt: skip
"""What run.json must have, and what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """A run as its folder holds it.

    Parameters
    ----------
    label : str
        What tells it from other runs: the folder's name, or model and machine.
    summary, record, trace : mapping
        summary.json, run.json and trace.json.
    rows : sequence of Row
        ops.csv.
    """

    label: str
    summary: Mapping[str, Any]
    rows: Sequence[Row]
    record: Mapping[str, Any]
    trace: Mapping[str, Any]

    @property
    def rates(self) -> Rates:
        """Roofs of the system."""
        return Rates(**self.record["rates"])

    @property
    def title(self) -> str:
        """Model and machine."""
        return f"{self.summary['model']} on {self.summary['machine']}"


def run_files(result: RunResult, *, command: Sequence[str]) -> RunFiles:
    """A run in memory; ``command`` is the arguments of the ``lockstep`` command that made it."""
    return RunFiles(
        label=f"{result.model.name} on {result.system.machine.name}",
        summary=result.summary(),
        rows=op_rows(result),
        record=record(result, command),
        trace=trace(result),
    )


def read_run(folder: Path) -> RunFiles:
    """A run from the folder that :func:`lockstep.sim.report.write_report` wrote.

    Raises
    ------
    lockstep.arch.load.InputError
        If the folder or a file is missing, or does not hold what it should.
    """
    summary, rows = read_report(folder)
    path = folder / "run.json"
    document = read_yaml(path)
    recorded: dict[str, Any] = document.data
    for key, kind in _RECORDED.items():
        if key not in recorded:
            raise document.error(
                (), f"{key} is missing; run it again with this version of lockstep"
            )
        if not isinstance(recorded[key], kind):
            raise document.error((key,), "not what a run writes; run it again")
    configs: dict[str, type[Config]] = {"machine": Machine, "tech": Tech, "model": Model}
    for key, cls in configs.items():
        at = {
            where[1:]: origin for where, origin in document.origins.items() if where[:1] == (key,)
        }
        validate(cls, Document(path=path, data=recorded[key], origins=at))
    try:
        Rates(**recorded["rates"])
    except TypeError:
        raise document.error(("rates",), "not what a run writes; run it again") from None
    name = folder.resolve().name
    return RunFiles(
        label=name, summary=summary, rows=rows, record=recorded, trace=_trace(folder / "trace.json")
    )


def _trace(path: Path) -> dict[str, Any]:
    """A trace is larger than what ``read_yaml`` takes, and no one writes it by hand."""
    try:
        if path.stat().st_size > MOST_TRACE_BYTES:
            raise InputError(f"{path}: larger than {MOST_TRACE_BYTES} bytes; is it the right file?")
        data = json.loads(path.read_text(encoding="utf-8"))
        events = data["traceEvents"]
        if not all(
            {"ts", "dur", "tid", "args", "name"} <= set(e) for e in events if e["ph"] == "X"
        ):
            raise ValueError("an event lacks a key")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; write the report anew") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check the path") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not the trace of a run: {error}; write it anew") from None
    return dict(data)
