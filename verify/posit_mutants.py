"""Bugs put into the posit and SIMD units on purpose: the comparison must notice every one of them.

A mutant is made while the Verilog is emitted, by stand-ins for names of ``lockstep.rtl``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from amaranth.hdl import C, Module, Mux, Value

from lockstep.arch.posit import PositConfig
from lockstep.arch.simd import SimdConfig
from lockstep.rtl.lib.delay import delayed
from lockstep.rtl.mac import simd, split
from lockstep.rtl.mac.posit import code, lane, quire, unit
from lockstep.verify.mac_mutants import SLOW, StandIn, slow_init, stand_in
from lockstep.verify.mac_rows import Mutant


def mutants(cfg: PositConfig | SimdConfig) -> dict[str, Mutant]:
    """Every mutant of a unit, by name."""
    owner = simd if isinstance(cfg, SimdConfig) else unit
    bugs: dict[str, list[StandIn]] = {
        "rounds ties up": [(code, "rounds_up", lambda odd, guard, sticky: guard)],
        "does not wait for o.ready": [(owner, "advances", lambda o: C(1))],
    }
    if isinstance(cfg, SimdConfig):
        bugs["does not isolate the cross products"] = [(split, "isolated", lambda value, on: value)]
        bugs["changes the mode a cycle late"] = [(simd, "delayed", _slower("active"))]
    elif cfg.operation == "dot":
        bugs["adds to the sum before"] = [(quire, "Mux", _without_constants)]
        bugs["marks NaR a cycle late"] = [(quire, "delayed", _slower("normal_nar"))]
    else:
        bugs[SLOW] = [slow_init(unit.PositLanes), (lane, "delayed", _slower("code"))]
        if cfg.operation == "multiply":
            bugs["does not saturate"] = [(code, "Mux", _without_constants)]
        else:
            bugs["forgets what it shifts out"] = [(lane, "shifted_right", _forgets)]
    return {name: partial(stand_in, *stand_ins) for name, stand_ins in bugs.items()}


def _forgets(m: Module, value: Value, amount: Value, name: str) -> Value:
    return value >> amount


def _without_constants(condition: Value, if_true: Any, if_false: Any) -> Any:
    """Never chooses a constant, such as zero to start from or the limit of a shift."""
    return if_false if isinstance(if_true, int) else Mux(condition, if_true, if_false)


def _slower(line: str) -> Callable[..., Any]:
    def slower(m: Module, value: Any, cycles: int, *, enable: Value, name: str) -> Any:
        return delayed(m, value, cycles + (name == line), enable=enable, name=name)

    return slower
