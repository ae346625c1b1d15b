"""Tables of shipped machines, models, memories, technologies and number formats."""

from dataclasses import asdict

import outside

from lockstep.arch.dram_preset import load_dram_preset
from lockstep.arch.formats import format_rows
from lockstep.arch.listing import machine_row
from lockstep.arch.load import load, shipped
from lockstep.arch.machine import load_machine
from lockstep.arch.memory import DramPreset
from lockstep.arch.tech import Tech
from lockstep.sim.area import area_mm2
from lockstep.workloads.counts import parameters
from lockstep.workloads.model import load_model, shipped_models
from reference.markdown import code, plain, table


def link(folder: str, name: str) -> str:
    """A shipped file by its name, which leads to the file."""
    return f"[{name}](/configs/{folder}/{name}.yaml)"


def about(folder: str, name: str) -> str:
    """What a shipped file says of itself: the comment that it starts with."""
    lines = (outside.ROOT / "configs" / folder / f"{name}.yaml").read_text().splitlines()
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return plain(" ".join(comment))


def machines() -> str:
    """Machines: figures, then what each is and where its numbers come from."""
    rows = []
    for name in sorted(shipped("machines")):
        system = load_machine(name)
        row = asdict(machine_row(system))
        rows.append({
            "machine": link("machines", name),
            "array": row["array"],
            "engine": row["engine"],
            "PIM": row["pim"],
            "format": code(row["format"]),
            "MHz": row["mhz"],
            "TMAC/s": row["tmac_s"],
            "DRAM GB/s": row["dram_gb_s"],
            "area mm²": sum(area_mm2(system).values()),
            "technology": link("tech", row["tech"]),
            "memory": link("dram", system.machine.dram.preset),
        })
    said = [
        {"machine": n, "what it is, and its sources": about("machines", n)}
        for n in sorted(shipped("machines"))
    ]
    note = (
        "TMAC/s is with every unit busy; GB/s are the pins of all channels; area is that of arithmetic "
        "blocks and SRAM macros, without wires and control ([what is in it](/docs/assumptions.md))."
    )
    return f"{note}\n\n{table(rows)}\n{table(said)}"


def models() -> str:
    """Models: their sizes and where those come from."""
    rows = [
        {
            "model": link("models", model.name),
            "layers": model.layers,
            "hidden": model.hidden,
            "attention": model.attention.kind,
            "feed-forward": ", ".join(ffn.kind for ffn in model.ffn),
            "parameters, 10⁹": parameters(model) * 1e-9,
            "generates": model.generates,
            "source": plain(model.source),
        }
        for model in map(load_model, shipped_models())
    ]
    return table(rows)


def drams() -> str:
    """DRAM presets, one channel each, with the sources of their figures."""
    rows, sources = [], []
    for name, path in shipped("dram").items():
        dram = load_dram_preset(path)
        preset, spec = dram.preset, dram.spec
        measured = dram.calibration is not None
        timing = "" if isinstance(preset, DramPreset) else preset.timing
        rows.append({
            "preset": link("dram", name),
            "timing": link("dram_timing", timing) if timing else "first order",
            "pins GB/s": dram.peak_bytes_per_s * 1e-9,
            "best pattern GB/s": dram.bytes_per_s * 1e-9 if measured else None,
            "latency ns": dram.latency_ns if measured else None,
            "energy pJ/bit": dram.energy_pj_per_bit if measured else None,
            "capacity GiB": spec.geometry.capacity_bytes / 2**30 if spec else None,
        })
        named = {k: v for k, v in preset.model_dump().items() if k.endswith("_source") and v}
        if spec:
            named |= {f"timing: {key}": text for key, text in spec.sources.items()}
        sources += [
            {"preset": name, "figure": code(key.removesuffix("_source")), "source": plain(text)}
            for key, text in named.items()
        ]
    return (
        "One channel each; a machine says how many. Bandwidth of the best access pattern, latency of an isolated access "
        "that opens a row and energy of a sequential read are what our [command-level engine](/docs/dram.md) measured, "
        f"where a timing is named.\n\n{table(rows)}\n### Sources of memory figures\n\n{table(sources)}"
    )


def techs() -> str:
    """Technologies: energy and area of every block, with its source."""
    parts = [
        "An SRAM figure is for one array of 32 KiB with 64-bit words, out of the file's power law."
    ]
    for name, path in shipped("tech").items():
        tech = load(Tech, path)
        blocks = {f"MAC {fmt}": figures for fmt, figures in tech.mac.items()}
        blocks |= {f"vector {primitive}": figures for primitive, figures in tech.vector.items()}
        rows = [
            {
                "block": block,
                "energy pJ": figures.energy_pj,
                "area µm²": figures.area_um2,
                "source": plain(figures.source),
            }
            for block, figures in blocks.items()
        ]
        sram, size = tech.sram, (32 * 1024, 64)
        rows.append({
            "block": "SRAM read, of one word",
            "energy pJ": sram.read_pj.at(*size),
            "area µm²": sram.area_mm2.at(*size) * 1e6,
            "source": plain(sram.source),
        })
        rows.append(
            rows[-1] | {"block": "SRAM write, of one word", "energy pJ": sram.write_pj.at(*size)}
        )
        parts.append(
            f"### {name}\n\n{about('tech', name)} Node {tech.node_nm:g} nm; {link('tech', name)}.\n\n{table(rows)}"
        )
    return "\n\n".join(parts)


def formats() -> str:
    """Number formats."""
    rows = [
        {
            "format": code(row["name"]),
            "kind": row["kind"],
            "bits": row["element_bits"],
            "bits with scale": row["bits_per_element"],
            "block": row["block"],
            "scale": code(row["scale"]) if row["scale"] else "-",
            "largest": row["max"],
            "least normal": row["min_normal"],
            "least subnormal": row["min_subnormal"],
            "range dB": row["dynamic_range_db"],
        }
        for row in format_rows()
    ]
    return (
        "Besides these, any `posit<n>_<es>` and `bfp<mantissa>_e<exponent>_b<block>` is a format; bit for bit they are in "
        f"[number formats](/docs/formats.md).\n\n{table(rows)}"
    )
