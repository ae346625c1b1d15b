"""Tables for people, at most 100 columns wide."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from lockstep.sim.run import PhaseResult, RunResult

if TYPE_CHECKING:  # needs the rtl extra
    from lockstep.verify.agreement import AgreementRow, Row

WIDTH = 100


def _console() -> Console:
    console = Console()
    return Console(width=min(WIDTH, console.width)) if console.is_terminal else Console(width=WIDTH)


def number(value: object) -> str:
    """A number for reading: four significant digits, thousands separated."""
    if isinstance(value, bool) or value is None:
        return "-" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def seconds(value: float | None) -> str:
    """A time with the unit that fits."""
    if value is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value * 1e9:.4g} ns"


def facts(title: str, values: Mapping[str, Any]) -> None:
    """Print one fact per line; nested mappings are joined into one cell."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in values.items():
        if isinstance(value, Mapping):
            value = "  ".join(f"{k} {number(v)}" for k, v in value.items())
        table.add_row(key, number(value))
    _console().print(table)


def table(title: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows that share their keys; numbers are right-aligned."""
    rows = list(rows)
    result = Table(title=title, title_justify="left")
    for key, value in (rows[0] if rows else {}).items():
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        result.add_column(
            key.replace("_", " "), justify="right" if numeric else "left", no_wrap=not numeric
        )
    for row in rows:
        result.add_row(*(number(value) for value in row.values()))
    _console().print(result)


def agreement(rows: Iterable["Row"]) -> None:
    """Print the agreement tables: arithmetic, then engines and whatever disagreed, then proofs."""
    from lockstep.verify.agreement import AgreementRow, FormatRow

    arithmetic, engines, proofs = [], [], []
    for row in rows:
        if isinstance(row, FormatRow):
            arithmetic.append({
                "unit": row.unit,
                "format": row.format,
                "vectors": row.vectors,
                "all pairs": "yes" if row.exhaustive else "no",
                "wrong": row.mismatches,
                "cycles off": row.cycle_error_max,
                "mutants": f"{row.mutants_caught} of {row.mutants}",
                "passed": "yes" if row.passed else "NO",
            })
        elif isinstance(row, AgreementRow):
            engines.append(row)
        else:
            proofs.append({
                "proof": row.name,
                "result": row.result,
                "reach": row.reach if row.result == "proved" else "",
                "passed": "yes" if row.passed else "NO",
            })
    if arithmetic:
        table("agreement of RTL and golden arithmetic", arithmetic)
    if engines:
        _engines(engines)
    if proofs:
        table("proofs, and seeded bugs that are refuted", proofs)


def _engines(rows: list["AgreementRow"]) -> None:
    result = Table(title="agreement of RTL and simulator", title_justify="left")
    result.add_column("unit")
    for name in (
        "configs",
        "vectors",
        "stalled",
        "mismatches",
        "cycle error",
        "cycles/s",
        "mutants",
    ):
        result.add_column(name, justify="right")
    for row in rows:
        scaled = f", scaled from {row.scaled_from}" if row.scaled_from else ""
        result.add_row(
            row.unit + scaled,
            number(row.configs),
            number(row.vectors),
            number(row.stalled_vectors),
            number(row.mismatches),
            f"{row.cycle_error_min:g} to {row.cycle_error_max:g}",
            number(row.rtl_cycles_per_s),
            f"{row.mutants_caught} of {row.mutants}",
        )
    console = _console()
    console.print(result)
    for row in rows:
        for complaint in row.complaints[:20]:
            console.print(complaint, style="red", markup=False)


def run(result: RunResult, most: int = 12) -> None:
    """Print the headline numbers, then each phase's operators, longest first."""
    clock = result.system.machine.clock_hz
    energy = result.summary()["energy_j"]
    area = result.summary()["area_mm2"]
    head = Table(
        title=f"{result.model.name} on {result.system.machine.name}: batch {result.batch}, "
        f"prefill {result.prefill_tokens}, decode {result.decode_tokens}; weights "
        f"{result.formats.weights}, activations {result.formats.activations}, kv {result.formats.kv}",
        title_justify="left",
    )
    cells = {
        "TTFT": seconds(result.ttft_s),
        "TPOT": seconds(result.tpot_s),
        "latency": seconds(result.latency_s),
        "tokens/s": number(result.tokens_per_s),
        "utilization": f"{result.utilization:.1%}",
        "energy": f"{number(energy)} J",
        "area": f"{number(area)} mm2",
    }
    for name in cells:
        head.add_column(name, justify="right")
    head.add_row(*cells.values())
    console = _console()
    console.print(head)
    machine = result.system.machine
    busy = " + ".join(["array"] * bool(machine.tensor) + ["PIM"] * bool(machine.pim))
    for phase in result.phases:
        console.print(_phase(phase, clock, most, f"{busy} busy"))


def _phase(phase: PhaseResult, clock_hz: float, most: int, busy: str) -> Table:
    result = Table(title=f"{phase.name}: {seconds(phase.cycles / clock_hz)}", title_justify="left")
    result.add_column("operator")
    result.add_column("bound by")
    for name in ("times", "latency", "share", busy, "DRAM busy", "DRAM bytes"):
        result.add_column(name, justify="right")
    ops = sorted(phase.ops, key=lambda op: -op.latency_cycles)
    for op in ops[:most]:
        result.add_row(
            op.name,
            op.bound_by,
            number(op.occurrences),
            seconds(op.latency_cycles / clock_hz),
            f"{op.latency_cycles / phase.cycles:.1%}",
            seconds((op.tensor_cycles + op.pim_cycles) / clock_hz),
            seconds(op.dma_cycles / clock_hz),
            number(op.activity.dram_bytes),
        )
    if ops[most:]:
        rest = sum(op.latency_cycles for op in ops[most:])
        result.add_row(
            f"{len(ops) - most} more",
            "",
            "",
            seconds(rest / clock_hz),
            f"{rest / phase.cycles:.1%}",
        )
    return result
