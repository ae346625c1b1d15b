"""The engine: groups, residency, and bounds over operators of every kind."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch.machine import load_machine
from lockstep.arch.vector import FUNCTION_STEPS
from lockstep.sim.activity import Activity
from lockstep.sim.cycle import vector
from lockstep.sim.energy import energy_pj
from lockstep.sim.engine import cost_graphs
from lockstep.workloads.ops import Gemm, Vector

EDGE = load_machine("edge-os16")
functions = st.sampled_from(sorted(FUNCTION_STEPS))
sizes = st.integers(1, 3000)


def cost(system, *ops):
    return cost_graphs(system, [ops])[0]


def attention(rows, context, head=64, instances=2.0):
    return (
        Gemm(name="qk", m=rows, n=context, k=head, instances=instances, b="kv", c="stream"),
        Vector(
            name="softmax",
            function="softmax",
            rows=int(rows * instances),
            cols=context,
            source="stream",
            sink="stream",
        ),
        Gemm(name="pv", m=rows, n=head, k=context, instances=instances, a="stream", b="kv"),
    )


@settings(max_examples=100, deadline=None)
@given(function=functions, rows=sizes, cols=sizes)
def test_vector_unit_is_never_faster_than_its_lanes(function, rows, cols):
    cfg = EDGE.machine.vector
    busy = vector.run(cfg, function, rows, cols)
    work = sum(count * cfg.cycles_of(p) for p, count in busy.primitives.items())
    assert busy.cycles * cfg.lanes >= work
    assert busy.cycles < work / cfg.lanes + 64 * max(cfg.exp_cycles, cfg.divide_cycles)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 300), context=sizes, more=st.integers(1, 500))
def test_longer_context_is_never_faster(rows, context, more):
    short = sum(c.latency_cycles for c in cost(EDGE, *attention(rows, context)))
    long = sum(c.latency_cycles for c in cost(EDGE, *attention(rows, context + more)))
    assert long >= short * (1 - 1e-12)


def test_stream_overlaps_the_vector_unit_with_the_array():
    group = cost(EDGE, *attention(256, 1024))
    assert group[1].op.name == "softmax"
    whole = sum(c.latency_cycles for c in group)
    tensor = group[0].latency_cycles + group[2].latency_cycles
    assert whole == pytest.approx(max(tensor, group[1].vector_cycles), rel=1e-9)
    assert whole < tensor + group[1].vector_cycles


def test_vector_time_beyond_the_array_falls_to_the_vector_operator():
    slow = load_machine("edge-os16", ["vector.lanes=1"])
    qk, softmax, pv = cost(slow, *attention(256, 1024))
    assert softmax.bound_by == "vector"
    assert qk.latency_cycles + softmax.latency_cycles + pv.latency_cycles == pytest.approx(
        softmax.vector_cycles, rel=1e-9
    )


@pytest.mark.parametrize(("rows", "crosses"), [(1024, False), (2048, True)])
def test_activations_stay_on_chip_only_if_they_fit(rows, crosses):
    assert EDGE.machine.resident_bytes == 131072
    (gemm,) = cost(EDGE, Gemm(name="g", m=rows, n=64, k=128))
    weights = 64 * 128
    assert (gemm.activity.dram_read_bytes > weights) is crosses


def test_kv_always_crosses_dram():
    (gemm,) = cost(EDGE, Gemm(name="k", m=16, n=16, k=16, c="kv"))
    assert gemm.activity.dram_write_bytes == 16 * 16
    (gemm,) = cost(EDGE, Gemm(name="k", m=16, n=16, k=16, c="memory"))
    assert gemm.activity.dram_write_bytes == 0


def test_long_score_rows_spill():
    """One block of score rows wider than the resident share goes through DRAM and back."""
    qk, _, pv = cost(EDGE, *attention(16, 200_000))
    assert qk.activity.dram_write_bytes > 0
    assert pv.activity.dram_read_bytes > 2 * 64 * 200_000


def test_equal_groups_are_costed_once(monkeypatch):
    from lockstep.sim import engine

    seen = []
    real = engine.map_problems
    monkeypatch.setattr(engine, "map_problems", lambda s, p: seen.append(len(p)) or real(s, p))
    graph = attention(16, 512)
    cost_graphs(EDGE, [graph, graph, graph])
    assert seen == [2]


def test_activity_adds_and_scales():
    one = Activity(macs=2, dram_read_bytes=3, primitives={"exp": 1})
    assert one + one == one * 2
    assert (one * 3).primitives == {"exp": 3}


def test_energy_is_events_times_the_table():
    activity = Activity(macs=1000, dram_read_bytes=10, dram_write_bytes=5, primitives={"mul": 7})
    energy = energy_pj(EDGE, activity, seconds=0.0)
    assert energy["mac"] == pytest.approx(300)
    assert energy["dram"] == pytest.approx(15 * 8 * EDGE.dram.energy_pj_per_bit)
    assert energy["vector"] == pytest.approx(7 * 1.1)
    assert energy["leakage"] == 0


# CACTI 7.0.3DD, hp periphery with lstp cells, 1RW, one bank, 128-bit words, 360 K:
# (tech, bytes): read pJ, write pJ, leakage mW, area mm2
CACTI = {
    ("generic-22nm", 32768): (4.80741, 4.96123, 1.89261, 0.0385972),
    ("generic-22nm", 262144): (14.9823, 13.6236, 7.47254, 0.233161),
    ("generic-45nm", 32768): (16.8323, 20.3549, 7.44945, 0.127079),
    ("generic-45nm", 262144): (52.2414, 50.4554, 32.305, 0.975121),
}


@pytest.mark.parametrize(("tech", "size_bytes"), CACTI)
def test_sram_fit_is_near_cacti(tech, size_bytes):
    sram = load_machine("edge-os16", [f"tech={tech}"]).tech.sram
    laws = (sram.read_pj, sram.write_pj, sram.leakage_mw, sram.area_mm2)
    for law, point in zip(laws, CACTI[tech, size_bytes], strict=True):
        assert law.at(size_bytes, 128) == pytest.approx(point, rel=0.45)
