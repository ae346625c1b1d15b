"""Whole runs: exact sums over context, bounds, monotony, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.load import InputError
from lockstep.arch.machine import load_machine
from lockstep.sim.energy import energy_pj
from lockstep.sim.gemm import simulate_gemm
from lockstep.sim.operand_formats import default_formats
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.phases import Formats, Phase, graph

pytestmark = pytest.mark.system

MACHINES = ("edge-os16", "cloud-ws128", "fusemax-cloud")
GPT2 = load_model("gpt2")
machines = st.sampled_from(MACHINES)


def test_decode_sums_every_context_exactly():
    """A decode of n tokens costs what n decodes of one token cost, each at its own context."""
    system = load_machine("cloud-ws128")
    whole = simulate(system, GPT2, prefill=100, decode=6, batch=2)
    singles = [
        simulate(system, GPT2, prefill=100 + i, decode=1, batch=2).decode.cycles for i in range(6)
    ]
    assert whole.decode.steps == tuple(singles)
    assert whole.decode.cycles == sum(singles)
    assert len(set(singles)) > 1


@settings(max_examples=25, deadline=None)
@given(
    machine=machines, prefill=st.integers(1, 600), decode=st.integers(0, 3), batch=st.integers(1, 9)
)
def test_run_respects_the_roofs(machine, prefill, decode, batch):
    system = load_machine(machine)
    result = simulate(system, GPT2, prefill=prefill, decode=decode, batch=batch)
    assert 0 < result.utilization <= 1
    assert result.latency_s >= result.activity.macs / system.peak_macs_per_s
    bytes_per_s = system.dram_bytes_per_cycle * system.machine.clock_hz
    assert result.latency_s >= result.activity.dram_bytes / bytes_per_s * (1 - 1e-12)
    floor = (
        result.activity.macs * system.tech.mac_figures(system.machine.tensor.mac.format).energy_pj
    )
    assert sum(result.energy_pj().values()) >= floor
    for phase in result.phases:
        assert sum(op.latency_cycles for op in phase.ops) == pytest.approx(phase.cycles, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    machine=machines,
    size=st.tuples(st.integers(1, 400), st.integers(1, 6)),
    more=st.tuples(st.integers(0, 300), st.integers(0, 6)),
)
def test_more_batch_or_context_is_never_faster(machine, size, more):
    system = load_machine(machine)
    (prefill, batch), (longer, wider) = size, more
    small = simulate(system, GPT2, prefill=prefill, decode=1, batch=batch)
    large = simulate(system, GPT2, prefill=prefill + longer, decode=1, batch=batch + wider)
    assert large.prefill.cycles >= small.prefill.cycles * (1 - 1e-9)
    assert large.decode.cycles >= small.decode.cycles * (1 - 1e-9)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("key", ["clock_mhz", "dram.channels"])
def test_more_clock_or_bandwidth_is_never_slower(machine, key):
    system = load_machine(machine)
    value = system.machine.clock_mhz if key == "clock_mhz" else system.machine.dram.channels
    times = [
        simulate(
            load_machine(machine, [f"{key}={value * x}"]), GPT2, prefill=300, decode=2
        ).latency_s
        for x in (1, 2, 3, 8)
    ]
    assert times == sorted(times, reverse=True)


def test_more_layers_are_never_faster_and_no_new_operators():
    system = load_machine("edge-os16")
    (ffn,) = GPT2.ffn
    deep = GPT2.model_copy(update={"ffn": (ffn.model_copy(update={"layers": 2 * ffn.layers}),)})
    one, two = (simulate(system, m, prefill=64, decode=2) for m in (GPT2, deep))
    assert two.cycles > one.cycles
    assert len(two.prefill.ops) == len(one.prefill.ops)


def test_macs_of_a_run_are_those_of_its_graphs():
    system = load_machine("edge-os16")
    result = simulate(system, GPT2, prefill=50, decode=2, batch=3)
    phases = [Phase(kind="prefill", batch=3, tokens=50)] + [
        Phase(kind="decode", batch=3, tokens=1, context=50 + i) for i in range(2)
    ]
    formats = default_formats(system)
    flops = sum(
        getattr(op, "flops", 0) * op.repeat for p in phases for op in graph(GPT2, p, formats)
    )
    assert result.activity.macs == pytest.approx(flops / 2, rel=1e-12)


def test_gemm_compute_cycles_are_the_published_form():
    for machine, overrides, folds, cycles in (
        ("cloud-ws128", ["tensor.weight_double_buffer=false"], 16, 2 * 128 + 128 + 512 - 2),
        ("cloud-ws128", ["tensor.weight_double_buffer=true"], 1, 128 + 15 * 512 + 512 + 256 - 2),
        ("edge-os16", [], 1024, 16 + 16 + 512 - 2),
    ):
        result = simulate_gemm(load_machine(machine, overrides), 512, 512, 512)
        assert result.compute_cycles == folds * cycles
        assert result.mapping.latency_cycles >= result.compute_cycles
        assert result.utilization <= 1


def test_leakage_grows_with_time_only():
    from lockstep.sim.activity import Activity

    system = load_machine("cloud-ws128")
    once = energy_pj(system, Activity(), 1e-3)
    assert sum(once.values()) == once["leakage"] > 0
    assert energy_pj(system, Activity(), 2e-3)["leakage"] == pytest.approx(2 * once["leakage"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"prefill": 0}, "--prefill"),
        ({"prefill": 8, "decode": -1}, "--decode"),
        ({"prefill": 8, "batch": 0}, "--batch"),
        (
            {"prefill": 8, "formats": Formats(weights="bf16", activations="int8", kv="int8")},
            "--weights: bf16 is wider",
        ),
    ],
)
def test_bad_sizes_are_refused(arguments, says):
    with pytest.raises(InputError, match=says):
        simulate(load_machine("edge-os16"), GPT2, **arguments)


def test_an_encoder_does_not_decode():
    with pytest.raises(InputError, match="decode"):
        simulate(load_machine("edge-os16"), load_model("bert-base"), prefill=128, decode=1)


def test_narrow_weights_move_fewer_bytes():
    system = load_machine("cloud-ws128")
    runs = [
        simulate(
            system,
            GPT2,
            prefill=64,
            decode=1,
            formats=Formats(weights=weights, activations="int8", kv="int8"),
        )
        for weights in ("int8", "mxint4")
    ]
    assert runs[1].activity.dram_bytes < runs[0].activity.dram_bytes
    assert runs[1].activity.macs == runs[0].activity.macs
