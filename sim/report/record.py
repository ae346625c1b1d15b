"""run.json: what a run was, and with what it can be run again."""

import platform
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from lockstep.arch.near_memory import BankPim
from lockstep.sim.report.rates import rates_of
from lockstep.sim.run import RunResult


def record(result: RunResult, command: Sequence[str]) -> dict[str, object]:
    """Command, versions, git commit, every config, and the rates of the system; JSON-able."""
    formats = {
        "weights": result.formats.weights,
        "activations": result.formats.activations,
        "kv": result.formats.kv,
        "scale_rule": result.formats.scale_rule,
    }
    sizes = {
        "prefill": result.prefill_tokens,
        "decode": result.decode_tokens,
        "batch": result.batch,
    }
    how = {"dram": "exact" if result.fast else "fast"}
    options = [
        f"--{name.replace('_', '-')}={value}" for name, value in (sizes | formats | how).items()
    ]
    repeat = ["lockstep", "run", "machine.yaml", "--model", "model.yaml", *options]
    system = result.system
    channel = system.channel if isinstance(system.machine.pim, BankPim) else None
    configs = {
        "machine": system.machine,
        "tech": system.tech,
        "dram": system.dram.preset,
        "timing": system.dram.spec,
        "pim": channel,
        "mmu": system.mmu,
        "model": result.model,
    }
    return {
        "command": shlex.join(["lockstep", *command]),
        "repeat": shlex.join(repeat),
        "seed": system.machine.mmu.seed if system.machine.mmu else None,
        "versions": {
            "lockstep-sim": version("lockstep-sim"),
            "python": platform.python_version(),
            "numpy": version("numpy"),
        },
        "git": _git_commit(),
        **sizes,
        "formats": formats,
        "dram_mode": how["dram"],
        "rates": asdict(rates_of(system)),
        **{name: config.model_dump(mode="json") for name, config in configs.items() if config},
    }


def _git_commit() -> str | None:
    """Commit of the checkout this code runs from, ``-dirty`` if changed; None if installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
