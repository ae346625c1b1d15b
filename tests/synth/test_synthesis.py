"""Synthesis: the gates compute what the Verilog says, and are counted right."""

from pathlib import Path

import numpy as np
import pytest

from lockstep.rtl.synth import yosys
from lockstep.rtl.synth.engine import BlockRow, continued
from lockstep.rtl.synth.liberty import parse_library, read_library
from lockstep.rtl.synth.logical_effort import generic_library
from lockstep.rtl.synth.netlist import parse_netlist
from lockstep.rtl.synth.synthesis import Figures
from lockstep.rtl.synth.tool import SynthesisError
from lockstep.rtl.synth.yosys import RECIPES, synthesize

pytestmark = pytest.mark.rtl

MULTIPLY = """
module top(input signed [4:0] a, b, input signed [9:0] c, output signed [9:0] y);
  assign y = a * b + c;
endmodule
"""


def evaluate(module, library, inputs):
    """Outputs of a combinational module for arrays of unsigned inputs."""
    values = {"0": np.int64(0), "1": np.int64(1)}
    for name, port in module.ports.items():
        if not port.is_output:
            values |= {net: inputs[name] >> i & 1 for i, net in enumerate(port.bits)}
    waiting = list(module.gates)
    while waiting:
        later = []
        for gate in waiting:
            cell = library.cells[gate.cell]
            if all(gate.pins[pin.name] in values for pin in cell.inputs):
                pins = {pin.name: values[gate.pins[pin.name]] for pin in cell.inputs}
                for pin in cell.outputs:
                    values[gate.pins[pin.name]] = pin.function.evaluate(pins)
            else:
                later.append(gate)
        assert len(later) < len(waiting)
        waiting = later
    return {
        name: sum(values[net] << i for i, net in enumerate(port.bits))
        for name, port in module.ports.items()
        if port.is_output
    }


@pytest.mark.parametrize("recipe", [*RECIPES, None], ids=lambda r: r.name if r else "best")
def test_every_recipe_computes_the_same(recipe):
    options = {"recipes": (recipe,)} if recipe else {}
    result = synthesize(MULTIPLY, "top", target_delay_ns=0.4, **options)
    a, b = (x.ravel() for x in np.meshgrid(np.arange(32), np.arange(32)))
    c = np.random.default_rng(1).integers(0, 1024, a.size)
    signed = [(x ^ 16) - 16 for x in (a, b)]
    found = evaluate(result.netlist.flat, result.library, {"a": a, "b": b, "c": c})["y"]
    assert np.array_equal(found, (signed[0] * signed[1] + c) & 1023)
    if recipe:
        assert result.blocks[0].recipe == recipe.name


def test_figures_add_up():
    result = synthesize(MULTIPLY, "top")
    library = result.library
    assert result.area_um2 == pytest.approx(
        sum(count * library.cells[cell].area_um2 for cell, count in result.cells.items())
    )
    assert result.nand2_equivalents == pytest.approx(result.area_um2 / library.nand2.area_um2)
    assert result.transistors == sum(n * library.transistors[c] for c, n in result.cells.items())
    assert result.flip_flops == 0
    assert result.delay_ns == result.blocks[0].timing.paths["in_to_out"].delay_ns


def test_speed_costs_area():
    results = [synthesize(MULTIPLY, "top", target_delay_ns=t) for t in (None, 0.45, 0.3)]
    delays = [r.delay_ns for r in results]
    areas = [r.area_um2 for r in results]
    assert delays[2] < delays[1] < delays[0]
    assert areas[0] < areas[1] < areas[2]
    assert results[1].meets_target == (delays[1] <= 0.45)
    assert not synthesize(MULTIPLY, "top", target_delay_ns=0.01).meets_target


def test_blocks_of_a_hierarchy():
    verilog = """
    module bit_(input clk, d, output reg q); always @(posedge clk) q <= ~d; endmodule
    module pair(input clk, d, output q); wire n; bit_ a(clk, d, n); bit_ b(clk, n, q); endmodule
    module top(input clk, a, b, output y);
      wire m, n; pair p(clk, a, m); pair r(clk, b, n); assign y = m & n;
    endmodule
    """
    result = synthesize(verilog, "top", keep_hierarchy=True)
    assert [(b.name, b.instances) for b in result.blocks] == [("top", 1), ("pair", 2), ("bit_", 4)]
    top, pair, bit = result.blocks
    assert (bit.own.flip_flops, pair.own.flip_flops, pair.total.flip_flops) == (1, 0, 2)
    assert result.flip_flops == result.cells["DFF_X1"] == 4
    assert top.total.area_um2 == pytest.approx(top.own.area_um2 + 4 * bit.own.area_um2)
    with pytest.raises(ValueError, match="keep_hierarchy"):
        _ = result.netlist.flat
    flat = synthesize(verilog, "top")
    assert flat.cells["DFF_X1"] == 4
    assert len(flat.blocks) == 1


def test_initial_values_are_dropped():
    verilog = """module top(input clk, d, output reg q = 1);
      reg n = 0; always @(posedge clk) begin n <= d; q <= n; end endmodule"""
    assert synthesize(verilog, "top").flip_flops == 2


def test_memories_are_bits_not_gates():
    verilog = """module top(input clk, w, input [4:0] a, input [7:0] d, output reg [7:0] q);
      reg [7:0] m [0:31]; always @(posedge clk) begin if (w) m[a] <= d; q <= m[a]; end endmodule"""
    result = synthesize(verilog, "top")
    assert result.total.memory_bits == 256
    assert result.flip_flops == 0  # the read port's register is part of the memory
    with pytest.raises(ValueError, match="memories"):
        _ = result.netlist.flat


def test_a_users_library():
    library = read_library(Path(__file__).parent / "tiny.lib")
    result = synthesize(MULTIPLY, "top", library=library)
    areas = {"INV": 2, "ND2": 3, "NR2": 4}
    assert set(result.cells) <= set(areas)
    assert result.blocks[0].recipe.endswith("not sized")  # one size of each
    assert result.area_um2 == sum(areas[cell] * count for cell, count in result.cells.items())
    transistors = {"INV": 3, "ND2": 4, "NR2": 5}  # four for the area of an ND2
    assert result.transistors == sum(transistors[c] * n for c, n in result.cells.items())
    a = np.arange(32)
    found = evaluate(result.netlist.flat, library, {"a": a, "b": a, "c": a})["y"]
    assert np.array_equal(found, (((a ^ 16) - 16) ** 2 + a) & 1023)


def test_results_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    verilog = "module top(input a, b, output y); assign y = a & b; endmodule"
    first = synthesize(verilog, "top")
    monkeypatch.setattr(yosys, "run_script", None)
    assert synthesize(verilog, "top").cells == first.cells
    with pytest.raises(TypeError):
        synthesize(verilog, "top", target_delay_ns=1.0)
    assert not [p for p in (tmp_path / "cache").iterdir() if p.suffix != ".json"]


def test_what_cannot_be_mapped_is_refused():
    with pytest.raises(SynthesisError, match=r"design\.v:1: ERROR: syntax error"):
        synthesize("module top(input a, output y); assign y = b +; endmodule", "top")
    latch = "module top(input e, d, output reg q); always @* if (e) q = d; endmodule"
    with pytest.raises(SynthesisError, match="latches are not supported"):
        synthesize(latch, "top")


def test_netlists_name_what_a_library_lacks():
    text = '{"modules": {"m": {"ports": {}, "cells": {"u": {"type": "$x", "connections": {}}}}}}'
    with pytest.raises(ValueError, match=r"m: the library generic-28nm has no cell for \$x"):
        parse_netlist(text, "m", generic_library())


def test_blocks_continue_to_other_sizes():
    sizes = [(4, 4), (8, 4), (4, 8), (8, 8), (12, 4), (4, 12)]

    def engine(r, c):
        blocks = {
            "pe": (r * c, 100.0 * r * c),
            "skew": (1, 6.0 + 8 * r * (r - 1) / 2 + 5 * c * (c - 1) / 2),
            "control": (1, 300.0 + 3 * r + 2 * c + (r + c) % 3),
        }
        return {
            name: BlockRow(block=name, instances=n, total=Figures(area, n, area, n, 0), delay_ns=r)
            for name, (n, area) in blocks.items()
        }

    found = continued(sizes, [engine(*size) for size in sizes], (100, 60))
    truth = engine(100, 60)
    for name in ("pe", "skew"):
        assert found[name].instances == truth[name].instances
        assert found[name].total.area_um2 == pytest.approx(truth[name].total.area_um2)
    assert found["control"].total.area_um2 == pytest.approx(720, rel=0.1)
    assert found["pe"].delay_ns == 12


def test_library_text_is_what_was_mapped_to():
    assert parse_library(generic_library().text, "again").cells.keys() == (
        generic_library().cells.keys()
    )


@pytest.mark.slow
def test_a_composed_engine_is_what_mapping_it_whole_gives():
    from lockstep.arch.machine import load_machine
    from lockstep.rtl.synth.engine import synthesize_engine
    from lockstep.rtl.synth.yosys import synthesize_unit

    cfg = load_machine("edge-os16").machine.tensor
    composed = synthesize_engine(cfg, library=generic_library(), target_delay_ns=1.1)
    assert composed.is_composed
    assert abs(composed.check.difference) < 0.05
    whole = synthesize_unit(cfg, target_delay_ns=1.1, keep_hierarchy=True)
    assert composed.total.flip_flops == pytest.approx(whole.flip_flops, rel=0.002)
    assert composed.total.area_um2 == pytest.approx(whole.area_um2, rel=0.02)
