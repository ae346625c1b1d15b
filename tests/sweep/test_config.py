import re

import pytest

from lockstep.arch.error import InputError
from lockstep.arch.load import shipped
from lockstep.sweep.config import Axis, parse_bound
from lockstep.sweep.load import load_sweep

GOOD = """\
kind: sweep
name: good
base: {machine: edge-os16, model: gpt2, prefill: 8}
space:
  tensor.rows: [8, 16]
  batch: {first: 1, last: 8, factor: 2}
search: {method: grid}
objectives: {latency_s: min}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tensor.rows: [8", "tensor.rowz: [8", r"5: tensor.rowz: .*did you mean 'rows'"),
        ("tensor.rows: [8", "tensr.rows: [8", r"5: tensr.rows: .*did you mean 'tensor'"),
        ("prefill: 8", "prefill: 0", r"3: prefill: too small, value 0; must be >= 1"),
        ("prefill: 8", "prefil: 8", r"3: prefil: unknown key.*did you mean 'prefill'"),
        (", prefill: 8", "", r"3: base.prefill: missing; add it"),
        ("model: gpt2", "model: gpt3", r"3: model: unknown model 'gpt3'.*did you mean 'gpt2'"),
        ("[8, 16]", "[8, 8]", r"5: space.tensor.rows: repeats the value 8"),
        ("[8, 16]", "[]", r"5: space.tensor.rows: too short"),
        ("[8, 16]", "8", r"5: space.tensor.rows: not a mapping"),
        ("[8, 16]", "{first: 8, last: 16}", r"5: space.tensor.rows: not an axis.*step"),
        ("first: 1", "first: 9", r"6: space.batch.last: must be at least 9, the first, not 8"),
        ("first: 1", "first: 0", r"6: space.batch.first: must be above 0 where"),
        ("factor: 2", "factor: 1", r"6: space.batch.factor: too small, value 1; must be > 1"),
        ("last: 8, factor: 2", "last: 99999, step: 1", r"6: .*more than 10000 values"),
        ("method: grid", "method: nsga", r"7: search.method: .*'nsga'; must be one of nsga2"),
        ("method: grid", "method: tpe", r"7: search.points: missing"),
        ("method: grid", "method: grid, points: 3", r"7: search.points: unknown key"),
        ("latency_s: min", "latency: min", r"8: objectives.latency: unknown.*'latency_s'"),
        ("latency_s: min", "latency_s: low", r"8: objectives.latency_s: .*must be one of"),
        ("search:", "constraints: [area < 3]\nsearch:", r"7: constraints.0: not a constraint.*<="),
        ("search:", "constraints: [are <= 3]\nsearch:", r"7: constraints.0: unknown metric"),
        ("name: good", "name: good\nrunner: work", r"3: runner: unknown runner.*'workload'"),
        ("name: good", "name: a/b", r"2: name: .*'a/b'"),
        ("kind: sweep", "kind: machine", r"1: kind: wrong kind of file"),
    ],
)
def test_bad_files_are_told_in_one_line(tmp_path, old, new, message):
    path = tmp_path / "sweep.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_sweep(str(path))
    assert re.search(f"^{path}:" + message, str(caught.value)), caught.value


def test_a_grid_that_never_ends_is_refused(tmp_path):
    path = tmp_path / "sweep.yaml"
    many = "{first: 1, last: 9999, step: 1}"
    path.write_text(
        GOOD
        .replace("[8, 16]", many)
        .replace("base", "base", 1)
        .replace("{first: 1, last: 8, factor: 2}", many)
    )
    with pytest.raises(InputError, match=r"99980001 points.*method random"):
        load_sweep(str(path))


def test_ranges_have_both_ends():
    assert Axis(first=16, last=64, step=16).numbers == (16, 32, 48, 64)
    assert Axis(first=1, last=9, factor=2).numbers == (1, 2, 4, 8)
    assert len(Axis(first=0.1, last=0.7, step=0.1).numbers) == 7


def test_bounds_say_by_how_much_they_are_broken():
    assert parse_bound("area_mm2 <= 4e2").violation(500) == 100
    assert parse_bound("tokens_per_s>=10").violation(4) == 6
    assert parse_bound("fits").violation(0.5) < 0


def test_choices_set_keys_together(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(
        GOOD.replace(
            "[8, 16]\n",
            "[8, 16]\n  size:\n    choices:\n"
            "      small: {tensor.rows: 4, tensor.cols: 4}\n      large: {tensor.cols: 64}\n",
        )
    )
    sweep = load_sweep(str(path))
    (_, small), (_, large) = ((c.label, c) for c in sweep.dimensions[1].choices)
    settings = sweep.point(0, (sweep.dimensions[0].choices[0], small, *_first(sweep))).settings
    assert settings["tensor.rows"] == 4  # the later axis wins
    settings = sweep.point(0, (sweep.dimensions[0].choices[0], large, *_first(sweep))).settings
    assert (settings["tensor.rows"], settings["tensor.cols"]) == (8, 64)


def _first(sweep):
    return [d.choices[0] for d in sweep.dimensions[2:]]


@pytest.mark.parametrize("name", shipped("sweeps"))
def test_shipped_sweeps_load(name):
    assert load_sweep(name).config.name == name


def test_the_array_sweep_is_large():
    assert load_sweep("llama3-array").total >= 1000
