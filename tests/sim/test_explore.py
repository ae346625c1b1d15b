"""The fast way over many machines against ``simulate``, the slow one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.load import InputError
from lockstep.arch.machine import load_machine
from lockstep.sim import explore as fast
from lockstep.sim.engine import cost_graphs
from lockstep.sim.explore import Explorer, covers, explore
from lockstep.sim.explore_cost import TOTALS, map_gemms, phase_totals
from lockstep.sim.explore_machines import MachineVariants
from lockstep.sim.explore_workload import workload
from lockstep.sim.mapper import ORDERS
from lockstep.sim.run import simulate
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm, Vector
from lockstep.workloads.phases import Formats

COVERED = (
    "cloud-mx32", "cloud-ws128", "edge-cube8", "edge-matrix16", "edge-os16", "edge-tree16",
    "fusemax-cloud",
)  # fmt: skip
OTHERS = ("cloud-iommu", "duplex", "edge-slice16", "hbm-pim", "sail-like")
ROOFLINE = "tensor={kind: roofline, rows: 32, cols: 48, macs: 30001, efficiency: 0.7}"

counts = st.integers(1, 40)
base = st.sampled_from((*COVERED, "roofline"))
overrides = st.fixed_dictionaries({
    "tensor.rows": st.integers(1, 70),
    "tensor.cols": st.integers(1, 70),
    "tensor.job_bits": st.sampled_from([10, 24]),
    "scratchpad.size_bytes": st.integers(400_000, 20_000_000),
    "scratchpad.banks": counts,
    "vector.lanes": st.integers(1, 600),
    "vector.exp_cycles": counts,
    "dram.channels": counts,
    "dram.preset": st.sampled_from(["hbm3", "lpddr5-6400", "fusemax-hbm2", "ddr4-3200"]),
    "clock_mhz": st.floats(100, 3000),
})
formats = st.sampled_from(["int8", "mxfp8", "int32", "bf16"])
sizes = st.integers(1, 3000)
gemms = st.fixed_dictionaries({
    "m": sizes,
    "n": sizes,
    "k": sizes,
    "instances": st.sampled_from([1.0, 2.5, 64.0]),
    "repeat": st.integers(1, 9),
    "a": st.sampled_from(["memory", "stream", "kv"]),
    "b": st.sampled_from(["weight", "memory", "kv"]),
    "c": st.sampled_from(["memory", "stream", "kv"]),
    **{f"{x}_format": formats for x in "abc"},
})
vectors = st.fixed_dictionaries({
    "function": st.sampled_from(["embedding", "softmax", "add", "rmsnorm"]),
    "rows": sizes,
    "cols": sizes,
    "in_format": formats,
    "out_format": formats,
    "source": st.sampled_from(["memory", "stream", "kv"]),
    "sink": st.sampled_from(["memory", "stream", "kv"]),
    "second_operand": st.booleans(),
    "repeat": st.integers(1, 9),
})


@st.composite
def graphs(draw):
    return [
        kind(name=f"op{i}", **draw(values))
        for i, (kind, values) in enumerate(
            draw(
                st.lists(
                    st.sampled_from([(Gemm, gemms), (Vector, vectors)]), min_size=1, max_size=6
                )
            )
        )
    ]


def machine(name, changes):
    """A system, or a skip of what is no machine."""
    first = [ROOFLINE] if name == "roofline" else []
    return load_machine(
        "cloud-ws128" if name == "roofline" else name,
        [*first, *(f"{key}={value}" for key, value in changes.items())],
    )


@settings(max_examples=120, deadline=None)
@given(base, overrides, graphs())
def test_mappings_and_sums_are_the_engines(name, changes, graph):
    system = machine(name, changes)
    assert covers(system)
    work = workload([[graph]])
    slow = cost_graphs(system, [graph])[0]
    chosen, found = map_gemms(system, work.gemms) if any(c.mapping for c in slow) else ([], [])
    winners = {(*row[:3], ORDERS[row[3]], *costs) for row, costs in zip(chosen, found, strict=True)}
    for cost in slow:
        if m := cost.mapping:
            costs = (
                *(m.latency_cycles, m.array_cycles, m.dma_cycles, m.scratchpad_cycles),
                *(m.dram_read_bytes, m.dram_write_bytes),
                *(m.scratchpad_read_bytes, m.scratchpad_write_bytes),
            )
            assert (m.tile_m, m.tile_n, m.tile_k, tuple(m.order), *costs) in winners
    ((steps, totals),) = phase_totals(system, work)
    assert steps == [sum(c.latency_cycles * c.op.repeat for c in slow)]
    for name, parts in {
        "latency_cycles": [c.latency_cycles for c in slow],
        "array_cycles": [c.tensor_cycles for c in slow],
        "vector_cycles": [c.vector_cycles for c in slow],
        "dma_cycles": [c.dma_cycles for c in slow],
        "scratchpad_cycles": [c.scratchpad_cycles for c in slow],
        "dram_read_bytes": [c.activity.dram_read_bytes for c in slow],
        "dram_write_bytes": [c.activity.dram_write_bytes for c in slow],
        "scratchpad_read_bytes": [c.activity.scratchpad_read_bytes for c in slow],
        "scratchpad_write_bytes": [c.activity.scratchpad_write_bytes for c in slow],
    }.items():
        expected = sum(x * c.op.repeat for x, c in zip(parts, slow, strict=True))
        assert totals[name] == expected, name
    assert set(totals) == set(TOTALS)


@settings(max_examples=25, deadline=None)
@given(
    base,
    overrides,
    st.sampled_from(["llama-3.2-1b", "mixtral-8x7b", "deepseek-v2-lite", "gpt2"]),
    st.integers(1, 600),
    st.integers(0, 9),
    st.integers(1, 9),
)
def test_summaries_are_those_of_simulate(name, changes, model, prefill, decode, batch):
    system, model = machine(name, changes), load_model(model)
    (found,) = explore([system], model, prefill=prefill, decode=decode, batch=batch)
    assert found == simulate(system, model, prefill=prefill, decode=decode, batch=batch).summary()


@pytest.mark.parametrize("name", COVERED)
def test_llama_on_shipped_machines(name):
    system, model = load_machine(name), load_model("llama-3-8b")
    sizes = {"prefill": 2048, "decode": 128, "batch": 8}
    found, expected = Explorer(model=model, **sizes).run(system), simulate(system, model, **sizes)
    assert found.summary() == expected.summary()
    assert found.decode.steps == expected.decode.steps


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_covered_is_simulated(name):
    system, model = load_machine(name), load_model("llama-3.2-1b")
    assert not covers(system)
    sizes = {"prefill": 7, "decode": 2}
    found = explore([system], model, **sizes)
    assert found == [simulate(system, model, **sizes).summary()]


def test_without_numba_all_is_simulated(monkeypatch):
    system, model = load_machine("edge-os16"), load_model("gpt2")
    monkeypatch.setattr(fast, "find_spec", lambda name: None)
    assert not covers(system)
    assert explore([system], model, prefill=5) == [simulate(system, model, prefill=5).summary()]


def test_rows_are_in_the_order_of_the_machines():
    variants = MachineVariants("edge-os16")
    systems = [variants.system([f"dram.channels={n}"]) for n in (4, 1, 2)]
    rows = explore(systems, load_model("gpt2"), prefill=64)
    four, one, two = (row["latency_s"] for row in rows)
    assert four < two < one


def test_each_machine_has_its_own_formats_unless_they_are_given():
    explorer = Explorer(model=load_model("gpt2"), prefill=8, decode=1)
    found = [explorer.summary(load_machine(name)) for name in ("edge-os16", "fusemax-cloud")]
    assert [row["weights"] for row in found] == ["int8", "bf16"]


@pytest.mark.parametrize(
    "sizes", [{"prefill": 0}, {"prefill": 4, "decode": -1}, {"prefill": 4, "batch": 0}]
)
def test_bad_sizes_are_refused_as_simulate_refuses_them(sizes):
    system, model = load_machine("edge-os16"), load_model("gpt2")
    with pytest.raises(InputError) as slow:
        simulate(system, model, **sizes)
    with pytest.raises(InputError) as found:
        explore([system], model, **sizes)
    assert str(found.value) == str(slow.value)


def test_given_formats_are_taken():
    system, model = load_machine("edge-os16"), load_model("gpt2")
    given_formats = Formats(weights="int4", activations="int8", kv="int8")
    (found,) = explore([system], model, prefill=8, decode=3, formats=given_formats)
    expected = simulate(system, model, prefill=8, decode=3, formats=given_formats)
    assert found == expected.summary()


def test_formats_wider_than_the_mac_are_refused():
    with pytest.raises(InputError, match="wider than the MAC's"):
        explore([load_machine("edge-os16")], load_model("gpt2"), prefill=4, formats=Formats())


@settings(max_examples=60, deadline=None)
@given(base.filter(lambda name: name != "roofline"), overrides)
def test_variants_are_loaded_machines(name, changes):
    given_overrides = [f"{key}={value}" for key, value in changes.items()]
    variants = MachineVariants(name)
    expected = load_machine(name, given_overrides)
    assert variants.system(given_overrides) == expected
    assert variants.system(given_overrides) == expected  # tables are kept by now
    assert variants.system() == load_machine(name)


@pytest.mark.parametrize("key", ["pim.launch.reads=9", "pim.preset=gddr6-aim", "dram.channels=32"])
def test_variants_of_machines_with_banks_that_compute(key):
    variants = MachineVariants("hbm-pim")
    assert variants.system() == load_machine("hbm-pim")
    assert variants.system([key]) == load_machine("hbm-pim", [key])


@pytest.mark.parametrize(
    "bad",
    [
        "tensor.rows=0",
        "tensor.rowz=4",
        "scratchpad.size_bytes=1024",
        "dram.preset=ddr9",
        "tech=generic-1nm",
        "tensor.mac={a: posit7_2, b: int8}",
        "clock_mhz",
    ],
)
def test_bad_variants_get_the_loaders_line(bad):
    variants = MachineVariants("cloud-ws128")
    variants.system()
    with pytest.raises(InputError) as expected:
        load_machine("cloud-ws128", [bad])
    with pytest.raises(InputError) as found:
        variants.system([bad])
    assert str(found.value) == str(expected.value)


def test_a_workload_counts_what_repeats_once():
    work = workload([[[op(name) for name in "ab"] * 3], [[op("c", m=2)]]])
    assert len(work.gemms.m) == 2
    np.testing.assert_array_equal(work.repeat, [2, 2])
    np.testing.assert_array_equal(work.steps[0], [[0] * 6])
    np.testing.assert_array_equal(work.steps[1], [[1]])
    assert work.macs == (12 * 5 * 6 * 7, 2 * 2 * 6 * 7)


def op(name, m=5):
    return Gemm(name=name, m=m, n=6, k=7, repeat=2)
