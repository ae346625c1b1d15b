"""A carry-propagate adder that is quick by construction, not by what synthesis makes of ``+``."""

from amaranth.hdl import *


def prefix_add(m: Module, a: Value, b: Value, width: int, *, name: str) -> Signal:
    """``a + b`` modulo ``2**width``, by a Sklansky parallel prefix: ``log2(width)`` levels of carries.

    Used where a carry-save pair is fused into one number.

    Parameters
    ----------
    m : Module
        Holds the logic.
    a, b : Value
        Signed ones are sign-extended to ``width``, unsigned ones zero-extended, wider ones cut.
    width : int
        Of the sum, in bits.
    name : str
        Prefix of all signals; the sum is ``{name}_sum``.
    """
    words = [Signal(width, name=f"{name}_{operand}") for operand in "ab"]
    generate, propagate = Signal(width, name=f"{name}_g0"), Signal(width, name=f"{name}_p0")
    m.d.comb += [
        words[0].eq(a),
        words[1].eq(b),
        generate.eq(words[0] & words[1]),
        propagate.eq(words[0] ^ words[1]),
    ]
    half_sum = propagate
    span = 1
    while span < width:
        # Bits of each odd span take in the group that ends just below the span.
        below = _spread(generate, span)
        longer = [Signal(width, name=f"{name}_{kind}{2 * span}") for kind in "gp"]
        m.d.comb += [
            longer[0].eq(generate | (propagate & below)),
            longer[1].eq(propagate & (_spread(propagate, span) | _even_spans(width, span))),
        ]
        generate, propagate = longer
        span *= 2
    total = Signal(width, name=f"{name}_sum")
    m.d.comb += total.eq(half_sum ^ (generate << 1))
    return total


def _even_spans(width: int, span: int) -> Const:
    """Ones in every second run of ``span`` bits, the lowest run included."""
    return Const(sum(1 << i for i in range(width) if i // span % 2 == 0), width)


def _spread(word: Value, span: int) -> Value:
    """In every odd span the bit below it, zeros in the even ones."""
    width = len(word)
    parts: list[Value] = []
    for start in range(0, width, 2 * span):
        parts.append(Const(0, span))
        if start + span < width:
            parts.append(word[start + span - 1].replicate(span))
    return Cat(*parts)[:width]
