"""Bugs put into the multiply-accumulate units on purpose: the comparison must notice every one.

A mutant is made while the Verilog is emitted, by stand-ins for names of ``lockstep.rtl.mac``.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from amaranth.hdl import C, Module, Mux, Value

from lockstep.arch.formats import ExponentFormat, FloatFormat
from lockstep.arch.mac import AccumulateConfig, DotConfig, MultiplyConfig
from lockstep.rtl.build import to_verilog
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.mac import adder, dot, multiplier, rounder, unit
from lockstep.rtl.mac.multiplier import Unpacked, unpacked
from lockstep.verify.verilator import TOP

StandIn = tuple[object, str, object]
"""A module or class, a name in it, and what that name is to be."""


def mutants(cfg: MultiplyConfig | AccumulateConfig | DotConfig) -> dict[str, str]:
    """Verilog of every mutant of a unit, by name.

    Raises
    ------
    ValueError
        If a mutation did not change the Verilog.
    """
    original = to_verilog(cfg, TOP)
    texts = {}
    for name, stand_ins in _mutants(cfg).items():
        with ExitStack() as stack:
            for owner, attribute, new in stand_ins:
                stack.enter_context(patch.object(owner, attribute, new))
            texts[name] = to_verilog(cfg, TOP)
        if texts[name] == original:
            raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return texts


def _mutants(cfg: MultiplyConfig | AccumulateConfig | DotConfig) -> dict[str, list[StandIn]]:
    module = dot if isinstance(cfg, DotConfig) else unit
    bugs: dict[str, list[StandIn]] = {
        "does not wait for o.ready": [(module, "advances", lambda o: C(1))],
    }
    if cfg.product.is_float:
        bugs["misplaces subnormals"] = [(multiplier, "unpacked", _low_subnormals)]
    match cfg:
        case MultiplyConfig():
            bugs |= _of_multiplier(cfg)
        case AccumulateConfig():
            bugs |= _of_accumulator(cfg)
        case DotConfig():
            bugs |= _of_dot(cfg)
    return bugs


def _of_multiplier(cfg: MultiplyConfig) -> dict[str, list[StandIn]]:
    latency_cycles = cfg.latency_cycles
    bugs: dict[str, list[StandIn]] = {
        "takes a cycle longer, with the same values": [
            (MultiplyConfig, "latency_cycles", property(lambda self: latency_cycles + 1)),
            (unit, "delayed", _slower("product_")),
        ],
    }
    if cfg.result != "exact":
        bugs["rounds ties up"] = [(rounder, "rounds_up", _ties_up)]
    return bugs


def _of_accumulator(cfg: AccumulateConfig) -> dict[str, list[StandIn]]:
    bugs: dict[str, list[StandIn]] = {
        "never starts a new sum": [(unit, "Mux", lambda first, c, so_far: so_far)],
        "takes c a cycle late": [(unit, "delayed", _slower("c_"))],
    }
    if cfg.product.is_float:
        bugs["rounds ties up"] = [(rounder, "rounds_up", _ties_up)]
        bugs["forgets what it shifts out"] = [
            (adder, "shifted_right", lambda m, value, amount, name: value >> amount)
        ]
    else:
        bugs["multiplies as if unsigned"] = [(multiplier, "_integer", lambda fmt, code: code)]
    return bugs


def _of_dot(cfg: DotConfig) -> dict[str, list[StandIn]]:
    bugs: dict[str, list[StandIn]] = {
        "takes a cycle longer, with the same values": [
            (dot, "delayed", _slower("addend", "tag_addend"))
        ],
        "takes a scale a cycle late": [(dot, "delayed", _slower("a_scale"))],
        "adds to the sum before": [(dot, "Mux", _keeps)],
        "rounds ties up": [(rounder, "rounds_up", _ties_up)],
    }
    if cfg.a_block.scale.nan_code is not None:
        bugs["forgets that a scale is NaN"] = [(multiplier, "unpacked", _without_nan_scales(cfg))]
    return bugs


def _ties_up(last: Value, guard: Value, sticky: Value) -> Value:
    return guard


def _keeps(condition: Value, if_true: Any, if_false: Any) -> Any:
    """Never starts from zero; other choices are left as they are."""
    starts = isinstance(if_true, int) and if_true == 0
    return if_false if starts else Mux(condition, if_true, if_false)


def _slower(*lines: str) -> Callable[..., Value]:
    """``delayed``, but a cycle longer for names that start with any of ``lines``."""

    def slower(m: Module, value: Value, cycles: int, *, name: str, **kwargs: Any) -> Value:
        return delayed(m, value, cycles + name.startswith(lines), name=name, **kwargs)

    return slower


def _low_subnormals(fmt: FloatFormat | ExponentFormat, code: Value) -> Unpacked:
    right = unpacked(fmt, code)
    if not isinstance(fmt, FloatFormat):
        return right
    return replace(right, shift=code[fmt.mantissa_bits : -1])


def _without_nan_scales(cfg: DotConfig) -> Callable[..., Unpacked]:
    def wrong(fmt: FloatFormat | ExponentFormat, code: Value) -> Unpacked:
        right = unpacked(fmt, code)
        return replace(right, nan=C(0, 1)) if fmt == cfg.a_block.scale else right

    return wrong
