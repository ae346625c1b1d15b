"""Hold the serial engines' RTL to their golden and cycle models, over many configs and kinds of data."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from lockstep.arch.engine import TensorBase
from lockstep.arch.serial import BitSliceConfig, LaconicConfig, SerialBase
from lockstep.rtl.build import to_verilog
from lockstep.verify.agreement import AgreementRow
from lockstep.verify.pool import Pool, Progress, agreement_row
from lockstep.verify.serial_mutants import mutants
from lockstep.verify.serial_traffic import DATA, random_shapes
from lockstep.verify.verilator import TOP

TESTBENCH = "lockstep.verify.serial_testbench"
LARGEST_PES = 64
"""A machine's array with more PEs than this is verified scaled down; it would take minutes to build."""

_QUICK_JOBS = (14, 7)  # unstalled and stalled, of each config
_FULL_JOBS = (112, 56)
_MUTANT_JOBS = (14, 28)

# Sides, operand formats, and the engine's own key: k_max, and pairs for Laconic.
_BIT_SLICE: tuple[dict[str, Any], ...] = (
    {"rows": 3, "cols": 2, "k_max": 16, "mac": {"acc_bits": 16}},  # wraps
    {"rows": 1, "cols": 5, "k_max": 32, "mac": {"encoder": "booth"}},
    {"rows": 4, "cols": 4, "k_max": 64},
    {"rows": 6, "cols": 1, "k_max": 16, "mac": {"a": "uint4", "b": "int8", "acc_bits": 20}},
    {"rows": 2, "cols": 3, "k_max": 48, "group": 3, "mac": {"a": "int16", "acc_bits": 40}},
)
_LACONIC: tuple[dict[str, Any], ...] = (
    {"rows": 3, "cols": 2, "pairs": 4, "mac": {"acc_bits": 16}},  # wraps
    {"rows": 1, "cols": 5, "pairs": 2},
    {"rows": 6, "cols": 1, "pairs": 3, "mac": {"a": "int4", "b": "uint4", "acc_bits": 20}},
    {"rows": 2, "cols": 2, "pairs": 16},
    {"rows": 2, "cols": 3, "pairs": 1, "mac": {"a": "int16", "acc_bits": 40}},
)
_QUICK_CONFIGS = 3


def verify_serial(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> list[AgreementRow]:
    """One row for each serial engine, and each reduction of the bit-slice engine.

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
    with Pool(progress, seed) as pool:
        # Everything is queued before anything is waited for.
        waiting = [
            (unit, configs, _reports(pool, configs, quick), _missed(pool, configs[0], quick))
            for unit, configs in _units(_QUICK_CONFIGS if quick else None)
        ]
        return [
            agreement_row(unit, [_name(cfg) for cfg in configs], _results(reports), _results(bugs))
            for unit, configs, reports, bugs in waiting
        ]


def verify_machine_serial(
    cfg: TensorBase, *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> AgreementRow:
    """One row for a machine's own engine, scaled down if it has more than ``LARGEST_PES`` PEs.

    Raises
    ------
    ValueError
        If the engine has no RTL.
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    """
    if not isinstance(cfg, SerialBase):
        raise ValueError(f"tensor.kind {cfg.kind!r} has no RTL; it is a rate, not a design")
    tried: SerialBase = cfg
    while tried.pes > LARGEST_PES:
        side = "rows" if tried.rows > tried.cols else "cols"
        tried = tried.model_copy(update={side: -(-getattr(tried, side) // 2)})
    mutated = cfg.model_copy(update={"rows": 3, "cols": 2})
    with Pool(progress, seed) as pool:
        reports = _reports(pool, [tried], quick)
        bugs = _missed(pool, mutated, quick)
        return agreement_row(
            f"tensor, {tried.architecture}, {_name(tried)}",
            [_name(tried)],
            _results(reports),
            _results(bugs),
            None if tried == cfg else cfg.shape,
        )


def _units(count: int | None) -> Iterator[tuple[str, list[SerialBase]]]:
    """The name of each row and its configs; the first one is put bugs into."""
    for reduction in BitSliceConfig.reductions:
        configs = [
            BitSliceConfig.model_validate({
                "kind": "bit_slice",
                **values,
                "mac": {**values.get("mac", {}), "reduction": reduction},
            })
            for values in _BIT_SLICE[:count]
        ]
        yield f"tensor, bit slice, {reduction}", list(configs)
    laconic = [LaconicConfig.model_validate({"kind": "laconic", **v}) for v in _LACONIC[:count]]
    yield "tensor, laconic", list(laconic)


def plan(cfg: SerialBase, jobs: tuple[int, int], seed: int) -> dict[str, object]:
    """What the testbench is to run: every kind of operands in turn."""
    rng = np.random.default_rng(seed)
    # Two passes and a bit; the Laconic engine has none.
    k_most = 2 * cfg.k_max + 5 if isinstance(cfg, BitSliceConfig) else 6 * cfg.lanes_per_step
    kinds = list(DATA)
    unstalled, stalled = (
        [
            (shape, kinds[i % len(kinds)])
            for i, shape in enumerate(random_shapes(cfg, count, k_most, rng))
        ]
        for count in jobs
    )
    return {"cfg": cfg.model_dump(), "unstalled": unstalled, "stalled": stalled}


def _reports(
    pool: Pool, configs: Sequence[SerialBase], quick: bool
) -> list[Future[dict[str, Any]]]:
    jobs = _QUICK_JOBS if quick else _FULL_JOBS
    return [
        pool.submit(_name(cfg), to_verilog(cfg, TOP), TESTBENCH, plan(cfg, jobs, pool.seed))
        for cfg in configs
    ]


def _missed(pool: Pool, cfg: SerialBase, quick: bool) -> list[Future[str | None]]:
    todo = plan(cfg, _MUTANT_JOBS, pool.seed)
    return [
        pool.mutant(_name(cfg), bug, text, TESTBENCH, todo)
        for bug, text in mutants(cfg, every=6 if quick else 1).items()
    ]


def _results(futures: list[Future[Any]]) -> list[Any]:
    return [future.result() for future in futures]


def _name(cfg: SerialBase) -> str:
    mac = f"{cfg.mac.a} x {cfg.mac.b} into {cfg.mac.acc_bits} bits"
    if isinstance(cfg, BitSliceConfig):
        return f"{cfg.shape} {mac}, {cfg.mac.reduction} by {cfg.mac.encoder}, k_max {cfg.k_max}"
    return f"{cfg.shape} {mac}, {cfg.lanes_per_step} pairs"
