"""The Python interface behind ``import lockstep``."""

from importlib.metadata import version

from lockstep.api.comparison import ComparisonRow, compare
from lockstep.api.exploration import Sweep, open_sweep, run_sweep
from lockstep.api.hardware import Machine, machine, machines
from lockstep.api.operators import OpRow
from lockstep.api.plots import RunPlots, SweepPlots
from lockstep.api.product import Gemm
from lockstep.api.results import Run, open_run
from lockstep.api.table import Table
from lockstep.api.workload import Model, formats, model, models
from lockstep.arch.error import InputError
from lockstep.arch.listing import MachineRow
from lockstep.sim.report.sweep_folder import SweptPoint
from lockstep.verify.agreement import AgreementRow
from lockstep.workloads.listing import ModelRow

__all__ = [
    "AgreementRow",
    "ComparisonRow",
    "Gemm",
    "InputError",
    "Machine",
    "MachineRow",
    "Model",
    "ModelRow",
    "OpRow",
    "Run",
    "RunPlots",
    "Sweep",
    "SweepPlots",
    "SweptPoint",
    "Table",
    "__version__",
    "compare",
    "formats",
    "machine",
    "machines",
    "model",
    "models",
    "open_run",
    "open_sweep",
    "run_sweep",
]

__version__ = version("lockstep-sim")
