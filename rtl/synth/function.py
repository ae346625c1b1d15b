"""Boolean expressions of Liberty files, ``!(A & B) | C'`` for instance."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_, xor
from typing import Any

_TOKEN = re.compile(r"\s*([A-Za-z_][\w\[\].]*|[01]|[!'^&*|+()])")
_OPERATORS = {"^": xor, "&": and_, "|": or_}


@dataclass(frozen=True, slots=True)
class Function:
    """A node of an expression.

    Parameters
    ----------
    kind : str
        ``!``, ``^``, ``&``, ``|``, or else the name of a pin, ``0`` or ``1``.
    operands : tuple of Function
    """

    kind: str
    operands: tuple["Function", ...] = ()

    @property
    def pins(self) -> frozenset[str]:
        """Pins that the value depends on."""
        if not self.operands:
            return frozenset() if self.kind in {"0", "1"} else frozenset({self.kind})
        return frozenset().union(*(each.pins for each in self.operands))

    def evaluate(self, values: Mapping[str, Any], ones: Any = 1) -> Any:
        """Value for given pins, bitwise: on ints, or on unsigned NumPy arrays of any shape.

        Parameters
        ----------
        values : mapping of pin to int or array
            What each pin is.
        ones : int or array scalar
            All bits 1: ``1`` for single bits, ``numpy.uint64(2**64 - 1)`` for packed words.
        """
        if not self.operands:
            constants = {"0": ones ^ ones, "1": ones}
            return constants[self.kind] if self.kind in constants else values[self.kind]
        operands = [each.evaluate(values, ones) for each in self.operands]
        if self.kind == "!":
            return operands[0] ^ ones
        return reduce(_OPERATORS[self.kind], operands)


def parse_function(text: str) -> Function:
    """Read an expression; ``'`` and ``!`` bind tightest, then ``^``, then AND, then OR.

    Raises
    ------
    ValueError
        If it is not one.
    """
    tokens, end = [], 0
    text = text.strip()
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise ValueError(f"not a boolean function: {text!r}")
        tokens.append(match[1])
        end = match.end()
    parser = _Parser(tokens)
    try:
        function = parser.either()
    except IndexError:
        raise ValueError(f"a boolean function that ends too soon: {text!r}") from None
    if parser.tokens:
        raise ValueError(f"not a boolean function: {text!r}")
    return function


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]  # the next token is the last

    def next_in(self, *choices: str) -> bool:
        return bool(self.tokens) and self.tokens[-1] in choices

    def either(self) -> Function:
        terms = [self.both()]
        while self.next_in("|", "+"):
            self.tokens.pop()
            terms.append(self.both())
        return terms[0] if len(terms) == 1 else Function("|", tuple(terms))

    def both(self) -> Function:
        factors = [self.differ()]
        while self.tokens and not self.next_in("|", "+", ")"):
            if self.next_in("&", "*"):  # a space between pins is an AND, too
                self.tokens.pop()
            factors.append(self.differ())
        return factors[0] if len(factors) == 1 else Function("&", tuple(factors))

    def differ(self) -> Function:
        terms = [self.literal()]
        while self.next_in("^"):
            self.tokens.pop()
            terms.append(self.literal())
        return terms[0] if len(terms) == 1 else Function("^", tuple(terms))

    def literal(self) -> Function:
        token = self.tokens.pop()
        if token == "!":
            return Function("!", (self.literal(),))
        if token == "(":
            value = self.either()
            if self.tokens.pop() != ")":
                raise IndexError
        elif re.match(r"\w", token):
            value = Function(token)
        else:
            raise IndexError
        while self.next_in("'"):
            self.tokens.pop()
            value = Function("!", (value,))
        return value
