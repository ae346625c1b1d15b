"""Delay lines."""

from amaranth.hdl import *


def delayed(
    m: Module, value: Value, cycles: int, *, enable: Value, name: str, reset_less: bool = True
) -> Value:
    """``value``, ``cycles`` enabled edges later.

    Data needs no reset: what the registers hold from before leaves ahead of the first real value.
    What marks data as real does need one.
    """
    if not cycles:
        return value
    # One register for the whole line: far quicker to emit and to compile than one per stage.
    line = Signal(len(value) * cycles, reset_less=reset_less, name=name)
    with m.If(enable):
        m.d.sync += line.eq(Cat(value, line))  # the oldest falls off the end
    oldest = line[-len(value) :]
    return oldest.as_signed() if value.shape().signed else oldest
