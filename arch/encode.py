"""Radix-4 recoding of an operand: how many digits it takes."""


def digit_count(bits: int, *, signed: bool = True) -> int:
    """Radix-4 digits of an integer of ``bits`` bits, of modified Booth and of EN-T alike.

    ``ceil(bits / 2)`` if signed: four for int8. Booth looks at the bits in pairs. EN-T's largest
    number of n digits is ``2 + 2 * 4 + ...``, that is ``2 * (4**n - 1) / 3``, never less than the
    magnitude ``2**(bits - 1)`` of the most negative operand. Unsigned operands reach twice as far and
    count as one bit more: five for uint8.
    """
    return (bits + (not signed) + 1) // 2
