"""Bugs put into the multiply-accumulate units on purpose: the comparison must notice every one.

A mutant is made while the Verilog is emitted, by stand-ins for names of ``lockstep.rtl.mac``.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

from amaranth.hdl import C, Module, Mux, Value

from lockstep.arch.formats import ExponentFormat, FloatFormat
from lockstep.arch.mac import AccumulateConfig, DotConfig, FixedSum, MultiplyConfig
from lockstep.arch.posit import PositConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.mac import adder, dot, fixed, multiplier, rounder, unit
from lockstep.rtl.mac.multiplier import Unpacked, unpacked
from lockstep.verify.mac_rows import Mutant

SLOW = "takes a cycle longer, with the same values"

StandIn = tuple[object, str, object]
"""A module or class, a name in it, and what that name is to be."""

_TIES_UP: StandIn = (rounder, "rounds_up", lambda last, guard, sticky: guard)
_UNSIGNED: dict[str, list[StandIn]] = {
    "multiplies as if unsigned": [(multiplier, "_integer", lambda fmt, code: code)]
}


def mutants(cfg: MultiplyConfig | AccumulateConfig | DotConfig) -> dict[str, Mutant]:
    """Every mutant of a unit, by name."""
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
    return {name: partial(stand_in, *stand_ins) for name, stand_ins in bugs.items()}


@contextmanager
def stand_in(*stand_ins: StandIn) -> Iterator[None]:
    """Put all of them in place for a while."""
    with ExitStack() as stack:
        for owner, attribute, new in stand_ins:
            stack.enter_context(patch.object(owner, attribute, new))
        yield


def slow_init(component: type[Any]) -> StandIn:
    """A component that takes its config's latency for one cycle more.

    The config itself stays as it is, for simulations that run meanwhile.
    """
    init = component.__init__

    def slow(self: object, cfg: MultiplyConfig | PositConfig) -> None:
        cycles = cfg.latency_cycles + 1
        later: Any = type("Later", (type(cfg),), {"latency_cycles": property(lambda _: cycles)})
        init(self, later.model_validate(cfg.model_dump()))

    return component, "__init__", slow


def _of_multiplier(cfg: MultiplyConfig) -> dict[str, list[StandIn]]:
    bugs: dict[str, list[StandIn]] = {
        SLOW: [slow_init(unit.MultiplyUnit), (unit, "delayed", _slower("product_"))],
    }
    if cfg.result != "exact":
        bugs["rounds ties up"] = [_TIES_UP]
    if not cfg.product.is_float:
        bugs |= _UNSIGNED
    return bugs


def _of_accumulator(cfg: AccumulateConfig) -> dict[str, list[StandIn]]:
    bugs: dict[str, list[StandIn]] = {
        "never starts a new sum": [(unit, "Mux", lambda first, c, so_far: so_far)],
        "takes c a cycle late": [(unit, "delayed", _slower("c_"))],
    }
    if cfg.product.is_float:
        bugs["rounds ties up"] = [_TIES_UP]
        bugs["forgets what it shifts out"] = [
            (adder, "shifted_right", lambda m, value, amount, name: value >> amount)
        ]
    else:
        bugs |= _UNSIGNED
    return bugs


def _of_dot(cfg: DotConfig) -> dict[str, list[StandIn]]:
    bugs: dict[str, list[StandIn]] = {
        SLOW: [(dot, "delayed", _slower("addend", "tag_addend"))],
        "takes a scale a cycle late": [(dot, "delayed", _slower("a_scale"))],
        "adds to the sum before": [(dot, "Mux", _keeps)],
    }
    if isinstance(cfg.accumulate, FixedSum):
        bugs["rounds ties up"] = [(fixed, *_TIES_UP[1:])]
        bugs["wraps where it should saturate"] = [(fixed, "is_beyond", lambda kept, bits: C(0))]
    else:
        bugs["rounds ties up"] = [_TIES_UP]
    if cfg.a_block.scale.nan_code is not None:
        bugs["forgets that a scale is NaN"] = [(multiplier, "unpacked", _without_nan_scales(cfg))]
    return bugs


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
