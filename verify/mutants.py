"""Bugs put into the tensor engine on purpose: the testbench must catch every one of them.

A mutant is made while the Verilog is emitted, by a stand-in for one function of ``lockstep.rtl``, or by
an edit of the emitted text. Either must change the text, and an edit must match exactly once.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream

from lockstep.arch.tensor import TensorConfig
from lockstep.rtl.build import to_verilog
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.tensor import array, engine, pe
from lockstep.verify.verilator import TOP

Mutate = Callable[[TensorConfig], str]


def mutants(cfg: TensorConfig, *, every: int = 1) -> dict[str, str]:
    """Verilog of mutants of ``cfg`` by name; more than one row and column needed.

    ``every`` takes a sample: each ``every``-th bug.

    Raises
    ------
    ValueError
        If a mutation did not change the Verilog as it should.
    """
    bugs: dict[str, Mutate] = {
        "takes weights that are not valid": _takes_invalid_b,
        "does not wait for o_c.ready": _ignores_ready,
        "skews one row a cycle too long": _delays("a_1"),
        "lets garbage in beyond the edge": _lets_garbage_in,
        "multiplies as if A were unsigned": _unsigned_a,
        "takes a cycle longer, with the same values": _slow,
    }
    if cfg.dataflow == "output_stationary":
        bugs["adds to the sums of the fold before"] = _keeps_sums
        # Weight stationary has one row left by then, which random stalls seldom hit.
        bugs["accepts a job while a row of C waits"] = _accepts_early
    else:
        bugs["marks output rows a cycle late"] = _delays("tag")
    if cfg.weight_double_buffer:
        bugs["swaps one row's weights a cycle late"] = _delays("swap_1")
        bugs["copies the second weight a cycle late"] = _late_copy
    original = _original(cfg)
    texts = {name: mutate(cfg) for name, mutate in list(bugs.items())[::every]}
    for name, text in texts.items():
        if text == original:
            raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return texts


@cache
def _original(cfg: TensorConfig) -> str:
    return to_verilog(cfg, TOP)


def _with(cfg: TensorConfig, owner: Any, name: str, stand_in: object) -> str:
    with patch.object(owner, name, stand_in):
        return to_verilog(cfg, TOP)


def _edited(
    cfg: TensorConfig, pattern: str, replacement: str | Callable[[re.Match[str]], str]
) -> str:
    text, count = re.subn(pattern, replacement, _original(cfg))
    if count != 1:
        raise ValueError(f"mutation {pattern!r} matches {count} times, not once")
    return text


def _takes_invalid_b(cfg: TensorConfig) -> str:
    def handshake(
        self: engine.SystolicEngine,
        m: Module,
        advance: Signal,
        inputs: list[tuple[stream.Interface, Value]],
        emit: Value,
    ) -> None:
        good(self, m, advance, [(i, needed) for i, needed in inputs if i is not self.i_b], emit)
        m.d.comb += [i.ready.eq(needed & advance) for i, needed in inputs if i is self.i_b]

    good = engine.SystolicEngine._handshake
    return _with(cfg, engine.SystolicEngine, "_handshake", handshake)


def _ignores_ready(cfg: TensorConfig) -> str:
    return _edited(cfg, r"\| o_c__ready;", "| 1'h1;")


def _accepts_early(cfg: TensorConfig) -> str:
    return _edited(cfg, r"(assign i_job__ready = \S+ +)& advance;", r"\1;")


def _delays(line: str) -> Mutate:
    def longer(m: Module, value: Value, cycles: int, *, name: str, **kwargs: Any) -> Value:
        return delayed(m, value, cycles + (name == line), name=name, **kwargs)

    owner = engine if line == "tag" else array
    return lambda cfg: _with(cfg, owner, "delayed", longer)


def _lets_garbage_in(cfg: TensorConfig) -> str:
    def pass_on(m: Module, to: Any, lanes: Any, mask: Value) -> None:
        m.d.comb += to.eq(lanes)

    return _with(cfg, engine, "_zero_padded", pass_on)


def _unsigned_a(cfg: TensorConfig) -> str:
    return _edited(cfg, r"\$signed\(a\) \*", "$signed({1'b0, a}) *")


def _slow(cfg: TensorConfig) -> str:
    """One more step before the drain, or after the last row of A."""

    def one_more(match: re.Match[str]) -> str:
        return f"{match[1]}{int(match[2]) + 1}'h{int(match[3], 16) + 1:x}"

    return _edited(cfg, r"(i_job__payload\[\d+:\d+\] \+ )(\d+)'h([0-9a-f]+)", one_more)


def _keeps_sums(cfg: TensorConfig) -> str:
    return _with(cfg, pe, "Mux", lambda condition, if_true, if_false: if_false)


def _late_copy(cfg: TensorConfig) -> str:
    """The new weight is used at once, but kept only from the cycle after."""
    return _edited(cfg, r"(\\\$8  = )\\\$1 ;", r"\1swap_right ? weight_down : active;")
