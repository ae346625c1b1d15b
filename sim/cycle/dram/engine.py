"""Run a request trace through a memory."""

import re
from dataclasses import dataclass, field

import numpy as np

from lockstep.arch.dram import DramSpec
from lockstep.arch.error import InputError, show
from lockstep.sim.cycle.dram import state as st
from lockstep.sim.cycle.dram.address import I64, decode
from lockstep.sim.cycle.dram.kernel import run
from lockstep.sim.cycle.dram.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class DramRun:
    """What happened. Times are cycles of the command clock; arrays have one entry per request.

    ``cycles`` ends with the last data read or the last WR issued. ``kind`` is HIT, MISS, CONFLICT
    or FORWARDED of :mod:`lockstep.sim.cycle.dram.state`.
    ``active_cycles`` sums, over ranks, cycles with a bank open. ``log`` is ``(commands, 4)``: cycle,
    code (index into COMMANDS there), bank, row; empty if not asked
    for.
    """

    spec: DramSpec
    mode: str
    cycles: int
    is_write: I64
    arrival: I64
    done: I64
    kind: I64
    commands: dict[str, int]
    active_cycles: int
    log: I64 = field(default_factory=lambda: np.zeros((0, 4), np.int64))

    @property
    def latency_cycles(self) -> I64:
        """From a request's entry into the controller to its last data, or to its WR."""
        return self.done - self.arrival


def parse_mode(mode: str) -> tuple[int, int]:
    """``(injection, period)`` of ``max``, ``serial`` or ``periodN``.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if mode in ("max", "serial"):
        return (st.MAX if mode == "max" else st.SERIAL), 0
    if found := re.fullmatch(r"period([1-9][0-9]{0,8})", mode):
        return st.PERIODIC, int(found[1])
    raise InputError(f"--mode: unknown mode {show(mode)}; use max, serial or period16 (any number)")


def simulate(spec: DramSpec, trace: Trace, *, mode: str = "max", log: bool = True) -> DramRun:
    """Serve the requests of ``trace`` in order of arrival.

    Parameters
    ----------
    spec : DramSpec
        The memory.
    trace : Trace
        What is asked of it.
    mode : "max", "serial" or "periodN"
        When the next request arrives: as soon as its queue has room; the cycle after the one
        before is done; or every N cycles, later if there is no room.
    log : bool
        Whether to keep every command, as :func:`lockstep.sim.cycle.dram.checker.check` needs.

    Raises
    ------
    InputError
        If the mode is unknown, or an address lies beyond the memory.
    """
    injection, period = parse_mode(mode)
    trace.require_below(spec.geometry.capacity_bytes)
    n = trace.address.size
    rows = (4 * n + 4096) * int(log)
    state = st.new_state(spec, decode(spec, trace.address), trace, rows)
    constants = st.constants(spec, n, injection, period)
    while not run(state, constants):
        state = state._replace(log=np.concatenate([state.log, np.zeros_like(state.log)]))
    done, rank = state.request[:, st.DONE].copy(), state.rank
    cycles = int(done.max() + 1) if n else 0
    still_open = np.where(rank[:, st.OPENED] > 0, np.maximum(cycles - rank[:, st.SINCE], 0), 0)
    entries = state.log[: int(state.scalar[st.LOGGED])]
    return DramRun(
        spec=spec,
        mode=mode,
        cycles=cycles,
        is_write=trace.is_write,
        arrival=state.request[:, st.ARRIVAL].copy(),
        done=done,
        kind=state.request[:, st.KIND].copy(),
        commands=dict(zip(st.COMMANDS, state.issued.tolist(), strict=True)),
        active_cycles=int((rank[:, st.ACTIVE] + still_open).sum()),
        log=entries[np.argsort(entries[:, 0], kind="stable")],
    )
