"""Hold the arithmetic units to their golden and cycle models, format by format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lockstep.arch.formats import FORMATS, BlockFormat, FloatFormat, IntFormat
from lockstep.arch.mac import (
    AccumulateConfig,
    DotConfig,
    FixedSum,
    MultiplyConfig,
    significand_bits,
)
from lockstep.arch.tensor import MacConfig
from lockstep.verify import mac_blocks
from lockstep.verify import mac_traffic as traffic
from lockstep.verify.agree_posit import posit_cases
from lockstep.verify.agreement import FormatRow
from lockstep.verify.mac_mutants import mutants
from lockstep.verify.mac_rows import Case, Progress, Trial, verify_cases
from lockstep.verify.mac_stream import PAUSES
from lockstep.verify.mac_traffic import Traffic

Unit = MultiplyConfig | AccumulateConfig | DotConfig

LANES = 16
MUTANT_LANES = 2  # enough for all of a unit's logic


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Random pairs for operands wider than 8 bits, pairs of each stalled batch, blocks of dots.

    ``elements`` and ``scales`` are whether dots also take every pair of their codes.
    """

    pairs: int
    stalled_pairs: int
    blocks: int
    elements: bool = False
    scales: bool = False


QUICK = Effort(pairs=20_000, stalled_pairs=1_000, blocks=3_000, elements=True)
FULL = Effort(pairs=1_000_000, stalled_pairs=4_000, blocks=30_000, elements=True, scales=True)
MUTANT = Effort(pairs=4_000, stalled_pairs=400, blocks=1_200)


def batches(cfg: Unit, effort: Effort, *, seed: int) -> list[Traffic]:
    """Traffic for a unit: without pauses, then with."""
    rng = np.random.default_rng(seed)
    smooth = [_traffic(cfg, effort.pairs, effort.blocks, rng)]
    if isinstance(cfg, DotConfig) and effort.elements and traffic.is_swept(cfg.product):
        smooth.append(mac_blocks.sweep_elements(cfg, rng))
    if isinstance(cfg, DotConfig) and effort.scales:
        smooth.append(mac_blocks.sweep_scales(cfg, rng))
    return smooth + [
        replace(
            _traffic(cfg, effort.stalled_pairs, effort.blocks // 6, rng, sample=True),
            valid_p=valid_p,
            ready_p=ready_p,
        )
        for valid_p, ready_p in PAUSES
    ]


def _traffic(
    cfg: Unit, pairs: int, blocks: int, rng: np.random.Generator, *, sample: bool = False
) -> Traffic:
    match cfg:
        case MultiplyConfig():
            return traffic.multiply(cfg, pairs, rng, sample=sample)
        case AccumulateConfig():
            return traffic.accumulate(cfg, pairs, rng, sample=sample)
        case DotConfig():
            return mac_blocks.dot(cfg, blocks, rng)


def name_of(cfg: Unit) -> tuple[str, str]:
    """A unit's kind and formats, as the table shows them."""
    match cfg:
        case MultiplyConfig():
            return f"multiply, {cfg.result}", _pair(cfg.a, cfg.b)
        case AccumulateConfig():
            return "multiply-accumulate", _pair(cfg.mac.a, cfg.mac.b)
        case DotConfig():
            fixed = ", fixed point" if isinstance(cfg.accumulate, FixedSum) else ""
            return f"dot, {cfg.lanes} lanes{fixed}", _pair(cfg.a, cfg.b)


def _pair(a: str, b: str) -> str:
    return a if a == b else f"{a} x {b}"


ELEMENTS = [
    f.name
    for f in FORMATS.values()
    if (isinstance(f, IntFormat) and f.bits <= 16)
    or (isinstance(f, FloatFormat) and 2 * significand_bits(f) <= 24)
]
"""Scalar formats that multiply; int32 and fp32 are for accumulators, e8m0 is for scales."""

BLOCKS = [f.name for f in FORMATS.values() if isinstance(f, BlockFormat)]

IN_FIXED_POINT = {"mxfp8": -18, "mxfp4": -2, "mxint8": -12, "nvfp4": -12, "nvint4": -12}
"""Block formats, and the exponent of the unit that their blocks are accumulated in.

The first three count the least product of two elements, at scales of 1, without loss; scales of NV
formats go down to 2**-9 each, so with them, as with lesser scales, addends are rounded.
"""


def units() -> list[Unit]:
    """Every unit that the table shows, posits and SIMD apart."""
    multipliers = [MultiplyConfig(a=f, b=f, lanes=LANES) for f in ELEMENTS]
    rounders = [
        MultiplyConfig(a=f, b=f, result=result, lanes=LANES)
        for f in ELEMENTS
        if isinstance(FORMATS[f], FloatFormat)
        for result in ("rounded", "saturated")
    ]
    mixed = [
        ("fp8_e4m3", "fp8_e5m2"),
        ("fp8_e4m3", "fp4_e2m1"),
        ("int8", "uint4"),
        ("int8", "int4"),
    ]
    accumulators = [
        AccumulateConfig(mac=MacConfig(a=a, b=b), lanes=LANES)
        for a, b in [*((f, f) for f in ELEMENTS), *mixed]
    ]
    dots = [
        DotConfig(a=f, b=f, lanes=lanes)
        for f in [*BLOCKS, "bfp8_e5_b24", "bfp16_e8_b6"]
        for lanes in _lanes(f)
    ]
    dots.append(DotConfig(a="mxfp8", b="mxfp4", lanes=16))
    dots += [
        DotConfig(a=f, b=f, lanes=_lanes(f)[0], accumulate=FixedSum(bits=32, lsb_exponent=exponent))
        for f, exponent in IN_FIXED_POINT.items()
    ]
    return [*multipliers, *rounders, *accumulators, *dots]


def _lanes(block_format: str) -> tuple[int, int]:
    whole = DotConfig(a=block_format, b=block_format, lanes=1).a_block.block
    return whole, whole // (4 if whole % 4 == 0 else 2)


MUTATED = [
    ("multiply, exact", "int8"),
    ("multiply, rounded", "fp8_e4m3"),
    ("multiply, rounded", "bf16"),
    ("multiply-accumulate", "int4"),
    ("multiply-accumulate", "fp8_e5m2"),
    ("dot, 32 lanes", "mxfp8_e5m2"),
    ("dot, 16 lanes", "nvfp4"),
    ("dot, 32 lanes, fixed point", "mxint8"),
    ("dot, 16 lanes, fixed point", "nvfp4"),
]
"""Rows whose mutants are tried; each stands for its kind."""


def cases(effort: Effort, *, seed: int) -> list[Case]:
    """The rows of :func:`units`."""
    return [_case(cfg, effort, seed) for cfg in units()]


def _case(cfg: Unit, effort: Effort, seed: int) -> Case:
    unit, formats = name_of(cfg)
    return Case(
        unit=unit,
        format=formats,
        cfg=cfg,
        batches=partial(batches, cfg, effort, seed=seed),
        exhaustive=traffic.is_swept(cfg.product),
        trial=trial(cfg, seed=seed) if (unit, formats) in MUTATED else None,
    )


def trial(cfg: Unit, *, seed: int) -> Trial:
    """The mutants of a unit like ``cfg``, but narrower."""
    narrow = cfg.model_copy(update={"lanes": MUTANT_LANES})
    return Trial(
        cfg=narrow,
        mutants=mutants(narrow),
        batches=partial(batches, narrow, MUTANT, seed=seed),
    )


def verify_mac(
    *, quick: bool = False, progress: Progress | None = None, seed: int = 1
) -> Iterator[FormatRow]:
    """Rows of every arithmetic unit in every format; see :func:`units` and ``posit_cases``.

    Parameters
    ----------
    quick : bool
        One row for each kind of unit and format, with a sample of its mutants and 20,000 random
        pairs of 16-bit formats instead of a million.
    progress : callable or None
        Told what is done.
    seed : int
        Of operands and stalls.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    lockstep.verify.cosim.SimulationError
        If a design stops answering.
    """
    effort = QUICK if quick else FULL
    found: Sequence[Case] = [*cases(effort, seed=seed), *posit_cases(quick=quick, seed=seed)]
    return verify_cases(found, quick=quick, progress=progress, seed=seed)
