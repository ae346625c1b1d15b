"""Run streams of accesses through an MMU, and see what became of every one."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lockstep.arch.mmu import MmuConfig
from lockstep.sim.cycle.translation import state as st
from lockstep.sim.cycle.translation.build import new_state, packed
from lockstep.sim.cycle.translation.kernel import ANY, Run, kernel
from lockstep.sim.cycle.translation.predictor import more_slabs
from lockstep.sim.cycle.translation.run import AccessLog, TranslationRun, result
from lockstep.sim.cycle.translation.words import I64

U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]


class Accesses(Protocol):
    """A piece of a stream, ``n`` accesses; :class:`lockstep.workloads.streams.chunk.Chunk` is one."""

    @property
    def address(self) -> I64:
        """Virtual byte addresses below 2**47, ``(n,)``."""

    @property
    def kind(self) -> U8:
        """0 a load, 1 a store, 2 a fetch, 3 the shootdown of the address's page."""

    @property
    def gap(self) -> U16:
        """Instructions that retire with each access."""


class TranslationSimulator:
    """One core's translation and caches, empty at first.

    Parameters
    ----------
    cfg : MmuConfig
    page_profile : bool
        Keep walks, walks that reached DRAM and cycles of walks of every page.
    """

    def __init__(self, cfg: MmuConfig, *, page_profile: bool = False) -> None:
        self.cfg = cfg
        self._constants, self._state = new_state(cfg, profiles=page_profile)
        self._packed = packed(self._constants)
        self._accesses = self._counted_from = 0

    def run(self, chunk: Accesses, *, asid: int | I64 = 0) -> None:
        """Go on with the accesses of ``chunk``, of one address space or ``(n,)`` of them."""
        none = np.zeros((0, 6), np.int64)
        self._step(chunk.address, chunk.kind, chunk.gap, asid, none)

    def reset_counts(self) -> None:
        """Count from here on; TLBs and caches keep what they hold."""
        s = self._state
        s.n[st.COUNTED :], s.profile[:] = 0, 0
        s.n[st.MOST_BLOCKS] = s.n[st.BLOCKS]
        s.n[st.BLOCK_ACCESSES] = -s.n[st.BLOCKS] * self._accesses
        self._counted_from = self._accesses

    def result(self) -> TranslationRun:
        """What was counted so far."""
        counted = self._accesses - self._counted_from
        return result(self.cfg, self._constants, self._state, self._accesses, counted)

    def log(self, address: I64, kind: U8, gap: U16, asid: int | I64 = 0) -> AccessLog:
        """Go on as :meth:`run` does, and note what becomes of every access."""
        n = len(address)
        access = np.zeros((n, 6), np.int64)
        event = np.zeros((st.MAX_EVENTS + 8 * n, 4), np.int64)
        self._state = self._state._replace(event=event)
        self._state.n[st.LOGGED] = 0
        self._step(address, kind, gap, asid, access)
        events = self._state.event[: self._state.n[st.LOGGED]]
        self._state = self._state._replace(event=event[:0])
        return AccessLog.of(self.cfg, access, events)

    def _step(self, address: I64, kind: U8, gap: U16, asid: int | I64, access: I64) -> None:
        asids = np.atleast_1d(np.asarray(asid, np.int64))
        if len(asids) not in {1, len(address)}:
            raise ValueError(f"asid must be one or {len(address)} of them, not {len(asids)}")
        done = 0
        run = self._kernel(logs=len(access) > 0)
        stream = (np.asarray(address, np.int64), kind, gap, asids, access)
        while True:
            done = run(self._state, self._packed, *stream, done, self._accesses)
            if done == len(address):
                break
            self._state = _roomier(self._state)
        self._accesses += done
        n = self._state.n
        n[st.INSTRUCTIONS] += int(gap.sum(dtype=np.int64))
        n[st.LOADS : st.LOADS + 4] += np.bincount(kind, minlength=4)

    def _kernel(self, *, logs: bool) -> Run:
        mechanism = self._constants.mechanism
        is_plain = not (self.cfg.virtualised or logs or len(self._state.profile))
        return kernel(mechanism if is_plain and mechanism in {st.RADIX, st.VICTIMA} else ANY)


def _roomier(s: st.Arrays) -> st.Arrays:
    """The same state with more room for what the kernel stopped at."""
    if s.event.shape[0] and s.n[st.LOGGED] > s.event.shape[0] - st.MAX_EVENTS:
        return s._replace(event=np.concatenate([s.event, np.zeros_like(s.event)]))
    return more_slabs(s)


class _Part(NamedTuple):
    address: I64
    kind: U8
    gap: U16


def simulate(
    cfg: MmuConfig,
    chunks: Iterable[Accesses],
    *,
    asid: int = 0,
    warmup: int = 0,
    page_profile: bool = False,
    progress: Callable[[int], None] | None = None,
) -> TranslationRun:
    """Run a stream through an MMU that is empty at first.

    Parameters
    ----------
    cfg : MmuConfig
        The MMU.
    chunks : iterable of Accesses
        Consecutive pieces of the stream.
    asid : int
        The address space.
    warmup : int
        The first accesses change state, but are not counted.
    page_profile : bool
        See :class:`TranslationSimulator`.
    progress : callable, optional
        Told the length of every chunk that is done.
    """
    return simulate_all(
        [cfg], chunks, asid=asid, warmup=warmup, page_profile=page_profile, progress=progress
    )[0]


def simulate_all(
    configs: Sequence[MmuConfig],
    chunks: Iterable[Accesses],
    *,
    asid: int = 0,
    warmup: int = 0,
    page_profile: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[TranslationRun]:
    """As :func:`simulate` for several MMUs, side by side; the stream is made once."""
    simulators = [TranslationSimulator(cfg, page_profile=page_profile) for cfg in configs]
    left = warmup
    for chunk in chunks:
        n = len(chunk.address)
        if left:
            before, after = _split(chunk, min(left, n))
            for simulator in simulators:
                simulator.run(before, asid=asid)
                simulator.reset_counts()
            left -= len(before.address)
            chunk = after
        for simulator in simulators:
            simulator.run(chunk, asid=asid)
        if progress:
            progress(n)
    return [simulator.result() for simulator in simulators]


def _split(chunk: Accesses, n: int) -> tuple[_Part, _Part]:
    parts = (slice(n), slice(n, None))
    first, rest = (_Part(chunk.address[p], chunk.kind[p], chunk.gap[p]) for p in parts)
    return first, rest


def trace(cfg: MmuConfig, address: I64, kind: U8, gap: U16, asid: int | I64 = 0) -> AccessLog:
    """What becomes of every access, and every event of the L2 cache, from empty TLBs and caches on."""
    return TranslationSimulator(cfg).log(address, kind, gap, asid)
