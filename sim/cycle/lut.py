"""Cycle model of the LUT-GEMV slice: closed forms, equal to the RTL to the cycle, and what it does.

A job takes its groups one after another. Each takes one cycle to accept its activations, a build of
the LUT unless it is at hand, and then one cycle for each bit-plane of each block of ``ports`` outputs.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.lut import LutConfig

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LutActivity:
    """Event counts of a slice; they add with ``+`` and scale with ``*``.

    Lanes beyond the edge of a matrix are not counted, but for activations, whose lanes beyond K
    are zeros in the LUT.

    Parameters
    ----------
    lut_adds : float
        Additions of a build; each result is written to a LUT, of ``entry_bits``.
    lut_reads : float
        Entries looked up.
    shift_adds : float
        Entries added to the doubled sum of the bit-planes above; the highest has none.
    acc_adds : float
        Group sums added to an accumulator, which is read; the first group's are only written.
    acc_writes : float
        Accumulators written; the last group's sums leave instead.
    activation_bits, index_bits, result_bits : float
        Over the streams, in bits. ``index_bits`` are the weights.
    """

    lut_adds: float = 0.0
    lut_reads: float = 0.0
    shift_adds: float = 0.0
    acc_adds: float = 0.0
    acc_writes: float = 0.0
    activation_bits: float = 0.0
    index_bits: float = 0.0
    result_bits: float = 0.0

    def __add__(self, other: "LutActivity") -> "LutActivity":
        return LutActivity(**{
            f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)
        })

    def __mul__(self, times: float) -> "LutActivity":
        return LutActivity(**{f.name: getattr(self, f.name) * times for f in fields(self)})


def groups_of(cfg: LutConfig, k: int) -> int:
    """Groups of ``k`` inputs; the last may be short."""
    return -(-k // cfg.group)


def lookup_cycles(cfg: LutConfig, n: int, k: int, weight_bits: int) -> int:
    """Cycles of a job that take indices, one transfer each."""
    return groups_of(cfg, k) * -(-n // cfg.ports) * weight_bits


def builds(cfg: LutConfig, activations: I64) -> int:
    """LUT builds of a job: groups that differ from the group before in any vector of the batch.

    ``activations`` is (B, K); the first group always needs one, and a short last group ends in zeros.
    """
    batch, k = activations.shape
    n_groups = groups_of(cfg, k)
    if not cfg.pattern_aware:
        return n_groups
    padded = np.pad(activations, [(0, 0), (0, n_groups * cfg.group - k)])
    groups = padded.reshape(batch, n_groups, cfg.group)
    return 1 + int((groups[:, 1:] != groups[:, :-1]).any(axis=(0, 2)).sum())


def expected_builds(cfg: LutConfig, k: int, hit_rate: float) -> float:
    """Mean of :func:`builds` where a group equals the one before with probability ``hit_rate``."""
    if not 0 <= hit_rate <= 1:
        raise ValueError(f"hit_rate must lie in 0..1, not {hit_rate}")
    n_groups = groups_of(cfg, k)
    return 1 + (n_groups - 1) * (1 - hit_rate * cfg.pattern_aware)


def job_cycles(
    cfg: LutConfig, n: int, k: int, *, weight_bits: int, n_builds: float, pace: float = 1.0
) -> float:
    """Cycles from the first one that can accept activations through that of the last result.

    Parameters
    ----------
    cfg : LutConfig
        Of the slice.
    n, k : int
        Outputs and inputs.
    weight_bits : int
        Of this job's weights.
    n_builds : float
        From :func:`builds`, and then the result is exact, or from :func:`expected_builds`.
    pace : float, 1 or more
        Mean cycles between two transfers of indices that the stream of weights allows.
    """
    lookups = lookup_cycles(cfg, n, k, weight_bits) * pace
    return groups_of(cfg, k) + n_builds * cfg.build_cycles + lookups + cfg.drain_cycles


def transfers(cfg: LutConfig, n: int, k: int, weight_bits: int) -> dict[str, int]:
    """Transfers of a job on each stream: ``a``, ``w`` and ``o``."""
    return {
        "a": groups_of(cfg, k),
        "w": lookup_cycles(cfg, n, k, weight_bits),
        "o": -(-n // cfg.ports),
    }


def job_activity(
    cfg: LutConfig,
    n: int,
    k: int,
    *,
    weight_bits: int,
    n_builds: float,
    vectors: int | None = None,
) -> LutActivity:
    """What a job does for ``vectors`` of its batch, by default all; lanes without one stay zero."""
    n_groups, b = groups_of(cfg, k), cfg.batch if vectors is None else vectors
    return LutActivity(
        lut_adds=n_builds * cfg.lut_sums * b,
        lut_reads=float(n_groups * n * weight_bits * b),
        shift_adds=float(n_groups * n * (weight_bits - 1) * b),
        acc_adds=float((n_groups - 1) * n * b),
        acc_writes=float((n_groups - 1) * n * b),
        activation_bits=float(n_groups * cfg.group * cfg.activation_bits * b),
        index_bits=float(n_groups * cfg.group * n * weight_bits),
        result_bits=float(n * b * cfg.acc_bits),
    )
