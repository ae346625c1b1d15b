"""Number formats beside gfloat, ml_dtypes and softposit; and an exhaustive sweep in RTL."""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import Any

import gfloat
import ml_dtypes
import numpy as np
import softposit
from gfloat.formats import format_info_mxfp8_e4m3, format_info_ocp_e4m3
from numpy.typing import ArrayLike, NDArray

from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.mac import MultiplyConfig
from lockstep.rtl.build import to_verilog
from lockstep.sim.golden.formats import dot, encode, quantize
from lockstep.verify.mac_stream import compare
from lockstep.verify.mac_traffic import multiply
from lockstep.verify.verilator import TOP, build

LIBRARIES = ("gfloat", "ml_dtypes", "softposit")
ELEMENTS = 10_000_000
GFLOAT_BLOCKS = 500
GFLOAT_ELEMENTS = 1_000_000
TERMS, DOTS = 64, 10_000
SOFTPOSIT_DOTS = 500
RUNS = 7


def measure(session: Session) -> Table:
    """One row for each comparison.

    Raises
    ------
    RuntimeError
        If a library and lockstep, or RTL and lockstep, give different results.
    """
    return Table(
        name="formats",
        title="Number formats: elements per second, and an exhaustive sweep of the RTL",
        rows=[*_quantize(session), *_dots(session), _sweep(session)],
        notes=[
            "Versions: " + ", ".join(f"{name} {version(name)}" for name in LIBRARIES) + ".",
            (
                "Rate ratio: lockstep's elements per second over the other's; calls of both take turns, "
                "and each time is the median. gfloat and softposit get fewer elements, for they take "
                "Python calls for each; where they do the same, results are equal."
            ),
            (
                "quantize: float32 in, MXFP8 (E4M3, blocks of 32) by the OCP rule, float32 out. "
                "gfloat's quantize_block does the same for one block; its round_ndarray and ml_dtypes' "
                "cast only round elements to E4M3, without scales, and the cast does not go back."
            ),
            (
                f"dot: {TERMS} products each, summed exactly and rounded once; softposit's loop "
                "calls qma on posits that exist already."
            ),
            (
                "sweep: the RTL of 16 E4M3 multipliers, all 65,536 pairs of codes under Verilator, "
                "outputs compared with the golden model; the build is not counted."
            ),
        ],
    )


def _beside(
    what: str,
    beside: str,
    ours: tuple[int, Callable[[], object]],
    theirs: tuple[int, Callable[[], object]],
    target: str,
) -> Row:
    """A comparison; ``ours`` and ``theirs`` are elements and the call that works on them."""
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(1 + RUNS):
        for times, (_, call) in zip(seconds, (ours, theirs), strict=True):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
    ours_s, theirs_s = (statistics.median(times[1:]) for times in seconds)  # the first warms up
    return {
        "what": what,
        "beside": beside,
        "elements": ours[0],
        "seconds": ours_s,
        "their_elements": theirs[0],
        "their_seconds": theirs_s,
        "rate_ratio": (ours[0] / ours_s) / (theirs[0] / theirs_s),
        "target": target,
    }


def _quantize(session: Session) -> Iterator[Row]:
    x = np.random.default_rng(1).standard_normal(ELEMENTS).astype(np.float32)
    what = "quantize, mxfp8"
    ours = x.size, partial(quantize, x, "mxfp8")
    session.say("quantize: gfloat, blocks")
    some = x[: 32 * GFLOAT_BLOCKS]
    _same("gfloat", _gfloat_blocks(some), quantize(some, "mxfp8"))
    blocks = some.size, partial(_gfloat_blocks, some)
    yield _beside(what, "gfloat quantize_block", ours, blocks, "20 or more")

    session.say("quantize: gfloat, elements")
    more = x[:GFLOAT_ELEMENTS]
    rounded = more.size, partial(gfloat.round_ndarray, format_info_ocp_e4m3, more, sat=True)
    yield _beside(what, "gfloat round_ndarray, elements only", ours, rounded, "")

    session.say("quantize: ml_dtypes")
    cast = x.size, partial(x.astype, ml_dtypes.float8_e4m3fn)
    yield _beside(what, "ml_dtypes cast, elements only", ours, cast, "0.25 or more")


def _gfloat_blocks(x: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.concatenate([
        gfloat.quantize_block(format_info_mxfp8_e4m3, row, gfloat.compute_scale_amax)
        for row in x.reshape(-1, 32)
    ])


def _dots(session: Session) -> Iterator[Row]:
    for name, posit, quire in (
        ("posit8_0", softposit.posit8, softposit.quire8),
        ("posit16_1", softposit.posit16, softposit.quire16),
    ):
        session.say(f"dot: {name}")
        numbers = np.random.default_rng(2).standard_normal((2, DOTS, TERMS)) / 4
        a, b = encode(numbers, name)
        pairs = [
            [(posit(bits=int(x)), posit(bits=int(y))) for x, y in zip(*row, strict=True)]
            for row in zip(a[:SOFTPOSIT_DOTS], b[:SOFTPOSIT_DOTS], strict=True)
        ]
        loop = partial(_softposit_dots, pairs, quire)
        _same("softposit", np.array(loop()), dot(a[:SOFTPOSIT_DOTS], b[:SOFTPOSIT_DOTS], name))
        ours = a.size, partial(dot, a, b, name)
        yield _beside(
            f"dot, {name}",
            "softposit qma loop",
            ours,
            (SOFTPOSIT_DOTS * TERMS, loop),
            "10 or more",
        )


def _softposit_dots(rows: list[list[tuple[Any, Any]]], quire: Callable[[], Any]) -> list[int]:
    """Codes of the rows' sums of products."""
    codes = []
    for pairs in rows:
        total = quire()
        total.clr()
        for a, b in pairs:
            total.qma(a, b)
        codes.append(total.toPosit().v.v)
    return codes


def _same(library: str, theirs: NDArray[Any], ours: ArrayLike) -> None:
    if not np.array_equal(theirs, ours):
        raise RuntimeError(f"{library} and lockstep give different results")


def _sweep(session: Session) -> Row:
    cfg = MultiplyConfig(a="fp8_e4m3", b="fp8_e4m3", result="rounded", lanes=16)
    verilog = to_verilog(cfg, TOP)
    session.say("sweep: building")
    build(verilog)
    session.say("sweep: running")
    begin = time.perf_counter()
    outcome = compare(cfg, verilog, [multiply(cfg, 0, np.random.default_rng(3))])
    seconds = time.perf_counter() - begin
    if not outcome.agrees or outcome.vectors != 1 << 16:
        raise RuntimeError(f"sweep of {cfg.a}: {outcome}")
    return {
        "what": "RTL sweep, fp8_e4m3",
        "beside": None,
        "elements": outcome.vectors,
        "seconds": seconds,
        "their_elements": None,
        "their_seconds": None,
        "rate_ratio": None,
        "target": "under 30 s",
    }
