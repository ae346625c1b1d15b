"""LUT slices beside the cache: as long as the slices or the pins, whichever is longer."""

import itertools

import pytest

from lockstep.arch.error import InputError
from lockstep.arch.machine import load_machine
from lockstep.sim.area import area_mm2
from lockstep.sim.energy import mac_energy_pj
from lockstep.sim.near_lut import cost_gemm
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm
from lockstep.workloads.phases import Formats

LLAMA = load_model("llama-2-7b")
PLAIN = ("pim.hit_rate=0.0", "pim.slices=2", "pim.slice.batch=1", "pim.clock_mhz=2600.0")


def gemm(m, fmt="int4", **fields):
    return Gemm(name="x", m=m, n=64, k=8, a_format="int8", b_format=fmt, **fields)


def test_cycles_by_hand():
    system = load_machine("sail-like", [*PLAIN, "pim.stream_bytes_per_s=1e15"])
    cfg = system.machine.pim.slice
    # Two slices of 32 outputs, two groups of four inputs: accept, build, then 4 bits of 2 blocks of 16.
    one = cfg.dispatch_cycles + 2 * (1 + cfg.build_cycles + 4 * 2) + cfg.drain_cycles
    cost = cost_gemm(system, system.machine.pim, gemm(1, b="memory"))
    assert cost.pim_cycles == cost.latency_cycles == one
    assert cost.dma_cycles == 0
    three = cost_gemm(system, system.machine.pim, gemm(3, b="memory"))
    assert three.pim_cycles == 3 * one  # batch 1: every vector streams the weights again


def test_weights_come_over_the_pins():
    system = load_machine("sail-like", ["pim.slices=4096"])
    op = Gemm(name="x", m=1, n=1 << 16, k=4096, a_format="int8", b_format="int4")
    cost = cost_gemm(system, system.machine.pim, op)
    assert cost.activity.dram_read_bytes == op.n * op.k / 2
    assert cost.dma_cycles == pytest.approx(op.n * op.k / 2 / system.dram_bytes_per_cycle)
    assert cost.latency_cycles == pytest.approx(cost.dma_cycles + system.dram_latency_cycles)
    assert cost.bound_by == "dram"


def test_fewer_weight_bits_take_less_time_and_energy():
    system = load_machine("sail-like")
    runs = [
        simulate(
            system,
            LLAMA,
            prefill=4,
            decode=2,
            formats=Formats(weights=weights, activations="int8", kv="int8"),
        )
        for weights in ("int2", "int3", "int4", "int8")
    ]
    assert all(a.cycles < b.cycles for a, b in itertools.pairwise(runs))
    energies = [sum(run.energy_pj().values()) for run in runs]
    assert energies == sorted(energies)
    assert all(0 < run.utilization <= 1 for run in runs)


def test_narrower_activations_need_fewer_bits():
    wide, narrow = (
        simulate(load_machine("sail-like", [f"pim.slice.activation_bits={bits}"]), LLAMA, prefill=4)
        for bits in (8, 4)
    )
    assert narrow.formats.kv == narrow.formats.activations == "int4"
    assert narrow.cycles < wide.cycles  # keys and values stream as weights do


def test_energy_is_events_times_prices():
    system = load_machine("sail-like")
    result = simulate(system, LLAMA, prefill=2)
    events, prices = result.activity.pim, system.machine.pim.energy
    assert set(events) == {*prices, "mac"}
    assert result.energy_pj()["pim"] == pytest.approx(
        sum(events[name] * price.energy_pj for name, price in prices.items())
    )
    assert 0.05 < mac_energy_pj(system) < 5


def test_area_of_every_slice():
    system = load_machine("sail-like", ["pim.area={area_mm2: 0.5, source: of this test}"])
    assert area_mm2(system)["pim"] == 0.5 * 32


@pytest.mark.parametrize(
    ("formats", "line"),
    [
        ({"weights": "mxint4"}, "--weights: mxint4 is not what the LUT slices take"),
        ({"kv": "fp16"}, "--kv: fp16 is not what the LUT slices take; choose int2 to int8"),
    ],
)
def test_formats_it_cannot_take(formats, line):
    chosen = Formats(**{"weights": "int4", "activations": "int8", "kv": "int8"} | formats)
    with pytest.raises(InputError, match=line):
        simulate(load_machine("sail-like"), LLAMA, prefill=2, formats=chosen)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("pim.weights=fp8_e4m3", "pim.weights: must be int2 to int8"),
        ("pim.energy={}", "pim.energy: must price every event"),
        (
            "pim.slice.weight_bits=6",
            "pim.slice.activation_bits: must be slice.weight_bits or fewer",
        ),
        ("pim.slice.acc_bits=16", "pim.slice.acc_bits: must hold every sum"),
    ],
)
def test_bad_sections(override, line):
    with pytest.raises(InputError, match=line):
        load_machine("sail-like", [override])
