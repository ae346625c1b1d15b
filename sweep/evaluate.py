"""Points that are workload runs: a prefill and a decode of a model on a machine.

The one place where sweeps meet the simulator.
"""

import json
import logging
import math
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from lockstep.arch.config import Config
from lockstep.arch.error import InputError
from lockstep.arch.formats import FormatName
from lockstep.arch.load import resolve
from lockstep.arch.machine import System
from lockstep.arch.near_memory import BankPim
from lockstep.sim.area import area_mm2
from lockstep.sim.explore import Explorer
from lockstep.sim.explore_machines import MachineVariants
from lockstep.sim.operand_formats import chosen_formats
from lockstep.sim.qsnr import formats_qsnr_db
from lockstep.sim.run import RunResult
from lockstep.sweep.point import INTERNAL_ERROR, Result, Settings
from lockstep.workloads.counts import count
from lockstep.workloads.model import load_model
from lockstep.workloads.phases import Phase

_LOG = logging.getLogger(__name__)

METRICS = {
    "latency_s": "prefill and decode",
    "ttft_s": "time to first token: the prefill",
    "tpot_s": "time per output token, mean of the decode steps",
    "tokens_per_s": "generated tokens of all sequences; prompt tokens without a decode",
    "utilization": "useful MACs over those the machine could do",
    "energy_j": "of the run",
    "power_w": "mean over the run",
    "edp_js": "energy times latency",
    "tokens_per_j": "tokens as in tokens_per_s",
    "area_mm2": "MACs, vector lanes, scratchpad and near-memory processors",
    "tokens_per_s_per_mm2": "of that area",
    "qsnr_db": "least of weights, activations and KV cache, of Gaussian tensors in their formats",
    "memory_fill": "weights and KV cache over the DRAM's capacity, where that is known",
}
"""What a point has, and what it is of."""


class Workload(Config):
    """Keys of a point that are not the machine's own.

    Parameters
    ----------
    machine, model : str
        A shipped name or a file.
    prefill, decode, batch : int
        Prompt tokens, tokens to generate, sequences.
    weights, activations, kv : str or None
        Stored formats; None: those of the machine's MAC.
    scale_rule : "floor" or "ceil"
    """

    machine: str
    model: str
    prefill: Annotated[int, Field(ge=1)]
    decode: Annotated[int, Field(ge=0)] = 0
    batch: Annotated[int, Field(ge=1)] = 1
    weights: FormatName | None = None
    activations: FormatName | None = None
    kv: FormatName | None = None
    scale_rule: Literal["floor", "ceil"] = "floor"


def evaluate(points: Sequence[Settings]) -> list[Result]:
    """Run each point; one that cannot be run has the reason instead of metrics."""
    return [_result(point) for point in points]


def _result(settings: Settings) -> Result:
    try:
        run = _run(settings)
        return Result(metrics={name: _finite(value) for name, value in _metrics(run).items()})
    except (InputError, ValidationError) as error:
        return Result(metrics={}, reason=_without_folder(str(error), settings))
    except Exception as error:  # a bug that one odd machine meets must not end a night's sweep
        _LOG.exception("point %s", dict(settings))
        reason = f"{INTERNAL_ERROR}, {type(error).__name__}: {' '.join(str(error).split())}"
        return Result(metrics={}, reason=reason)


def _without_folder(reason: str, settings: Settings) -> str:
    """One line; files by their name, for they may lie elsewhere next time."""
    folder = resolve("machines", str(settings["machine"])).parent
    return " ".join(reason.split()).replace(f"{folder}{os.sep}", "")


def _run(settings: Settings) -> RunResult:
    own = {key: value for key, value in settings.items() if key in Workload.model_fields}
    workload = Workload.model_validate_json(json.dumps(own))
    overrides = [
        f"{key}={json.dumps(value)}"
        for key, value in settings.items()
        if key not in Workload.model_fields
    ]
    system = _variants(workload.machine).system(overrides)
    formats = chosen_formats(
        system,
        weights=workload.weights,
        activations=workload.activations,
        kv=workload.kv,
        scale_rule=workload.scale_rule,
    )
    explorer = _explorer(workload.model, workload.prefill, workload.decode, workload.batch)
    return explorer.run(system, formats)


@lru_cache(maxsize=16)
def _variants(machine: str) -> MachineVariants:
    return MachineVariants(machine)


@lru_cache(maxsize=16)
def _explorer(model: str, prefill: int, decode: int, batch: int) -> Explorer:
    return Explorer(model=load_model(model), prefill=prefill, decode=decode, batch=batch)


def _metrics(run: RunResult) -> dict[str, float | None]:
    latency_s, area = run.latency_s, sum(area_mm2(run.system).values())
    energy_j = sum(run.energy_pj().values()) * 1e-12
    known = [db for db in formats_qsnr_db(run.formats).values() if db is not None]
    return {
        "latency_s": latency_s,
        "ttft_s": run.ttft_s,
        "tpot_s": run.tpot_s,
        "tokens_per_s": run.tokens_per_s,
        "utilization": run.utilization,
        "energy_j": energy_j,
        "power_w": energy_j / latency_s,
        "edp_js": energy_j * latency_s,
        "tokens_per_j": run.tokens_per_s * latency_s / energy_j,
        "area_mm2": area,
        "tokens_per_s_per_mm2": run.tokens_per_s / area if area else None,
        "qsnr_db": min(known) if known else None,
        "memory_fill": _memory_fill(run),
    }


def _memory_fill(run: RunResult) -> float | None:
    """Weights, and keys and values of all sequences at their longest, over the DRAM's bytes."""
    have = _capacity_bytes(run.system)
    if have is None:
        return None
    longest = Phase(kind="prefill", batch=run.batch, tokens=run.prefill_tokens)
    if run.decode_tokens:
        context = run.prefill_tokens + run.decode_tokens - 1
        longest = Phase(kind="decode", batch=run.batch, tokens=1, context=context)
    counts = count(run.model, longest, run.formats)
    return (counts["weight_bytes"] + counts["kv_cache_bytes"]) / have


def _capacity_bytes(system: System) -> int | None:
    """Of all channels of all devices; None for a memory to first order, which has no size."""
    channels = system.machine.dram.channels * system.machine.devices
    if isinstance(system.machine.pim, BankPim):
        return channels * system.channel.capacity_bytes
    return channels * system.dram.spec.geometry.capacity_bytes if system.dram.spec else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
