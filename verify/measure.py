"""Cycles of long GEMMs in the RTL, for benchmarks: a free-running clock, no Python per cycle."""

from lockstep.arch.tensor import TensorConfig
from lockstep.rtl.build import to_verilog
from lockstep.verify.cosim import simulate
from lockstep.verify.tensor import TESTBENCH
from lockstep.verify.verilator import TOP


def measure_gemm_cycles(cfg: TensorConfig, m: int, n: int, k: int) -> tuple[int, float]:
    """Cycles the RTL is busy with one GEMM whose operands are always ready, and cycles per second.

    Raises
    ------
    lockstep.verify.verilator.BuildError
        If there is no simulator.
    lockstep.verify.cosim.SimulationError
        If the cycles are not those of the cycle model.
    """
    plan = {"cfg": cfg.model_dump(), "shapes": [], "stalled": [], "long": [[m, n, k]]}
    (run,) = simulate(to_verilog(cfg, TOP), TESTBENCH, plan)["long"]
    return run["cycles"], run["cycles_per_s"]
