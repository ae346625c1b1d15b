"""Switching activity of a processing element that provably computes: gates against the golden model."""

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.tensor import ParallelBase
from lockstep.rtl.lib.shared import verilog_of
from lockstep.rtl.synth.activity import Activity, measure_activity
from lockstep.rtl.synth.cells import Library
from lockstep.rtl.synth.synthesis import Synthesis
from lockstep.rtl.synth.yosys import synthesize
from lockstep.rtl.tensor.pe import OutputStationaryPE
from lockstep.sim.golden.tensor import gemm, wrap

Ints = NDArray[np.int64]


class MismatchError(RuntimeError):
    """The gates and the golden model disagree."""


def synthesize_pe(
    cfg: ParallelBase, *, library: Library | None = None, target_delay_ns: float | None = None
) -> Synthesis:
    """Gates of one PE of an engine that holds its outputs; see :func:`~lockstep.rtl.synth.yosys.synthesize`.

    Raises
    ------
    ValueError
        If the PE holds a weight, or is one of a chain: those have no stimulus here.
    """
    if not cfg.holds_outputs or cfg.lanes_per_step > 1:
        raise ValueError(
            "activity is measured for PEs that hold one sum and take one pair per cycle"
        )
    verilog = verilog_of(OutputStationaryPE(cfg), "pe")
    return synthesize(verilog, "pe", library=library, target_delay_ns=target_delay_ns)


def measure_pe(cfg: ParallelBase, pe: Synthesis, a: Ints, b: Ints) -> Activity:
    """Feed a PE one fold after another, check every sum, count the edges.

    It is a PE of the bottom row: its sums leave through ``up``, and none come from below. One cycle
    is one multiply-accumulate. The first fold does not count.

    Parameters
    ----------
    cfg : ParallelBase
        The engine.
    pe : Synthesis
        Of :func:`synthesize_pe`.
    a, b : integers, (folds, k, streams)
        Two folds or more.

    Raises
    ------
    MismatchError
        If a sum is not that of :func:`lockstep.sim.golden.tensor.gemm`.
    ValueError
        If an operand is out of its range, or there is only one fold.
    """
    folds, k, streams = a.shape
    if folds < 2:
        raise ValueError("a and b need two folds or more: the first does not count")
    expected = gemm(cfg.mac, a.transpose(0, 2, 1)[..., None, :], b.transpose(0, 2, 1)[..., None])

    # One cycle more, in which the last sum leaves.
    n_cycles = folds * k + 1
    starts = np.zeros((n_cycles, streams), np.uint8)
    starts[::k] = 1
    leaves = starts.copy()
    leaves[0] = 0
    activity = measure_activity(
        pe.netlist.flat,
        pe.library,
        {
            "a": _codes(a, cfg.mac.a_bits),
            "b": _codes(b, cfg.mac.b_bits),
            "first": starts,
            "capture": leaves,
            "shift": leaves,
            "advance": np.ones_like(starts),
        },
        skip_cycles=k + 1,
    )
    sums = activity.output("up", cfg.mac.sum_words)[k::k]
    found = wrap(sums.astype(np.int64).sum(axis=-1), cfg.mac.acc_bits)
    if wrong := int((found != expected[..., 0, 0]).sum()):
        raise MismatchError(f"{wrong} of {found.size} sums of the gates are not the golden model's")
    return activity


def _codes(x: Ints, bits: int) -> NDArray[np.uint64]:
    """Two's complement, (cycles, streams), with a cycle of zeros at the end."""
    cycles = x.reshape(-1, x.shape[-1])
    padded = np.pad(cycles, [(0, 1), (0, 0)])
    return (padded & ((1 << bits) - 1)).astype(np.uint64)
