"""Tables of shipped PIM channels, MMUs and sweeps."""

from lockstep.arch.load import load, shipped
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.pim import PimChannelConfig
from lockstep.sweep.load import load_sweep
from reference.markdown import code, plain, table
from reference.shipped import about, link


def pims() -> str:
    """DRAM channels whose banks compute, with the sources of their figures."""
    channels = {name: load(PimChannelConfig, path) for name, path in shipped("pim").items()}
    rows = [
        {
            "channel": link("pim", name),
            "what it is": about("pim", name),
            "clock ps": channel.clock_ps,
            "banks": channel.banks,
            "format": code(channel.mac.element),
            "lanes per bank": channel.mac.lanes,
            "GMAC/s": channel.peak_macs_per_cycle * 1e3 / channel.clock_ps,
            "pins GB/s": channel.peak_bytes_per_s * 1e-9,
            "capacity GiB": channel.capacity_bytes / 2**30,
        }
        for name, channel in channels.items()
    ]
    sources = [
        {"channel": name, "figure": code(key), "source": plain(text)}
        for name, channel in channels.items()
        for key, text in channel.sources.items()
    ]
    return f"{table(rows)}\n### Sources of PIM figures\n\n{table(sources)}"


def mmus() -> str:
    """MMUs: sizes as entries or bytes, ways and cycles."""
    parts = []
    for name, path in shipped("mmu").items():
        mmu = load(MmuConfig, path)
        tlbs = {
            key: getattr(mmu, key) for key in ("itlb", "dtlb", "l2_tlb", "large_l2_tlb", "l3_tlb")
        }
        caches = {key: getattr(mmu, key) for key in ("l1d", "l2", "llc") if getattr(mmu, key)}
        rows = [
            {
                "unit": code(key),
                "size": f"{t.entries:,} entries",
                "ways": t.ways,
                "cycles": t.latency_cycles,
            }
            for key, t in tlbs.items()
        ]
        rows += [
            {
                "unit": code(key),
                "size": f"{c.size_bytes // 1024:,} KiB",
                "ways": c.ways,
                "cycles": c.latency_cycles,
            }
            for key, c in caches.items()
        ]
        parts.append(
            f"### {name}\n\n{about('mmu', name)} {link('mmu', name)}; {mmu.clock_mhz:,.0f} MHz, mechanism "
            f"{code(mmu.mechanism)}, {mmu.large_page_share:.0%} of the memory in large pages.\n\n{table(rows)}\n"
            f"Source: {plain(mmu.source)}"
        )
    return "\n\n".join(parts)


def sweeps() -> str:
    """Sweeps: how many points, over what, for what."""
    rows = []
    for name in shipped("sweeps"):
        sweep = load_sweep(name)
        objectives = sweep.config.objectives.items()
        rows.append({
            "sweep": link("sweeps", name),
            "points": sweep.total,
            "search": sweep.config.search.method,
            "axes": ", ".join(f"{code(d.name)} ({len(d.choices)})" for d in sweep.dimensions),
            "objectives": ", ".join(f"{code(metric)} {sense}" for metric, sense in objectives),
            "what it asks": about("sweeps", name),
        })
    return table(rows)
