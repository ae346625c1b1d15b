"""What is proved: combinational parts of the arithmetic units, against specifications in Verilog.

A specification is a table made from the golden definition of a format, or Verilog's own operators;
it shares nothing with the RTL but names of ports. The parts have no state, so what holds in any one
cycle holds always. Units with state are in ``formal_tlb``.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal
from unittest.mock import patch

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data

from lockstep.arch.formats import FloatFormat, format_named
from lockstep.arch.mac import product_of
from lockstep.arch.posit import posit_named
from lockstep.rtl.lib.shared import SharedModules, verilog_of
from lockstep.rtl.mac import multiplier, shift, split
from lockstep.rtl.mac.posit import code
from lockstep.sim.golden.formats.exact import FINITE, bit_length, from_codes

TOP = "spec"
"""Name of the module that holds the assertions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One claim about one design.

    Parameters
    ----------
    name, claim : str
        What is checked, and what the assertions say.
    verilog : str
        The specification, module ``TOP``, and the design it instantiates.
    holds : bool
        False for a design with a seeded bug: it must be refuted by a counterexample.
    method : "bounded" or "induction"
        Bounded: the assertions hold in the first ``depth`` cycles from the initial state, whatever
        the inputs. Induction: they hold always, for they hold in the first ``depth`` cycles, and after
        any ``depth`` cycles in which they held.
    depth : int
        1 is enough for a design without state, where bounded means always.
    """

    name: str
    claim: str
    verilog: str
    holds: bool = True
    method: Literal["bounded", "induction"] = "bounded"
    depth: int = 1

    @property
    def reach(self) -> str:
        """For how long a proof says that the claim holds."""
        if self.method == "induction":
            return f"always, by induction of depth {self.depth}"
        return f"in the first {self.depth} cycles" if self.depth > 1 else "always, no state"


def jobs() -> list[Job]:
    """All jobs."""
    with patch.object(split, "isolated", lambda value, enable: value):
        not_isolated = _split_in_halves()
    with patch.object(multiplier, "unpacked", _without_subnormals):
        no_subnormals = _float_product("fp6_e3m2")
    with patch.object(code, "leading_zeros", _one_less):
        short_run = _posit_round_trip("posit8_0")
    product = "sign and magnitude of the exact product, for every two codes"
    parts = "the products of the halves side by side, or of the whole, as by Verilog's *"
    trip = "every code's fields as in the table, and the same code again from the fields"
    return [
        *(
            Job(name=f"{name} multiplier", claim=product, verilog=_float_product(name))
            for name in ("fp4_e2m1", "fp6_e2m3", "fp6_e3m2")
        ),
        Job(
            name="fp6_e3m2 multiplier without subnormals",
            claim=product,
            verilog=no_subnormals,
            holds=False,
        ),
        Job(name="posit8_0 decode, encode", claim=trip, verilog=_posit_round_trip("posit8_0")),
        Job(name="posit8_0 with a regime cut short", claim=trip, verilog=short_run, holds=False),
        Job(
            name="16-bit split multiplier",
            claim="the sum of the partial products of 8-bit parts, or 8-bit or 4-bit products side "
            "by side, if the 8-bit split multiplier is proved",
            verilog=_split_in_quarters(),
        ),
        Job(name="8-bit split multiplier", claim=parts, verilog=_split_in_halves()),
        Job(
            name="8-bit split multiplier, not isolated",
            claim=parts,
            verilog=not_isolated,
            holds=False,
        ),
    ]


def _float_product(name: str) -> str:
    """Values are integers, in units of the least positive one."""
    fmt = format_named(name)
    if not isinstance(fmt, FloatFormat):
        raise ValueError(f"{name!r} is not a floating-point format")
    codes = np.arange(1 << fmt.element_bits)
    exact = from_codes(codes, fmt)
    if (exact.special != FINITE).any():
        raise ValueError(f"{name!r} has codes that are not finite")
    magnitude = exact.significand << exact.exponent - exact.exponent.min()
    bits = int(magnitude.max()).bit_length()
    layout = multiplier.product_layout(product_of(fmt, fmt))
    spec = f"""
module {TOP}(input [{fmt.element_bits - 1}:0] a, b);
  {_table("magnitude", fmt.element_bits, bits, magnitude)}
  wire [{layout.size - 1}:0] o;
  dut dut(.a(a), .b(b), .o(o));
  wire [{2 * bits - 1}:0] wanted = magnitude(a) * magnitude(b);
  wire [{2 * bits - 1}:0] got = {_slice("o", layout, "significand")} << {_slice("o", layout, "shift")};
  always @* begin
    assert(got == wanted);
    assert({_slice("o", layout, "sign")} == (a[{fmt.element_bits - 1}] ^ b[{fmt.element_bits - 1}]));
    assert(!{_slice("o", layout, "inf")} && !{_slice("o", layout, "nan")});
  end
endmodule
"""
    return spec + verilog_of(multiplier.Multiplier(product_of(fmt, fmt)), "dut")


def _posit_round_trip(name: str) -> str:
    fmt = posit_named(name)
    layout = code.fields_layout(fmt)
    width = fmt.significand_bits
    exact = from_codes(np.arange(1 << fmt.n), fmt)
    length = bit_length(exact.significand)
    scale = (exact.exponent + length - 1) & (1 << layout["scale"].width) - 1
    significand = exact.significand << width - length
    spec = f"""
module {TOP}(input [{fmt.n - 1}:0] code);
  {_table("scale", fmt.n, layout["scale"].width, scale)}
  {_table("significand", fmt.n, width, significand)}
  wire [{layout.size - 1}:0] fields;
  wire [{fmt.n - 1}:0] again;
  decode decode(.code(code), .fields(fields));
  encode encode(
    .nar({_slice("fields", layout, "nar")}), .negative({_slice("fields", layout, "negative")}),
    .scale({_slice("fields", layout, "scale")}),
    .significand({_slice("fields", layout, "significand")}), .code(again)
  );
  always @* begin
    assert({_slice("fields", layout, "nar")} == (code == {fmt.nar_code}));
    assert({_slice("fields", layout, "significand")} == significand(code));
    if (significand(code) != 0) begin
      assert({_slice("fields", layout, "negative")} == code[{fmt.n - 1}]);
      assert({_slice("fields", layout, "scale")} == scale(code));
    end
    assert(again == code);
  end
endmodule
"""
    decoder = code.PositDecoder(fmt)
    encoder = code.PositEncoder(fmt, scale=layout["scale"].shape, width=width)
    return spec + verilog_of(decoder, "decode") + verilog_of(encoder, "encode")


def _split_in_halves() -> str:
    # One instance for each split: with a constant the solver sees which operands are zero.
    spec = f"""
module {TOP}(input [7:0] a, b);
  wire [15:0] whole = a * b, joined, parted;
  wire [7:0] high = a[7:4] * b[7:4], low = a[3:0] * b[3:0];
  dut joins(.a(a), .b(b), .split(1'd0), .product(joined));
  dut parts(.a(a), .b(b), .split(1'd1), .product(parted));
  always @* begin
    assert(joined == whole);
    assert(parted == {{high, low}});
  end
endmodule
"""
    return spec + verilog_of(split.SplitMultiplier(8, 1), "dut")


def _split_in_quarters() -> str:
    """The 8-bit parts inside are replaced by what ``_split_in_halves`` proves them to be."""
    parts = SharedModules(prefix="dut")
    dut = verilog_of(split.SplitMultiplier(16, 2), "dut", parts)
    (part,) = re.findall(r"^module (\w+)", parts.text, re.MULTILINE)
    spec = f"""
module {part}(input [7:0] a, b, input split, output [15:0] product);
  wire [15:0] whole = a * b;
  wire [7:0] high = a[7:4] * b[7:4], low = a[3:0] * b[3:0];
  assign product = split ? {{high, low}} : whole;
endmodule

module {TOP}(input [15:0] a, b);
  wire [31:0] joined, parted, quartered;
  dut joins(.a(a), .b(b), .split(2'd0), .product(joined));
  dut parts(.a(a), .b(b), .split(2'd1), .product(parted));
  dut quarters(.a(a), .b(b), .split(2'd3), .product(quartered));
  wire [15:0] hh = a[15:8] * b[15:8], hl = a[15:8] * b[7:0];
  wire [15:0] lh = a[7:0] * b[15:8], ll = a[7:0] * b[7:0];
  wire [7:0] q3 = a[15:12] * b[15:12], q2 = a[11:8] * b[11:8];
  wire [7:0] q1 = a[7:4] * b[7:4], q0 = a[3:0] * b[3:0];
  always @* begin
    assert(joined == (hh << 16) + (hl << 8) + (lh << 8) + ll);
    assert(parted == {{hh, ll}});
    assert(quartered == {{q3, q2, q1, q0}});
  end
endmodule
"""
    return spec + dut


def _table(name: str, code_bits: int, bits: int, values: Iterable[int]) -> str:
    """A Verilog function from a code to ``values[code]``."""
    cases = "\n".join(f"      {code}: {name} = {int(value)};" for code, value in enumerate(values))
    return f"""function [{bits - 1}:0] {name}(input [{code_bits - 1}:0] code);
    case (code)
{cases}
    endcase
  endfunction"""


def _slice(signal: str, layout: data.StructLayout, field: str) -> str:
    """The bits of a field, in Verilog."""
    offset, width = layout[field].offset, layout[field].width
    return f"{signal}[{offset + width - 1}:{offset}]"


def _without_subnormals(fmt: FloatFormat, value: Value) -> multiplier.Unpacked:
    """A bug: takes the hidden bit for granted."""
    good = _UNPACKED(fmt, value)
    return replace(good, significand=good.significand | 1 << fmt.mantissa_bits)


def _one_less(m: Module, value: Value, *, name: str) -> Value:
    """A bug: overlooks the last zero of a long run."""
    zeros = _LEADING_ZEROS(m, value, name=name)
    return Mux(zeros > 4, 4, zeros)


_UNPACKED: Callable[[FloatFormat, Value], multiplier.Unpacked] = multiplier.unpacked
_LEADING_ZEROS: Callable[..., Signal] = shift.leading_zeros
