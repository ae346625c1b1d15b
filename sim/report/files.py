"""The folder of a report: what is in it, and how it gets there in one piece.

=============================  ==================================================================
summary.json                   headline numbers
ops.csv                        one row per operator and phase
trace.json                     the run on a time axis, for ui.perfetto.dev
roofline, latency, energy.png  plots
report.html                    all of it on one page that needs no other file
run.json                       command, versions, git commit and every config
machine, tech, dram, timing,   .yaml: the configs as files; ``lockstep run machine.yaml --model
pim, mmu, model                model.yaml`` and the options in run.json's ``repeat`` run it again
=============================  ==================================================================

Nothing in it depends on the time or the place it was written.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from lockstep.arch.config import Config
from lockstep.arch.load import InputError
from lockstep.arch.memory import Dram, TimedDramPreset
from lockstep.arch.near_memory import BankPim
from lockstep.sim.report import page, plots, table
from lockstep.sim.report.run_files import run_files
from lockstep.sim.run import RunResult


def write_report(result: RunResult, out: Path, *, command: Sequence[str]) -> list[Path]:
    """Write the report of a run into a folder.

    All files are made before the first one is put in place. A folder that exists keeps the files
    that are not of a report.

    Parameters
    ----------
    result : RunResult
        The run.
    out : Path
        The folder; it and its parents are made if they do not exist.
    command : sequence of str
        Arguments of the ``lockstep`` command that made the run.

    Returns
    -------
    list of Path
        The files, report.html first.

    Raises
    ------
    lockstep.arch.load.InputError
        If the folder cannot be written.
    """
    contents = _contents(result, command)
    try:
        _publish(contents, out)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"--out: {out}: cannot be written: {reason}; choose a folder") from None
    return [out / name for name in contents]


def _publish(contents: Mapping[str, bytes], out: Path) -> None:
    """Write into a hidden folder on the same file system, then move into place."""
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(None, "it is a file")
    for name in contents:
        if (out / name).is_dir():
            raise IsADirectoryError(None, f"it holds a folder named {name}")
    near = out if out.is_dir() else out.parent
    near.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".lockstep-", dir=near, ignore_cleanup_errors=True
    ) as hidden:
        fresh = Path(hidden) / "report"
        fresh.mkdir()
        for name, data in contents.items():
            (fresh / name).write_bytes(data)
        if near == out:
            for name in contents:
                (fresh / name).replace(out / name)
        else:
            fresh.rename(out)


def _contents(result: RunResult, command: Sequence[str]) -> dict[str, bytes]:
    run = run_files(result, command=command)
    pictures = plots.draw(run.summary, run.rates, run.rows)
    texts = {
        "report.html": page.render([run]),
        "summary.json": _json(run.summary),
        "ops.csv": table.to_csv(run.rows),
        "trace.json": json.dumps(run.trace, separators=(",", ":"), allow_nan=False),
        "run.json": _json(run.record),
        **_config_files(result),
    }
    return {**{name: text.encode() for name, text in texts.items()}, **pictures}


def _json(data: object) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def _config_files(result: RunResult) -> dict[str, str]:
    """The configs as YAML; the machine's names point to the files beside it."""
    system, machine = result.system, result.system.machine
    dram = machine.dram.model_copy(update={"preset": "dram.yaml"})
    named: dict[str, object] = {"tech": "tech.yaml", "dram": dram}
    unit_files = {}
    if isinstance(machine.pim, BankPim):
        named["pim"] = machine.pim.model_copy(update={"preset": "pim.yaml"})
        unit_files["pim.yaml"] = _yaml(system.channel)
    if machine.mmu and system.mmu:
        named["mmu"] = machine.mmu.model_copy(update={"preset": "mmu.yaml"})
        unit_files["mmu.yaml"] = _yaml(system.mmu)
    return {
        "machine.yaml": _yaml(machine.model_copy(update=named)),
        **unit_files,
        "tech.yaml": _yaml(system.tech),
        **_dram_files(system.dram),
        "model.yaml": _yaml(result.model),
    }


def _dram_files(dram: Dram) -> dict[str, str]:
    """The preset, and the command-level memory it names."""
    if not isinstance(dram.preset, TimedDramPreset):
        return {"dram.yaml": _yaml(dram.preset)}
    assert dram.spec
    return {
        "dram.yaml": _yaml(dram.preset.model_copy(update={"timing": "timing.yaml"})),
        "timing.yaml": _yaml(dram.spec),
    }


class _Dumper(yaml.SafeDumper):
    """Also quotes the strings that our reader takes for numbers and PyYAML does not: 1e9."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+"), list("-+.0123456789")
)


def _yaml(config: Config) -> str:
    data = config.model_dump(mode="json")
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
