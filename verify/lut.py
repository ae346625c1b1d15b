"""Hold the LUT slice's RTL to its golden and cycle models, over many configs."""

from collections.abc import Mapping
from typing import Any

from lockstep.arch.lut import LutConfig
from lockstep.rtl.build import to_verilog
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.lut_mutants import mutants
from lockstep.verify.pool import Pool, Progress, agreement_row
from lockstep.verify.verilator import TOP

TESTBENCH = "lockstep.verify.tb_lut"

_QUICK_JOBS = (32, 32)  # unstalled and stalled, of each config
_FULL_JOBS = (250, 150)
_MUTANT_JOBS = (40, 40)

# Accumulators are as narrow as they may be, but for the last.
_CONFIGS: tuple[dict[str, Any], ...] = (
    {"group": 3, "batch": 3, "ports": 2, "adders": 2, "k_max": 40, "n_max": 11, "weight_bits": 4},
    {"group": 1, "activation_bits": 4, "k_max": 33, "n_max": 20, "weight_bits": 1, "acc_bits": 10},
    {"group": 4, "adders": 1, "k_max": 70, "n_max": 12, "weight_bits": 8},
    {"group": 4, "batch": 2, "ports": 8, "adders": 7, "k_max": 64, "n_max": 8, "weight_bits": 5},
    {"group": 2, "ports": 3, "activation_bits": 16, "k_max": 25, "n_max": 9, "weight_bits": 3,
     "pattern_aware": False},
    {"group": 5, "batch": 3, "ports": 4, "adders": 4, "k_max": 100, "n_max": 32, "weight_bits": 8,
     "acc_bits": 32},
)  # fmt: skip
_QUICK_CONFIGS = 2
_SCALED = {"k_max": 64, "n_max": 64}
"""What a machine's own slice is cut down to; jobs as long as it allows would take hours."""


def verify_lut(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """One row: the slice in several configs, each with weights of every width up to its widest.

    Parameters
    ----------
    quick : bool
        A sample instead of all configs and mutants.
    progress : callable or None
        Told of each simulation that is done.
    seed : int
        Of shapes, operands and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    tried = configs()[: _QUICK_CONFIGS if quick else None]
    return _verify("LUT slice", tried, quick=quick, progress=progress, seed=seed)


def verify_machine_lut(
    cfg: LutConfig, *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """One row for a machine's own slice, with fewer and shorter accumulations; else as above."""
    small = {name: min(getattr(cfg, name), most) for name, most in _SCALED.items()}
    tried = cfg.model_copy(update={**small, "ports": min(cfg.ports, small["n_max"])})
    return _verify("LUT slice, as configured", [tried], quick=quick, progress=progress, seed=seed)


def _verify(
    unit: str, tried: list[LutConfig], *, quick: bool, progress: Progress | None, seed: int
) -> list[AgreementRow]:
    with Pool(progress, seed) as pool:
        # Everything is queued before anything is waited for.
        reports = [
            pool.submit(
                _name(cfg),
                to_verilog(cfg, TOP),
                TESTBENCH,
                plan(cfg, _QUICK_JOBS if quick else _FULL_JOBS),
            )
            for cfg in tried
        ]
        mutated = configs()[0]
        missed = [
            pool.mutant(_name(mutated), bug, text, TESTBENCH, plan(mutated, _MUTANT_JOBS))
            for bug, text in mutants(mutated, every=8 if quick else 1).items()
        ]
        return [
            agreement_row(
                unit,
                [_name(cfg) for cfg in tried],
                [report.result() for report in reports],
                [bug.result() for bug in missed],
            )
        ]


def configs() -> list[LutConfig]:
    """What is tried; the first is put bugs into."""
    return [_narrowest(values) for values in _CONFIGS]


def plan(cfg: LutConfig, jobs: tuple[int, int]) -> dict[str, object]:
    """What the testbench is to run."""
    return {"cfg": cfg.model_dump(), "unstalled": jobs[0], "stalled": jobs[1]}


def _narrowest(values: Mapping[str, Any]) -> LutConfig:
    """With accumulators just wide enough, unless they are given."""
    generous = LutConfig.model_validate({**values, "acc_bits": 64})
    acc_bits = values.get("acc_bits", max(8, generous.exact_bits))
    return LutConfig.model_validate({**values, "acc_bits": acc_bits})


def _name(cfg: LutConfig) -> str:
    return (
        f"groups of {cfg.group} int{cfg.activation_bits}, weights to {cfg.weight_bits} bits, "
        f"{cfg.batch} vectors, {cfg.ports} ports, {cfg.adders} adders, "
        f"{cfg.n_max} x {cfg.k_max} into {cfg.acc_bits} bits"
    )
