"""The tables of docs/assumptions.md that nothing else measures."""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from lockstep.arch.machine import load_machine
from lockstep.sim.duplex import draw_tokens
from lockstep.sim.operand_formats import default_formats
from lockstep.sim.report.table import op_rows
from lockstep.sim.run import simulate
from lockstep.workloads.feedforward import expected_experts
from lockstep.workloads.model import load_model
from lockstep.workloads.parts import MoeFfn

PAGE = Path(__file__).resolve().parents[2] / "docs" / "assumptions.md"
UNITS = ("tensor_cycles", "pim_cycles", "vector_cycles", "dma_cycles", "scratchpad_cycles")
ATTENTION = ("attn.scores", "attn.softmax", "attn.values")
DRAWS = 200


def table(first_column):
    """Rows of the table whose header begins with a column."""
    text = PAGE.read_text()
    found = re.search(rf"^\| {first_column} \|.*\n\| -.*\n((?:\|.*\n)+)", text, re.M)
    return [[cell.strip() for cell in row.strip("|\n").split("|")] for row in found[1].splitlines()]


OVERLAP = table("machine")
EXPERTS = table("experts")


def runs():
    by_run = defaultdict(dict)
    for *key, phase, over, share in OVERLAP:
        by_run[tuple(key)][phase] = (over, share)
    return by_run


def measured(machine, model, prefill, decode, batch):
    system = load_machine(machine)
    result = simulate(
        system,
        load_model(model),
        prefill=prefill,
        decode=decode,
        batch=batch,
        formats=default_formats(system),
    )
    rows = op_rows(result)
    found = {}
    for phase in ("prefill", "decode"):
        those = [row for row in rows if row["phase"] == phase]
        latency = sum(row["latency_cycles"] for row in those)
        busiest = max(sum(row[unit] for row in those) for unit in UNITS)
        attention = sum(row["latency_cycles"] for row in those if row["name"] in ATTENTION)
        found[phase] = (f"{latency / busiest:.3f}", f"{attention / latency:.1%}")
    return found


@pytest.mark.parametrize("key", runs(), ids=lambda key: "-".join(key[:2]))
def test_what_overlap_could_save(key):
    machine, model, *sizes = key
    assert measured(machine, model, *map(int, sizes)) == runs()[key]


@pytest.mark.parametrize("row", EXPERTS, ids=lambda row: "-".join(row[:3]))
def test_how_even_experts_are(row):
    experts, per_token, tokens = map(int, row[:3])
    assert row[3:] == measured_evenness(experts, per_token, tokens)


def measured_evenness(experts, per_token, tokens):
    rng = np.random.default_rng(1)
    drawn = np.array([draw_tokens(rng, tokens, experts, per_token) for _ in range(DRAWS)])
    ffn = MoeFfn(
        kind="moe",
        layers=1,
        experts=experts,
        experts_per_token=per_token,
        intermediate=8,
        activation="silu",
    )
    busy = expected_experts(ffn, tokens)
    share = np.ceil(tokens * per_token / busy)
    return [
        f"{busy * np.ceil(share / rows) / np.ceil(drawn / rows).sum(1).mean():.2f}"
        for rows in (1, 2, 8, 16, 128)
    ]
