"""Hold the tensor engines' RTL to their golden and cycle models, over many configs."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from lockstep.arch.tensor import ParallelBase, TensorBase, tensor_config
from lockstep.rtl.build import to_verilog
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.mutants import mutants
from lockstep.verify.pool import Pool, Progress, agreement_row
from lockstep.verify.serial import verify_machine_serial, verify_serial
from lockstep.verify.tensor_traffic import random_shapes
from lockstep.verify.verilator import TOP

TESTBENCH = "lockstep.verify.tb_tensor"
LARGEST_PES = 1024
"""A machine's array with more PEs than this is verified scaled down; it would take minutes to build."""

Values = Mapping[str, object]
_OS: Values = {"kind": "systolic", "dataflow": "output_stationary"}
_WS: Values = {"kind": "systolic", "dataflow": "weight_stationary"}
_DOUBLE: Values = {"weight_double_buffer": True}
_ENGINES: dict[str, tuple[Values, ...]] = {
    "output stationary": (_OS,),
    "weight stationary": (_WS, {**_WS, **_DOUBLE}),
    "cube": ({"kind": "cube", "depth": 2},),
    "matrix": ({"kind": "matrix"},),
    "tree": ({"kind": "tree"}, {"kind": "tree", **_DOUBLE}),
}
"""Each row's engine in its variants; the last one is the one with all the bugs."""

# Rows, columns, depth of a cube, MAC. Encoders take turns, and in a quick run the variants do.
_INT8: Values = {}
_WRAPS: Values = {"acc_bits": 16}
_NARROW_A: Values = {"a": "int4", "acc_bits": 24}
_UNSIGNED: Values = {"a": "uint4", "b": "uint4", "acc_bits": 20}
_WIDE: Values = {"a": "int16", "b": "int16", "acc_bits": 64}
Shape = tuple[int, int, int, Values]
_SHAPES: tuple[Shape, ...] = (
    (3, 5, 3, _WRAPS),
    (1, 6, 4, _NARROW_A),
    (6, 1, 1, _UNSIGNED),
    (8, 8, 4, _INT8),
    (1, 1, 5, _INT8),
    (2, 9, 2, _WIDE),
    (17, 4, 3, _INT8),
)
_QUICK_CONFIGS = 3
_MUTATED = (4, 3, 2, _INT8)


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
    """One row for each engine with each reduction that it can have.

    Parameters
    ----------
    quick : bool
        A sample instead of all configs; about 1000 jobs per row otherwise.
    progress : callable or None
        Told of each simulation that is done.
    seed : int
        Of shapes, operands and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    effort, every = (QUICK, 4) if quick else (FULL, 1)
    with Pool(progress, seed) as pool:
        runs = _Runs(pool)
        # Everything is queued before anything is waited for.
        waiting = [
            (unit, configs, runs.configs(configs, effort), runs.mutants(mutated, every=every))
            for unit, configs, mutated in _units(quick)
        ]
        rows = [_row(unit, configs, reports, missed) for unit, configs, reports, missed in waiting]
    return rows + verify_serial(quick=quick, progress=progress, seed=seed)


def _units(quick: bool) -> Iterator[tuple[str, list[ParallelBase], ParallelBase]]:
    """The name of each row, its configs, and the one to put bugs into."""
    for name, variants in _ENGINES.items():
        tried = (
            [
                (shape, variants[i % len(variants)])
                for i, shape in enumerate(_SHAPES[:_QUICK_CONFIGS])
            ]
            if quick
            else list(product(_SHAPES, variants))
        )
        for reduction in _engine(variants[0], "mac", "booth", _MUTATED).reductions:
            encoders = ("booth",) if reduction == "mac" else ("booth", "en_t")
            yield (
                f"tensor, {name}, {reduction}",
                [
                    _engine(values, reduction, encoders[i % len(encoders)], shape)
                    for i, (shape, values) in enumerate(tried)
                ],
                _engine(variants[-1], reduction, "booth", _MUTATED),
            )


def _engine(values: Values, reduction: str, encoder: str, shape: Shape) -> ParallelBase:
    rows, cols, depth, mac = shape
    cfg = tensor_config({
        **values,
        "rows": rows,
        "cols": cols,
        **({"depth": depth} if "depth" in values else {}),
        "mac": {**mac, "reduction": reduction, "encoder": encoder},
    })
    assert isinstance(cfg, ParallelBase)
    return cfg


def verify_machine_tensor(
    cfg: TensorBase, *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> AgreementRow:
    """One row for a machine's own engine, scaled down if it has more than ``LARGEST_PES`` PEs.

    Raises
    ------
    ValueError
        If the engine has no RTL, for instance for its number format.
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    if not isinstance(cfg, ParallelBase):
        return verify_machine_serial(cfg, quick=quick, progress=progress, seed=seed)
    tried = cfg
    while tried.pes > LARGEST_PES:
        side = max(("rows", "cols"), key=lambda name: getattr(tried, name))
        tried = tried.model_copy(update={side: -(-getattr(tried, side) // 2)})
    mutated = cfg.model_copy(update={"rows": _MUTATED[0], "cols": _MUTATED[1]})
    with Pool(progress, seed) as pool:
        runs = _Runs(pool)
        reports = runs.configs([tried], QUICK if quick else FULL)
        missed = runs.mutants(mutated, every=4 if quick else 1)
        own = None if tried == cfg else cfg.shape
        unit = f"tensor, {tried.architecture}, {_name(tried)}"
        return _row(unit, [tried], reports, missed, scaled_from=own)


class _Runs:
    """Simulations of ``tb_tensor`` in a pool; Verilog is emitted here, one after another."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def configs(
        self, configs: Iterable[ParallelBase], effort: Effort
    ) -> list[Future[dict[str, Any]]]:
        """Reports, one for each config."""
        submit, seed = self._pool.submit, self._pool.seed
        return [
            submit(_name(cfg), to_verilog(cfg, TOP), TESTBENCH, plan(cfg, effort, seed))
            for cfg in configs
        ]

    def mutants(self, cfg: ParallelBase, *, every: int) -> list[Future[str | None]]:
        """For each mutant of ``cfg``, or a sample of them, its name if it was missed."""
        todo = plan(cfg, MUTANT, self._pool.seed)
        return [
            self._pool.mutant(_name(cfg), bug, text, TESTBENCH, todo)
            for bug, text in mutants(cfg, every=every).items()
        ]


def plan(cfg: ParallelBase, effort: Effort, seed: int) -> dict[str, object]:
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
    configs: list[ParallelBase],
    reports: list[Future[dict[str, Any]]],
    missed: list[Future[str | None]],
    scaled_from: str | None = None,
) -> AgreementRow:
    return agreement_row(
        unit,
        [_name(cfg) for cfg in configs],
        [report.result() for report in reports],
        [bug.result() for bug in missed],
        scaled_from,
    )


def _name(cfg: ParallelBase) -> str:
    encoder = "" if cfg.mac.reduction == "mac" else f", {cfg.mac.reduction} by {cfg.mac.encoder}"
    mac = f"{cfg.mac.a} x {cfg.mac.b} into {cfg.mac.acc_bits} bits"
    return f"{cfg.shape} {mac}{encoder}"
