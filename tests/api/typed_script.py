"""A user's script with types; tests/api/test_types.py has mypy read it. It is not run."""

import lockstep


def longest(run: lockstep.Run) -> str:
    first: lockstep.OpRow = run.ops.sort("latency_s", descending=True)[0]
    return first.name


def fastest(rows: range) -> lockstep.Run:
    machine: lockstep.Machine = lockstep.machine("edge-os16")
    runs = [machine.override({"tensor.rows": n}).run("gpt2", prefill=64) for n in rows]
    return min(runs, key=lambda run: run.latency_s)


def halves(run: lockstep.Run) -> lockstep.Table[lockstep.OpRow]:
    return run.ops.filter(lambda op: op.macs > 0)[: len(run.ops) // 2]


run = fastest(range(8, 17, 8))
seconds: float = run.latency_s
per_token: float | None = run.tpot_s
speedups: list[float] = [row.speedup for row in lockstep.compare(run, run)]
cycles: int = lockstep.machine("edge-os16").gemm(64, 64, 64).cycles
parameters: int = lockstep.model("gpt2").parameters
names: list[str] = [row.name for row in lockstep.machines()]
sweep: lockstep.Sweep = lockstep.run_sweep({"space": {"tensor.rows": [8, 16]}}, limit=1)
best: float | None = sweep.best("latency_s").metrics["latency_s"]
run.plot.roofline().savefig("roofline.png")
print(longest(run), halves(run), seconds, per_token, speedups, cycles, parameters, names, best)
