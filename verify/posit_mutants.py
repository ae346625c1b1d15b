"""Bugs put into the posit and SIMD units on purpose: the comparison must notice every one of them.

A mutant is made while the Verilog is emitted, by a stand-in for one name of ``lockstep.rtl``.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from amaranth.hdl import C, Module, Mux, Value

from lockstep.arch.posit import PositConfig
from lockstep.arch.simd import SimdConfig
from lockstep.rtl.build import to_verilog
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.mac import simd, split
from lockstep.rtl.mac.posit import code, lane, quire, unit
from lockstep.verify.verilator import TOP

Mutant = Callable[[], AbstractContextManager[object]]


def mutated(cfg: PositConfig | SimdConfig) -> dict[str, str]:
    """Verilog of every mutant of a unit, by name.

    Raises
    ------
    ValueError
        If a mutation did not change the Verilog.
    """
    original = to_verilog(cfg, TOP)
    texts = {}
    for name, mutant in _mutants(cfg).items():
        with mutant():
            texts[name] = to_verilog(cfg, TOP)
        if texts[name] == original:
            raise ValueError(f"mutant {name!r} is no mutant: its Verilog is unchanged")
    return texts


def _mutants(cfg: PositConfig | SimdConfig) -> dict[str, Mutant]:
    bugs = {"rounds ties up": _stand_in(code, "rounds_up", lambda odd, guard, sticky: guard)}
    owner = simd if isinstance(cfg, SimdConfig) else unit
    bugs["does not wait for o.ready"] = _stand_in(owner, "advances", lambda o: C(1))
    if isinstance(cfg, SimdConfig):
        bugs["does not isolate the cross products"] = _stand_in(
            split, "isolated", lambda value, enable: value
        )
        bugs["changes the mode a cycle late"] = _stand_in(simd, "delayed", _slower("active"))
        return bugs
    if cfg.operation == "dot":
        bugs["adds to the sum before"] = _stand_in(quire, "Mux", _without_constants)
        bugs["marks NaR a cycle late"] = _stand_in(quire, "delayed", _slower("normal_nar"))
        return bugs
    bugs["takes a cycle longer, with the same values"] = _slow_lanes
    if cfg.operation == "multiply":
        bugs["does not saturate"] = _stand_in(code, "Mux", _without_constants)
    else:
        bugs["forgets what it shifts out"] = _stand_in(
            lane, "shifted_right", lambda m, value, amount, name: value >> amount
        )
    return bugs


def _stand_in(owner: object, name: str, new: object) -> Mutant:
    return lambda: patch.object(owner, name, new)


def _without_constants(condition: Value, if_true: Any, if_false: Any) -> Any:
    """Never chooses a constant, such as zero to start from or the limit of a shift."""
    return if_false if isinstance(if_true, int) else Mux(condition, if_true, if_false)


def _slower(line: str) -> Callable[..., Any]:
    def slower(m: Module, value: Any, cycles: int, *, enable: Value, name: str) -> Any:
        return delayed(m, value, cycles + (name == line), enable=enable, name=name)

    return slower


@contextmanager
def _slow_lanes() -> Any:
    """One more register, and a valid bit that goes with it: only the cycle count is wrong."""
    latency = vars(PositConfig)["latency_cycles"]
    slow = property(lambda cfg: latency.fget(cfg) + 1)
    with ExitStack() as stack:
        stack.enter_context(patch.object(PositConfig, "latency_cycles", slow))
        stack.enter_context(patch.object(lane, "delayed", _slower("code")))
        yield
