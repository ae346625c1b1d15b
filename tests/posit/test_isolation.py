"""What the SIMD unit does not use does not toggle: counted in a simulation's waveforms."""

from collections import defaultdict

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator
from vcd.reader import TokenKind, tokenize

from lockstep.arch.simd import MODES, WORD_BITS, SimdConfig
from lockstep.rtl.mac.simd import SimdDot

pytestmark = pytest.mark.rtl
WARM_UP_CYCLES = 4
CYCLES = 60
NAMES = [mode.format.name for mode in MODES]


def changes(file):
    """How often each signal changed after the warm-up, by its dotted name."""
    names, scope, counts, edges = {}, [], defaultdict(int), 0
    with file.open("rb") as stream:
        for token in tokenize(stream):
            if token.kind is TokenKind.SCOPE:
                scope.append(token.scope.ident)
            elif token.kind is TokenKind.UPSCOPE:
                scope.pop()
            elif token.kind is TokenKind.VAR:
                names.setdefault(token.var.id_code, ".".join([*scope, token.var.reference]))
                counts[names[token.var.id_code]] += 0
            elif token.kind in {TokenKind.CHANGE_SCALAR, TokenKind.CHANGE_VECTOR}:
                change = token.scalar_change if "SCALAR" in token.kind.name else token.vector_change
                edges += names[change.id_code].endswith(".clk")
                counts[names[change.id_code]] += edges > 2 * WARM_UP_CYCLES
    return counts


def toggles(tmp_path, mode, *, take):
    """Changes of every signal while random words stand at the inputs, in one mode."""
    dut = SimdDot(SimdConfig())
    rng = np.random.default_rng(5)
    top = Module()
    top.submodules.dut = dut
    sim = Simulator(top)
    sim.add_clock(1e-9)

    async def drive(ctx):
        ctx.set(dut.mode, NAMES.index(mode))
        ctx.set(dut.advance, 1)
        ctx.set(dut.take, 1)
        await ctx.tick().repeat(WARM_UP_CYCLES)  # the mode settles before anything is counted
        ctx.set(dut.take, take)
        for a, b in rng.integers(0, 1 << WORD_BITS, (CYCLES, 2)):
            ctx.set(dut.a, int(a))
            ctx.set(dut.b, int(b))
            await ctx.tick()

    sim.add_testbench(drive)
    file = tmp_path / "dump.vcd"
    with sim.write_vcd(str(file)):
        sim.run()
    return changes(file)


def of(counts, *parts):
    """Changes of the signals whose name has all these parts; there must be some such signals."""
    chosen = [n for name, n in counts.items() if all(part in name for part in parts)]
    assert chosen, parts
    return sum(chosen)


@pytest.mark.parametrize("mode", NAMES)
def test_only_the_decoders_of_the_mode_toggle(tmp_path, mode):
    counts = toggles(tmp_path, mode, take=1)
    for operand in ("decode_a", "decode_b"):
        for name in NAMES:
            assert (of(counts, operand, f".{name}_") > 0) == (name == mode)
            assert (of(counts, operand, f".number_{name}_") > 0) == (name == mode)


@pytest.mark.parametrize("mode", MODES, ids=NAMES)
def test_only_the_products_of_the_mode_have_operands(tmp_path, mode):
    counts = toggles(tmp_path, mode.format.name, take=1)
    assert (of(counts, "dut.multiplier.cross_") > 0) == (mode.lanes == 1)
    inner = of(counts, "dut.multiplier.low.cross_") + of(counts, "dut.multiplier.high.cross_")
    assert (inner > 0) == (mode.format.name in {"posit16_1", "posit8_0"})
    # All significands of posit(4,1) are one: the multiplier has nothing to do.
    assert (of(counts, "dut.multiplier.") > 0) == (mode.format.name != "posit4_1")


@pytest.mark.parametrize("mode", NAMES)
def test_the_multiplier_holds_without_words(tmp_path, mode):
    assert of(toggles(tmp_path, mode, take=0), "dut.multiplier.") == 0
