"""Hold the tensor engine's RTL to its golden and cycle models, over many configs."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockstep.arch.tensor import MacConfig, TensorConfig
from lockstep.rtl.build import to_verilog
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.cosim import SimulationError, simulate
from lockstep.verify.mutants import mutants
from lockstep.verify.tensor_traffic import random_shapes
from lockstep.verify.verilator import TOP

Progress = Callable[[str], None]
"""Called with one line for each simulation that is done."""

TESTBENCH = "lockstep.verify.tb_tensor"
LARGEST_PES = 1024
"""A machine's array with more PEs than this is verified scaled down; it would take minutes to build."""

_ROWS: dict[str, dict[str, object]] = {
    "tensor, output stationary": {"dataflow": "output_stationary"},
    "tensor, weight stationary": {"dataflow": "weight_stationary"},
    "tensor, weight stationary, double-buffered": {
        "dataflow": "weight_stationary",
        "weight_double_buffer": True,
    },
}
_INT8 = MacConfig()
# (rows, cols, MAC); the first ones are what a quick run takes.
_SHAPES: tuple[tuple[int, int, MacConfig], ...] = (
    (3, 5, MacConfig(a="int8", b="int8", acc_bits=16)),  # wraps
    (7, 4, MacConfig(a="int4", b="int8", acc_bits=24)),
    (1, 6, _INT8),
    (8, 8, _INT8),
    (6, 1, MacConfig(a="int8", b="uint4", acc_bits=20)),
    (1, 1, _INT8),
    (16, 16, _INT8),
    (2, 9, MacConfig(a="int16", b="int16", acc_bits=64)),
)
_QUICK_CONFIGS = 4
_MUTATED = (4, 3, _INT8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many random jobs are run, unstalled and stalled."""

    unstalled: int
    stalled: int


QUICK = Effort(unstalled=12, stalled=8)
FULL = Effort(unstalled=100, stalled=60)
MUTANT = Effort(unstalled=16, stalled=48)


def verify_tensor(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """One row for each dataflow of the shipped engine.

    Parameters
    ----------
    quick : bool
        A sample instead of all configs; well over 1000 jobs per dataflow otherwise.
    progress : callable or None
        Told of each simulation that is done.
    seed : int
        Of shapes, operands and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    shapes = _SHAPES[:_QUICK_CONFIGS] if quick else _SHAPES
    plans = {
        unit: (
            [_config(parameters, *shape) for shape in shapes],
            _config(parameters, *_MUTATED),
        )
        for unit, parameters in _ROWS.items()
    }
    with _Pool(progress, seed) as pool:
        # Everything is queued before anything is waited for.
        runs = {
            unit: (
                configs,
                pool.configs(configs, QUICK if quick else FULL),
                pool.mutants(mutated, every=2 if quick else 1),
            )
            for unit, (configs, mutated) in plans.items()
        }
        return [
            _row(unit, configs, [f.result() for f in reports], [f.result() for f in caught])
            for unit, (configs, reports, caught) in runs.items()
        ]


def verify_machine_tensor(
    cfg: TensorConfig, *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> AgreementRow:
    """One row for a machine's own engine, scaled down if it has more than ``LARGEST_PES`` PEs.

    Raises
    ------
    ValueError
        If the engine has no RTL, for instance for its number format.
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    rows, cols = cfg.rows, cfg.cols
    while rows * cols > LARGEST_PES:
        rows, cols = (-(-rows // 2), cols) if rows > cols else (rows, -(-cols // 2))
    tried = cfg.model_copy(update={"rows": rows, "cols": cols})
    mutated = cfg.model_copy(update={"rows": _MUTATED[0], "cols": _MUTATED[1]})
    with _Pool(progress, seed) as pool:
        reports = pool.configs([tried], QUICK if quick else FULL)
        caught = pool.mutants(mutated, every=2 if quick else 1)
        return _row(
            f"tensor, {_name(tried)}",
            [tried],
            [f.result() for f in reports],
            [f.result() for f in caught],
            scaled_from=None if tried == cfg else f"{cfg.rows}x{cfg.cols}",
        )


class _Pool:
    """Simulations, two or more at a time; Verilog is emitted here, one after another."""

    def __init__(self, progress: Progress | None, seed: int) -> None:
        self._progress = progress or (lambda line: None)
        self._seed = seed
        self._executor = ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2))

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def configs(
        self, configs: Iterable[TensorConfig], effort: Effort
    ) -> list[Future[dict[str, Any]]]:
        """Reports, one for each config."""
        return [
            self._executor.submit(self._report, cfg, to_verilog(cfg, TOP), effort)
            for cfg in configs
        ]

    def mutants(self, cfg: TensorConfig, *, every: int) -> list[Future[str | None]]:
        """For each mutant of ``cfg``, or a sample of them, its name if it was missed."""
        return [
            self._executor.submit(self._missed, cfg, name, text)
            for name, text in mutants(cfg, every=every).items()
        ]

    def _report(self, cfg: TensorConfig, verilog: str, effort: Effort) -> dict[str, Any]:
        try:
            report = simulate(verilog, TESTBENCH, plan(cfg, effort, self._seed), seed=self._seed)
        except SimulationError as error:
            report = _with_complaints(error)
        report["complaints"] = [f"{_name(cfg)}: {c}" for c in report["complaints"]]
        self._progress(_name(cfg))
        return report

    def _missed(self, cfg: TensorConfig, name: str, verilog: str) -> str | None:
        try:
            simulate(verilog, TESTBENCH, plan(cfg, MUTANT, self._seed), seed=self._seed)
        except SimulationError as error:
            _with_complaints(error)
            missed = None
        else:
            missed = name
        self._progress(f"mutant of {_name(cfg)} that {name}")
        return missed


def _with_complaints(error: SimulationError) -> dict[str, Any]:
    """The report of an engine that disagrees; a testbench that fails for another reason raises."""
    if error.report is None or not error.report["complaints"]:
        raise error
    return error.report


def plan(cfg: TensorConfig, effort: Effort, seed: int) -> dict[str, object]:
    """What ``tb_tensor`` is to run."""
    rng = np.random.default_rng(seed)
    return {
        "cfg": cfg.model_dump(),
        "shapes": random_shapes(cfg, effort.unstalled, rng),
        "stalled": random_shapes(cfg, effort.stalled, rng),
        "long": [],
    }


def _row(
    unit: str,
    configs: Sequence[TensorConfig],
    reports: Sequence[dict[str, Any]],
    missed: Sequence[str | None],
    scaled_from: str | None = None,
) -> AgreementRow:
    # An engine that stops in its first batch has no cycles to compare, and a complaint.
    errors = np.concatenate([r["cycle_errors"] or [0] for r in reports])
    cycles = sum(r["driven_cycles"] for r in reports)
    seconds = sum(r["driven_s"] for r in reports)
    return AgreementRow(
        unit=unit,
        configs=len(configs),
        config_names=tuple(_name(cfg) for cfg in configs),
        jobs=sum(r["jobs"] for r in reports),
        vectors=sum(r["vectors"] for r in reports),
        stalled_vectors=sum(r["stalled_vectors"] for r in reports),
        mismatches=sum(r["mismatches"] for r in reports),
        cycle_error_min=float(errors.min()),
        cycle_error_mean=float(errors.mean()),
        cycle_error_max=float(errors.max()),
        rtl_cycles_per_s=cycles / seconds if seconds else 0.0,
        mutants=len(missed),
        mutants_caught=sum(name is None for name in missed),
        complaints=tuple(c for r in reports for c in r["complaints"])
        + tuple(f"mutant not caught: {name}" for name in missed if name),
        scaled_from=scaled_from,
    )


def _config(parameters: dict[str, object], rows: int, cols: int, mac: MacConfig) -> TensorConfig:
    return TensorConfig.model_validate({
        "kind": "systolic",
        "rows": rows,
        "cols": cols,
        "mac": mac,
        **parameters,
    })


def _name(cfg: TensorConfig) -> str:
    return f"{cfg.rows}x{cfg.cols} {cfg.mac.a} x {cfg.mac.b} into {cfg.mac.acc_bits} bits"
