"""Energy of the SIMD unit in each mode, from its gates' activity: what isolation keeps from toggling."""

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.simd import MODES, WORD_BITS, SimdConfig, SimdMode
from lockstep.papers.mac_energy import NetlistError
from lockstep.papers.mac_units import Gates
from lockstep.papers.reproduction import Cell
from lockstep.rtl.synth.activity import Activity, measure_activity
from lockstep.sim.golden import simd as golden
from lockstep.sim.golden.formats import encode

STREAMS = 64
WORDS = 16
"""Words of each stream, summed; all but the first are counted."""


def mode_energy(mode: SimdMode, gates: Gates) -> dict[str, Cell]:
    """Energy per word and per product of a unit that stays in one mode and is busy in every cycle.

    Raises
    ------
    NetlistError
        If a result is not the golden model's.
    """
    activity, wrong = simulate_simd(mode, gates)
    if wrong:
        raise NetlistError(f"simd, {mode.format.name}: {wrong} of {STREAMS} results are wrong")
    settled = activity.energy_pj_per_cycle - activity.clock_pj_per_cycle
    return {
        "mode": mode.format.name,
        "products_per_word": mode.lanes,
        "settled_fj_per_word": round(1e3 * settled, 1),
        "glitches_fj_per_word": round(1e3 * activity.glitch_pj_per_cycle, 1),
        "clock_fj_per_word": round(1e3 * activity.clock_pj_per_cycle, 1),
        "least_fj_per_product": round(1e3 * activity.energy_pj_per_cycle / mode.lanes, 1),
    }


def simulate_simd(mode: SimdMode, gates: Gates) -> tuple[Activity, int]:
    """One sum of words of Gaussian elements on each stream; the activity, and how many are wrong."""
    cfg = gates.unit.cfg
    assert isinstance(cfg, SimdConfig)
    rng = np.random.default_rng(0)
    a, b = (_words(mode, rng) for _ in range(2))
    index = MODES.index(mode)
    position = np.arange(WORDS)[None, :]
    fields = (
        (np.full_like(a, index), cfg.mode_bits),
        ((position == 0) + 0 * a, 1),
        ((position == WORDS - 1) + 0 * a, 1),
        (a, WORD_BITS),
        (b, WORD_BITS),
    )
    payload = np.zeros_like(a)
    at = 0
    for values, bits in fields:
        payload |= values.astype(np.uint64) << np.uint64(at)
        at += bits
    # Reset, all words, and then nothing until the result is out.
    cycles = 1 + WORDS + cfg.latency_cycles
    held = np.clip(np.arange(cycles) - 1, 0, WORDS - 1)
    time = np.arange(cycles)[:, None] + np.zeros((1, STREAMS), np.int64)
    activity = measure_activity(
        gates.flat,
        gates.synthesis.library,
        {
            "rst": (time == 0).astype(np.uint64),
            "i__valid": ((time > 0) & (time <= WORDS)).astype(np.uint64),
            "o__ready": np.ones(time.shape, np.uint64),
            "i__payload": payload.T[held],
        },
        skip_cycles=1 + cfg.latency_cycles,  # until the pipeline is full
    )
    want = golden.dot(cfg, np.full(a.shape, index), a.astype(np.int64), b.astype(np.int64))
    got, valid = (activity.output(p)[..., 0] for p in ("o__payload", "o__valid"))
    return activity, int(np.sum((got[-1] != want) | (valid[-1] != 1)))


def _words(mode: SimdMode, rng: np.random.Generator) -> NDArray[np.uint64]:
    """(streams, words) of packed elements, lane 0 in the least significant bits."""
    x = rng.standard_normal((STREAMS, WORDS, mode.lanes), np.float32)
    codes = np.asarray(encode(x, mode.format)).astype(np.uint64)
    shifts = np.arange(mode.lanes, dtype=np.uint64) * np.uint64(mode.format.element_bits)
    words: NDArray[np.uint64] = np.bitwise_or.reduce(codes << shifts, axis=-1)
    return words
