"""report.html: one page, readable on a phone, that needs no other file and no network."""

import base64
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.table import Row
from lockstep.sim.run import RunResult


def render(
    result: RunResult,
    rows: Sequence[Row],
    pictures: Mapping[str, bytes],
    record: Mapping[str, object],
    machine_yaml: str,
) -> str:
    """The page.

    Parameters
    ----------
    result : RunResult
        The run.
    rows : sequence of Row
        From :func:`lockstep.sim.report.table.op_rows`.
    pictures : mapping of str to bytes
        File names and PNGs.
    record : mapping
        What run.json holds.
    machine_yaml : str
        The machine, as its file would say it.
    """
    from jinja2 import Environment, StrictUndefined

    # What the user named is escaped; nothing of it may act as HTML.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["quantity"] = quantity
    template = resources.files("lockstep.sim.report").joinpath("report.html.j2")
    summary: dict[str, Any] = result.summary()
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        result=result,
        headlines=_headlines(summary),
        summary=summary,
        rows=rows,
        plots={
            name.removesuffix(".png"): base64.b64encode(png).decode()
            for name, png in pictures.items()
        },
        record=record,
        machine_yaml=machine_yaml,
    )


def _headlines(summary: Mapping[str, Any]) -> dict[str, str]:
    times = {
        "time to first token (TTFT)": summary["ttft_s"],
        "time per output token (TPOT)": summary["tpot_s"],
        "whole run": summary["latency_s"],
    }
    return {
        **{name: quantity(time, "s") for name, time in times.items() if time is not None},
        "throughput": quantity(summary["tokens_per_s"], "tokens/s"),
        "utilization of the array": f"{summary['utilization']:.1%}",
        "energy": quantity(summary["energy_j"], "J"),
        "energy per token": quantity(summary["energy_per_token_j"], "J"),
        "area": f"{summary['area_mm2']:.3g} mm²",
    }
