"""Carry-save compressors: many words become two of the same sum, with no carry along the words.

Everything is modulo ``2**width``. A carry word is already shifted to its weight: ``sum + carry`` is
the result. The words between stages are named signals, which keeps them single in simulators that
evaluate expressions, and readable in Verilog.
"""

from collections.abc import Sequence

from amaranth.hdl import *

CarrySave = tuple[Signal, Signal]
"""A number as (sum, carry), of equal width; its value is their sum modulo ``2**width``."""


def compress_3_2(m: Module, a: Value, b: Value, c: Value, *, name: str) -> CarrySave:
    """A row of full adders: ``sum + carry == a + b + c`` modulo ``2**width``.

    Parameters
    ----------
    m : Module
        Holds the logic.
    a, b, c : Value
        Words of equal width.
    name : str
        Prefix of the signals ``{name}_sum`` and ``{name}_carry``.

    Raises
    ------
    ValueError
        If the widths differ.
    """
    _width(a, b, c)
    return _pair(m, a ^ b ^ c, (a & b) | (c & (a ^ b)), name)


def compress_4_2(m: Module, a: Value, b: Value, c: Value, d: Value, *, name: str) -> CarrySave:
    """``sum + carry == a + b + c + d``; three XORs deep, where two full adders would be four.

    Parameters and errors as of :func:`compress_3_2`. The carry that each bit hands to its neighbour
    depends on ``a``, ``b``, ``c`` alone, so it goes one bit far and no further.
    """
    width = _width(a, b, c, d)
    aside, odd = Signal(width, name=f"{name}_aside"), Signal(width, name=f"{name}_odd")
    m.d.comb += [
        aside.eq(((a & b) | (c & (a ^ b))) << 1),
        odd.eq((a ^ b) ^ (c ^ d)),
    ]
    return _pair(m, odd ^ aside, (odd & aside) | (~odd & d), name)


def compress_6_2(
    m: Module, a: Value, b: Value, c: Value, d: Value, e: Value, f: Value, *, name: str
) -> CarrySave:
    """``sum + carry == a + b + c + d + e + f``: two full adders beside each other, then a 4:2.

    Parameters and errors as of :func:`compress_3_2`. Five XORs deep.
    """
    left = compress_3_2(m, a, b, c, name=f"{name}_left")
    right = compress_3_2(m, d, e, f, name=f"{name}_right")
    return compress_4_2(m, *left, *right, name=name)


def carry_save_tree(m: Module, operands: Sequence[Value], width: int, *, name: str) -> CarrySave:
    """The sum of any number of operands, modulo ``2**width``.

    Levels of 4:2 compressors, with one 3:2 where three are left over; six words end in a 6:2.

    Parameters
    ----------
    m : Module
        Holds the logic.
    operands : sequence of Value
        Signed ones are sign-extended to ``width``, unsigned ones zero-extended, wider ones cut.
    width : int
        Of the results, in bits.
    name : str
        Prefix of all signals; the results are ``{name}_sum`` and ``{name}_carry``.
    """
    words = []
    for i, operand in enumerate(operands):
        word = Signal(width, name=f"{name}_i{i}")
        m.d.comb += word.eq(operand)  # extends by the operand's own sign
        words.append(word)
    level = 0
    while len(words) > 2:
        level += 1
        last = len(words) in (3, 4, 6)
        groups = [words] if last else [words[i : i + 4] for i in range(0, len(words), 4)]
        words = [
            word
            for i, group in enumerate(groups)
            for word in _compress(m, group, name if last else f"{name}_l{level}_{i}")
        ]
    if level == 0:  # nothing to compress
        return _pair_of(m, [*words, Const(0, width), Const(0, width)][:2], name)
    total, carry = words
    return total, carry


def _compress(m: Module, group: list[Signal], name: str) -> Sequence[Signal]:
    """Two words of the same sum; one or two are left as they are."""
    match group:
        case [a, b, c]:
            return compress_3_2(m, a, b, c, name=name)
        case [a, b, c, d]:
            return compress_4_2(m, a, b, c, d, name=name)
        case [a, b, c, d, e, f]:
            return compress_6_2(m, a, b, c, d, e, f, name=name)
    return group


def _pair(m: Module, total: Value, majority: Value, name: str) -> CarrySave:
    """Named words; the carries move up to their weight, and the topmost out."""
    return _pair_of(m, [total, majority << 1], name)


def _pair_of(m: Module, words: Sequence[Value], name: str) -> CarrySave:
    width = len(words[0])
    total, carry = Signal(width, name=f"{name}_sum"), Signal(width, name=f"{name}_carry")
    m.d.comb += [total.eq(words[0]), carry.eq(words[1])]
    return total, carry


def _width(*words: Value) -> int:
    widths = {len(word) for word in words}
    if len(widths) != 1:
        raise ValueError(f"words to compress must have equal widths, not {sorted(widths)}")
    return widths.pop()
