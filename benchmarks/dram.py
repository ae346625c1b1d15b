"""The DRAM engine against published figures, and its speed: ``python -m benchmarks.dram``."""

import time

from rich.console import Console

from benchmarks.measure import machine
from benchmarks.session import Session
from benchmarks.table import Row, Table
from lockstep.arch.dram import DramSpec, load_dram
from lockstep.sim.cycle.dram.checker import check
from lockstep.sim.cycle.dram.engine import simulate
from lockstep.sim.cycle.dram.patterns import PATTERNS

NO_REFRESH = ("controller.refresh=none",)
RAMULATOR_RFC = ("timing.rfc=576",)
# (memory, overrides, pattern, mode): cycles of Ramulator 2.1 c5b1c3a and of DRAMsim3 2981759.
REFERENCES: dict[tuple[str, tuple[str, ...], str, str], tuple[int, int | None]] = {
    ("ddr4-3200", NO_REFRESH, "seq_rd", "max"): (634_920, 585_738),
    ("ddr4-3200", NO_REFRESH, "rand_rd", "max"): (858_102, 851_842),
    ("ddr4-3200", NO_REFRESH, "conflict_walk", "max"): (7_399_975, 7_399_976),
    ("ddr4-3200", NO_REFRESH, "bank_rr_hits", "max"): (402_157, 400_095),
    ("ddr4-3200", NO_REFRESH, "seq_rd", "serial"): (273_124, 283_124),
    ("ddr4-3200", NO_REFRESH, "rand_rd", "serial"): (711_492, 720_848),
    ("ddr4-3200", NO_REFRESH, "conflict_walk", "serial"): (739_975, 739_976),
    ("ddr4-3200", NO_REFRESH, "bank_rr_hits", "serial"): (273_168, 283_168),
    ("ddr4-3200", (), "seq_rd", "max"): (650_714, 600_170),
    ("ddr4-3200", (), "rand_rd", "max"): (920_917, 900_424),
    ("ddr4-3200", (), "conflict_walk", "max"): (7_757_671, 7_761_352),
    ("ddr4-3200", (), "bank_rr_hits", "max"): (422_849, 421_148),
    ("ddr4-3200", RAMULATOR_RFC, "seq_rd", "max"): (650_714, None),
    ("ddr4-3200", RAMULATOR_RFC, "rand_rd", "max"): (920_917, None),
    ("ddr4-3200", RAMULATOR_RFC, "conflict_walk", "max"): (7_757_671, None),
    ("ddr4-3200", RAMULATOR_RFC, "bank_rr_hits", "max"): (422_849, None),
    ("hbm2-2000", (), "seq_rd", "max"): (197_963, None),
    ("hbm2-2000", (), "rand_rd", "max"): (332_494, None),
    ("hbm2-2000", (), "conflict_walk", "max"): (5_273_184, None),
    ("hbm2-2000", (), "bank_rr_hits", "max"): (114_227, None),
    ("hbm2-2000", (), "seq_rd", "serial"): (193_441, None),
    ("hbm2-2000", (), "rand_rd", "serial"): (448_283, None),
    ("hbm2-2000", (), "conflict_walk", "serial"): (527_234, None),
    ("hbm2-2000", (), "bank_rr_hits", "serial"): (226_626, None),
}
SPEED_REQUESTS = 1_000_000


def measure(session: Session) -> Table:
    """One row per reference; speeds go into the notes. Every compared run is checked."""
    rows: list[Row] = []
    for (name, overrides, pattern, mode), (ramulator, dramsim) in REFERENCES.items():
        session.say(f"dram: {name} {pattern} {mode}")
        spec = load_dram(name, overrides)
        run = simulate(
            spec, PATTERNS[pattern](spec, 100_000 if mode == "max" else 10_000), mode=mode
        )
        breaches = len(check(spec, run.log, run.cycles))
        rows.append({
            "memory": " ".join((name, *overrides)),
            "pattern": pattern,
            "mode": mode,
            "cycles": run.cycles,
            "ramulator": ramulator,
            "vs_ramulator": f"{run.cycles / ramulator - 1:+.2%}",
            "dramsim3": dramsim,
            "vs_dramsim3": f"{run.cycles / dramsim - 1:+.2%}" if dramsim else None,
            "acts": run.commands["ACT"],
            "breaches": breaches,
        })
    spec = load_dram("ddr4-3200")
    notes = [_speed(session, spec, pattern) for pattern in ("rand_rd", "seq_rd", "mix70")]
    notes.append(
        "Reference rate, Ramulator 2.1 on one core: 68 k random, 104 k sequential per second."
    )
    return Table(name="dram", title="DRAM engine: cycles and speed", rows=rows, notes=notes)


def _speed(session: Session, spec: DramSpec, pattern: str) -> str:
    session.say(f"dram: speed of {pattern}")
    trace = PATTERNS[pattern](spec, SPEED_REQUESTS)
    begin, begin_cpu = time.perf_counter(), time.process_time()
    run = simulate(spec, trace, log=False)
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
    return (
        f"{pattern} on {spec.name}, {SPEED_REQUESTS:,} requests, checker off: "
        f"{SPEED_REQUESTS / seconds:,.0f} requests/s and {run.cycles / seconds:,.0f} cycles/s "
        f"({SPEED_REQUESTS / cpu_seconds:,.0f} requests per second of CPU time)."
    )


if __name__ == "__main__":
    console = Console()
    table = measure(Session(fresh=False, say=lambda line: None))
    console.print(table.markdown(machine()), markup=False, highlight=False, soft_wrap=True)
