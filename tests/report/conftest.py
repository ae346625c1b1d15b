"""Small runs that between them have every shape a report meets."""

import pytest

from lockstep.arch.machine import load_machine
from lockstep.sim.run import simulate
from lockstep.workloads.model import Model

GROUPED = {"kind": "grouped", "heads": 4, "kv_heads": 2, "head_dim": 32, "rope": True}
DENSE = {"kind": "dense", "intermediate": 256, "activation": "silu", "gated": True}
MOE = {
    "kind": "moe", "experts": 8, "experts_per_token": 2, "intermediate": 64, "activation": "silu",
}  # fmt: skip


def model(name="tiny", *, dense=3, moe=0, head=None):
    layers = [(dense, DENSE), (moe, MOE)]
    return Model.model_validate({
        "kind": "model",
        "name": name,
        "source": "made up for the tests",
        "hidden": 128,
        "embedding": {"kind": "tokens", "vocab": 1000},
        "attention": GROUPED,
        "norm": "rmsnorm",
        "ffn": tuple(ffn | {"layers": count} for count, ffn in layers if count),
        "head": head or {"kind": "lm", "tied": False},
    })  # fmt: skip


def run(described, *, machine="edge-os16", prefill=24, decode=5, batch=2, overrides=()):
    system = load_machine(machine, overrides)
    return simulate(system, described, prefill=prefill, decode=decode, batch=batch)


RUNS = {
    "dense": lambda: run(model()),
    "one-step": lambda: run(model(), decode=1),
    "two-steps": lambda: run(model(), decode=2),
    "prefill-only": lambda: run(model(), decode=0),
    "resident": lambda: run(
        model(head={"kind": "pooler"}), decode=0, overrides=["scratchpad.size_bytes=16777216"]
    ),
    "one-layer": lambda: run(model(dense=1)),
    "dense-and-moe": lambda: run(model(dense=2, moe=3)),
    "deep": lambda: run(model(dense=2, moe=150), decode=3),
    "cloud": lambda: run(model(), machine="cloud-ws128", prefill=300, decode=4),
    "odd-names": lambda: run(model("$\\frac$ 模型\ttab"), overrides=["name='a$b'"]),
    "long-names": lambda: run(model(8 * "Mixtral-8x"), overrides=["name=" + 8 * "cloud-ws12"]),
}


@pytest.fixture(scope="session", params=RUNS)
def result(request):
    return RUNS[request.param]()


@pytest.fixture(scope="session")
def dense():
    return RUNS["dense"]()


@pytest.fixture
def run_of():
    """Run a small model of the given name; other arguments as of ``run``."""
    return lambda name="tiny", **arguments: run(model(name), **arguments)
