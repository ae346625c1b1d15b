"""Gates, area and delay of a machine's tensor engine, or its place on an FPGA, as plain data."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lockstep.arch.error import InputError, suggest
from lockstep.arch.machine import Machine
from lockstep.rtl.synth.engine import EngineReport, synthesize_engine
from lockstep.rtl.synth.fpga import place_and_route
from lockstep.rtl.synth.liberty import read_library
from lockstep.rtl.synth.logical_effort import generic_library
from lockstep.rtl.synth.tool import SynthesisError

TARGETS = ("generic", "ecp5", "ice40")


def synthesize_machine(
    machine: Machine,
    *,
    target: str = "generic",
    liberty: Path | None = None,
    delay_ns: float | None = None,
    out: Path | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Map the tensor engine to gates, or place and route it on an FPGA.

    Parameters
    ----------
    machine : Machine
        One with a tensor engine.
    target : "generic", "ecp5" or "ice40"
        Gates of a cell library, or an FPGA family.
    liberty : Path or None
        A Liberty file to map to; None: the shipped library. For gates only.
    delay_ns : float or None
        Delay to meet, 0 for any; None: the machine's clock period. For gates only.
    out : Path or None
        Folder to write netlist and report to.
    progress : callable
        Told what is being done.

    Raises
    ------
    InputError
        If an option is wrong, a tool is missing or fails, or ``out`` cannot be written.
    """
    if target not in TARGETS:
        raise InputError(f"--target: unknown target {target!r}; {suggest(target, TARGETS)}")
    if target == "generic":
        return _gates(machine, liberty, delay_ns, out, progress)
    if liberty is not None or delay_ns is not None:
        raise InputError(f"--target {target}: it takes neither --liberty nor --delay-ns")
    try:
        return asdict(place_and_route(machine, target, out, progress=progress))
    except SynthesisError as error:
        raise InputError(f"{machine.name}: {target}: {error}") from None


def _gates(
    machine: Machine,
    liberty: Path | None,
    delay_ns: float | None,
    out: Path | None,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    if delay_ns is None:
        delay_ns = 1e3 / machine.clock_mhz
    elif not (math.isfinite(delay_ns) and delay_ns >= 0):
        raise InputError(f"--delay-ns: must be 0 or more, not {delay_ns:g}")
    library = read_library(liberty) if liberty else generic_library()
    try:
        engine = synthesize_engine(
            machine.engine, library=library, target_delay_ns=delay_ns or None, progress=progress
        )
    except InputError:
        raise
    except (SynthesisError, ValueError) as error:
        raise InputError(f"{machine.name}: tensor: {error}") from None
    result = {
        "machine": machine.name,
        "target": "generic",
        "library": str(liberty or library.name),
        **summary(engine),
    }
    if out is not None:
        _write(engine, result, out)
    return result


def summary(engine: EngineReport) -> dict[str, Any]:
    """An engine's report as plain data; ``blocks`` has a row per block, of one copy of it."""
    total = engine.total
    blocks = [
        {
            "block": row.block,
            "instances": row.instances,
            "nand2_equivalents": row.total.nand2_equivalents / row.instances,
            "transistors": round(row.total.transistors / row.instances),
            "area_um2": row.total.area_um2 / row.instances,
            "delay_ns": row.delay_ns,
            "flip_flops": round(row.total.flip_flops / row.instances),
            "share": row.total.area_um2 / total.area_um2,
        }
        for row in engine.blocks
        if row.total != type(row.total)()  # rows of PEs have nothing of their own
    ]
    check = engine.check
    return {
        "tool": engine.smallest.tool,
        "target_delay_ns": engine.smallest.target_delay_ns,
        "delay_ns": engine.delay_ns,
        "meets_target": engine.smallest.target_delay_ns is None
        or engine.delay_ns <= engine.smallest.target_delay_ns,
        **asdict(total),
        "composed": engine.is_composed,
        "flat_check": {
            "rows": check.rows,
            "cols": check.cols,
            "composed_nand2_equivalents": check.composed,
            "flat_nand2_equivalents": check.flat,
            "difference": check.difference,
        },
        "blocks": blocks,
    }


def _write(engine: EngineReport, result: dict[str, Any], out: Path) -> None:
    smallest = engine.smallest
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "synthesis.json").write_text(json.dumps(result, indent=2) + "\n")
        (out / "cells.lib").write_text(smallest.library.text)
        (out / "netlist.json").write_text(smallest.netlist_json.read_text())
    except OSError as error:
        raise InputError(f"--out {out}: cannot write there: {error.strerror}") from None
