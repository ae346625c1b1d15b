"""What is proved of the adders, compressors and recoders of ``rtl/lib``, against Verilog's + and *.

A product of carry-save partial products is too much for the solver at once. It is proved in parts: the
digits sum to the operand, a partial product is digit times multiplicand, a tree keeps the sum.
"""

from collections.abc import Callable, Sequence
from unittest.mock import patch

from amaranth.back import verilog
from amaranth.hdl import Const, Module, Signal, Value, signed, unsigned
from amaranth.lib import data

from lockstep.rtl.lib import adder, compress, encode
from lockstep.verify.formal_jobs import TOP, Job

_COMPRESSORS: dict[int, Callable[..., compress.CarrySave]] = {
    3: compress.compress_3_2,
    4: compress.compress_4_2,
    6: compress.compress_6_2,
}
_TREE_BITS = (5, 3, 6, 2, 8, 5, 4)  # some wider than others, one cut


def jobs() -> list[Job]:
    """All jobs."""
    with patch.object(compress, "_pair", _carry_in_place):
        carry_in_place = _compressor(4, 32)
    with patch.object(adder, "_spread", _only_nearest):
        short_prefix = _prefix_adder(32)
    with patch.object(encode, "_sign", lambda value: Const(0, 1)):
        no_sign = _digits("en_t", 8, is_signed=True)
    keeps = "the two words sum to what Verilog's + makes of all, modulo 2**width"
    sums = "the sum as by Verilog's +, modulo 2**width"
    digits = "the digits, times powers of 4, sum to the operand; an absent digit has no sign"
    recodes = {"booth": digits, "en_t": f"{digits}; 2 has the operand's sign"}
    times = "digit times multiplicand as by Verilog's *, for every digit"
    return [
        *(
            Job(
                name=f"{count}:2 compressor, {width} bits",
                claim=keeps,
                verilog=_compressor(count, width),
            )
            for count, width in ((3, 32), (4, 32), (6, 8))
        ),
        Job(
            name="4:2 compressor, carry not shifted",
            claim=keeps,
            verilog=carry_in_place,
            holds=False,
        ),
        Job(name="carry-save tree of seven signed words", claim=keeps, verilog=_tree(6)),
        Job(name="prefix adder, 32 bits", claim=sums, verilog=_prefix_adder(32)),
        Job(name="prefix adder, 41 bits", claim=sums, verilog=_prefix_adder(41)),
        Job(
            name="prefix adder, 32 bits, short of reach",
            claim=sums,
            verilog=short_prefix,
            holds=False,
        ),
        *(
            Job(
                name=f"{encoder} digits of {'int' if is_signed else 'uint'}{bits}",
                claim=recodes[encoder],
                verilog=_digits(encoder, bits, is_signed=is_signed),
            )
            for encoder in recodes
            for bits, is_signed in ((8, True), (8, False), (5, True), (16, True))
        ),
        Job(
            name="en_t digits of int8, sign lost",
            claim=recodes["en_t"],
            verilog=no_sign,
            holds=False,
        ),
        Job(name="partial product of int8", claim=times, verilog=_partial(8, is_signed=True)),
        Job(name="partial product of uint8", claim=times, verilog=_partial(8, is_signed=False)),
    ]


def _compressor(count: int, width: int) -> str:
    m = Module()
    words = [Signal(width, name=f"i{i}") for i in range(count)]
    return _keeps_the_sum(m, words, _COMPRESSORS[count](m, *words, name="o"))


def _tree(width: int) -> str:
    m = Module()
    words = [Signal(signed(bits), name=f"i{i}") for i, bits in enumerate(_TREE_BITS)]
    return _keeps_the_sum(m, words, compress.carry_save_tree(m, words, width, name="o"))


def _keeps_the_sum(m: Module, words: Sequence[Signal], pair: compress.CarrySave) -> str:
    """The sum of two words against that of all operands, which Verilog extends by their signs."""
    names = [f"i{i}" for i in range(len(words))]
    width = len(pair[0])
    ports = ", ".join(
        f"input signed [{len(word) - 1}:0] {name}" for word, name in zip(words, names, strict=True)
    )
    return f"""
module {TOP}({ports});
  wire [{width - 1}:0] o_sum, o_carry;
  dut dut({_bound(*names, "o_sum", "o_carry")});
  wire [{width - 1}:0] got = o_sum + o_carry, wanted = {" + ".join(names)};
  always @* assert(got == wanted);
endmodule
{_dut(m, [*words, *pair])}"""


def _prefix_adder(width: int) -> str:
    m = Module()
    a, b = Signal(width, name="a"), Signal(width, name="b")
    total = adder.prefix_add(m, a, b, width, name="o")
    return f"""
module {TOP}(input [{width - 1}:0] a, b);
  wire [{width - 1}:0] o_sum;
  dut dut({_bound("a", "b", "o_sum")});
  wire [{width - 1}:0] wanted = a + b;
  always @* assert(o_sum == wanted);
endmodule
{_dut(m, [a, b, total])}"""


def _digits(encoder: str, bits: int, *, is_signed: bool) -> str:
    m = Module()
    x = Signal(signed(bits) if is_signed else unsigned(bits), name="x")
    digits = (encode.booth_digits if encoder == "booth" else encode.en_t_digits)(m, x, name="d")
    size = len(encode.DIGIT.members)
    width = bits + 2
    fields = [
        {name: f"d[{i * size + encode.DIGIT[name].offset}]" for name in encode.DIGIT.members}
        for i in range(len(digits))
    ]
    total = " + ".join(
        f"(({{{d['two']}, {d['nonzero']} & ~{d['two']}}} ^ {{{width}{{{d['negative']}}}}})"
        f" + {d['negative']} << {2 * i})"
        for i, d in enumerate(fields)
    )
    sign = f"x[{bits - 1}]" if is_signed else "1'b0"
    absent = " && ".join(
        f"({d['nonzero']} || !{d['two']} && !{d['negative']})" for d in fields
    )  # fmt: skip
    no_two = " && ".join(f"!({d['two']} && ({d['negative']} ^ {sign}))" for d in fields)
    return f"""
module {TOP}(input [{bits - 1}:0] x);
  wire [{size * len(digits) - 1}:0] d;
  dut dut({_bound("x", "d")});
  wire [{width - 1}:0] got = {total};
  wire [{width - 1}:0] wanted = {{{{2{{{sign}}}}}, x}};
  always @* begin
    assert(got == wanted);
    assert({absent});
    {"" if encoder == "booth" else f"assert({no_two});"}
  end
endmodule
{_dut(m, [x, digits.as_value()])}"""


def _partial(bits: int, *, is_signed: bool) -> str:
    m = Module()
    b = Signal(signed(bits) if is_signed else unsigned(bits), name="b")
    digit = data.View(encode.DIGIT, Signal(encode.DIGIT.size, name="d"))
    product = encode.partial_product(digit, b)
    o = Signal(product.shape(), name="o")
    m.d.comb += o.eq(product)
    nonzero, two, negative = (
        f"d[{encode.DIGIT[name].offset}]" for name in ("nonzero", "two", "negative")
    )
    kind = "signed " if is_signed else ""
    return f"""
module {TOP}(input [{encode.DIGIT.size - 1}:0] d, input {kind}[{bits - 1}:0] b);
  wire signed [{len(o) - 1}:0] o;
  dut dut({_bound("d", "b", "o")});
  wire signed [15:0] size = {nonzero} ? ({two} ? 2 : 1) : 0;
  wire signed [15:0] digit = {negative} ? -size : size;
  wire signed [15:0] multiplicand = {"b" if is_signed else "$signed({1'b0, b})"};
  wire signed [15:0] wanted = digit * multiplicand;
  wire signed [15:0] got = o;
  always @* assert(got == wanted);
endmodule
{_dut(m, [digit.as_value(), b, o])}"""


def _bound(*names: str) -> str:
    """Port connections, by name, to wires of the same names."""
    return ", ".join(f".{name}({name})" for name in names)


def _dut(m: Module, ports: Sequence[Value]) -> str:
    return str(
        verilog.convert(m, name="dut", ports=ports, emit_src=False, strip_internal_attrs=True)
    )


def _carry_in_place(m: Module, total: Value, majority: Value, name: str) -> compress.CarrySave:
    """A bug: the carries stay where they arise."""
    return compress._pair_of(m, [total, majority], name)


def _only_nearest(word: Value, span: int) -> Value:
    """A bug: a group's carry reaches the lowest bit of the next group only."""
    spread = _SPREAD(word, span)
    return spread & Const(sum(1 << i for i in range(0, len(word), span)), len(word))


_SPREAD = adder._spread
