"""GEMVs of any size on LUT slices beside a last-level cache: time and activity. SAIL-like, a sketch.

Outputs are shared out among the slices, whose streams of weights all come from the cache. What a slice
cannot hold at once is cut: outputs into runs of ``n_max``, inputs into runs of ``k_max``, whose sums are
added up outside, and vectors into rounds of ``batch``, each of which streams the weights again.
"""

from collections.abc import Iterator

from lockstep.arch.lut import LutConfig
from lockstep.sim.cycle.lut import LutActivity, expected_builds, job_activity, job_cycles


def gemv_cycles(
    cfg: LutConfig,
    slices: int,
    outputs: int,
    inputs: int,
    batch: int,
    *,
    weight_bits: int = 4,
    stream_bytes_per_cycle: float | None = None,
    hit_rate: float = 0.0,
) -> tuple[int, LutActivity]:
    """Time and activity of ``batch`` vectors of ``inputs`` by one matrix of ``outputs`` rows.

    Each slice runs its jobs one behind the other; the slices run side by side and start together. Only
    look-ups take weights, and nothing fetches them ahead, so a cache too slow for all slices
    stretches look-ups and not builds. Activations are sent to all slices at once, over wires of their
    own.

    Parameters
    ----------
    cfg : LutConfig
        Of each slice.
    slices : int
        Those that are there; a small matrix may not need all.
    outputs, inputs, batch : int
        Of the product, 1 or more.
    weight_bits : int
        Width of the weights, up to ``cfg.weight_bits``.
    stream_bytes_per_cycle : float or None
        What the cache delivers to all slices together, in bytes per cycle of theirs; None never
        makes them wait.
    hit_rate : float, 0..1
        Share of groups that equal the one before in all vectors, if the slices are pattern-aware.

    Returns
    -------
    cycles : int
        Of the slowest slice, from its first job's acceptance to its last result, rounded up.
    activity : LutActivity
        Of all slices. ``index_bits`` over 8 are the bytes the cache reads, padding apart.

    Raises
    ------
    ValueError
        If a size is less than 1, or ``weight_bits`` or ``hit_rate`` is out of its range.
    """
    sizes = {"slices": slices, "outputs": outputs, "inputs": inputs, "batch": batch}
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be 1 or more, not {size}")
    if not 1 <= weight_bits <= cfg.weight_bits:
        raise ValueError(f"weight_bits must lie in 1..{cfg.weight_bits}, not {weight_bits}")
    if stream_bytes_per_cycle is not None and not stream_bytes_per_cycle > 0:
        raise ValueError(
            f"stream_bytes_per_cycle must be more than 0, not {stream_bytes_per_cycle}"
        )
    share = -(-outputs // slices)
    full_slices, rest = divmod(outputs, share)
    streaming = full_slices + (rest > 0)
    wanted_bytes = streaming * cfg.ports * cfg.group / 8  # per cycle of look-ups
    pace = max(1.0, wanted_bytes / stream_bytes_per_cycle) if stream_bytes_per_cycle else 1.0
    rounds = -(-batch // cfg.batch)

    cycles, activity = 0.0, LutActivity()
    for n, k, count in _jobs(cfg, share, inputs):
        n_builds = expected_builds(cfg, k, hit_rate)
        one = job_cycles(cfg, n, k, weight_bits=weight_bits, n_builds=n_builds, pace=pace)
        cycles += (cfg.dispatch_cycles + one) * count * rounds
    for n_slices, n_outputs in ((full_slices, share), (1, rest)):
        for n, k, count in _jobs(cfg, n_outputs, inputs):
            n_builds = expected_builds(cfg, k, hit_rate)
            for vectors, n_rounds in _runs(batch, cfg.batch):
                done = job_activity(
                    cfg, n, k, weight_bits=weight_bits, n_builds=n_builds, vectors=vectors
                )
                activity += done * (count * n_rounds * n_slices)
    return -int(-cycles // 1), activity


def _jobs(cfg: LutConfig, outputs: int, inputs: int) -> Iterator[tuple[int, int, int]]:
    """Outputs, inputs and number of the jobs of one slice."""
    for n, n_count in _runs(outputs, cfg.n_max):
        for k, k_count in _runs(inputs, cfg.k_max):
            yield n, k, n_count * k_count


def _runs(size: int, most: int) -> Iterator[tuple[int, int]]:
    """Lengths of the runs a size is cut into, and how many there are of each."""
    whole, rest = divmod(size, most)
    if whole:
        yield most, whole
    if rest:
        yield rest, 1
