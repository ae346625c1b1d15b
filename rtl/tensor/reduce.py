"""How products join a running sum: by an adder, or in carry-save form (OPT1 of TPE, HPCA'25).

A running sum is one word, or two, sum and carry, of which the lower bits hold the sum. The pair means
its total modulo ``2**width``: it can be added to and cut, but not sign-extended before it is fused.
"""

from collections.abc import Sequence

from amaranth.hdl import *

from lockstep.arch.engine import MacConfig
from lockstep.rtl.lib.adder import prefix_add
from lockstep.rtl.lib.compress import carry_save_tree
from lockstep.rtl.lib.encode import digits_of, partial_products


def running_shape(mac: MacConfig, width: int) -> Shape:
    """Shape of a running sum of ``width`` bits."""
    return signed(width) if mac.sum_words == 1 else unsigned(2 * width)


def products(m: Module, mac: MacConfig, a: Value, b: Value, *, name: str) -> list[Value]:
    """Words whose sum is ``a * b``: that one, or a multiple of ``b`` for each digit of ``a``."""
    if mac.reduction == "mac":
        return [a * b]
    digits = digits_of(m, a, mac.encoder, name=f"{name}_digits")
    return partial_products(m, digits, b, name=f"{name}_pp")


def words(mac: MacConfig, running: Value) -> list[Value]:
    """The words of a running sum."""
    if mac.sum_words == 1:
        return [running]
    width = len(running) // 2
    return [running[:width], running[width:]]


def running_sum(
    m: Module, mac: MacConfig, terms: Sequence[Value], width: int, *, name: str
) -> Value:
    """The sum of ``terms`` modulo ``2**width``, as a running sum."""
    if mac.sum_words == 1:
        total: Value = sum(terms[1:], terms[0])
        return total
    return Cat(*carry_save_tree(m, terms, width, name=name))


def fused(m: Module, mac: MacConfig, running: Value, *, enable: Value, name: str) -> Value:
    """A running sum as one signed word; a pair takes an adder and a register."""
    if mac.sum_words == 1:
        return running
    low, carry = words(mac, running)
    total = Signal(signed(len(low)), name=name, reset_less=True)
    with m.If(enable):
        m.d.sync += total.eq(prefix_add(m, low, carry, len(low), name=f"{name}_fuse"))
    return total
