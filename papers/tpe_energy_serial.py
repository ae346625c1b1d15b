"""Switching activity of OPT4C's PE (TPE, HPCA'25, arXiv 2503.06342) on operands: gates that provably compute.

The PE and the lane that weighs and adds its sums are driven as a row of the bit-slice engine drives
them, digit by digit; :mod:`lockstep.verify.activity` does the same for PEs that take whole operands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.serial import BitSliceConfig
from lockstep.rtl.lib.shared import verilog_of
from lockstep.rtl.synth.activity import Activity, measure_activity
from lockstep.rtl.synth.synthesis import Synthesis
from lockstep.rtl.synth.yosys import synthesize
from lockstep.rtl.tensor.serial_pe import BitSlicePE, FuseLane
from lockstep.sim.cycle.serial import digits_of
from lockstep.sim.golden.tensor import gemm, wrap
from lockstep.verify.activity import MismatchError

Ints = NDArray[np.int64]
Codes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPE:
    """Gates of one PE of ``opt4c``, and of the lane behind it."""

    pe: Synthesis
    lane: Synthesis


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPerMac:
    """What a PE and its lane take per multiply-accumulate, the wait for the slowest row included."""

    cycles: float
    toggles: float
    settled_pj: float
    glitch_pj: float


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """Inputs of PEs side by side, (cycles, streams), fold after fold."""

    fold_ends: list[int]  # cycles up to and with each fold
    digit: Codes
    b: Codes
    clear: Codes
    fuse: Codes
    weight: Codes
    leave: Codes


def synthesize_serial_pe(cfg: BitSliceConfig, *, target_delay_ns: float | None = None) -> SerialPE:
    """Map both; the smallest area at any speed without a target."""
    pe, lane = (
        synthesize(verilog_of(unit, "pe"), "pe", target_delay_ns=target_delay_ns)
        for unit in (BitSlicePE(cfg), FuseLane(cfg))
    )
    return SerialPE(pe=pe, lane=lane)


def measure_serial_pe(cfg: BitSliceConfig, gates: SerialPE, a: Ints, b: Ints) -> EnergyPerMac:
    """Feed a PE one fold after another, check every sum, count the edges.

    A fold ends when the slowest of the streams side by side is done, as rows of an engine wait for each
    other. The first fold does not count. The encoder, which a row of PEs shares, and the buffers
    of operands are outside.

    Parameters
    ----------
    cfg : BitSliceConfig
        Of ``opt4c``.
    gates : SerialPE
        Of :func:`synthesize_serial_pe`.
    a, b : integers, (folds, k, streams)
        Two folds or more.

    Raises
    ------
    lockstep.verify.activity.MismatchError
        If a sum is not that of :func:`lockstep.sim.golden.tensor.gemm`.
    """
    walk = _walk(cfg, a, b)
    ones = np.ones_like(walk.clear)
    skip = walk.fold_ends[0]
    pe = measure_activity(
        gates.pe.netlist.flat,
        gates.pe.library,
        {"advance": ones, "digit": walk.digit, "b": walk.b, "clear": walk.clear},
        skip_cycles=skip,
    )
    lane = measure_activity(
        gates.lane.netlist.flat,
        gates.lane.library,
        {
            "advance": ones,
            "sum": pe.output("sum")[..., 0],
            "carry": pe.output("carry")[..., 0],
            "fuse": walk.fuse,
            "add": _late(walk.fuse, 1),
            "weight": walk.weight,
            "restart": walk.leave,
            "capture": walk.leave,
            "shift": walk.leave,
        },
        skip_cycles=skip,
    )
    found = lane.output("up")[np.array(walk.fold_ends) - 1, :, 0].astype(np.int64)
    expected = gemm(cfg.mac, a.transpose(0, 2, 1)[..., None, :], b.transpose(0, 2, 1)[..., None])
    if wrong := int((wrap(found, cfg.mac.acc_bits) != expected[..., 0, 0]).sum()):
        raise MismatchError(f"{wrong} of {found.size} sums of the gates are not the golden model's")
    macs = (a.shape[0] - 1) * a.shape[1]
    return _per_mac(pe, lane, (walk.fold_ends[-1] - skip) / macs)


def _per_mac(pe: Activity, lane: Activity, cycles: float) -> EnergyPerMac:
    return EnergyPerMac(
        cycles=cycles,
        toggles=cycles * (pe.toggles_per_cycle + lane.toggles_per_cycle),
        settled_pj=cycles * (pe.energy_pj_per_cycle + lane.energy_pj_per_cycle),
        glitch_pj=cycles * (pe.glitch_pj_per_cycle + lane.glitch_pj_per_cycle),
    )


def _walk(cfg: BitSliceConfig, a: Ints, b: Ints) -> _Walk:
    """Each stream's digits in the order of the engine: by bit-weight, group, operand."""
    mac, (folds, _, streams) = cfg.mac, a.shape
    digits = digits_of(a, mac.a_bits, mac.encoder, signed=mac.a_range[0] < 0)
    schedules = [_schedule(cfg, digits[f]) for f in range(folds)]
    fold = np.repeat(np.arange(folds), [len(each) for each in schedules])[:, None]
    place, weight = np.moveaxis(np.concatenate(schedules), -1, 0)
    ends = np.cumsum([len(each) for each in schedules])
    # The drain behind each fold parts it from the next, and the last from the first.
    busy = weight >= 0
    first, last = (busy & (weight != np.roll(weight, shift, axis=0)) for shift in (1, -1))
    weight, stream = weight.clip(0), np.arange(streams)
    chosen = np.where(place >= 0, digits[fold, place, stream, weight], 0)
    leave = np.zeros_like(weight)
    leave[ends - 1] = 1
    return _Walk(
        fold_ends=[int(end) for end in ends],
        digit=_codes((chosen != 0) | (np.abs(chosen) == 2) << 1 | (chosen < 0) << 2),
        b=_codes(b[fold, place, stream] & ((1 << mac.b_bits) - 1)),
        clear=_late(_codes(first), 1),  # when the digit is in use
        fuse=_late(_codes(last), 2),  # when it is in the sum
        weight=_late(_codes(weight), 3),
        leave=_codes(leave),
    )


def _schedule(cfg: BitSliceConfig, digits: NDArray[np.int8]) -> Ints:
    """Operand and bit-weight of each cycle of a fold, (cycles, streams, 2).

    The operand is -1 where a group has no digit, both are while slower streams go on and in the drain.
    """
    steps = [_steps(cfg, digits[:, s]) for s in range(digits.shape[1])]
    cycles = max(map(len, steps)) + cfg.drain_cycles
    padded = [np.pad(each, [(0, cycles - len(each)), (0, 0)], constant_values=-1) for each in steps]
    return np.stack(padded, axis=1)


def _steps(cfg: BitSliceConfig, digits: NDArray[np.int8]) -> Ints:
    """Operand and bit-weight of each cycle, (cycles, 2); operand -1 where a group has no digit."""
    steps: list[tuple[int, int]] = []
    for weight in range(digits.shape[-1]):
        for start in range(0, len(digits), cfg.group):
            places = start + np.flatnonzero(digits[start : start + cfg.group, weight])
            steps += [(int(place), weight) for place in places] or [(-1, weight)]
    return np.array(steps)


def _codes(values: NDArray[np.generic]) -> Codes:
    return values.astype(np.uint64)


def _late(codes: Codes, cycles: int) -> Codes:
    """The same some cycles later; 0 before."""
    return np.concatenate([np.zeros_like(codes[:cycles]), codes[:-cycles]])
