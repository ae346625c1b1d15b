"""Number formats once more: fields typed in from the standards, Fractions throughout."""

import bisect
import functools
from fractions import Fraction

import pytest

INF, NAN = float("inf"), float("nan")

# name: exponent bits, mantissa bits, bias, greatest finite value. OCP OFP8 1.0 and OCP MX 1.0.
FLOATS = {
    "fp8_e4m3": (4, 3, 7, 448),
    "fp8_e5m2": (5, 2, 15, 57344),
    "fp6_e3m2": (3, 2, 3, 28),
    "fp6_e2m3": (2, 3, 1, Fraction(15, 2)),
    "fp4_e2m1": (2, 1, 1, 6),
}
POSITS = {"posit4_1": (4, 1), "posit8_0": (8, 0)}
INTS = {f"int{n}": n for n in (2, 3, 4, 5, 6, 7, 8)}
BITS = {
    **INTS,
    **{name: 1 + fields[0] + fields[1] for name, fields in FLOATS.items()},
    **{name: n for name, (n, _) in POSITS.items()},
    "uint4": 4,
    "e8m0": 8,
}
SMALL = tuple(BITS)


def posit_value(bits: str, es: int) -> Fraction | float:
    """Value of a posit written as a string of bits, read from left to right."""
    if "1" not in bits:
        return Fraction(0)
    if "1" not in bits[1:]:
        return NAN
    if bits[0] == "1":
        negated = f"{(1 << len(bits)) - int(bits, 2):0{len(bits)}b}"
        return -posit_value(negated, es)
    tail = bits[1:]
    run = len(tail) - len(tail.lstrip(tail[0]))
    regime = run - 1 if tail[0] == "1" else -run
    rest = tail[run + 1 :]
    exponent = int((rest[:es]).ljust(es, "0") or "0", 2)
    fraction = rest[es:]
    significand = 1 + (Fraction(int(fraction, 2), 1 << len(fraction)) if fraction else 0)
    return Fraction(2) ** (regime * 2**es + exponent) * significand


class Reference:
    """A format of 8 bits or fewer as the list of its values."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bits = BITS[name]
        self.values = [self.value(code) for code in range(1 << self.bits)]
        finite = [(v, c) for c, v in enumerate(self.values) if isinstance(v, Fraction)]
        # Minus zero is found by its sign, not by its value.
        self.ordered = sorted((v, c) for v, c in finite if v or c == 0)

    def value(self, code: int) -> Fraction | float:
        """Value of a code: a Fraction, an infinity or a NaN."""
        if self.name in POSITS:
            n, es = POSITS[self.name]
            return posit_value(f"{code:0{n}b}", es)
        if self.name == "e8m0":
            return NAN if code == 255 else Fraction(2) ** (code - 127)
        if self.name == "uint4":
            return Fraction(code)
        if self.name in INTS:
            return Fraction(code if code < 1 << self.bits - 1 else code - (1 << self.bits))
        exponent_bits, mantissa_bits, bias, _ = FLOATS[self.name]
        sign = -1 if code >> self.bits - 1 else 1
        field = code >> mantissa_bits & (1 << exponent_bits) - 1
        mantissa = Fraction(code & (1 << mantissa_bits) - 1, 1 << mantissa_bits)
        if self.name == "fp8_e4m3" and code & 0x7F == 0x7F:
            return NAN
        if self.name == "fp8_e5m2" and field == 31:
            return NAN if mantissa else sign * INF
        if field == 0:
            return sign * mantissa * Fraction(2) ** (1 - bias)
        return sign * (1 + mantissa) * Fraction(2) ** (field - bias)

    def negative_zero(self, code: int) -> bool:
        return self.name in FLOATS and code == 1 << self.bits - 1

    def nan_code(self) -> int:
        """Code of NaN as an operation gives it."""
        return {"fp8_e4m3": 0x7F, "fp8_e5m2": 0x7E, "e8m0": 0xFF}.get(self.name, 1 << self.bits - 1)

    @functools.cache  # noqa: B019 (lives as long as the test session anyway)
    def nearest(self, x: Fraction, saturate: bool = True) -> int:
        """Code of the value nearest to ``x``, ties to the even code."""
        values = [v for v, _ in self.ordered]
        at = bisect.bisect_left(values, x)
        if at < len(values) and values[at] == x:
            return self.ordered[at][1]
        if self.name in FLOATS and abs(x) > FLOATS[self.name][3]:
            return self._overflow(x, saturate)
        if at == 0:
            return self.ordered[0][1] if self.name != "e8m0" or x >= 0 else 0xFF
        if at == len(values):
            return self.ordered[-1][1]
        (below, low), (above, high) = self.ordered[at - 1 : at + 1]
        if self.name in POSITS:
            return self._nearest_posit(x, low, high)
        if self.name in FLOATS and above == 0:
            high = 1 << self.bits - 1  # rounds to minus zero
        middle = (below + above) / 2
        if x == middle:
            return low if low % 2 == 0 else high
        return low if x < middle else high

    def _overflow(self, x: Fraction, saturate: bool) -> int:
        """The grid goes on for one more binade; what rounds beyond the greatest value overflows."""
        _, mantissa_bits, _, top = FLOATS[self.name]
        step = Fraction(2) ** (top.__floor__().bit_length() - 1 - mantissa_bits)
        greatest = self.ordered[-1][1]
        beyond = abs(x) > top + step / 2 or (abs(x) == top + step / 2 and greatest % 2 == 1)
        code = greatest if saturate or "fp8" not in self.name or not beyond else greatest + 1
        return code | (x < 0) << self.bits - 1

    def _nearest_posit(self, x: Fraction, low: int, high: int) -> int:
        """Posit Standard 2022, section 4.1: the border is the posit of one bit more."""
        n, es = POSITS[self.name]
        if 0 in (low, high):
            return high if low == 0 else low
        border = posit_value(f"{low:0{n}b}1", es)
        if x == border:
            return low if low % 2 == 0 else high
        return low if x < border else high


@functools.cache
def reference_of(name: str) -> Reference:
    return Reference(name)


@pytest.fixture(params=SMALL)
def reference(request) -> Reference:
    """Each format of 8 bits or fewer in turn."""
    return reference_of(request.param)


@pytest.fixture
def reference_named():
    """The reference of a format, by name."""
    return reference_of


@pytest.fixture
def read_posit():
    """``read_posit(bits, es)``: the value of a posit given as a string of bits."""
    return posit_value
