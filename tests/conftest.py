"""Shared fixtures."""

import os

import pytest


@pytest.fixture
def cosim():
    """Run a testbench on a unit's RTL; ``SEED=`` in the environment varies operands and stalls."""
    from lockstep.rtl.build import to_verilog
    from lockstep.verify.cosim import simulate
    from lockstep.verify.verilator import TOP

    def run(cfg, testbench, plan):
        seed = int(os.environ.get("SEED", "1"))
        return simulate(to_verilog(cfg, TOP), testbench, plan, seed=seed)

    return run
