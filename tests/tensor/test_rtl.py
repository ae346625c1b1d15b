"""The RTL of the tensor engine, held to its models under Verilator and in Amaranth's own simulator."""

import re

import numpy as np
import pytest
from amaranth.sim import Simulator

from lockstep.arch.tensor import tensor_config
from lockstep.rtl.build import component, ports, to_verilog
from lockstep.sim.cycle import tensor as model
from lockstep.sim.golden.tensor import gemm
from lockstep.verify.tensor import verify_machine_tensor, verify_tensor
from lockstep.verify.verilator import lint

pytestmark = pytest.mark.rtl

OS = {"kind": "systolic", "dataflow": "output_stationary"}
WS = {"kind": "systolic", "dataflow": "weight_stationary"}
OPT1 = {"mac": {"reduction": "opt1", "encoder": "en_t"}}
OPT2 = {"mac": {"reduction": "opt2"}}
VARIANTS = [
    OS,
    WS,
    {**WS, "weight_double_buffer": True},
    {**OS, **OPT1},
    {**WS, **OPT1},
    {"kind": "matrix"},
    {"kind": "cube", "depth": 2},
    {"kind": "cube", "depth": 2, **OPT1},
    {"kind": "tree"},
    {"kind": "tree", **OPT1},
    {"kind": "tree", "weight_double_buffer": True, **OPT2},
]


def config(variant, rows, cols, **changes):
    return tensor_config({"rows": rows, "cols": cols, **variant, **changes})


def check(rows, *, configs, jobs):
    assert [row.complaints for row in rows] == [()] * len(rows)
    assert sum(row.configs for row in rows) >= configs
    for row in rows:
        assert row.passed
        assert row.mismatches == row.cycle_error_min == row.cycle_error_max == 0
        assert row.jobs >= jobs
        assert 0 < row.stalled_vectors < row.vectors
        assert row.mutants_caught == row.mutants >= 2


@pytest.mark.xdist_group("rtl")
def test_rtl_agrees_with_its_models():
    """Odd arrays, wrapping sums, random stalls; every mutant must be caught."""
    check(verify_tensor(quick=True), configs=33, jobs=60)


@pytest.mark.slow
def test_rtl_agrees_over_hundreds_of_shapes_per_row():
    check(verify_tensor(), configs=132, jobs=800)


@pytest.mark.slow
def test_a_large_machine_is_verified_scaled_down():
    row = verify_machine_tensor(config(OS, 256, 24), quick=True)
    assert row.scaled_from == "256x24"
    check([row], configs=1, jobs=20)


@pytest.mark.parametrize("variant", VARIANTS)
def test_verilog_is_clean_and_has_one_pe(variant):
    verilog = to_verilog(config(variant, 3, 5), "dut")
    assert "%" not in lint(verilog)
    repeated = "Tree" if variant["kind"] == "tree" else "PE"
    assert len(re.findall(rf"^module \S*{repeated}_\d+\(", verilog, re.M)) == 1
    assert len(re.findall(r"^module", verilog, re.M)) == len(
        re.findall(r"^module", to_verilog(config(variant, 6, 2), "dut"), re.M)
    )


def test_an_opt1_array_has_an_adder_per_column_only():
    """No PE may have a carry chain: that is the point of it."""
    verilog = to_verilog(config({**OS, **OPT1}, 3, 5), "dut")
    modules = re.split(r"^(?=module )", verilog, flags=re.M)
    adders = [m for m in modules if "fuse_sum" in m]
    assert [m.split("(")[0] for m in adders] == ["module \\dut.array "]
    (pe,) = (m for m in modules if re.match(r"module \S*PE_", m))
    assert not re.search(r" \+ ", pe)


def test_ports_are_json_with_the_config_widths():
    members = ports(component(config(OS, 3, 5)))["interface"]["members"]
    assert set(members) == {"i_job", "i_a", "i_b", "i_c", "o_c", "busy", "stalled"}
    assert members["i_a"]["members"]["payload"]["width"] == 3 * 8
    assert members["o_c"]["members"]["payload"]["width"] == 5 * 32


def test_a_format_without_rtl_is_refused():
    with pytest.raises(ValueError, match="bf16"):
        to_verilog(config(OS, 2, 2, mac={"a": "bf16", "b": "bf16"}), "dut")


@pytest.mark.parametrize("variant", VARIANTS)
def test_amaranths_own_simulator_agrees(variant):
    """The same components without the shared-module platform: one fold, streams always ready."""
    cfg = config(variant, 2, 3)
    rng = np.random.default_rng(3)
    m, n, k = (2, 3, 4) if cfg.holds_outputs else (4, 3, 2)
    a, b = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    deep = cfg.lanes_per_step
    streams = (a.T.reshape(-1, deep * m), b.reshape(-1, deep * n)) if cfg.holds_outputs else (a, b)
    dut = component(cfg)
    rows, busy = [], 0

    def feeder(stream, vectors):
        async def feed(ctx):
            for vector in vectors:
                ctx.set(stream.payload, [int(x) for x in vector])
                ctx.set(stream.valid, 1)
                await ctx.tick().until(stream.ready)
            ctx.set(stream.valid, 0)

        return feed

    async def start(ctx):
        ctx.set(dut.i_job.payload, {"m": m, "n": n, "k": k, "accumulate": 0})
        ctx.set(dut.i_job.valid, 1)
        await ctx.tick().until(dut.i_job.ready)
        ctx.set(dut.i_job.valid, 0)

    async def watch(ctx):
        nonlocal busy
        ctx.set(dut.o_c.ready, 1)
        while len(rows) < m:
            _, _, valid, payload, is_busy = await ctx.tick().sample(
                dut.o_c.valid, dut.o_c.payload, dut.busy
            )
            busy += is_busy
            if valid:
                rows.append([payload[j] for j in range(n)])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feeder(dut.i_a, streams[0]), background=True)
    simulator.add_testbench(feeder(dut.i_b, streams[1]), background=True)
    simulator.add_testbench(start, background=True)
    simulator.add_testbench(watch)
    simulator.run()
    assert rows == gemm(cfg.mac, a, b).tolist()
    assert busy == model.compute_cycles(cfg, m, n, k)
