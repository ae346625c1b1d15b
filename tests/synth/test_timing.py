"""Static timing on netlists small enough to add up by hand, and beside Yosys' own analysis."""

import json
import re
from pathlib import Path

import pytest

from lockstep.rtl.synth.liberty import parse_library
from lockstep.rtl.synth.logical_effort import generic_library
from lockstep.rtl.synth.netlist import Gate, Instance, Module, Port
from lockstep.rtl.synth.timing import analyse

LIBRARY = parse_library((Path(__file__).parent / "tiny.lib").read_text(), "tiny.lib")


def module(*gates, inputs="", outputs="", instances=()):
    """A module of (cell, nets in the order of its pins) on named nets; ports of one bit each."""
    nets = {}

    def net(name):
        return nets.setdefault(name, len(nets) + 2)

    pins = {"INV": "AY", "ND2": "ABY", "FF": ("D", "CK", "Q")}
    made = [
        Gate(f"g{i}", cell, dict(zip(pins[cell], map(net, wires.split()), strict=True)))
        for i, (cell, wires) in enumerate(gates)
    ]
    ports = {name: Port(False, (net(name),)) for name in inputs.split()}
    ports |= {name: Port(True, (net(name),)) for name in outputs.split()}
    inside = [
        Instance(name, "inner", {p: Port(out, (net(n),)) for p, out, n in connected})
        for name, connected in instances
    ]
    return Module(name="m", ports=ports, gates=tuple(made), instances=tuple(inside))


def delays_ps(*gates, **ports):
    timing = analyse(module(*gates, **ports), LIBRARY)
    return {kind: 1e3 * path.delay_ns for kind, path in timing.paths.items()}, timing


def test_register_to_register():
    # Q falls at 60, the inverter rises 10 + 1 (1 fF at 1 ps/fF) later, setup 5: 76.
    # Q rises at 50 with a slew of 100: falls 8 + 0.6 later, setup 8: 66.6.
    delays, timing = delays_ps(("FF", "x ck q"), ("INV", "q d"), ("FF", "d ck z"), inputs="x ck")
    assert delays["reg_to_reg"] == pytest.approx(76)
    assert timing.depth == 1
    assert timing.paths["reg_to_reg"].cells == ("g0 (FF)", "g1 (INV)", "g2 (FF)")
    assert timing.paths["reg_to_reg"].depth == 1
    # A port straight into a register: as between registers, 60 + 8.
    assert delays["in_to_reg"] == pytest.approx(68)
    assert set(delays) == {"reg_to_reg", "in_to_reg"}


def test_edges_alternate_through_inverters():
    # Fall, rise, fall: 60 + 12 (2 fF) + 6 + 0.6 + 0.3 * 2 (slew 30 of 100) + setup 8: 87.2.
    # Rise, fall, rise: 50 + 8 + 1.2 (2 fF) + 11 + 0.2 * 5 (slew 20 of 100) + setup 5: 76.2.
    delays, timing = delays_ps(
        ("FF", "x ck q"), ("INV", "q n"), ("INV", "n d"), ("FF", "d ck z"), inputs="x ck"
    )
    assert delays["reg_to_reg"] == pytest.approx(87.2)
    assert timing.depth == 2


def test_every_kind_of_path_and_the_load_of_a_fan_out():
    delays, timing = delays_ps(
        ("INV", "a n"),
        ("FF", "n ck q0"),
        ("FF", "n ck q1"),
        ("FF", "n ck q2"),
        ("INV", "q0 y"),
        ("INV", "b z"),
        inputs="a b ck",
        outputs="y z",
    )
    assert delays["in_to_reg"] == pytest.approx(60 + 10 + 3 + 5)  # three D pins of 1 fF
    assert delays["reg_to_out"] == pytest.approx(76)
    assert delays["in_to_out"] == pytest.approx(76)
    assert timing.delay_ns == pytest.approx(0.078)
    assert timing.longest is timing.paths["in_to_reg"]


def test_linear_delays_and_the_slower_input():
    # ND2 rises 9 + 1 (1 fF) after the later input, which an inverter delays: 50 + 8 + 0.6 * 3 + 10.
    delays, _ = delays_ps(("INV", "a n"), ("ND2", "n b d"), ("FF", "d ck q"), inputs="a b ck")
    rises = 50 + 8 + 3 * 0.6 + 9 + 1 + 5
    falls = 60 + 10 + 3 + 7 + 0.5 + 8
    assert delays["in_to_reg"] == pytest.approx(max(rises, falls))


def test_instances_are_outside():
    delays, _ = delays_ps(
        ("INV", "p n"),
        inputs="ck",
        instances=[("u", [("out", True, "p"), ("in", False, "n"), ("ck", False, "ck")])],
    )
    assert delays == {"in_to_out": pytest.approx(76)}  # and the clock is no path


def test_a_module_without_paths():
    timing = analyse(module(inputs="a", outputs="a"), LIBRARY)
    assert (timing.paths, timing.delay_ns, timing.depth) == ({}, 0.0, 0)


def test_loops_are_refused():
    with pytest.raises(ValueError, match="loop"):
        analyse(module(("INV", "a b"), ("INV", "b a")), LIBRARY)


@pytest.mark.rtl
def test_agrees_with_yosys_where_delays_are_constant(tmp_path):
    from lockstep.rtl.synth.tool import run_script
    from lockstep.rtl.synth.yosys import synthesize

    # Every cell gets a delay of its own, whatever its load.
    table = generic_library()
    combinational = sorted(name for name, cell in table.cells.items() if not cell.is_flip_flop)
    delay_ps = {name: 11 + 3 * i for i, name in enumerate(combinational)}
    cells = []
    for name in combinational:
        cell = table.cells[name]
        arcs = "".join(
            f'timing() {{ related_pin: "{pin.name}"; '
            + "".join(
                f'{kind}(scalar) {{ values("{delay_ps[name] * 1e-3:.3f}"); }} '
                for kind in ("cell_rise", "cell_fall")
            )
            + "}\n"
            for pin in cell.inputs
        )
        text = table.text[table.text.index(f"cell({name})") :]
        function = re.search(r'function: "(.*?)"', text)[1]
        inputs = "".join(
            f"pin({pin.name}) {{ direction: input; capacitance: 1; }}\n" for pin in cell.inputs
        )
        cells.append(
            f"cell({name}) {{ area: {cell.area_um2};\n{inputs}"
            f'pin(Y) {{ direction: output; function: "{function}"; {arcs} }} }}\n'
        )
    flop = table.text[table.text.index("cell(DFF_X1)") :]
    head = table.text[: table.text.index("cell(")]
    constant = parse_library(head + "".join(cells) + flop, "constant.lib")

    verilog = "module top(input [4:0] a, b, output [9:0] y); assign y = a * b + 7; endmodule"
    mapped = synthesize(verilog, "top", library=generic_library())
    netlist = mapped.netlist_json.read_text()
    gates = mapped.netlist.flat
    ours = analyse(gates, constant).paths["in_to_out"]

    models = "".join(
        f"(* blackbox *) module {name}({', '.join(f'input {p.name}' for p in cell.inputs)}, "
        f"output Y); specify "
        + " ".join(f"({p.name} => Y) = {delay_ps[name]};" for p in cell.inputs)
        + " endspecify endmodule\n"
        for name, cell in table.cells.items()
        if not cell.is_flip_flop
    )
    (tmp_path / "models.v").write_text(models)
    modules = json.loads(netlist)["modules"]
    (tmp_path / "top.json").write_text(json.dumps({"modules": {"top": modules["top"]}}))
    (tmp_path / "s.ys").write_text(
        "read_verilog -specify models.v; read_json top.json; hierarchy -top top; tee -o log sta\n"
    )
    run_script("s.ys", tmp_path)
    told = re.search(r"Latest arrival time in 'top' is (\d+)", (tmp_path / "log").read_text())
    # Ours starts at a flip-flop's output and ends with its setup.
    alone = sum(delay_ps[cell.split("(")[1][:-1]] for cell in ours.cells[1:-1])
    assert alone == int(told[1])
    assert ours.depth > 5
