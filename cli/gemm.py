"""``lockstep gemm``: one matrix product on a machine."""

from typing import Annotated

import typer

from lockstep.cli.dram import DramOption, dram_progress
from lockstep.cli.options import JsonOption, MachineArgument, SetOption, emit

EXAMPLES = (
    "lockstep gemm edge-os16 512 512 768",
    "lockstep gemm cloud-ws128 300 200 400 --set tensor.weight_double_buffer=false",
    "lockstep gemm cloud-ws128 4096 4096 4096 --set dram.preset=hbm3 --json",
)


def gemm(
    machine: MachineArgument,
    m: Annotated[int, typer.Argument(metavar="M", help="Rows of A and C.")],
    n: Annotated[int, typer.Argument(metavar="N", help="Columns of B and C.")],
    k: Annotated[int, typer.Argument(metavar="K", help="Columns of A, rows of B: summed over.")],
    dram: DramOption = "fast",
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one matrix product, C[M,N] = A[M,K] @ B[K,N].

    Prints cycles, what bounds them, bytes moved, energy, and the tiling that was chosen. Operands
    have the formats of the machine's MAC.
    """
    from lockstep.arch.machine import load_machine
    from lockstep.sim.gemm import simulate_gemm

    system = load_machine(machine, overrides or ())
    with dram_progress(dram) as progress:
        result = simulate_gemm(system, m, n, k, dram=dram, progress=progress)
    summary = result.summary()
    if as_json:
        emit({"machine": system.machine.name, "m": m, "n": n, "k": k, **summary})
        return
    from lockstep.cli import show

    show.facts(f"{m} x {n} x {k} on {system.machine.name}", summary)
