"""Duplex (MICRO'24): identities of the device, and which operator runs where by its operations per byte."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockstep.arch.formats import format_named
from lockstep.arch.machine import System
from lockstep.arch.near_memory import RooflinePim
from lockstep.arch.roofline import RooflineConfig
from lockstep.papers.duplex_published import duplex
from lockstep.papers.duplex_servers import FORMATS, server, system
from lockstep.papers.reproduction import Cell, Part, Progress, Row, Table
from lockstep.papers.style import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, tidy
from lockstep.sim.engine import Group, cost_by_processor, stream_groups
from lockstep.workloads.counts import parameters
from lockstep.workloads.model import load_model
from lockstep.workloads.ops import Gemm
from lockstep.workloads.phases import Phase, graph

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH, CONTEXT = 64, 1024
NEAR = ("Duplex", "BankGroup-PIM", "Bank-PIM")
PIN_RATE = 5.2e9 * 1024 / 8
"""Bytes per second of a stack of 1024 pins at 5.2 Gb/s, AttAcc's HBM3 timing."""


def pim_of(found: System) -> RooflinePim:
    """The processor beside the DRAM of one of the paper's machines."""
    assert isinstance(found.machine.pim, RooflinePim)
    return found.machine.pim


def tflops_per_stack(found: System) -> float:
    """Peak of the processor of one stack."""
    return 2 * pim_of(found).macs_per_s() * 1e-12


def op_per_byte(found: System, pin_bytes_per_s: float | None = None) -> float:
    """Peak over bandwidth into the banks, both of one stack."""
    pim = pim_of(found)
    pins = found.dram.peak_bytes_per_s if pin_bytes_per_s is None else pin_bytes_per_s
    return 2 * pim.macs_per_s() / (pim.bandwidth_multiple * pins)


def device(_: Progress) -> Part:
    """What follows from the machine files alone."""
    paper = duplex()
    return Part(
        name="device",
        title="The device",
        tables=(
            Table(
                name="identities",
                title="Identities of one stack",
                rows=_identities(),
                note=(
                    "The paper rounds to the digits shown. Its 8 operations per byte are exact at 5.2 Gb/s per pin; "
                    "AttAcc's 670.4 GB/s per stack, which the machines use, is 0.7 % more."
                ),
            ),
            Table(
                name="area",
                title="Area on the logic die, of one stack",
                rows=_areas(),
                note=f"As the paper gives it (7 nm ASAP7); it prints {paper.device.die_share:.2%} of the die.",
            ),
            Table(
                name="models",
                title="Models",
                rows=[
                    {
                        "model": name,
                        "parameters_billion": parameters(load_model(name)) * 1e-9,
                        "paper_billion": stated * 1e-9,
                        "ratio": parameters(load_model(name)) / stated,
                        "devices": paper.setup.models[name],
                    }
                    for name, stated in paper.setup.parameters.items()
                ],
            ),
        ),
    )


def _areas() -> list[Row]:
    paper = duplex().device
    parts = [*paper.area_parts_mm2.items(), ("all, as printed", paper.area_mm2)]
    return [
        {"part": part, "mm2": area, "share_of_die": area / paper.die_mm2} for part, area in parts
    ]


def _identities() -> list[Row]:
    paper = duplex().device
    stack = system("Duplex+PE")
    xpu = stack.machine.tensor
    assert isinstance(xpu, RooflineConfig)
    rows: list[tuple[str, float, float | None]] = [
        ("Logic-PIM, TFLOPS", tflops_per_stack(stack), paper.tflops_per_stack),
        ("Logic-PIM, operations per byte", op_per_byte(stack), paper.op_per_byte),
        (
            "Logic-PIM, operations per byte at 5.2 Gb/s",
            op_per_byte(stack, PIN_RATE),
            paper.op_per_byte,
        ),
        ("Bank-PIM, operations per byte", op_per_byte(system("Bank-PIM")), 1.0),
        (
            "BankGroup-PIM, TFLOPS",
            tflops_per_stack(system("BankGroup-PIM")),
            paper.tflops_per_stack,
        ),
        ("area, mm2", sum(paper.area_parts_mm2.values()), paper.area_mm2),
        ("share of the die", paper.area_mm2 / paper.die_mm2, paper.die_share),
        ("xPU, TFLOPS of the device", 2 * xpu.macs * stack.machine.clock_hz * 1e-12, None),
        (
            "HBM3, GB/s of the device",
            stack.dram.peak_bytes_per_s * stack.machine.dram.channels * 1e-9,
            None,
        ),
    ]
    return [{"quantity": what, "ours": ours, "paper": paper} for what, ours, paper in rows]


def intensity(progress: Progress) -> Part:
    """Operations per byte of every operator of a decode step, and where it is done sooner."""
    rows: list[Row] = []
    for model in duplex().setup.models:
        progress(f"operators of {model}")
        rows += _operators(model)
    return Part(
        name="intensity",
        title="Which processor, by operations per byte",
        tables=(
            Table(
                name="operators",
                title=f"One decode step of {BATCH} sequences at {CONTEXT} cached tokens, one device, one layer",
                rows=rows,
                note=(
                    "Operations over bytes of operands and results that do not stay beside the MACs. Times of a layer's "
                    "operator on either processor, with AttAcc's efficiencies (0.8 of the arithmetic of the xPU, 0.85 of "
                    f"all bandwidths). The xPU is faster above {_crossing():.1f} operations per byte, where its "
                    "bandwidth gives it the peak of Logic-PIM."
                ),
            ),
        ),
        figures={"intensity": _figure(rows)},
    )


def _crossing() -> float:
    """Operations per byte above which the xPU's bandwidth gives more than Logic-PIM's arithmetic."""
    found = system("Duplex+PE")
    return 2 * pim_of(found).macs_per_s() / found.dram.bytes_per_s


def _operators(model: str) -> list[Row]:
    devices = server(model, "Duplex+PE").devices
    own = devices.shard(load_model(model))
    step = Phase(kind="decode", batch=BATCH // devices.nodes, context=CONTEXT)
    groups = [g for g in stream_groups(graph(own, step, FORMATS)) if _gemms(g)]
    costs = {v: cost_by_processor(system(v), groups) for v in NEAR}
    rows: list[Row] = []
    for group in groups:
        if group[0].name in {"moe.router", "attn.v_proj", "moe.gate_proj", "ffn.gate_proj"}:
            continue  # too small, or alike with the one before
        microseconds = {
            name: sum(c.latency_cycles for c in found[group]["pim"]) / 1e3
            for name, found in costs.items()
        }
        engine = sum(c.latency_cycles for c in costs["Duplex"][group]["tensor"]) / 1e3
        row: dict[str, Cell] = {
            "model": model,
            "operator": group[0].name if group[0].name != "attn.scores" else "attention",
            "op_per_byte": _intensity(group),
            "xpu_us": engine,
            "logic_pim_us": microseconds["Duplex"],
            "bank_pim_us": microseconds["Bank-PIM"],
            "chosen": "xPU" if engine <= microseconds["Duplex"] else "Logic-PIM",
        }
        rows.append(row)
    return rows


def _gemms(group: Group) -> list[Gemm]:
    return [op for op in group if isinstance(op, Gemm)]


def _intensity(group: Group) -> float:
    """Operations over bytes of operands that are not handed on within the group."""

    def size(op: Gemm, elements: int, fmt: str) -> float:
        return op.instances * elements * float(format_named(fmt).bits_per_element) / 8

    gemms = _gemms(group)
    moved = sum(
        size(op, op.m * op.k, op.a_format) * (op.a != "stream")
        + size(op, op.k * op.n, op.b_format)
        + size(op, op.m * op.n, op.c_format) * (op.c != "stream")
        for op in gemms
    )
    return sum(op.flops for op in gemms) / moved


_COLOURS = {
    "mixtral-8x7b": BLUE,
    "glam-143b": VERMILION,
    "grok-1": GREEN,
    "opt-66b": ORANGE,
    "llama-3-70b": GREY,
}
_SIZES = dict(zip(_COLOURS, (15, 13, 11, 9, 7), strict=True))
"""Where models agree, each shows as a ring."""
_MARKS = {"attention": "o", "moe.up_proj": "s", "moe.down_proj": "s"}


def _figure(rows: Sequence[Row]) -> "Figure":
    import numpy as np
    from matplotlib.lines import Line2D

    figure = new_figure(9.5, 5.8)
    axes = figure.subplots()
    x = np.geomspace(0.4, 1000, 200)
    found = system("Duplex+PE")
    stacks = found.machine.dram.channels
    pins = found.dram.bytes_per_s * stacks * 1e-12
    xpu = found.machine.engine
    assert isinstance(xpu, RooflineConfig)
    peak = 2 * xpu.macs_per_cycle * found.machine.clock_hz * 1e-12
    axes.plot(x, np.minimum(x * pins, peak), color="black", label="xPU")
    for name, style in (("Duplex", "--"), ("Bank-PIM", ":")):
        pim = pim_of(system(name))
        wide, top = pins * pim.bandwidth_multiple, 2 * pim.macs_per_s() * stacks * 1e-12
        label = "Logic-PIM" if name == "Duplex" else name
        axes.plot(x, np.minimum(x * wide, top), style, color="black", label=label)
    for row in rows:
        at = row["op_per_byte"]
        assert isinstance(at, float)
        near = row["chosen"] == "Logic-PIM"
        pim = pim_of(found)
        y = min(at * pins * pim.bandwidth_multiple, 2 * pim.macs_per_s() * stacks * 1e-12)
        axes.plot(
            at,
            y if near else min(at * pins, peak),
            _MARKS.get(str(row["operator"]), "^"),
            color=_COLOURS[str(row["model"])],
            markeredgecolor="white",
            markersize=_SIZES[str(row["model"])],
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations per byte")
    axes.set_ylabel("TFLOPS of one device")
    tidy(axes)
    marks = [
        Line2D([], [], marker=m, color="black", linestyle="", label=label)
        for m, label in (("o", "attention"), ("s", "experts"), ("^", "others"))
    ]
    colours = [
        Line2D([], [], marker="o", color=c, linestyle="", label=name)
        for name, c in _COLOURS.items()
    ]
    lines, _ = axes.get_legend_handles_labels()
    axes.legend(handles=[*lines, *marks, *colours], fontsize=8, ncols=2, loc="lower right")
    figure.suptitle(
        f"Operators of a decode step of {BATCH} sequences, on the roof of the processor they run on"
    )
    return figure
