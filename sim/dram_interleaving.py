"""How streams are spread over channels and banks."""

import numpy as np

from lockstep.arch.dram import DramSpec
from lockstep.sim.dram_rate import I64


def interleaved(spec: DramSpec, address: I64) -> I64:
    """Byte addresses with their channel and bank-group bits mixed with all higher ones.

    The lowest bits, as many as number channels, pseudo-channels and bank groups, are XORed with a
    hash of the rest, so that rows of a tile that lie a power of two apart do not meet in one bank
    (permutation-based interleaving; Zhang, Zhu and Zhang, MICRO 2000; controllers' own hashes are
    not public). Consecutive bursts still go to all of them in turn, and DRAM rows stay together.
    """
    g = spec.geometry
    bits = (g.channels * g.pseudo_channels * g.bank_groups).bit_length() - 1
    burst = address % g.capacity_bytes // g.burst_bytes
    unit = scattered(burst >> bits) & ((1 << bits) - 1)
    return (burst ^ unit) * g.burst_bytes


def scattered(index: I64) -> I64:
    """Whole numbers to pseudo-random ones below 2^62 (finaliser of SplitMix64)."""
    z = (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(2)).astype(np.int64)
