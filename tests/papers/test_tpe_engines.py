"""TPE's engines: which are compared, throughput per area, gains, and whole models at equal area."""

from typing import get_args

import pytest

from lockstep.arch.roofline import RooflineConfig
from lockstep.arch.tensor import TensorConfig, tensor_config
from lockstep.papers.reproduction import Paper, write_parts
from lockstep.papers.tpe_designs import DESIGNS, GEMM, Design
from lockstep.papers.tpe_engines import Point, best_point, clock_ns, engines_part, targets_ns
from lockstep.papers.tpe_pe import delays, delays_part
from lockstep.papers.tpe_published import tpe
from lockstep.papers.tpe_workloads import JOBS, end_to_end_part
from lockstep.rtl.synth.yosys import synthesize, synthesize_unit

BY_NAME = {design.name: design for design in DESIGNS}


def point(name, *, delay_ns=1.0, slowest_ns=None, nand2=1000.0):
    return Point(
        design=BY_NAME[name],
        target_ns=1.0,
        delay_ns=delay_ns,
        slowest_ns=slowest_ns or delay_ns,
        nand2_equivalents=nand2,
        flip_flops=1,
        memory_bits=0,
    )


def silent(_):
    pass


def test_every_architecture_is_compared_with_every_reduction_it_takes():
    kinds = set(get_args(get_args(TensorConfig)[0])) - {RooflineConfig}  # that has no RTL
    valid = {(kind, reduction) for kind in kinds for reduction in kind.reductions}
    assert {(type(d.cfg), d.reduction) for d in DESIGNS} == valid
    dataflows = {d.cfg.dataflow for d in DESIGNS if hasattr(d.cfg, "dataflow")}
    assert dataflows == {"output_stationary", "weight_stationary"}
    assert len(BY_NAME) == len(DESIGNS)


@pytest.mark.parametrize("design", DESIGNS, ids=lambda d: d.name)
def test_designs_are_of_a_size_and_no_busier_than_they_can_be(design):
    assert design.cfg.pes == (256 if design.reduction == "opt4e" else 64)
    assert 0 < design.macs_per_cycle <= design.cfg.pes
    if design.architecture not in ("bit_slice", "laconic"):
        assert design.macs_per_cycle > 0.9 * 64


def test_serial_engines_take_the_cycles_of_their_digits():
    opt3, opt4c, opt4e = (
        BY_NAME[f"bit_slice {r}"].macs_per_cycle for r in ("opt3", "opt4c", "opt4e")
    )
    assert opt3 == opt4c
    # N(0, 30): 2.47 cycles per operand; eight rows wait for the slowest.
    assert 64 / 3 < opt4c < 64 / 2.4
    assert 3 * opt4c < opt4e < 4 * opt4c


def test_efficiency_is_throughput_per_area():
    one = point("systolic_os mac", delay_ns=0.5, nand2=2000.0)
    macs = GEMM**3 / (64 * 64 * (GEMM + 14))  # folds of 8x8, each with its skew
    assert one.gmacs_per_s == pytest.approx(macs / 0.5)
    assert one.efficiency == pytest.approx(macs / 0.5 / 2)


def test_gains_are_over_the_plain_mac_of_the_same_architecture(tmp_path):
    part = engines_part([
        point("systolic_os mac", delay_ns=1.0, nand2=1000.0),
        point("systolic_os opt1", delay_ns=0.5, nand2=1600.0),
        point("bit_slice opt4e", slowest_ns=2.0, nand2=4000.0),
        point("laconic mac", nand2=500.0),
    ])
    (file,) = write_parts(Paper(name="p", title="P", experiments={}), [part], tmp_path)[1:2]
    assert "systolic_os" in file.read_text()
    engines, gains = part.tables
    assert len(engines.rows) == 4
    rows = {(row["design"], row["over"]): row for row in gains.rows}
    assert set(rows) == {
        ("systolic_os opt1", "systolic_os mac"),
        ("bit_slice opt4e", "systolic_os mac"),
        ("bit_slice opt4e", "laconic mac"),
    }
    opt1 = rows["systolic_os opt1", "systolic_os mac"]
    assert (opt1["area_efficiency"], opt1["clock"], opt1["area"]) == (1.25, 2.0, 1.6)
    assert (opt1["paper"], opt1["authors_reports"]) == (1.27, 2.17)
    opt4e = rows["bit_slice opt4e", "laconic mac"]
    assert opt4e["paper"] == 2.85
    assert opt4e["at_slowest_block"] == pytest.approx(opt4e["area_efficiency"] / 2, abs=0.01)
    assert opt1["at_slowest_block"] == opt1["area_efficiency"]


def test_plain_macs_have_the_choice():
    plain = {"systolic_os mac", "systolic_ws mac", "cube mac", "tree mac", "matrix mac"}
    for design in DESIGNS:
        assert targets_ns(design) == ((0.3, 0.6) if design.name in plain else (0.3,))


@pytest.mark.rtl
def test_a_point_is_the_best_of_its_targets():
    mac = {"a": "int2", "b": "int2", "acc_bits": 8}
    cfg = tensor_config({"kind": "matrix", "rows": 1, "cols": 1, "job_bits": 4, "mac": mac})
    design = Design(architecture="matrix", cfg=cfg)
    found = best_point(design, silent)
    options = [
        synthesize_unit(cfg, target_delay_ns=target, keep_hierarchy=True)
        for target in targets_ns(design)
    ]
    best = min(options, key=lambda each: each.nand2_equivalents * each.delay_ns)
    assert found.delay_ns == found.slowest_ns == clock_ns(best) == best.delay_ns
    assert found.nand2_equivalents == best.nand2_equivalents
    assert found.memory_bits == 0


MEMORY = """module top(input clk, input we, input [7:0] d, input [1:0] a, output [7:0] q, output q2);
reg [7:0] m [0:3];
always @(posedge clk) if (we) m[a] <= d * d;
assign q = m[a];
low l(clk, d[0], q2);
endmodule
module low(input clk, input x, output reg y);
always @(posedge clk) y <= ~x;
endmodule
"""


@pytest.mark.rtl
def test_the_block_that_holds_a_memory_does_not_set_the_clock():
    found = synthesize(MEMORY, "top", target_delay_ns=1.0, keep_hierarchy=True)
    _, low = found.blocks
    assert found.total.memory_bits == 32
    assert 0 < clock_ns(found) == low.timing.delay_ns < found.delay_ns


def test_models_run_on_as_many_pes_as_the_plain_array_has_area_for():
    part = end_to_end_part(
        [
            point("systolic_os mac", nand2=1000.0),
            point("systolic_os opt1", delay_ns=0.5, nand2=4000.0),
            point("bit_slice opt4c", delay_ns=0.5, nand2=1000.0),
        ],
        silent,
    )
    plain, opt1, opt4c = part.tables[0].rows
    assert (plain["rows"], plain["cols"], plain["clock_mhz"]) == (16, 16, 1000)
    assert (opt1["rows"], opt1["cols"], opt1["clock_mhz"]) == (8, 8, 2000)
    assert (opt4c["rows"], opt4c["cols"]) == (16, 16)
    for job in JOBS:
        assert plain[f"{job.model}_gain"] == 1
        # A quarter of the PEs at twice the clock; small arrays fill faster.
        assert 0.5 <= opt1[f"{job.model}_gain"] < 0.7
        # Twice the clock, at least 2.4 cycles per operand.
        assert 0.5 < opt4c[f"{job.model}_gain"] < 2 / 2.4


def test_critical_paths_are_the_shortest_of_all_targets():
    rows = [
        {"pe": pe, "target_ns": 0.3, "delay_ns": delay, "nand2_equivalents": 9.0}
        for pe, delays in {"mac": (0.9, 0.8), "opt1": (0.4, 0.6), "opt4c": (0.2, 0.3)}.items()
        for delay in delays
    ]
    paths, curves, authors = delays_part(rows).tables
    assert curves.rows == rows
    assert [(r["pe"], r["delay_ns"], r["relative_to_mac"]) for r in paths.rows] == [
        ("mac", 0.8, 1.0), ("opt1", 0.4, 0.5), ("opt4c", 0.2, 0.25),
    ]  # fmt: skip
    assert [r["paper_ns"] for r in paths.rows] == [1.95, 0.92, None]
    assert len(authors.rows) == len(tpe().pe_reports.rows)


@pytest.mark.rtl
@pytest.mark.slow
def test_opt1_has_a_shorter_path_than_the_mac_and_opt4c_a_shorter_one_still():
    paths = delays(silent, (0.2, 0.3)).tables[0]
    mac, opt1, opt4c = (row["delay_ns"] for row in paths.rows)
    assert opt4c < opt1 < 0.8 * mac
