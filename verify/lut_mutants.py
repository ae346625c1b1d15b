"""Bugs put into the LUT slice on purpose: the testbench must catch every one of them.

A mutant is made while the Verilog is emitted: by a stand-in for one name, by statements added to a
component, the last of which wins, or by an edit of the emitted text that matches exactly once.
"""

import re
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from amaranth.hdl import C, Module, Mux, Value

from lockstep.arch.lut import LutConfig
from lockstep.rtl.build import to_verilog
from lockstep.rtl.pim import lut_sequencer, lut_vector
from lockstep.rtl.pim.lut import LutSlice
from lockstep.rtl.pim.lut_sequencer import LutSequencer, steps_of
from lockstep.verify.verilator import TOP

Mutate = Callable[[LutConfig], str]


def mutants(cfg: LutConfig, *, every: int = 1) -> dict[str, str]:
    """Verilog of mutants of ``cfg`` by name; several vectors, ports and adders needed.

    ``every`` takes a sample: each ``every``-th bug.

    Raises
    ------
    ValueError
        If a mutation did not change the Verilog as it should.
    """
    original = to_verilog(cfg, TOP)
    texts = {name: mutate(cfg) for name, mutate in list(_BUGS.items())[::every]}
    for name, text in texts.items():
        if text == original:
            raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return texts


def _with(owner: Any, name: str, stand_in: object) -> Mutate:
    """Verilog with ``stand_in`` for one name."""

    def mutate(cfg: LutConfig) -> str:
        with patch.object(owner, name, stand_in):
            return to_verilog(cfg, TOP)

    return mutate


def _plus(owner: Any, statements: Callable[[Any], Any]) -> Mutate:
    """Combinational statements after all others of a component."""

    def elaborate(self: Any, platform: object) -> Module:
        m: Module = good(self, platform)
        m.d.comb += statements(self)
        return m

    good = owner.elaborate
    return _with(owner, "elaborate", elaborate)


def _edited(pattern: str, replacement: str) -> Mutate:
    def mutate(cfg: LutConfig) -> str:
        text, count = re.subn(pattern, replacement, to_verilog(cfg, TOP))
        if count != 1:
            raise ValueError(f"mutation {pattern!r} matches {count} times, not once")
        return text

    return mutate


def _positive(so_far: Value, entry: Value, first_plane: Value, subtract: Value) -> Value:
    return good_shift_add(so_far, entry, first_plane, C(0))


def _unshifted(so_far: Value, entry: Value, first_plane: Value, subtract: Value) -> Value:
    return Mux(first_plane, Mux(subtract, -entry, entry), so_far + entry)


def _last_level(steps: int) -> Mutate:
    """The last level of a build has more steps, or fewer."""

    def steps_of(cfg: LutConfig, level: int) -> int:
        return good_steps_of(cfg, level) + steps * (level == cfg.group - 1)

    return _with(lut_sequencer, "steps_of", steps_of)


def _drains(cycles: int) -> Mutate:
    return _with(LutConfig, "drain_cycles", property(lambda cfg: cycles))


def _always_builds(cfg: LutConfig) -> str:
    return to_verilog(cfg.model_copy(update={"pattern_aware": False}), TOP)


def _tags_late(self: LutSlice, m: Module, tag: Value, cycles: int, *others: Any) -> Any:
    return good_late(self, m, tag, cycles + (cycles == 1), *others)


good_shift_add, good_steps_of, good_late = lut_vector.shift_add, steps_of, LutSlice._late
_BUGS: dict[str, Mutate] = {
    "weighs the highest bit-plane as positive": _with(lut_vector, "shift_add", _positive),
    "adds bit-planes without a shift": _with(lut_vector, "shift_add", _unshifted),
    "drops the top bit of a LUT's sums": _with(
        LutConfig, "entry_bits", property(lambda cfg: cfg.activation_bits)
    ),
    "ends a build a step early": _last_level(-1),
    "builds a step longer, with the same values": _last_level(1),
    "rebuilds a LUT that is at hand, with the same values": _always_builds,
    "trusts the LUT of the job before": _edited(r"(assign \S+ += same) & \S+ ;", r"\1;"),
    "compares the activations of one vector only": _edited(
        r"(assign \S+ += )& \{ (\S+) +,.*\};", r"\1\2 ;"
    ),
    "keeps the sums of the job before": _plus(LutSequencer, lambda c: c.tag.first_group.eq(0)),
    "lets activations in from beyond the edge": _plus(LutSequencer, lambda c: c.a_lanes.eq(-1)),
    "shows outputs beyond the edge": _plus(LutSequencer, lambda c: c.tag.lanes.eq(-1)),
    "tags an entry a cycle late": _with(LutSlice, "_late", _tags_late),
    "is idle before its last sums are out": _drains(1),
    "drains a cycle longer, with the same values": _drains(3),
    "takes activations that are not valid": _edited(r"\| i_a__valid;", "| 1'h1;"),
    "takes indices that are not valid": _edited(r"\| i_w__valid;", "| 1'h1;"),
    "does not wait for o.ready": _edited(r"\| o__ready;", "| 1'h1;"),
}
