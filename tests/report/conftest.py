"""Small runs that between them have every shape a report meets."""

import csv
import itertools
import json
import shutil
from pathlib import Path

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


FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium under playwright; where it is not, the tests that need it are skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if (path := shutil.which("chromium")) is None:
        pytest.skip("there is no chromium on PATH")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def complaints():
    """What pages opened by ``open_page`` complained of; a test that expects any empties it."""
    return []


@pytest.fixture
def open_page(chromium, complaints):
    """Open an HTML file in a fresh profile; any error or request but for files fails the test.

    Each ``open_page(path, width=1366, height=768, dark=False)`` gives a page of playwright.
    """
    contexts = []

    def guard(route):
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            complaints.append(f"request: {route.request.url}")
            route.abort()

    def open_one(path, *, width=1366, height=768, dark=False):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda m: m.type in {"error", "warning"} and complaints.append(m.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.route("**/*", guard)
        page.goto(Path(path).resolve().as_uri())
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


AXES = {
    "<b>unit</b>": ["</script><b>x", "a&b", "'\"", "模型"],
    "lanes": [8, 16, 32, 64, 128],
    "bank.fast": [False, True],
}
METRICS = {
    "latency_s": "of a run",
    "gain": "to be <great>",
    "area_mm2": "of all",
    "fill": "unknown",
}


@pytest.fixture
def write_sweep(tmp_path):
    """Write a made-up sweep: ok, infeasible and failed points, and names that are HTML.

    ``write_sweep(name, objectives=..., broken=True)`` gives its folder; ``broken`` adds points that
    are not ok; "all" fails every one.
    """

    def table(path, rows):
        header = ["point", *AXES, *METRICS, "status", "reason"]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([header, *rows])

    def write(name="odd", objectives=(("latency_s", "min"), ("gain", "max")), broken=True):
        rows = []
        for number, (unit, lanes, fast) in enumerate(itertools.product(*AXES.values())):
            metrics = [3.0 / lanes + 0.01 * number, lanes * 2.0 - number, 40.0 + number, ""]
            status, reason = "ok", ""
            if broken and unit == "a&b":
                status, reason = "infeasible", f"area_mm2 {metrics[2]} is not <= 40"
            if broken == "all" or (broken and lanes == 128):
                status, reason = "failed", "lanes: 128 <i>is</i> too many"
                metrics = [""] * len(METRICS)
            rows.append([number, unit, lanes, json.dumps(fast), *metrics, status, reason])
        sign = {"min": 1, "max": -1}
        at = {metric: 1 + len(AXES) + list(METRICS).index(metric) for metric in METRICS}

        def costs(row):
            return [sign[way] * row[at[metric]] for metric, way in objectives]

        ok = [row for row in rows if row[-2] == "ok"]
        front = [
            row
            for row in ok
            if not any(
                costs(o) != costs(row)
                and all(a <= b for a, b in zip(costs(o), costs(row), strict=True))
                for o in ok
            )
        ]
        folder = tmp_path / name
        folder.mkdir()
        table(folder / "points.csv", rows)
        table(folder / "pareto.csv", front)
        counts = {s: [r[-2] for r in rows].count(s) for s in ("ok", "infeasible", "failed")}
        about = {
            "sweep": {
                "kind": "sweep",
                "name": name,
                "base": {"machine": "<i>m</i>"},
                "space": {
                    "<b>unit</b>": {"choices": {label: {} for label in AXES["<b>unit</b>"]}},
                    "lanes": {"first": 8, "last": 128, "factor": 2},
                    "bank.fast": AXES["bank.fast"],
                },
                "search": {"method": "grid"},
                "constraints": ["area_mm2 <= 40"],
                "objectives": dict(objectives),
            },
            "points": len(rows),
            "points_in_all": len(rows),
            **counts,
            "pareto": len(front),
            "axes": list(AXES),
            "keys": list(AXES),
            "metrics": METRICS,
            "versions": {"lockstep-sim": "0"},
        }
        (folder / "sweep.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
        return folder

    return write
