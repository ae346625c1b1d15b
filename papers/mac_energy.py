"""Energy of the dot units from their gates' activity, on the blocks of Gaussian tensors.

The netlist that is simulated computes: what leaves it is compared with the golden model, bit for bit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.mac import DotConfig
from lockstep.papers.mac_units import Gates
from lockstep.rtl.synth.activity import Activity, measure_activity
from lockstep.sim.golden import mac as golden
from lockstep.sim.golden.formats import Blocks, encode

STREAMS = 64
BLOCKS = 16
"""Blocks of each stream, in one dot product; all of its beats but the first are counted."""

Bits = NDArray[np.uint8]


class NetlistError(RuntimeError):
    """The gates do not compute what the golden model does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DotEnergy:
    """Energy per multiply-accumulate, in pJ: settled edges, glitches, clock pins of flip-flops.

    Wires, the clock tree and leakage are in none of them. Glitches are counted with one unit of time
    per gate, which is more than real gates let through: without them is the least, with them the most.
    """

    settled_pj: float
    glitch_pj: float
    clock_pj: float

    @property
    def least_pj(self) -> float:
        """Without glitches."""
        return self.settled_pj + self.clock_pj

    @property
    def most_pj(self) -> float:
        """With all of them."""
        return self.least_pj + self.glitch_pj


def dot_energy(gates: Gates) -> DotEnergy:
    """Energy of a dot unit that is busy in every cycle.

    Raises
    ------
    NetlistError
        If a result is not the golden model's.
    """
    unit = gates.unit
    assert isinstance(unit.cfg, DotConfig)
    activity, wrong = simulate_dot(unit.cfg, gates)
    if wrong:
        raise NetlistError(f"{unit.kind} {unit.format}: {wrong} of {STREAMS} results are wrong")
    return DotEnergy(
        settled_pj=(activity.energy_pj_per_cycle - activity.clock_pj_per_cycle) / unit.lanes,
        glitch_pj=activity.glitch_pj_per_cycle / unit.lanes,
        clock_pj=activity.clock_pj_per_cycle / unit.lanes,
    )


def simulate_dot(cfg: DotConfig, gates: Gates) -> tuple[Activity, int]:
    """One dot product on each stream; the activity, and how many results are wrong."""
    rng = np.random.default_rng(0)
    shape = (STREAMS, BLOCKS * cfg.a_block.block)
    a, b = (_blocks(rng.standard_normal(shape, np.float32), name) for name in (cfg.a, cfg.b))
    beats = BLOCKS * cfg.beats_per_block
    # Reset, all beats, and then nothing until the result is out.
    cycles = 1 + beats + cfg.latency_cycles
    words = [
        *(_beats(x.codes, cfg) for x in (a, b)),
        *(np.repeat(x.scales, cfg.beats_per_block, axis=-1)[..., None] for x in (a, b)),
        (np.arange(beats) == beats - 1)[None, :, None] * np.ones((STREAMS, 1, 1), np.uint8),
    ]
    widths = (cfg.a_block.element_bits, cfg.b_block.element_bits, cfg.a_block.scale_bits,
              cfg.b_block.scale_bits, 1)  # fmt: skip
    payload = np.concatenate([_bits(w, n) for w, n in zip(words, widths, strict=True)], axis=-1)
    # (streams, beats, bits) to (cycles, streams, bits); the last beat stays until the result is out.
    held = np.clip(np.arange(cycles) - 1, 0, beats - 1)
    time = np.arange(cycles)[:, None] * np.ones((1, STREAMS), np.int64)
    activity = measure_activity(
        gates.flat,
        gates.synthesis.library,
        {
            "rst": (time == 0).astype(np.uint64),
            "i__valid": ((time > 0) & (time <= beats)).astype(np.uint64),
            "o__ready": np.ones(time.shape, np.uint64),
            "i__payload": payload.transpose(1, 0, 2)[held].astype(np.uint64),
        },
        skip_cycles=1 + cfg.latency_cycles,  # until the pipeline is full
    )
    want = golden.dot(cfg, a.codes, b.codes, a.scales, b.scales)
    got, valid = (activity.output(p)[..., 0] for p in ("o__payload", "o__valid"))
    wrong = int(np.sum((got[-1] != want) | (valid[-1] != 1)))
    return activity, wrong


def _blocks(x: NDArray[np.float32], name: str) -> Blocks:
    blocks = encode(x, name, scale_rule="ceil")
    assert isinstance(blocks, Blocks)
    return blocks


def _beats(codes: NDArray[np.unsignedinteger], cfg: DotConfig) -> NDArray[np.unsignedinteger]:
    """(streams, blocks, block) to (streams, beats, lanes)."""
    return codes.reshape(STREAMS, -1, cfg.lanes)


def _bits(words: NDArray[np.integer], width: int) -> Bits:
    """(streams, beats, words) to (streams, beats, words x width), the least significant bit first."""
    bits = words[..., None].astype(np.uint64) >> np.arange(width, dtype=np.uint64) & np.uint64(1)
    return bits.reshape(*words.shape[:2], -1).astype(np.uint8)
