"""lockstep: one YAML describes an AI accelerator; RTL and simulator agree to the bit and the cycle.

import lockstep

machine = lockstep.machine("cloud-ws128")
run = machine.run("llama-3-8b", prefill=2048)
run.ops.to_pandas()
run.plot.roofline()
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockstep.api import (
        AgreementRow,
        ComparisonRow,
        Gemm,
        InputError,
        Machine,
        MachineRow,
        Model,
        ModelRow,
        OpRow,
        Run,
        RunPlots,
        Sweep,
        SweepPlots,
        SweptPoint,
        Table,
        __version__,
        compare,
        formats,
        machine,
        machines,
        model,
        models,
        open_run,
        open_sweep,
        run_sweep,
    )

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

if not TYPE_CHECKING:  # a type checker is to see a misspelt name

    def __getattr__(name):
        """Import what is asked for when it is: the command starts without numpy."""
        if name not in __all__:
            raise AttributeError(
                f"module 'lockstep' has no attribute {name!r}", name=name, obj=__import__(__name__)
            )
        from lockstep import api

        return globals().setdefault(name, getattr(api, name))

    def __dir__():
        return sorted({*globals(), *__all__})
