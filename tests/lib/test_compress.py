"""Compressors and the prefix adder against Python's sums, and what formal proofs are made of."""

import itertools
import random

import pytest
from amaranth.hdl import Const, Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from lockstep.rtl.lib.adder import prefix_add
from lockstep.rtl.lib.compress import carry_save_tree, compress_3_2, compress_4_2, compress_6_2
from lockstep.verify.formal import prove
from lockstep.verify.formal_compress import jobs

COMPRESSORS = {3: compress_3_2, 4: compress_4_2, 6: compress_6_2}


def sums(m, operands, result, vectors):
    """``result`` for each vector of operand values."""
    got = []

    async def testbench(ctx):
        for vector in vectors:
            for operand, value in zip(operands, vector, strict=True):
                ctx.set(operand, value)
            got.append(ctx.get(result))

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()
    return got


@pytest.mark.parametrize(("count", "width"), [(3, 1), (3, 4), (4, 3), (6, 2)])
def test_two_words_of_the_same_sum(count, width):
    m = Module()
    words = [Signal(width, name=f"i{i}") for i in range(count)]
    total, carry = COMPRESSORS[count](m, *words, name="o")
    assert (len(total), len(carry)) == (width, width)
    vectors = list(itertools.product(range(1 << width), repeat=count))
    got = sums(m, words, (total + carry)[:width], vectors)
    assert got == [sum(vector) % (1 << width) for vector in vectors]


def test_words_of_different_widths_are_refused():
    m = Module()
    m._MustUse__used = True  # or Amaranth would warn that it was never elaborated
    with pytest.raises(ValueError, match=r"equal widths, not \[3, 4\]"):
        compress_4_2(m, *(Signal(bits) for bits in (4, 4, 3, 4)), name="o")


@pytest.mark.parametrize("width", [1, 7, 24])
@pytest.mark.parametrize("count", range(20))
def test_a_tree_takes_any_number_of_signed_and_unsigned_words(count, width):
    coin = random.Random(100 * count + width)
    shapes = [coin.choice([signed, unsigned])(coin.randint(1, width + 3)) for _ in range(count)]
    m = Module()
    words = [Signal(shape, name=f"i{i}") for i, shape in enumerate(shapes)]
    total, carry = carry_save_tree(m, words, width, name="o")
    ranges = [
        range(-(1 << s.width - 1), 1 << s.width - 1) if s.signed else range(1 << s.width)
        for s in shapes
    ]
    vectors = [[r[0] for r in ranges], [r[-1] for r in ranges]]
    vectors += [[coin.choice(r) for r in ranges] for _ in range(40)]
    got = sums(m, words, (total + carry)[:width], vectors)
    assert got == [sum(vector) % (1 << width) for vector in vectors]


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_prefix_adder_adds(width):
    m = Module()
    words = [Signal(width, name=name) for name in "ab"]
    vectors = list(itertools.product(range(1 << width), repeat=2))
    got = sums(m, words, prefix_add(m, *words, width, name="o"), vectors)
    assert got == [sum(vector) % (1 << width) for vector in vectors]


@pytest.mark.parametrize("width", [16, 33, 64])
def test_prefix_adder_carries_over_its_whole_width(width):
    """A carry from any bit, through ones up to any other; signed operands are extended."""
    m = Module()
    words = [Signal(signed(width), name="a"), Signal(signed(width // 2), name="b")]
    coin = random.Random(width)
    half = 1 << width // 2 - 1
    vectors = [(-1 << low, 1 << low) for low in range(width // 2 - 1)]
    vectors += [((1 << top) - 1, 1) for top in range(1, width)]
    vectors += [
        (coin.randrange(-1 << width - 1, 1 << width - 1), coin.randrange(-half, half))
        for _ in range(200)
    ]
    got = sums(m, words, prefix_add(m, *words, width, name="o"), vectors)
    assert got == [sum(vector) % (1 << width) for vector in vectors]


def test_a_constant_operand_is_taken():
    m = Module()
    a = Signal(4)
    total, carry = carry_save_tree(m, [a, Const(-1, signed(1)), Const(9, 4)], 6, name="o")
    assert sums(m, [a], (total + carry)[:6], [(x,) for x in range(16)]) == [
        x + 8 for x in range(16)
    ]


def test_seeded_bugs_change_the_design_and_not_the_specification():
    found = jobs()
    assert len({job.verilog for job in found}) == len(found)
    bugs = [job for job in found if not job.holds]
    assert len(bugs) >= 3
    for bug in bugs:
        specification = bug.verilog.split("endmodule")[0]
        sound = [job for job in found if job.holds and job.verilog.startswith(specification)]
        assert len(sound) == 1
        assert sound[0].claim == bug.claim


@pytest.mark.slow
@pytest.mark.rtl
def test_every_proof_ends_as_expected():
    assert [row.summary() for row in prove(jobs()) if not row.passed] == []
