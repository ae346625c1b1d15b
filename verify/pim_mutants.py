"""Bugs put into a PIM channel on purpose: the testbenches must catch every one of them.

A mutant is made while the Verilog is emitted, by stand-ins for names of ``lockstep.rtl``.
"""

from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from amaranth.hdl import C, Module, Signal, Value

from lockstep.arch.config import Config
from lockstep.arch.pim import PimChannelConfig, PimMacConfig
from lockstep.arch.pim_isa import DATA_COMMANDS, RESULT_COMMANDS, ROW_COMMANDS, Command, Gaps
from lockstep.arch.pim_isa import gaps as good_gaps
from lockstep.rtl.build import to_verilog
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.mac import multiplier, rounder
from lockstep.rtl.pim import bank_mac, channel, sequencer
from lockstep.rtl.pim.bank_mac import BankMac
from lockstep.rtl.pim.channel import PimChannel
from lockstep.rtl.pim.sequencer import PimSequencer
from lockstep.verify.verilator import TOP

StandIn = tuple[Any, str, Any]
"""A module or class, a name in it, and what that name is to be."""


def mutants(cfg: Config, *, has_banks: bool = False, every: int = 1) -> dict[str, str]:
    """Verilog of mutants of a unit, a sequencer or a channel, by name.

    Parameters
    ----------
    cfg : Config
        What is emitted: with it, the design must have room for the bugs to show.
    has_banks : bool
        Whether that is a whole channel.
    every : int
        Takes a sample: each ``every``-th bug.

    Raises
    ------
    ValueError
        If a mutation did not change the Verilog.
    """
    if isinstance(cfg, PimMacConfig):
        bugs = _of_mac(cfg)
    else:
        bugs = {**(_OF_CHANNEL if has_banks else _GAPS), **_OF_SEQUENCER}
    original = to_verilog(cfg, TOP)
    texts = {}
    for name, stand_ins in list(bugs.items())[::every]:
        with ExitStack() as stack:
            for owner, attribute, new in stand_ins:
                stack.enter_context(patch.object(owner, attribute, new))
            texts[name] = to_verilog(cfg, TOP)
        if texts[name] == original:
            raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return texts


def _delays(owner: Any, **changes: int | None) -> StandIn:
    """Delay lines of ``owner`` whose name starts so take so many cycles more; None: they are zero."""

    def stand_in(m: Module, value: Value, cycles: int, *, name: str, **options: Any) -> Value:
        for prefix, more in changes.items():
            if name.startswith(prefix):
                if more is None:
                    return C(0, len(value))
                cycles += more
        return delayed(m, value, cycles, name=name, **options)

    return owner, "delayed", stand_in


def _of_mac(cfg: PimMacConfig) -> dict[str, list[StandIn]]:
    bugs = {
        "takes a cycle longer, with the same values": [
            _delays(bank_mac, product_=1, valid=1, index=1)
        ],
        "accumulates a cycle early": [_delays(bank_mac, valid=-1)],
    }
    if cfg.accumulators > 1:
        bugs["adds to the first accumulator"] = [_delays(bank_mac, index=None)]
    if cfg.product.is_float:
        bugs["rounds ties up"] = [(rounder, "rounds_up", lambda last, guard, sticky: guard)]
        bugs["adds lanes in another order"] = [(BankMac, "_product", _swapped(BankMac._product))]
    else:
        bugs["multiplies as if unsigned"] = [(multiplier, "_integer", lambda fmt, code: code)]
    return bugs


def _swapped(good: Callable[..., Value]) -> Callable[..., Value]:
    def product(self: BankMac, m: Module, platform: object, k: int) -> Value:
        return good(self, m, platform, {1: 2, 2: 1}.get(k, k))

    return product


def _gap(before: Command, after: Command, more: int) -> list[StandIn]:
    """One gap of the sequencer is longer, or shorter."""

    def stand_in(cfg: PimChannelConfig) -> Gaps:
        found = good_gaps(cfg)
        bank, channel_ = (
            tuple((x, y, cycles + more * ((x, y) == (before, after))) for x, y, cycles in of_scope)
            for of_scope in (found.bank, found.channel)
        )
        return Gaps(bank, channel_)

    return [(sequencer, "gaps", stand_in)]


def _allows(commands: tuple[Command, ...]) -> list[StandIn]:
    """Those commands do not wait for data or room."""
    good = PimSequencer._resources

    def resources(self: PimSequencer, m: Module, issue: Signal, want: Signal) -> Value:
        return good(self, m, issue, want) | sequencer._is_in(want, commands)

    return [(PimSequencer, "_resources", resources)]


def _refreshes_late() -> list[StandIn]:
    good = PimSequencer._refresh_clock

    def clock(self: PimSequencer, m: Module, refresh: Signal, refreshed: Value) -> None:
        timing = self.cfg.timing.model_copy(update={"refi": self.cfg.timing.refi + 1})
        late: Any = SimpleNamespace(cfg=self.cfg.model_copy(update={"timing": timing}))
        good(late, m, refresh, refreshed)

    return [(PimSequencer, "_refresh_clock", clock)]


def _never_opens() -> list[StandIn]:
    good = sequencer._is_in

    def is_in(command: Value, commands: tuple[Command, ...]) -> Value:
        return C(0, 1) if commands == ROW_COMMANDS else good(command, commands)

    return [(sequencer, "_is_in", is_in)]


def _drops_results() -> list[StandIn]:
    good = PimChannel._results

    def results(self: PimChannel, m: Module, *arguments: Any) -> None:
        good(self, m, *arguments)
        queue: Any = m.submodules["queue"]
        m.d.comb += queue.r_en.eq(self.o.valid)

    return [(PimChannel, "_results", results)]


_GAPS: dict[str, list[StandIn]] = {
    f"{'waits a cycle more' if more > 0 else 'comes a cycle early'} from {x.name} to {y.name}": (
        _gap(x, y, more)
    )
    for x, y, more in (
        (Command.ACT, Command.MAC, -1),
        (Command.PRE, Command.ACT, -1),
        (Command.ACT, Command.PRE, -1),
        (Command.MAC, Command.PRE, -1),
        (Command.WR, Command.PRE, -1),
        (Command.REF, Command.ACT, -1),
        (Command.MAC, Command.RDMAC, -1),
        (Command.WRGB, Command.MAC, -1),
        (Command.MAC, Command.MAC, 1),
        (Command.ACT, Command.ACT, 1),
    )
}

_OF_SEQUENCER: dict[str, list[StandIn]] = {
    "does not wait for data": _allows(DATA_COMMANDS),
    "does not wait for room": _allows(RESULT_COMMANDS),
    "ends before all results left": _allows((Command.EOC,)),
    "refreshes a cycle late": _refreshes_late(),
    "never opens a row": _never_opens(),
}

_OF_CHANNEL: dict[str, list[StandIn]] = {
    "offers results a cycle early": [_delays(channel, read=-1)],
    "does not wait for o.ready": _drops_results(),
    "copies no data from the buffer": [_delays(channel, late_WRCP=None)],
    "writes no element-wise products": [_delays(channel, late_EWMUL=None)],
    "writes to the buffer's next entry": [_delays(channel, late_entry=-1)],
    "reads the first bank only": [
        (channel, "chosen", lambda values, index: bank_mac.chosen(values, C(0)))
    ],
    "reads sums before the last is in": _gap(Command.MAC, Command.RDMAC, -1),
}
