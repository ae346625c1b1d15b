"""Access patterns that bring out one property of a memory each; all are deterministic."""

from collections.abc import Callable

import numpy as np

from lockstep.arch.dram import DramSpec
from lockstep.sim.cycle.dram.address import I64, encode
from lockstep.sim.cycle.dram.trace import Trace

WINDOW_BYTES = 1 << 30
"""Linear and random patterns stay in the first GiB."""


def _splitmix64(seed: int, n: int) -> "np.typing.NDArray[np.uint64]":
    """The first ``n`` words of the SplitMix64 generator (Steele, Lea, Flood, OOPSLA 2014)."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    z = np.uint64(seed) + golden * np.arange(1, n + 1, dtype=np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _random(spec: DramSpec, words: "np.typing.NDArray[np.uint64]") -> I64:
    """Burst addresses in the window, one per word."""
    burst = spec.geometry.burst_bytes
    bursts = np.uint64(min(WINDOW_BYTES, spec.geometry.capacity_bytes) // burst)
    return (words % bursts).astype(np.int64) * burst


def _reads(address: I64) -> Trace:
    return Trace(np.zeros_like(address), address)


def _sequential(spec: DramSpec, n: int) -> Trace:
    """Reads of one burst after another."""
    window = min(WINDOW_BYTES, spec.geometry.capacity_bytes)
    return _reads(np.arange(n, dtype=np.int64) * spec.geometry.burst_bytes % window)


def _sequential_writes(spec: DramSpec, n: int) -> Trace:
    address = _sequential(spec, n).address
    return Trace(np.ones_like(address), address)


def _random_reads(spec: DramSpec, n: int) -> Trace:
    return _reads(_random(spec, _splitmix64(0x5EED0001, n)))


def _random_mix(spec: DramSpec, n: int) -> Trace:
    """Random bursts, seven reads to three writes."""
    words = _splitmix64(0x5EED0002, 2 * n)
    is_write = (words[1::2] % np.uint64(10) < 3).astype(np.int64)
    return Trace(is_write, _random(spec, words[::2]))


def _conflict_walk(spec: DramSpec, n: int) -> Trace:
    """One bank, another row for each read."""
    i = np.arange(n, dtype=np.int64)
    return _reads(encode(spec, row=i, column=i))


def _conflict_pairs(spec: DramSpec, n: int) -> Trace:
    """One bank, two rows in turn over all their columns, then the next two rows."""
    i = np.arange(n, dtype=np.int64)
    pair, column = np.divmod(i >> 1, spec.geometry.columns)
    return _reads(encode(spec, row=2 * pair + (i & 1), column=column))


def _bank_hits(spec: DramSpec, n: int) -> Trace:
    """Pseudo-channel and rank, bank group, bank, column and row, the first fastest."""
    g = spec.geometry
    rest, unit = np.divmod(np.arange(n, dtype=np.int64), g.pseudo_channels * g.ranks)
    rest, group = np.divmod(rest, g.bank_groups)
    rest, bank = np.divmod(rest, g.banks)
    row, column = np.divmod(rest, g.columns)
    return _reads(
        encode(
            spec, pseudo_channel=unit % g.pseudo_channels, rank=unit // g.pseudo_channels,
            bank_group=group, bank=bank, row=row, column=column,
        )
    )  # fmt: skip


def _row_stride(spec: DramSpec, n: int) -> Trace:
    """Reads one row's bytes apart; each turn round the window starts one burst further."""
    g = spec.geometry
    window = min(WINDOW_BYTES, g.capacity_bytes)
    turn, address = np.divmod(np.arange(n, dtype=np.int64) * g.columns * g.burst_bytes, window)
    return _reads(address + turn % g.columns * g.burst_bytes)


PATTERNS: dict[str, Callable[[DramSpec, int], Trace]] = {
    "seq_rd": _sequential,
    "rand_rd": _random_reads,
    "conflict_walk": _conflict_walk,
    "conflict_alt2": _conflict_pairs,
    "bank_rr_hits": _bank_hits,
    "mix70": _random_mix,
    "seq_wr": _sequential_writes,
    "row_stride": _row_stride,
}
"""``pattern(spec, requests)`` by name."""
