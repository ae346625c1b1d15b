"""DMA time of operators by the command-level engine, instead of by calibrated bandwidth.

An operator's tile streams become requests (``sim/dram_streams.py``) that arrive as fast as the
channels take them. A stream of more than ``MOST_REQUESTS`` is sampled: ``WINDOWS`` windows of
consecutive requests, spread over it, run one after another; the time per request is their mean and
the error bound is 2.36 standard errors of it (95 %, Student's t).
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from lockstep.arch.dram_preset import with_channels
from lockstep.arch.error import InputError, show
from lockstep.arch.machine import System
from lockstep.sim.dram_calibration import require_engine
from lockstep.sim.dram_interleaving import interleaved
from lockstep.sim.dram_streams import RowTraffic, Stream, gemm_stream, vector_stream
from lockstep.sim.tiling import Mapping, Problem

Progress = Callable[[int], None]
"""Told how many requests have been simulated, after each stream."""


def no_progress(_requests: int) -> None:
    """Tell nobody."""


MOST_REQUESTS = 1 << 19
WINDOWS = 8


@dataclass(frozen=True, slots=True)
class DmaTime:
    """Machine cycles that a stream takes; 95 % bound on the sampling error, relative; requests run."""

    cycles: float
    error_bound: float
    requests: int


class ExactDram:
    """Runs streams on a system's memory; each distinct one is run once.

    Raises
    ------
    lockstep.arch.error.InputError
        If the memory is a first-order preset, its channels are not a power of two, or numba is
        missing.
    """

    def __init__(self, system: System, progress: Progress = no_progress) -> None:
        spec, channels = system.dram.spec, system.machine.dram.channels
        if spec is None:
            raise InputError(
                f"--dram exact: {system.dram.preset.name} is a first-order preset without a "
                "command-level memory; choose one that names its timing, such as ddr4-3200"
            )
        if channels & (channels - 1):
            raise InputError(
                f"--dram exact: dram.channels is {channels}, not a power of two; choose 1, 2, 4, ..."
            )
        require_engine("--dram exact")
        self._spec = with_channels(spec, channels)
        self._system, self._progress = system, progress
        self._done: dict[object, DmaTime] = {}

    @property
    def times(self) -> tuple[DmaTime, ...]:
        """All that was measured."""
        return tuple(self._done.values())

    def summary(self) -> dict[str, object]:
        """Streams and requests simulated, and the largest sampling error."""
        return {
            "dram_streams": len(self.times),
            "dram_requests": sum(time.requests for time in self.times),
            "dram_sampling_error": max((time.error_bound for time in self.times), default=0.0),
        }

    def gemm(self, problem: Problem, mapping: Mapping) -> float:
        """DMA cycles of a GEMM's tiles, all instances."""
        bytes_moved = mapping.dram_read_bytes + mapping.dram_write_bytes
        if not bytes_moved:
            return 0.0
        tiling = (mapping.tile_m, mapping.tile_n, mapping.tile_k, mapping.order)
        return self._cycles(
            (problem, tiling),
            bytes_moved,
            lambda: gemm_stream(
                problem,
                mapping,
                acc_bits=self._system.machine.engine.mac.acc_bits,
                burst_bytes=self._system.dram.burst_bytes,
                channels=self._system.machine.dram.channels,
            ),
        )

    def vector(self, traffic: RowTraffic) -> float:
        """DMA cycles of a vector operator."""
        moved = traffic.read_bytes + traffic.written_bytes
        if not moved:
            return 0.0
        return self._cycles(
            traffic,
            moved,
            lambda: vector_stream(
                traffic,
                burst_bytes=self._system.dram.burst_bytes,
                channels=self._system.machine.dram.channels,
            ),
        )

    def _cycles(self, key: object, bytes_moved: float, stream: Callable[[], Stream]) -> float:
        """Cycles of the operator, of whose bytes the stream may be a part."""
        if key not in self._done:
            requests = stream()
            time = self._run(requests)
            share = bytes_moved / requests.size_bytes
            self._done[key] = dataclasses.replace(time, cycles=time.cycles * share)
            self._progress(sum(time.requests for time in self.times))
        return self._done[key].cycles

    def _run(self, stream: Stream) -> DmaTime:
        from lockstep.sim.cycle.dram.engine import simulate
        from lockstep.sim.cycle.dram.trace import Trace

        spec, total = self._spec, stream.requests
        size, starts = total, np.zeros(1, np.int64)
        if total > MOST_REQUESTS:
            size = MOST_REQUESTS // WINDOWS
            # Evenly spread, but out of step with the tiles: each at its own place of its share.
            place = (
                np.arange(WINDOWS) + np.arange(1, WINDOWS + 1) * 0.6180339887498949 % 1
            ) / WINDOWS
            starts = (place * (total - size)).astype(np.int64)
        position = (starts[:, None] + np.arange(size)).ravel()
        is_write, address = stream.at(position)
        run = simulate(spec, Trace(is_write, interleaved(spec, address)), mode="max", log=False)
        # When a window's first request is served, the queues hold as many of its own.
        queued = min(size - 1, spec.controller.read_queue * spec.geometry.channels)
        starts_at = run.arrival[np.arange(1, len(starts)) * size + queued]
        # The first access's latency is the operator's, not the stream's.
        first_data = max(0, int(run.done.min()) - spec.timing.burst)
        spent = np.diff(starts_at, prepend=first_data, append=run.cycles)
        bound = 0.0
        if len(starts) > 1:
            bound = 2.36 * float(spent.std(ddof=1) / spent.mean()) / sqrt(len(starts))
        seconds = float(spent.mean()) / size * total * spec.clock_ps * 1e-12
        return DmaTime(seconds * self._system.machine.clock_hz, bound, position.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactSystem(System):
    """A system whose DMA times are simulated by ``exact``; all else is as in :class:`System`."""

    exact: ExactDram


def with_exact_dram(system: System, progress: Progress = no_progress) -> ExactSystem:
    """The system, to be costed with the command-level engine.

    Raises
    ------
    lockstep.arch.error.InputError
        As of :class:`ExactDram`.
    """
    named = {field.name: getattr(system, field.name) for field in dataclasses.fields(system)}
    return ExactSystem(**named, exact=ExactDram(system, progress))


def check_dram_mode(mode: str) -> None:
    """Refuse what ``--dram`` does not know.

    Raises
    ------
    lockstep.arch.error.InputError
        If it is neither fast nor exact.
    """
    if mode not in ("fast", "exact"):
        raise InputError(f"--dram: unknown mode {show(mode)}; use fast or exact")


def relative_error(found: float, truth: float) -> float:
    """How far ``found`` is off; 0 if both are."""
    return found / truth - 1 if truth else 0.0
