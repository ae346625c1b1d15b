"""A whole model, prefill and decode: seconds of the command, of its steps, of twice the layers."""

import json
import statistics
import subprocess
import sys

from benchmarks.measure import lockstep_command, process_s
from benchmarks.session import Session
from benchmarks.table import Table

MACHINE, MODEL = "cloud-ws128", "llama-3-8b"
PREFILL, DECODE, BATCH = 2048, 128, 8
RUNS = 11


def measure(session: Session) -> Table:
    """One row: each column is a median over fresh processes."""
    command = [
        lockstep_command(), "run", MACHINE, "--model", MODEL,
        "--prefill", str(PREFILL), "--decode", str(DECODE), "--batch", str(BATCH),
    ]  # fmt: skip
    shown = " ".join(["lockstep", *command[1:]])
    session.say(shown)
    process = process_s(command, runs=RUNS)
    # The two depths take turns, so that a busy moment of the machine hits both.
    steps: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(RUNS):
        for factor, times in steps.items():
            times.append(_once(factor))

    def median(factor: int, name: str) -> float:
        return statistics.median(times[name] for times in steps[factor])

    return Table(
        name="run",
        title=f"{MODEL} on {MACHINE}: prefill {PREFILL}, decode {DECODE}, batch {BATCH}",
        rows=[
            {
                "process_s": process,
                "of_it_import_s": median(1, "import_s"),
                "of_it_load_s": median(1, "load_s"),
                "of_it_simulate_s": median(1, "simulate_s"),
                "simulate_twice_the_layers_s": median(2, "simulate_s"),
                "twice_over_once": median(2, "simulate_s") / median(1, "simulate_s"),
            }
        ],
        notes=[
            (
                f"Medians of {RUNS} fresh processes; process is `{shown}` from start to exit, "
                "tables printed. The steps were timed in other processes, the first call in "
                "each, so nothing was warm."
            ),
            f"Every one of the {DECODE} decode steps is costed at its own context.",
        ],
    )


def _once(layers_factor: int) -> dict[str, float]:
    arguments = [MACHINE, MODEL, *map(str, (PREFILL, DECODE, BATCH, layers_factor))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run_once", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times
