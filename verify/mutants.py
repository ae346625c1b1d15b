"""Bugs put into the tensor engines on purpose: the testbench must catch every one of them.

A mutant is made while the Verilog is emitted, by a stand-in for one function of ``lockstep.rtl``, or by
an edit of the emitted text. Either must change the text, and an edit must match exactly once.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream

from lockstep.arch.tensor import CubeConfig, ParallelBase, TreeConfig
from lockstep.rtl.build import to_verilog
from lockstep.rtl.lib import compress, encode
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.tensor import array, engine, pe, reduce, sequencer, tree
from lockstep.verify.verilator import TOP

Mutate = Callable[[ParallelBase], str]


def mutants(cfg: ParallelBase, *, every: int = 1) -> dict[str, str]:
    """Verilog of mutants of ``cfg`` by name; more than one row and column needed.

    ``every`` takes a sample: each ``every``-th bug.

    Raises
    ------
    ValueError
        If a mutation did not change the Verilog as it should.
    """
    bugs = _bugs_of_reduction(cfg) | _bugs_of_engine(cfg)
    original = _original(cfg)
    texts = {name: mutate(cfg) for name, mutate in list(bugs.items())[::every]}
    for name, text in texts.items():
        if text == original:
            raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return texts


def _bugs_of_reduction(cfg: ParallelBase) -> dict[str, Mutate]:
    """Those of how products become a sum."""
    if cfg.mac.reduction == "mac":
        return {"multiplies as if A were unsigned": _unsigned_a}
    bugs: dict[str, Mutate] = {
        "takes B where a digit says 2B": _ignores_two,
        "takes B where a digit says -B": _ignores_sign,
    }
    if cfg.mac.reduction == "opt2":
        return {"shifts one bit-weight's sum too far": _shifts_too_far} | bugs
    return {
        "does not shift the carries": _unshifted_carries,
        "fuses sum and carry without the carry out of the low byte": _short_adder,
        **bugs,
    }


def _bugs_of_engine(cfg: ParallelBase) -> dict[str, Mutate]:
    """Those of when things move."""
    bugs: dict[str, Mutate] = {
        "takes a cycle longer, with the same values": _slow,
        "takes weights that are not valid": _takes_invalid_b,
        "does not wait for o_c.ready": _ignores_ready,
        "lets garbage in beyond the edge": _lets_garbage_in,
    }
    if not isinstance(cfg, TreeConfig):
        bugs["skews one row a cycle too long"] = _delays("a_1")
    if cfg.holds_outputs:
        bugs["adds to the sums of the fold before"] = _keeps_sums
        if not cfg.fuse_cycles:
            # Otherwise, or with held weights, random stalls seldom hit a row at that moment.
            bugs["accepts a job while a row of C waits"] = _accepts_early
    else:
        bugs["marks output rows a cycle late"] = _delays("tag")
    if isinstance(cfg, CubeConfig):
        bugs["starts a row's sums a step late"] = _delays("first_0")
    if isinstance(cfg, TreeConfig):
        bugs["leaves a level's last term out"] = _drops_last_term
    if cfg.double_buffered:
        swap = "swap" if isinstance(cfg, TreeConfig) else "swap_1"
        bugs["swaps weights a cycle late"] = _delays(swap)
        bugs["loads over the weights in use"] = _single_buffered
    return bugs


@cache
def _original(cfg: ParallelBase) -> str:
    return to_verilog(cfg, TOP)


def _with(cfg: ParallelBase, name: str, stand_in: object, *owners: Any) -> str:
    """Verilog with ``stand_in`` for the ``name`` of each owner."""
    with ExitStack() as stack:
        for owner in owners:
            stack.enter_context(patch.object(owner, name, stand_in))
        return to_verilog(cfg, TOP)


def _edited(cfg: ParallelBase, pattern: str, replacement: str) -> str:
    text, count = re.subn(pattern, replacement, _original(cfg))
    if count != 1:
        raise ValueError(f"mutation {pattern!r} matches {count} times, not once")
    return text


def _takes_invalid_b(cfg: ParallelBase) -> str:
    def handshake(
        self: engine.TensorEngine,
        m: Module,
        advance: Signal,
        inputs: list[tuple[stream.Interface, Value]],
        emit: Value,
    ) -> None:
        good(self, m, advance, [(i, needed) for i, needed in inputs if i is not self.i_b], emit)
        m.d.comb += [i.ready.eq(needed & advance) for i, needed in inputs if i is self.i_b]

    good = engine.TensorEngine._handshake
    return _with(cfg, "_handshake", handshake, engine.TensorEngine)


def _ignores_ready(cfg: ParallelBase) -> str:
    return _edited(cfg, r"\| o_c__ready;", "| 1'h1;")


def _accepts_early(cfg: ParallelBase) -> str:
    return _edited(cfg, r"(assign i_job__ready = \S+ +)& advance;", r"\1;")


def _delays(line: str) -> Mutate:
    def longer(m: Module, value: Value, cycles: int, *, name: str, **kwargs: Any) -> Value:
        return delayed(m, value, cycles + (name == line), name=name, **kwargs)

    return lambda cfg: _with(cfg, "delayed", longer, engine, array, tree)


def _lets_garbage_in(cfg: ParallelBase) -> str:
    def pass_on(m: Module, to: Any, lanes: Any, mask: Value) -> None:
        m.d.comb += to.eq(lanes)

    return _with(cfg, "_zero_padded", pass_on, engine)


def _slow(cfg: ParallelBase) -> str:
    """One more step before the drain, or after the last row of A."""

    def later(cfg: ParallelBase, streamed: Value) -> Value:
        return good(cfg, streamed) + cfg.lanes_per_step

    good = sequencer.last_step
    return _with(cfg, "last_step", later, sequencer)


def _keeps_sums(cfg: ParallelBase) -> str:
    return _with(cfg, "Mux", lambda condition, if_true, if_false: if_false, pe)


def _single_buffered(cfg: ParallelBase) -> str:
    """The multiplexer of the weight in use always takes the one that loads shift through."""
    owner = tree if isinstance(cfg, TreeConfig) else pe
    return _with(cfg, "Mux", lambda condition, if_true, if_false: if_true, owner)


def _drops_last_term(cfg: ParallelBase) -> str:
    def levels(self: tree.Tree, m: Module, terms: list[Value], name: str) -> Value:
        return good(self, m, terms[:-1], name)

    good = tree.Tree._levels
    return _with(cfg, "_levels", levels, tree.Tree)


def _unsigned_a(cfg: ParallelBase) -> str:
    def products(m: Module, mac: Any, a: Value, b: Value, *, name: str) -> list[Value]:
        return reduce.products(m, mac, a.as_unsigned(), b, name=name)

    return _with(cfg, "products", products, pe, tree)


def _ignores_two(cfg: ParallelBase) -> str:
    def single(digit: Any, multiplicand: Value, negated: Value) -> Value:
        class Single:
            nonzero, two, negative = digit.nonzero, digit.two & 0, digit.negative

        return good(Single, multiplicand, negated)  # type: ignore[arg-type]

    good = encode.partial_product
    return _with(cfg, "partial_product", single, encode, tree)


def _ignores_sign(cfg: ParallelBase) -> str:
    def positive(digit: Any, multiplicand: Value, negated: Value) -> Value:
        return good(digit, multiplicand, multiplicand)

    good = encode.partial_product
    return _with(cfg, "partial_product", positive, encode, tree)


def _unshifted_carries(cfg: ParallelBase) -> str:
    def pair(m: Module, total: Value, majority: Value, name: str) -> compress.CarrySave:
        return compress._pair_of(m, [total, majority], name)

    return _with(cfg, "_pair", pair, compress)


def _short_adder(cfg: ParallelBase) -> str:
    def add(m: Module, a: Value, b: Value, width: int, *, name: str) -> Value:
        return Cat((a[:8] + b[:8])[:8], a[8:] + b[8:])[:width]

    return _with(cfg, "prefix_add", add, reduce)


def _shifts_too_far(cfg: ParallelBase) -> str:
    def levels(self: tree.Tree, m: Module, terms: list[Value], name: str) -> Value:
        total = good(self, m, terms, name)
        return total << 1 if name == "weight_3" else total

    good = tree.Tree._levels
    return _with(cfg, "_levels", levels, tree.Tree)
