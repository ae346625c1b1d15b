"""Delay lines."""

from amaranth.hdl import *


def delayed(m: Module, value: Value, cycles: int, *, enable: Value, name: str) -> Value:
    """``value``, ``cycles`` enabled edges later.

    The registers have no reset: whatever they hold at power-up leaves ahead of the first real value.
    """
    for i in range(cycles):
        stage = Signal(value.shape(), reset_less=True, name=f"{name}_{i}")
        with m.If(enable):
            m.d.sync += stage.eq(value)
        value = stage
    return value
