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
CYCLES = 60
NAMES = [mode.format.name for mode in MODES]


def changes(file):
    """How often each signal changed, by its dotted name, its value at time 0 not counted."""
    names, scope, counts, now = {}, [], defaultdict(int), 0
    with file.open("rb") as stream:
        for token in tokenize(stream):
            if token.kind is TokenKind.SCOPE:
                scope.append(token.scope.ident)
            elif token.kind is TokenKind.UPSCOPE:
                scope.pop()
            elif token.kind is TokenKind.VAR:
                names.setdefault(token.var.id_code, ".".join([*scope, token.var.reference]))
                counts[names[token.var.id_code]] += 0
            elif token.kind is TokenKind.CHANGE_TIME:
                now = token.time_change
            elif token.kind in {TokenKind.CHANGE_SCALAR, TokenKind.CHANGE_VECTOR} and now:
                change = token.scalar_change if "SCALAR" in token.kind.name else token.vector_change
                counts[names[change.id_code]] += 1
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
        await ctx.tick()
        ctx.set(dut.take, 1)  # the mode settles before anything is counted
        await ctx.tick().repeat(2)
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
