"""Machine card and model card: what a run was of, each value with its source."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.run_files import RunFiles
from lockstep.sim.report.sources import Constant, number
from lockstep.workloads.counts import active_parameters, parameters
from lockstep.workloads.model import Model


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a card; ``source`` shows on hover."""

    label: str
    value: str
    source: str


class _Lookup:
    """Sources of constants by file and key; a key stands for the section under it too."""

    def __init__(self, table: Sequence[Constant]) -> None:
        self._table = table

    def __call__(self, file: str, key: str) -> str:
        inside = [
            c for c in self._table
            if c.file == file and (c.key == key or c.key.startswith(f"{key}."))
        ]  # fmt: skip
        return "\n".join(dict.fromkeys(c.source for c in inside))


def machine_card(run: RunFiles, table: Sequence[Constant]) -> list[Fact]:
    """Clock, engines, memories and technology of the run's machine."""
    machine, rates, source = run.record["machine"], run.rates, _Lookup(table)
    pad, vector, dram = machine["scratchpad"], machine["vector"], machine["dram"]
    tech, mmu = run.record["tech"], run.record.get("mmu")
    kib = f"{pad['size_bytes'] / 1024:,.0f} KiB"
    steps = f"exp {vector['exp_cycles']}, divide {vector['divide_cycles']} cycles"
    bandwidth = quantity(rates.dram_bytes_per_s, "B/s")
    energy_keys = ("energy_pj_per_bit", "interface_pj_per_bit")
    energy = [*(source("dram", key) for key in energy_keys), source("timing", "rails")]
    lines = {
        "machine": (machine["name"], "name in machine.yaml"),
        "clock": (f"{machine['clock_mhz']:g} MHz", source("machine", "clock_mhz")),
        **_engines(machine, source),
        "peak": (
            quantity(rates.peak_macs_per_s, "MAC/s"),
            "MACs per cycle of all engines x clock",
        ),
        "vector unit": (f"{vector['lanes']} lanes; {steps}", source("machine", "vector")),
        "scratchpad": (
            f"{kib} in {pad['banks']} banks of {pad['word_bits']} bit",
            source("machine", "scratchpad"),
        ),
        "DRAM": (f"{dram['channels']} × {run.record['dram']['name']}", source("machine", "dram")),
        "DRAM bandwidth": (
            f"{bandwidth} for the best pattern",
            f"all channels; {rates.dram_measured_by}",
        ),
        "DRAM latency": (
            f"{rates.dram_latency_ns:.4g} ns, isolated access",
            source("dram", "latency_ns") or rates.dram_measured_by,
        ),
        "DRAM energy": (
            f"{rates.dram_pj_per_bit:.3g} pJ per bit",
            "\n".join(each for each in energy if each),
        ),
        "technology": (f"{tech['name']}, {tech['node_nm']:g} nm", source("machine", "tech")),
    }
    if mmu:
        name = f"{mmu['name']}, {mmu['mechanism']}"
        lines["address translation"] = (name, source("machine", "mmu"))
    return [Fact(label, value, why) for label, (value, why) in lines.items()]


def _engines(machine: Mapping[str, Any], source: _Lookup) -> dict[str, tuple[str, str]]:
    lines = {}
    if tensor := machine["tensor"]:
        mac = tensor["mac"]
        words = [str(tensor[key]) for key in ("dataflow", "kind") if key in tensor]
        size = f"{tensor['rows']} × {tensor['cols']}"
        if "macs" in tensor:  # a rate, without a grid
            size = f"{tensor['macs']:,} MACs,"
        kind = " ".join(words).replace("_", " ")
        lines["tensor engine"] = (f"{size} {kind}", source("machine", "tensor"))
        reduction = "" if mac["reduction"] == "mac" else f", {mac['reduction']}"
        lines["MAC"] = (f"{mac['a']} × {mac['b']}{reduction}", source("machine", "tensor.mac"))
    if pim := machine["pim"]:
        detail = pim.get("preset") or pim.get("format") or pim.get("weights") or ""
        lines["processing in memory"] = (f"{pim['kind']} {detail}", source("machine", "pim"))
    return lines


def _in_words(part: Mapping[str, Any]) -> str:
    """A section of a model file: its kind, then its sizes and what it has."""
    words = [str(part["kind"])]
    for key, value in part.items():
        if key != "kind" and value not in (0, None):
            name = key.replace("_", " ")
            words.append(name if value is True else f"{name} {number(value)}")
    return ", ".join(words)


def model_card(run: RunFiles, table: Sequence[Constant]) -> list[Fact]:
    """Sizes of the run's model, and what it was stored in."""
    data, summary = run.record["model"], run.summary
    model = Model.model_validate_json(json.dumps(data))
    origin = next(each.source for each in table if each.file == "model")
    active = "without experts that a token does not visit"
    noise = "stored format; in brackets signal to quantisation noise of Gaussian tensors"
    parts = [
        ("embedding", data["embedding"]),
        ("attention", data["attention"]),
        *(("feed-forward", part) for part in data["ffn"]),
        ("head", data["head"]),
    ]
    tokens = f"{summary['prefill_tokens']}, {summary['decode_tokens']}"
    return [
        Fact("model", model.name, origin),
        Fact("parameters", quantity(parameters(model), ""), "elements of all weight tensors"),
        Fact("active parameters", quantity(active_parameters(model), ""), active),
        Fact("layers", str(model.layers), origin),
        Fact("hidden size", number(data["hidden"]), origin),
        *(Fact(name, _in_words(part), origin) for name, part in parts),
        Fact("norm", f"{data['norm']}, {data['norm_placement']}", origin),
        Fact("sequences", str(summary["batch"]), "--batch"),
        Fact("tokens in and out", tokens, "--prefill, --decode"),
        Fact("weights in", _stored(summary, "weights"), noise),
        Fact("activations in", _stored(summary, "activations"), noise),
        Fact("KV cache in", _stored(summary, "kv"), noise),
    ]


def _stored(summary: Mapping[str, Any], tensor: str) -> str:
    """A format, and the noise it adds."""
    noise_db = (summary.get("qsnr_db") or {}).get(tensor)
    return f"{summary[tensor]}" + (f" ({noise_db:.3g} dB)" if noise_db is not None else "")
