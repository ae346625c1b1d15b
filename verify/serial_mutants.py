"""Bugs put into the serial engines on purpose: the testbench must catch every one of them.

A mutant is made while the Verilog is emitted: by a stand-in for one function or property, or by
statements added to a component, the last of which wins; or by an edit of the emitted text that matches
exactly once. Each must change the text.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Cat, Module, Mux, Value

from lockstep.arch.serial import BitSliceConfig, LaconicConfig, SerialBase
from lockstep.rtl.build import to_verilog
from lockstep.rtl.lib import compress, encode
from lockstep.rtl.tensor import serial_bit_slice, serial_engine, serial_laconic, serial_pe
from lockstep.rtl.tensor.serial_encoder import SparseEncoder
from lockstep.rtl.tensor.serial_laconic import LaconicSequencer
from lockstep.rtl.tensor.serial_laconic_pe import TermFeeder
from lockstep.rtl.tensor.serial_row import BitSliceRow
from lockstep.rtl.tensor.serial_sequencer import BitSliceSequencer
from lockstep.verify.verilator import TOP

Mutate = Callable[[SerialBase], str]


def mutants(cfg: SerialBase, *, every: int = 1) -> dict[str, str]:
    """Verilog of mutants of ``cfg`` by name; more than one row and column needed.

    ``every`` takes a sample: each ``every``-th bug.

    Raises
    ------
    ValueError
        If a mutation did not change the Verilog as it should.
    """
    bugs = (_OF_LACONIC if isinstance(cfg, LaconicConfig) else _OF_BIT_SLICE) | _OF_BOTH
    original = to_verilog(cfg, TOP)
    texts = {name: mutate(cfg) for name, mutate in list(bugs.items())[::every]}
    for name, text in texts.items():
        if text == original:
            raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return texts


def _with(cfg: SerialBase, name: str, stand_in: object, *owners: Any) -> str:
    """Verilog with ``stand_in`` for the ``name`` of each owner."""
    with ExitStack() as stack:
        for owner in owners:
            stack.enter_context(patch.object(owner, name, stand_in))
        return to_verilog(cfg, TOP)


def _edited(pattern: str, replacement: str) -> Mutate:
    def mutate(cfg: SerialBase) -> str:
        text, count = re.subn(pattern, replacement, to_verilog(cfg, TOP))
        if count != 1:
            raise ValueError(f"mutation {pattern!r} matches {count} times, not once")
        return text

    return mutate


def _plus(owner: Any, statements: Callable[[Any], Any]) -> Mutate:
    """Combinational statements after all others of a component."""

    def mutate(cfg: SerialBase) -> str:
        def elaborate(self: Any, platform: object) -> Module:
            m: Module = good(self, platform)
            m.d.comb += statements(self)
            return m

        good = owner.elaborate
        return _with(cfg, "elaborate", elaborate, owner)

    return mutate


def _late(owner: Any, line: str, cycles: int) -> Mutate:
    """One delay of a component's tags is longer, or shorter."""

    def mutate(cfg: SerialBase) -> str:
        def late(self: Any, m: Module, value: Value, given: int, name: str) -> Value:
            delayed: Value = good(self, m, value, given + cycles * (name == line), name)
            return delayed

        good = owner._late
        return _with(cfg, "_late", late, owner)

    return mutate


def _weighs_wrongly(cfg: SerialBase) -> str:
    def late(self: BitSliceRow, m: Module, value: Value, cycles: int, name: str) -> Value:
        if name == "fuse":
            weight = value[1:]
            value = Cat(value[:1], Mux(weight == 3, 2, weight))
        return good(self, m, value, cycles, name)

    good = BitSliceRow._late
    return _with(cfg, "_late", late, BitSliceRow)


def _drains_longer(cfg: SerialBase) -> str:
    longer = cfg.drain_cycles + 1
    return _with(cfg, "drain_cycles", property(lambda self: longer), BitSliceConfig)


def _skips(cfg: SerialBase) -> str:
    return to_verilog(cfg.model_copy(update={"skip_empty_groups": True}), TOP)


def _unshifted_carries(cfg: SerialBase) -> str:
    def pair(m: Module, total: Value, majority: Value, name: str) -> compress.CarrySave:
        return compress._pair_of(m, [total, majority], name)

    return _with(cfg, "_pair", pair, compress)


def _ignores_two(cfg: SerialBase) -> str:
    def single(digit: Any, multiplicand: Value) -> Value:
        return Mux(digit.two, good(digit, multiplicand) >> 1, good(digit, multiplicand))

    good = encode.partial_product
    return _with(cfg, "partial_product", single, serial_pe)


def _lets_garbage_in(cfg: SerialBase) -> str:
    def pass_on(lanes: Any, at: int, keep: Value) -> Value:
        lane: Value = lanes[at]
        return lane

    return _with(cfg, "masked", pass_on, serial_engine, serial_bit_slice, serial_laconic)


_OF_BIT_SLICE: dict[str, Mutate] = {
    "leaves out all digits of a group but one": _plus(SparseEncoder, lambda c: c.last.eq(1)),
    "waits a cycle longer for the sums, with the same values": _drains_longer,
    "weighs the highest bit-weight as the one below": _weighs_wrongly,
    "does not shift the carries": _unshifted_carries,
    "loads over the operands in use": _plus(
        BitSliceSequencer, lambda c: c.write_to.bank.eq(c.bank)
    ),
    "takes B where a digit says 2B": _ignores_two,
    "spends no cycle on an empty group, with the same values": _skips,
    "fuses before the last digit is in": _late(BitSliceRow, "fuse", -1),
    "starts a bit-weight's sum a digit late": _late(BitSliceRow, "clear", 1),
}

_OF_LACONIC: dict[str, Mutate] = {
    "leaves out a lane's second digits": _plus(TermFeeder, lambda c: c.several[-1].eq(0)),
    "lets rows of C out a cycle late, with the same values": _late(LaconicSequencer, "ended", 1),
    "ignores the sign of a digit": _plus(
        TermFeeder, lambda c: [term.negative.eq(0) for term in (c.term[p] for p in range(c.pairs))]
    ),
    "starts a fold's sums with the sums before": _plus(LaconicSequencer, lambda c: c.first.eq(0)),
    "does not shift the carries": _unshifted_carries,
    "adds the products of the digits before": _late(LaconicSequencer, "added", 1),
}

_OF_BOTH: dict[str, Mutate] = {
    "takes weights that are not valid": _edited(r"\| i_b__valid;", "| 1'h1;"),
    "lets garbage in beyond the edge": _lets_garbage_in,
    "does not wait for o_c.ready": _edited(r"\| o_c__ready;", "| 1'h1;"),
}
