"""Delay lines."""

from amaranth.hdl import *


def delayed(
    m: Module, value: Value, cycles: int, *, enable: Value, name: str, reset_less: bool = True
) -> Value:
    """``value``, ``cycles`` enabled edges later.

    Data needs no reset: what the registers hold from before leaves ahead of the first real value.
    What marks data as real does need one.
    """
    for i in range(cycles):
        stage = Signal(value.shape(), reset_less=reset_less, name=f"{name}_{i}")
        with m.If(enable):
            m.d.sync += stage.eq(value)
        value = stage
    return value
