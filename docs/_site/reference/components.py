"""Components: ports, timing and area of every unit that has RTL."""

from collections.abc import Iterator
from typing import Any

from lockstep.arch.config import Config
from lockstep.arch.engine import MacConfig
from lockstep.arch.load import load, shipped
from lockstep.arch.mac import AccumulateConfig, DotConfig, MultiplyConfig
from lockstep.arch.machine import System, load_machine
from lockstep.arch.mmu import MmuConfig
from lockstep.arch.pim import PimChannelConfig
from lockstep.arch.posit import PositConfig
from lockstep.arch.simd import SimdConfig
from lockstep.arch.synthesis import load_synthesis_table
from lockstep.rtl.build import component, ports
from lockstep.rtl.verilog import units as units_of
from lockstep.sim.area import area_mm2
from reference.docstring import parse
from reference.keys import described
from reference.markdown import code, plain, table

Port = dict[str, Any]


def examples() -> dict[str, Config]:
    """A configuration of each unit that no machine names by itself."""
    mmu = load(MmuConfig, shipped("mmu")["npu-iommu"])
    found: dict[str, Config | None] = {
        "multiply, `int8`": MultiplyConfig(a="int8", b="int8"),
        "accumulate, `bf16`": AccumulateConfig(mac=MacConfig(a="bf16", b="bf16")),
        "dot product, `mxfp8`, 16 lanes": DotConfig(a="mxfp8", b="mxfp8", lanes=16),
        "posit multiply, `posit16_1`": PositConfig(operation="multiply", format="posit16_1"),
        "posit add, `posit16_1`": PositConfig(operation="add", format="posit16_1"),
        "posit dot product, `posit16_1`": PositConfig(operation="dot", format="posit16_1"),
        "SIMD": SimdConfig(),
        "DRAM channel that computes, `gddr6-aim`": load(
            PimChannelConfig, shipped("pim")["gddr6-aim"]
        ),
        "TLB, `dtlb` of `npu-iommu`": mmu.dtlb,
        "page-walk cache of `npu-iommu`": mmu.walk_cache,
        "PTW cost predictor of `npu-iommu`": mmu.victima.predictor,
        "pressure counters of `npu-iommu`": mmu.victima,
        "MMU `npu-iommu`": mmu,
    }
    return {name: cfg for name, cfg in found.items() if cfg}


def machines() -> str:
    """Units of shipped machines, together where the component is the same; those without, and why."""
    together: dict[type, dict[str, tuple[System, Config]]] = {}
    without = []
    for name in sorted(shipped("machines")):
        system = load_machine(name)
        for unit, cfg in units_of(system).items():
            try:
                together.setdefault(type(component(cfg)), {})[name] = (system, cfg)
            except ValueError as error:
                without.append({
                    "machine": name,
                    "unit": unit,
                    "why it has no RTL": plain(str(error)),
                })
    engines_first = sorted(together.items(), key=lambda each: not _is_engine(each[1]))
    parts = [_of_machines(cls, found) for cls, found in engines_first]
    return "\n\n".join([*parts, "### Without RTL\n", table(without)])


def _is_engine(found: dict[str, tuple[System, Config]]) -> bool:
    return all(system.machine.tensor is cfg for system, cfg in found.values())


def _of_machines(cls: type, found: dict[str, tuple[System, Config]]) -> str:
    configs = {name: cfg for name, (_, cfg) in found.items()}
    areas = []
    for name, (system, _) in found.items():
        by_part = area_mm2(system)
        areas.append({
            "machine": name,
            "engine": system.machine.tensor.shape if system.machine.tensor else "-",
            "area mm²": by_part["mac"] if system.machine.tensor else by_part.get("pim"),
            "by": plain(system.mac.source) if system.machine.tensor else "the machine's `pim.area`",
        })
    area = ""
    if any(row["area mm²"] is not None for row in areas):
        note = "MAC blocks by the machine's technology table; skew registers and control are not in it."
        area = f"**Area**: {note}\n\n{table(areas, right=['area mm²'])}"
    return "\n\n".join([
        f"### {cls.__name__}",
        _prose(cls),
        _ports(cls, configs),
        _timing(configs),
        area,
    ])


def units() -> str:
    """Units by themselves."""
    parts = []
    for name, cfg in examples().items():
        cls = type(component(cfg))
        heading = f"### {cls.__name__}: {name}"
        parts.append(
            "\n\n".join([
                heading,
                _prose(cls),
                _ports(cls, {"width": cfg}),
                _timing({"cycles": cfg}),
            ])
        )
    return "\n\n".join(parts)


def synthesis() -> str:
    """Units and engines that our synthesis has mapped."""
    found = load_synthesis_table()
    blocks = [
        {
            "unit": name,
            "NAND2 equivalents": f.nand2_equivalents,
            "area µm²": f.area_um2,
            "delay ns": f.delay_ns,
            "flip-flops": f.flip_flops,
        }
        for name, f in found.units.items()
    ]
    engines = [
        {
            "engine": name,
            "PEs": f.pes,
            "NAND2 equivalents": f.nand2_equivalents,
            "area µm²": f.area_um2,
            "area µm² per PE": f.area_um2_per_pe,
            "flip-flops": f.flip_flops,
            "memory bits beside": f.memory_bits,
        }
        for name, f in found.engines.items()
    ]
    return (
        f"Recorded in [configs/synthesis](/configs/synthesis/{found.library}.yaml), made by `{found.command}`: {found.tool}, library "
        f"{found.library}, asked for {found.target_delay_ns:g} ns; cells only, no wires "
        f"([how](/docs/synthesis.md)). INT8 operands and 32-bit sums unless a format is named. A unit is one copy, without the units "
        f"inside it.\n\n### Whole engines\n\n{table(engines)}\n### Parts\n\n{table(blocks)}"
    )


def _prose(cls: type) -> str:
    doc = parse(cls)
    return plain("\n\n".join(part for part in (doc.summary, doc.prose) if part))


def _ports(cls: type, configs: dict[str, Config]) -> str:
    """Ports, with a column of widths for each config."""
    entries = {
        n: e
        for base in reversed(cls.__mro__)
        for e in parse(base).entries("Members")
        for n in e.names
    }
    widths = {name: dict(_flat(cfg)) for name, cfg in configs.items()}
    names = list(dict.fromkeys(port for each in widths.values() for port in each))
    rows = []
    for port in names:
        first = next(each[port] for each in widths.values() if port in each)
        entry = entries.get(port.split(".")[0])
        rows.append(
            {"port": code(port), "direction": first["dir"], "stream": first["stream"]}
            | {name: each[port]["width"] if port in each else None for name, each in widths.items()}
            | {
                "what it is": plain(" ".join(x for x in (_shape(entry), entry.text) if x))
                if entry
                else "-"
            }
        )
    unit = "in bits" if "width" in configs else "of each machine, in bits"
    return f"**Ports**; widths {unit}, of a stream those of its payload:\n\n{table(rows, right=configs)}"


def _shape(entry: Any) -> str:
    """The payload of a stream as the docstring has it: ``In(stream of X)`` is X."""
    inner = entry.kind.partition("(")[2].removesuffix(")").removeprefix("stream of ")
    return "" if inner.isdigit() or not inner else f"``{inner}``."


def _flat(cfg: Config) -> Iterator[tuple[str, Port]]:
    members = ports(component(cfg))["interface"]["members"]
    yield from _members(members, "")


def _members(members: dict[str, Any], prefix: str) -> Iterator[tuple[str, Port]]:
    for name, member in members.items():
        path = f"{prefix}{name}"
        if isinstance(member, list):
            yield from _members({str(i): each for i, each in enumerate(member)}, f"{path}.")
        elif member["type"] == "port":
            yield path, {"dir": member["dir"], "stream": "-", "width": member["width"]}
        elif set(member["members"]) == {"payload", "valid", "ready"}:
            payload = member["members"]["payload"]
            width = sum(port["width"] for _, port in _members({"payload": payload}, ""))
            way = member["members"]["valid"]["dir"]
            yield path, {"dir": way, "stream": "valid, ready", "width": width}
        else:
            yield from _members(member["members"], f"{path}.")


def _timing(configs: dict[str, Config]) -> str:
    """What each config says in cycles."""
    rows = []
    for key in dict.fromkeys(
        name for cfg in configs.values() for name in dir(type(cfg)) if _is_cycles(cfg, name)
    ):
        first = next(cfg for cfg in configs.values() if _is_cycles(cfg, key))
        values = {
            name: getattr(cfg, key) if _is_cycles(cfg, key) else None
            for name, cfg in configs.items()
        }
        rows.append({"in cycles": code(key)} | values | {"what it is": described(type(first), key)})
    fields = {
        n: None for cfg in configs.values() for n in type(cfg).model_fields if n.endswith("_cycles")
    }
    for key in fields:
        first = next(cfg for cfg in configs.values() if key in type(cfg).model_fields)
        values = {name: getattr(cfg, key, None) for name, cfg in configs.items()}
        rows.append({"in cycles": code(key)} | values | {"what it is": described(type(first), key)})
    return f"**Timing**:\n\n{table(rows, right=configs)}" if rows else ""


def _is_cycles(cfg: Config, name: str) -> bool:
    """Whether it is a property that says cycles."""
    return name.endswith("_cycles") and isinstance(getattr(type(cfg), name, None), property)
