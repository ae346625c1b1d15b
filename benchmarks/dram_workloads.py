"""Calibrated DRAM bandwidth against the command-level engine, over whole runs.

``python -m benchmarks.dram_workloads`` prints the table of docs/dram.md.
"""

from rich.console import Console

from benchmarks.measure import machine as host
from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.machine import load_machine
from lockstep.sim.run import RunResult, simulate
from lockstep.workloads.model import load_model

RUNS = (
    ("edge-os16", (), "gpt2", 8),
    ("edge-os16", (), "llama-3-8b", 1),
    ("edge-os16", (), "mixtral-8x7b", 1),
    ("edge-os16", ("dram.preset=lpddr5-6400", "dram.channels=4"), "llama-3-8b", 1),
    ("edge-os16", ("dram.preset=gddr6-14000",), "llama-3-8b", 1),
    ("edge-cube8", (), "llama-3-8b", 1),
    ("cloud-ws128", (), "gpt2", 8),
    ("cloud-ws128", (), "llama-3-8b", 8),
    ("cloud-ws128", (), "mixtral-8x7b", 8),
    ("cloud-ws128", ("dram.preset=hbm3", "dram.channels=8"), "llama-3-8b", 8),
    ("cloud-ws128", ("dram.channels=2",), "llama-3-8b", 8),
    ("cloud-mx32", (), "llama-3-8b", 8),
    ("cloud-mx32", ("dram.channels=4",), "mixtral-8x7b", 8),
)
PREFILL, DECODE = 512, 2


def measure(session: Session) -> Table:
    """One row per run: errors of each phase, and the worst of the large operators."""
    rows: list[Row] = []
    for machine, overrides, model, batch in RUNS:
        session.say(f"dram-workloads: {machine} {model}")
        system = load_machine(machine, overrides)
        run = simulate(
            system, load_model(model), prefill=PREFILL, decode=DECODE, batch=batch, dram="exact"
        )
        rows.append({
            "machine": " ".join((machine, *overrides)),
            "memory": f"{system.machine.dram.channels} x {system.dram.preset.name}",
            "model": model,
            "batch": batch,
            **_errors(run),
        })  # fmt: skip
    return Table(
        name="dram-workloads",
        title=f"DRAM by calibrated bandwidth against every command, prefill {PREFILL}, decode {DECODE}",
        rows=rows,
        notes=[
            "Errors are fast over exact, minus one, of a phase's DMA time and of its latency.",
            "Worst operator: of those that take over 1 % of the run's DMA time.",
            "Sampling: the largest 95 % bound of a stream that was too long to run whole.",
        ],
    )


def _errors(run: RunResult) -> Row:
    assert run.fast
    summary = run.summary()
    pairs = [
        (fast.dma_cycles, exact.dma_cycles)
        for one, other in zip(run.fast.phases, run.phases, strict=True)
        for fast, exact in zip(one.ops, other.ops, strict=True)
    ]
    large = [fast / exact - 1 for fast, exact in pairs if exact > 0.01 * run.dma_cycles]
    row: Row = {}
    for one, other in zip(run.fast.phases, run.phases, strict=True):
        dma = [sum(op.dma_cycles for op in phase.ops) for phase in (one, other)]
        row[f"{one.name} dma"] = _percent(dma[0] / dma[1] - 1)
        row[f"{one.name} latency"] = _percent(one.cycles / other.cycles - 1)
    sampling = summary["dram_sampling_error"]
    assert isinstance(sampling, float)
    return {
        **row,
        "worst operator": _percent(max(large, key=abs)),
        "sampling": f"{sampling:.1%}",
        "requests": int(str(summary["dram_requests"])),
    }


def _percent(error: float) -> str:
    return f"{error:+.1%}"


if __name__ == "__main__":
    console = Console()
    table = measure(Session(fresh=False, say=lambda line: None))
    console.print(table.markdown(host()), markup=False, highlight=False, soft_wrap=True)
