"""The C++ harness: a correct engine agrees in every word and cycle, anything else is noticed."""

from dataclasses import replace

import numpy as np
import pytest

from lockstep.arch.tensor import SystolicConfig
from lockstep.rtl.build import to_verilog
from lockstep.sim.cycle.tensor import compute_cycles, stream_vectors
from lockstep.verify.cosim import SimulationError
from lockstep.verify.harness import build_harness, run_freely
from lockstep.verify.tensor_traffic import random_job
from lockstep.verify.verilator import BuildError

pytestmark = [pytest.mark.rtl, pytest.mark.xdist_group("rtl")]

OUTPUT_STATIONARY = SystolicConfig.model_validate({
    "kind": "systolic",
    "dataflow": "output_stationary",
    "rows": 3,
    "cols": 5,
    "mac": {"a": "int8", "b": "int8", "acc_bits": 16},
})
# Jobs of more than two rows of B feed partial sums back.
WEIGHT_STATIONARY = SystolicConfig.model_validate({
    "kind": "systolic",
    "dataflow": "weight_stationary",
    "rows": 2,
    "cols": 3,
    "weight_double_buffer": True,
})
SHAPES = [(3, 5, 4), (7, 11, 9), (1, 1, 1), (4, 6, 2), (2, 3, 5), (6, 4, 7)]


@pytest.fixture(scope="module")
def verilog():
    return to_verilog(OUTPUT_STATIONARY, "dut")


def jobs(cfg):
    made = [
        random_job(cfg, shape, np.random.default_rng(seed)) for seed, shape in enumerate(SHAPES)
    ]
    assert len({job.accumulate for job in made}) == 2
    return made


@pytest.mark.parametrize("cfg", [OUTPUT_STATIONARY, WEIGHT_STATIONARY], ids=lambda c: c.dataflow)
def test_every_word_and_cycle_agrees(cfg):
    batches = 3
    run = run_freely(to_verilog(cfg, "dut"), cfg, jobs(cfg), batches=batches)
    assert run.mismatches == run.stalled_cycles == 0
    assert run.busy_cycles == batches * sum(compute_cycles(cfg, *shape) for shape in SHAPES)
    assert run.rows == batches * sum(stream_vectors(cfg, *shape)["c_out"] for shape in SHAPES)
    assert run.cycles >= run.busy_cycles
    assert run.cycles_per_s == run.cycles / run.seconds > 0


def test_every_wrong_word_is_counted(verilog):
    """A wrong expectation and a wrong engine look alike to the comparison: every bit of a row counts."""
    wanted = jobs(OUTPUT_STATIONARY)
    wanted[1].c_out[2] = replace(wanted[1].c_out[2], word=wanted[1].c_out[2].word ^ 1)
    last = wanted[-1].c_out[-1]
    wanted[-1].c_out[-1] = replace(last, word=last.word ^ 1 << 5 * 16 - 1)
    run = run_freely(verilog, OUTPUT_STATIONARY, wanted, batches=4)
    assert run.mismatches == 2 * 4


def test_a_wrong_operand_is_noticed(verilog):
    cfg = OUTPUT_STATIONARY
    job = random_job(cfg, (3, 5, 4), np.random.default_rng(1))
    assert run_freely(verilog, cfg, [job]).mismatches == 0
    job.a[0] = replace(job.a[0], word=job.a[0].word ^ 1)
    assert run_freely(verilog, cfg, [job]).mismatches > 0


def test_an_engine_that_stops_is_an_error(verilog):
    wanted = jobs(OUTPUT_STATIONARY)
    wanted[-1].b.pop()
    with pytest.raises(SimulationError, match=r"after \d+ cycles the engine has stopped"):
        run_freely(verilog, OUTPUT_STATIONARY, wanted)


def test_operands_left_over_are_an_error(verilog):
    wanted = jobs(OUTPUT_STATIONARY)
    wanted[-1].a.append(wanted[-1].a[-1])
    with pytest.raises(SimulationError, match="operands left over"):
        run_freely(verilog, OUTPUT_STATIONARY, wanted)


def test_a_design_that_does_not_build_is_told():
    with pytest.raises(BuildError, match="syntax error"):
        build_harness("module dut(input clk; endmodule")
