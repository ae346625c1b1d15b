"""Shifts that floating-point units need; combinational."""

from amaranth.hdl import *


def leading_zeros(m: Module, value: Value, *, name: str) -> Signal:
    """How many leading bits of ``value`` are zero; all but the last, for a value of zero."""
    stages = max(1, (len(value) - 1).bit_length())
    count = Signal(stages, name=f"{name}_count")
    # Ones at the end take no part, but make the width a power of two.
    rest: Value = Cat(C(1, 1).replicate((1 << stages) - len(value)), value)
    for i in reversed(range(stages)):
        high, low = rest[1 << i :], rest[: 1 << i]
        m.d.comb += count[i].eq(~high.any())
        kept = Signal(1 << i, name=f"{name}_{i}")
        m.d.comb += kept.eq(Mux(count[i], low, high))
        rest = kept
    return count


def shifted_right(m: Module, value: Value, amount: Value, *, name: str) -> Signal:
    """``value >> amount``; the last bit is sticky: also 1 if any bit that was shifted out was."""
    width = len(value)
    limited = Signal(range(width + 1), name=f"{name}_amount")
    lost = Signal(width, name=f"{name}_lost")
    result = Signal(width, name=name)
    m.d.comb += [
        limited.eq(Mux(amount > width, width, amount)),
        lost.eq(value & ~(C(1, 1).replicate(width) << limited)[:width]),
        result.eq(value >> limited | lost.any()),
    ]
    return result
