"""Energy and power of the L2 cache, without and with TLB blocks (Victima, MICRO'23)."""

from collections.abc import Sequence

from lockstep.arch.tlb import CacheConfig
from lockstep.papers.reproduction import Row
from lockstep.papers.victima_published import CachePrice, victima
from lockstep.papers.victima_runs import Runs
from lockstep.sim.cycle.translation.run import TranslationRun


def price_of(cache: CacheConfig) -> CachePrice:
    """The row of the cache table of that size."""
    return next(row for row in victima().caches.rows if row.megabytes << 20 == cache.size_bytes)


def total(rows: Sequence[Row], key: str) -> float:
    """Sum of a column."""
    return sum(float(str(row[key])) for row in rows)


def l2_picojoules(run: TranslationRun, price: CachePrice) -> float:
    """Of all accesses to the L2 cache."""
    by_level = run.requests.sum(axis=0)
    hits, misses = int(by_level[0]), int(by_level[1:].sum())
    picojoules = hits * price.read_pj + misses * (price.tag_read_pj + price.write_pj)
    if run.cfg.mechanism == "victima":
        looked = run.served["tlb_block"] + run.served["walk"]
        picojoules += looked * 2 * price.tag_read_pj
        picojoules += run.served["tlb_block"] * (price.read_pj - price.tag_read_pj)
        picojoules += run.blocks_made * (2 * price.tag_read_pj + price.write_pj)
    return picojoules


def energy_rows(runs: Runs, price: CachePrice) -> list[Row]:
    """By workload, in nanojoules."""
    rows: list[Row] = []
    for name, run in runs.items():
        radix, ours = (l2_picojoules(run[each], price) for each in ("radix", "victima"))
        kilo = run["radix"].instructions / 1000
        rows.append({
            "workload": name,
            "radix_nj": radix / kilo / 1000,
            "victima_nj": ours / kilo / 1000,
            "change": ours / radix - 1,
        })
    return rows


def power_rows(runs: Runs, price: CachePrice, added_um2: float) -> list[Row]:
    """Mean over workloads, in milliwatts; ``added_um2`` of bits leak as the cache does."""
    found: dict[str, float] = {}
    for name in ("radix", "victima"):
        watts = [
            l2_picojoules(run[name], price)
            * 1e-12
            * run[name].cfg.clock_mhz
            * 1e6
            / run[name].cycles
            for run in runs.values()
        ]
        found[name] = 1000 * sum(watts) / len(watts)
    bits_mw = price.leakage_mw * added_um2 / 1e6 / price.area_mm2
    radix = found["radix"] + price.leakage_mw
    ours = found["victima"] + price.leakage_mw + bits_mw
    rows: list[Row] = [
        {"power_mw": what, "radix": before, "victima": after, "change": after / before - 1}
        for what, before, after in (
            ("accesses", found["radix"], found["victima"]),
            ("leakage", price.leakage_mw, price.leakage_mw + bits_mw),
            ("both", radix, ours),
        )
    ]
    published = victima().overhead.power
    rows.append({
        "power_mw": "paper, of a CPU",
        "radix": None,
        "victima": None,
        "change": published,
    })
    return rows
