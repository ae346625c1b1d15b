"""Cycles of the tensor engines over all tiles of a GEMM, compiled with numba.

The closed forms of :mod:`lockstep.sim.cycle.tensor` are products of what each dimension gives, so their
sums over tiles are too. All are whole numbers: below 2**53, what the mapper adds up tile by tile is the
same to the bit.
"""

from lockstep.sim.explore_runs import I64, Engine, compiled

HELD_OUTPUTS, HELD_WEIGHTS, DOUBLE_BUFFERED, RATE = range(4)
"""How an engine's cycles come about: :func:`lockstep.sim.cycle.tensor.compute_cycles`."""


@compiled
def fold_sums(e: Engine, dim: int, size: int, tile: int, sums: I64) -> None:
    """What the array's closed forms need of one dimension, summed over its tiles.

    ``sums``: trips; folds; steps of a held output (K), or rows of A with their skew behind a load of
    weights (M); and rows of A, or the next load if that is longer (M).
    """
    full, rest = size // tile, size % tile
    sums[0] = full + min(rest, 1)
    sums[1], sums[2], sums[3] = 0, 0, 0
    for count, part in ((full, tile), (min(rest, 1), rest)):
        sums[1] += count * -(-part // (e.cols if dim == 1 else e.rows))
        if dim == 2:
            sums[2] += count * max(-(-part // e.lanes) + e.skew, e.rows)
        else:
            sums[2] += count * (e.rows + part + e.skew)
            sums[3] += count * max(part, e.rows)


@compiled
def _rate_cycles(e: Engine, size: tuple[int, int, int], tile: tuple[int, int, int]) -> float:
    """Cycles of an engine that is a rate, over full and edge tiles, summed as the mapper does."""
    total = 0.0
    for i in range(8):
        count, macs = 1, 1
        for dim in range(3):
            full, rest = size[dim] // tile[dim], size[dim] % tile[dim]
            is_edge = i >> (2 - dim) & 1
            count *= min(rest, 1) if is_edge else full
            macs *= max(rest, 1) if is_edge else tile[dim]
        total += count * (macs / e.macs_per_cycle)
    return total


@compiled
def engine_cycles(
    e: Engine, size: tuple[int, int, int], tile: tuple[int, int, int], m: I64, n: I64, k: I64
) -> float:
    """Cycles of the tensor engine over the tiles of one instance; ``m``, ``n``, ``k`` are sums."""
    if e.flow == RATE:
        return _rate_cycles(e, size, tile)
    if e.flow == HELD_OUTPUTS:
        return float(m[1] * n[1] * k[2])
    folds = k[1] * n[1]
    if e.flow == HELD_WEIGHTS:
        return float(folds * m[2])
    jobs = n[0] * k[0]
    return float(jobs * m[2] + (folds - jobs) * m[3])
