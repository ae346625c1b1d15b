"""GEMM on a 128x128 array: lockstep and SCALE-Sim, cycles and seconds."""

from functools import partial

from benchmarks.measure import call_s, lockstep_command, process_s
from benchmarks.peers import SCALESIM, ask
from benchmarks.session import Session
from benchmarks.table import Table
from lockstep.arch.machine import System, load_machine
from lockstep.sim.gemm import simulate_gemm

MACHINE = "cloud-ws128"
SIZES = (512, 1024)
DATAFLOWS = {"os": "output_stationary", "ws": "weight_stationary"}


KNOWN_DIFFERENCE_CYCLES = 1
"""SCALE-Sim 3.0.0 reports the index of the last cycle instead of their number; docs/speed.md."""


def scalesim_request(system: System, dataflow: str, m: int, n: int, k: int) -> dict[str, object]:
    """The same array in SCALE-Sim, its three SRAMs as large as the scratchpad together."""
    tensor = system.machine.engine
    kib = system.machine.scratchpad.size_bytes // 1024
    return {
        "m": m, "n": n, "k": k, "rows": tensor.rows, "cols": tensor.cols, "dataflow": dataflow,
        "ifmap_kib": kib // 4, "filter_kib": kib // 4, "ofmap_kib": kib // 2,
    }  # fmt: skip


def measure(session: Session) -> Table:
    """One row for each dataflow and size."""
    rows = []
    for size in SIZES:
        for short, dataflow in DATAFLOWS.items():
            session.say(f"SCALE-Sim and lockstep, {size}^3, {short}")
            overrides = [f"tensor.dataflow={dataflow}", "tensor.weight_double_buffer=false"]
            system = load_machine(MACHINE, overrides)
            request = scalesim_request(system, short, size, size, size)
            theirs = ask(SCALESIM, request, runs=3 if size <= 512 else 1, fresh=session.fresh)
            session.note_recalled(theirs)
            ours_call_s = call_s(partial(simulate_gemm, system, size, size, size))
            settings = [word for o in overrides for word in ("--set", o)]
            command = [lockstep_command(), "gemm", MACHINE, *[str(size)] * 3, *settings, "--json"]
            ours_process_s = process_s(command)
            ours = simulate_gemm(system, size, size, size).compute_cycles
            rows.append({
                "gemm": f"{size}^3",
                "dataflow": dataflow.replace("_", " "),
                "lockstep_cycles": ours,
                "scalesim_cycles": theirs["cycles"],
                "difference": ours - theirs["cycles"],
                "of_it_unexplained": ours - theirs["cycles"] - KNOWN_DIFFERENCE_CYCLES,
                "lockstep_call_s": ours_call_s,
                "lockstep_process_s": ours_process_s,
                "scalesim_run_s": theirs["run_s"],
                "scalesim_process_s": theirs["process_s"],
                "run_over_call": theirs["run_s"] / ours_call_s,
                "process_over_process": theirs["process_s"] / ours_process_s,
            })  # fmt: skip
    return Table(
        name="scalesim",
        title="GEMM on a 128x128 array, single-buffered weights: lockstep and SCALE-Sim 3.0.0",
        rows=rows,
        notes=[
            (
                "Cycles are compute cycles, operands always ready. SCALE-Sim reports one cycle "
                "less than it counts; what that does not explain is in its own column."
            ),
            (
                "lockstep call: mapper, cycles, energy of one GEMM in a warm process, median of "
                "21. SCALE-Sim run: traces off, after its imports, median of 3 at 512^3, one run "
                "at 1024^3. Processes: the whole command from start to exit, imports included."
            ),
            (
                "SCALE-Sim simulates every address of every cycle; lockstep evaluates closed "
                "forms that its RTL is checked against. The two produce the same cycles by "
                "different work."
            ),
        ],
    )
