"""The page of sweeps, without a browser: numbers are those of the tables, names cannot act as HTML."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from lockstep.arch.machine import InputError
from lockstep.cli.report import report
from lockstep.sim.report.sweep_columns import figure, label, quantity_of
from lockstep.sim.report.sweep_folder import read_sweep
from lockstep.sim.report.sweep_page import MOST_POINTS, render


class Page(HTMLParser):
    """Tags, words of the tiles, and rows of the fronts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.tiles, self.members, self.within = [], {}, [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        if tag == "dt":
            self.within = []
        if tag == "tr" and "data-point" in given:
            self.members.append(int(given["data-point"]))

    def handle_data(self, data):
        self.within.append(data.strip())

    def handle_endtag(self, tag):
        if tag == "dd":
            words = [word for word in self.within if word]
            self.tiles[words[0]] = words[1]
            self.within = []


def data_of(html):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(found[1])


def test_tiles_and_front_are_those_of_the_folder(write_sweep):
    sweep = read_sweep(write_sweep())
    page = Page(render([sweep]))
    counts = [sweep.count(status) for status in ("ok", "infeasible", "failed")]
    assert [page.tiles[name] for name in ("ok", "infeasible", "failed")] == list(map(str, counts))
    assert page.tiles["points"] == "40"
    assert page.tiles["on the Pareto front"] == str(len(sweep.front))
    best = min(p.metrics["latency_s"] for p in sweep.points if p.status == "ok")
    assert page.tiles["least latency_s"] == quantity_of("latency_s", best)
    assert page.members == list(sweep.front)


def test_data_are_those_of_the_folder(write_sweep):
    sweep = read_sweep(write_sweep())
    (data,) = data_of(render([sweep]))["sweeps"]
    columns = {column["key"]: column for column in data["columns"]}
    assert list(columns) == [
        "a:<b>unit</b>", "a:lanes", "a:bank.fast", "m:latency_s", "m:gain", "m:area_mm2",
    ]  # fmt: skip
    assert data["number"] == [point.number for point in sweep.points]
    for index, point in enumerate(sweep.points):
        latency = columns["m:latency_s"]["at"][index]
        known = point.metrics["latency_s"]
        assert latency == (None if known is None else pytest.approx(known, rel=1e-5))
        unit = columns["a:<b>unit</b>"]
        assert unit["labels"][unit["at"][index]] == point.values["<b>unit</b>"]
        assert columns["a:lanes"]["at"][index] == point.values["lanes"]
        status = ["front", "ok", "infeasible", "failed"][data["status"][index]]
        assert status == ("front" if point.number in sweep.front else point.status)
        assert data["reasons"][data["reason"][index]] == point.reason
    assert columns["a:lanes"]["log"]
    assert [columns[key]["sense"] for key in ("m:latency_s", "m:gain")] == ["min", "max"]


def test_names_are_text(write_sweep):
    html = render([read_sweep(write_sweep())])
    tags = [tag for tag, _ in Page(html).tags]
    assert tags.count("script") == 2
    assert "b" not in tags
    assert "i" not in tags
    assert "</script><b>" not in html
    assert html.count("</script>") == 2


def test_reasons_are_grouped(write_sweep):
    html = render([read_sweep(write_sweep())])
    assert "area_mm2 is not &lt;=" in html
    assert "lanes: 128 &lt;i&gt;is&lt;/i&gt; too many" in html
    assert "10–17" in html  # the infeasible ones; 18 and 19 failed


def test_page_is_one_file_and_the_same_each_time(write_sweep):
    sweep = read_sweep(write_sweep())
    html = render([sweep])
    assert html == render([sweep])
    for tag, given in Page(html).tags:
        assert tag not in {"link", "img", "iframe"}
        assert "src" not in given
        assert given.get("href", "#").startswith("#")


def test_sweeps_of_one_name_are_told_apart(write_sweep):
    folders = [write_sweep("one"), write_sweep("two")]
    named = [read_sweep(folder) for folder in folders]
    assert [each["name"] for each in data_of(render(named))["sweeps"]] == ["one", "two"]
    twice = [each["name"] for each in data_of(render([named[0], named[0]]))["sweeps"]]
    assert twice == [f"one ({folders[0]})"] * 2


def test_very_many_points_are_thinned_and_the_front_is_kept(write_sweep, monkeypatch):
    assert MOST_POINTS >= 10_000
    monkeypatch.setattr("lockstep.sim.report.sweep_page.MOST_POINTS", 20)
    sweep = read_sweep(write_sweep())
    html = render([sweep])
    assert html == render([sweep])
    (data,) = data_of(html)["sweeps"]
    assert set(sweep.front) <= set(data["number"])
    assert 20 <= len(data["number"]) <= 20 + len(sweep.front)
    steps = [b - a for a, b in pairwise(data["number"])]
    assert len(set(steps)) > 2  # every second point of a grid has only half the values of an axis
    assert f"{len(data['number'])} of 40 points" in html


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("latency_s", 0.001855, "1.86 ms"),
        ("tokens_per_j", 1.8553, "1.855 tokens/J"),
        ("tokens_per_s_per_mm2", 0.9, "0.9 tokens/s/mm²"),
        ("area_mm2", 25.166, "25.17 mm²"),
        ("cycles", 12_345_678.0, "12,350,000"),
        ("utilization", None, "–"),
    ],
)
def test_metrics_have_units(metric, value, text):
    assert quantity_of(metric, value) == text


def test_values_are_short():
    assert figure(0.00185516) == "0.001855"
    assert [label(v) for v in (4.0, 0.5, None, True, "x", {"a": 1})] == [
        "4", "0.5", "null", "true", "x", '{"a": 1}',
    ]  # fmt: skip


def test_the_command_writes_the_page_and_tells_the_counts(write_sweep, capsys):
    folder = write_sweep()
    report([folder], as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["points"], told["failed"]) == (40, 8)
    assert (folder / "report.html").read_text(encoding="utf-8") == render([read_sweep(folder)])


def test_the_command_tells_what_is_wrong(write_sweep):
    folder = write_sweep()
    (folder / "points.csv").unlink()
    with pytest.raises(InputError, match="no such file"):
        report([folder])
    assert not (folder / "report.html").exists()
