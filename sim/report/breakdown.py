"""Latency, energy and area of runs, broken down; runs stand beside each other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lockstep.sim.report.gemm_classes import by, total
from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.run_files import RunFiles
from lockstep.sim.report.sources import Constant
from lockstep.sim.report.table import Row

BOUNDS = {
    "compute": "blue", "pim": "sky", "dram": "vermilion", "vector": "green", "scratchpad": "orange",
    "translation": "black", "overlapped": "grey",
}  # fmt: skip
"""Colour of what limits an operator; any other resource is purple."""

COMPONENTS = {
    "mac": "blue", "pim": "sky", "vector": "green", "scratchpad": "orange", "dram": "vermilion",
    "leakage": "purple",
}  # fmt: skip

RESOURCES = {
    "tensor_cycles": ("array", "blue"), "pim_cycles": ("PIM", "sky"), "vector_cycles": ("vector", "green"),
    "dma_cycles": ("DRAM", "vermilion"), "scratchpad_cycles": ("scratchpad", "orange"),
    "translation_cycles": ("translation", "black"),
}  # fmt: skip
"""Column of ops.csv to what it says the busy time of."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of one run: as text, its share of the longest bar, and of the run's total."""

    text: str
    bar: float
    share: float


@dataclass(frozen=True, slots=True)
class Part:
    """A line of a breakdown; ``cells`` has one per run, None where the run has no such part."""

    label: str
    colour: str
    tip: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Parts of a total; ``totals`` has the text of each run's."""

    title: str
    parts: tuple[Part, ...]
    totals: tuple[str, ...]


OTHERS = "all others"

Values = Sequence[Mapping[str, float]]


def breakdown(
    title: str,
    values: Values,
    unit: str,
    colours: Mapping[str, str] | None = None,
    tips: Mapping[str, str] | None = None,
    order: Iterable[str] = (),
) -> Breakdown:
    """A breakdown of one total per run; ``values`` maps parts to amounts in ``unit``, per run."""
    names = dict.fromkeys([*order, *(name for each in values for name in each)])
    longest = max((amount for each in values for amount in each.values()), default=0.0) or 1.0
    totals = [sum(each.values()) for each in values]
    parts = []
    for name in names:
        cells = tuple(
            Cell(_text(each[name], unit), each[name] / longest, each[name] / (whole or 1.0))
            if name in each
            else None
            for each, whole in zip(values, totals, strict=True)
        )
        if any(each.get(name) for each in values):
            colour = (colours or {}).get(name, "purple" if colours else "blue")
            parts.append(Part(name, colour, (tips or {}).get(name, ""), cells))
    return Breakdown(title, tuple(parts), tuple(_text(whole, unit) for whole in totals))


def _text(value: float, unit: str) -> str:
    return f"{value:.3g} mm²" if unit == "mm²" else quantity(value, unit)


def latencies(runs: Sequence[RunFiles]) -> list[Breakdown]:
    """Wall clock of each phase by what limits it, then of each phase by operator."""
    tables = {
        phase: [by(run.rows, "phase").get(phase, []) for run in runs] for phase in phases(runs)
    }
    by_bound, by_operator = [], []
    for phase, of_phase in tables.items():
        bounds = [
            {name: total(members, "latency_s") for name, members in by(rows, "bound_by").items()}
            for rows in of_phase
        ]
        timed = [{name: seconds for name, seconds in each.items() if seconds} for each in bounds]
        title = f"{phase}, by what limits it"
        by_bound.append(breakdown(title, timed, "s", BOUNDS, order=BOUNDS))
        operators = [{str(r["name"]): float(r["latency_s"]) for r in rows} for rows in of_phase]
        limits: dict[str, dict[str, None]] = {}  # ordered sets
        for row in (row for rows in of_phase for row in rows):
            limits.setdefault(str(row["name"]), {})[str(row["bound_by"])] = None
        colours = {
            name: BOUNDS.get(next(iter(each)), "purple") if len(each) == 1 else "grey"
            for name, each in limits.items()
        }
        by_operator.append(
            breakdown(
                f"{phase}, longest operators",
                _longest(operators),
                "s",
                {OTHERS: "grey"} | colours,
                {name: f"bound by {' or '.join(each)}" for name, each in limits.items()},
            )
        )
    return by_bound + by_operator


def _longest(values: Values, most: int = 8) -> list[dict[str, float]]:
    """The operators that take longest in any run, and the rest of each run as one."""
    peaks: dict[str, float] = {}
    for each in values:
        for name, amount in each.items():
            peaks[name] = max(peaks.get(name, 0.0), amount)
    shown = sorted(peaks, key=lambda name: -peaks[name])[:most]
    cut = []
    for each in values:
        rest = [amount for name, amount in each.items() if name not in shown]
        kept = {name: each[name] for name in shown if name in each}
        cut.append(kept | ({OTHERS: sum(rest)} if sum(rest) else {}))
    return cut


def phases(runs: Sequence[RunFiles]) -> list[str]:
    """Names of the phases of all runs, in order."""
    return list(dict.fromkeys(str(row["phase"]) for run in runs for row in run.rows))


def busy(runs: Sequence[RunFiles]) -> list[Breakdown]:
    """Share of each phase's wall clock that each resource is busy; nothing here adds up to one."""
    found = []
    for phase in phases(runs):
        of_phase = [by(run.rows, "phase").get(phase, []) for run in runs]
        parts = []
        for column, (name, colour) in RESOURCES.items():
            shares = [_busy_share(rows, column) for rows in of_phase]
            if any(shares):
                cells = (
                    None if s is None else Cell(f"{100 * s:.1f} %", min(s, 1.0), s) for s in shares
                )
                parts.append(Part(name, colour, "", tuple(cells)))
        found.append(Breakdown(f"{phase}: how busy each resource is", tuple(parts), ()))
    return found


def _busy_share(rows: Sequence[Row], column: str) -> float | None:
    """Of the wall clock; None where there is no such resource, or no such phase."""
    if not rows or column not in rows[0]:
        return None
    return total(rows, column) / total(rows, "latency_cycles")


def tips(
    of_run: Callable[[RunFiles, Sequence[Constant]], dict[str, str]],
    runs: Sequence[RunFiles],
    tables: Sequence[Sequence[Constant]],
    labels: Sequence[str],
) -> dict[str, str]:
    """Component to how it was found, by ``energy_tips`` or ``area_tips``; runs that differ, by name."""
    every = [of_run(run, table) for run, table in zip(runs, tables, strict=True)]
    merged = {}
    for name in every[0]:
        said = [each[name] for each in every]
        named = (f"{label}: {text}" for label, text in zip(labels, said, strict=True))
        merged[name] = said[0] if len(set(said)) == 1 else "\n".join(named)
    return merged


def energy_tips(run: RunFiles, table: Sequence[Constant]) -> dict[str, str]:
    """Component to how its energy was found, with the sources of the constants."""
    machine, rates = run.record["machine"], run.rates
    mac = (machine["tensor"] or {}).get("mac", {})
    sram = _source(table, "tech", "sram.read_pj")
    events = [c for c in table if c.file == "machine" and c.key.startswith("pim.energy.")]
    dram = [c for c in table if c.file == "dram" and "pj_per_bit" in c.key]
    rails = _source(table, "timing", "rails")
    return {
        "mac": f"MACs on the array x {run.summary['mac_energy_pj']:.4g} pJ each"
        f"{_because(_source(table, 'tech', 'mac.' + str(mac.get('b'))))}",
        "pim": "events of the processor beside the DRAM x their prices:\n"
        + "\n".join(f"{c.key.split('.')[2]} {c.value} {c.unit}: {c.source}" for c in events),
        "vector": "lane operations x energy of each primitive, see tech vector.* in the sources",
        "scratchpad": f"words read and written x energy of an access{_because(sram)}",
        "dram": f"bits moved x {rates.dram_pj_per_bit:.4g} pJ"
        + "".join(f"\n{c.key} {c.value}: {c.source}" for c in dram)
        + (f"\nsupply currents: {rails}" if rails else ""),
        "leakage": f"scratchpad leakage x wall clock{_because(sram)}",
    }


def area_tips(run: RunFiles, table: Sequence[Constant]) -> dict[str, str]:
    """Component to how its area was found."""
    mac = ((run.record["machine"]["tensor"] or {}).get("mac") or {}).get("b")
    return {
        "mac": f"processing elements x area of one MAC{_because(_source(table, 'tech', f'mac.{mac}'))}",
        "pim": f"units x area of one{_because(_source(table, 'machine', 'pim.area'))}",
        "vector": "lanes x area of every primitive's block, see tech vector.* in the sources",
        "scratchpad": f"SRAM macros{_because(_source(table, 'tech', 'sram.area_mm2'))}",
    }


def _source(table: Sequence[Constant], file: str, key: str) -> str:
    return next((c.source for c in table if c.file == file and c.key.startswith(key)), "")


def _because(source: str) -> str:
    return f"\n{source}" if source else ""
