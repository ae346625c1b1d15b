"""The page of runs, read as a document: what it holds, and that its numbers are the run's."""

import csv
import json
import re
from html.parser import HTMLParser

import pytest

from lockstep.sim.report import shell, write_report
from lockstep.sim.report.compare import HEADLINES, headlines
from lockstep.sim.report.page import render
from lockstep.sim.report.quantity import quantity
from lockstep.sim.report.run_files import read_run, run_files
from lockstep.sim.report.sources import constants
from lockstep.sim.report.timeline import timeline

VOID = {"meta", "input", "br"}


class Document(HTMLParser):
    """Elements of a page as (tag, attributes, text); unbalanced tags are an error."""

    def __init__(self, text):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), ""]
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag, tag

    def handle_data(self, data):
        for element in self._open:
            element[2] += data

    def all(self, tag, **attributes):
        return [
            text
            for name, found, text in self.elements
            if name == tag and all(found.get(k.rstrip("_")) == v for k, v in attributes.items())
        ]


def embedded(page):
    (text,) = Document(page).all("script", type="application/json")
    return json.loads(text)


def tiles(page):
    """Label to number of the tiles of a single run."""
    elements = Document(page).elements
    heads = [i for i, (tag, *_) in enumerate(elements) if tag == "dt"]
    return {elements[i][2]: next(t for tag, _, t in elements[i:] if tag == "span") for i in heads}


@pytest.fixture
def page_of():
    """The page of results in memory."""
    return lambda *results: render([run_files(r, command=["run", "here"]) for r in results])


@pytest.fixture(scope="module")
def page(result):
    return render([run_files(result, command=["run", "here"])])


SHAPES = ["dense", "prefill-only", "dense-and-moe", "cloud", "odd-names"]
every_shape = pytest.mark.parametrize("result", SHAPES, indirect=True, scope="module")


@every_shape
def test_it_is_one_well_formed_file(page):
    document = Document(page)
    for _, attributes, _ in document.elements:
        assert not {"src", "onclick", "onload"} & set(attributes)
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"@import|url\(|<(link|iframe|object|img)\b", page)
    assert len(document.all("h1")) == 1
    ids = [attributes["id"] for _, attributes, _ in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes, _ in document.elements:
        if "href" in attributes:
            assert attributes["href"][1:] in ids
    controls = [e for e in document.elements if e[0] in {"select", "input"}]
    assert len(document.all("label")) == len(controls)


@every_shape
def test_tiles_are_the_summary(result, page):
    summary = result.summary()
    expected = {
        "time to first token": quantity(summary["ttft_s"], "s"),
        "time per output token": summary["tpot_s"] and quantity(summary["tpot_s"], "s"),
        "whole run": quantity(summary["latency_s"], "s"),
        "throughput": quantity(summary["tokens_per_s"], "tokens/s"),
        "utilization": f"{100 * summary['utilization']:.1f} %",
        "energy": quantity(summary["energy_j"], "J"),
        "energy per token": quantity(summary["energy_per_token_j"], "J"),
        "area": f"{summary['area_mm2']:.3g} mm²",
        "DRAM traffic": quantity(summary["dram_bytes"], "B"),
    }
    assert tiles(page) == {name: text for name, text in expected.items() if text}


@every_shape
def test_every_operator_is_a_row_with_its_numbers(result, page):
    document = Document(page)
    for phase in result.phases:
        for op in phase.ops:
            assert op.name in [text.strip() for text in document.all("td", class_="word")]
    values = {
        float(a["data-value"]) for t, a, _ in document.elements if t == "td" and a.get("data-value")
    }
    clock = result.system.machine.clock_hz
    assert {op.latency_cycles / clock for phase in result.phases for op in phase.ops} <= values


@every_shape
def test_what_is_drawn_is_the_run(result, page):
    (drawn,) = embedded(page)["runs"]
    assert drawn["peak"] == result.system.peak_macs_per_s
    assert {p["phase"] for p in drawn["points"]} == {phase.name for phase in result.phases}
    assert sum(p["latency_s"] for p in drawn["points"]) == pytest.approx(
        sum(op.latency_cycles for ph in result.phases for op in ph.ops if op.activity.macs)
        / result.system.machine.clock_hz
    )


@every_shape
def test_the_timeline_keeps_what_the_trace_has(result):
    trace = run_files(result, command=["run"]).trace
    drawn = timeline(trace)
    end = max(start + length for _, start, length, _ in drawn["passes"])
    assert end == pytest.approx(result.latency_s * 1e9, rel=1e-6, abs=2)
    spans = [
        (drawn["tracks"], drawn["names"][name])
        for *_, items in drawn["passes"]
        for _, _, shape in items
        for _, name, *_ in drawn["shapes"][shape][1]
    ]
    outer = ("prefill", "decode", "step", "layer")
    leaves = [e for e in trace["traceEvents"] if e["ph"] == "X" and not e["name"].startswith(outer)]
    assert len(spans) == len(leaves)
    for *_, length, items in drawn["passes"]:
        lengths = [drawn["shapes"][shape][0] for _, _, shape in items]
        assert not items or sum(lengths) == pytest.approx(length, rel=1e-6, abs=len(items) + 2)


def test_layers_that_are_alike_are_told_once(run_of):
    one = timeline(run_files(run_of(decode=0), command=["run"]).trace)
    layers = [i for i in one["passes"][0][3] if one["names"][i[0]].startswith("layer ")]
    assert len(layers) == 3
    assert len({shape for _, _, shape in layers}) == 1


@every_shape
def test_every_constant_has_a_source(result, page):
    table = constants(run_files(result, command=["run"]).record)
    assert {"machine", "tech", "dram", "timing", "model"} == {c.file for c in table}
    assert all(len(c.source) >= 8 and c.value for c in table)
    clock = next(c for c in table if c.key == "clock_mhz")
    assert (clock.file, clock.value, clock.unit) == (
        "machine", f"{result.system.machine.clock_mhz:g}", "MHz",
    )  # fmt: skip
    mac = result.system.machine.engine.mac.a
    price = next(c for c in table if c.key == f"mac.{mac}.energy_pj")
    assert price.value == f"{result.system.tech.mac[mac].energy_pj:g}"
    assert price.source == result.system.tech.mac[mac].source
    shown = {text.strip() for text in Document(page).all("td", class_="word mono")}
    assert {c.key for c in table} == shown


def test_a_shipped_machine_tells_its_own_comments_and_what_was_changed(run_of):
    record = run_files(
        run_of(overrides=["clock_mhz=500"], machine="cloud-ws128"), command=[]
    ).record
    table = {c.key: c for c in constants(record) if c.file == "machine"}
    assert "Newton-Raphson" in table["vector.divide_cycles"].source
    assert "changed for this run" in table["clock_mhz"].source
    assert "700" in table["clock_mhz"].source
    assert "TPU v2" in table["tensor.rows"].source
    assert table["tensor.job_bits"].source == "lockstep's default"


def test_sources_stand_where_numbers_are_shown(page_of, dense):
    tips = [a["data-tip"] for _, a, _ in Document(page_of(dense)).elements if "data-tip" in a]
    tech = dense.system.tech
    assert any(tech.mac["int8"].source in tip for tip in tips)
    assert any(tech.sram.source in tip for tip in tips)


HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>&"


def test_names_cannot_act_as_html(run_of, page_of):
    page = page_of(run_of(HOSTILE[:80], overrides=["name='<b onclick=x>&\"'"]))
    assert page.count("<script") == 2
    assert "<img" not in page
    assert "<b " not in page
    assert embedded(page)["runs"][0]["label"].startswith("</script><script>")
    assert Document(page).all("h1")[0].startswith("</script><script>")


def test_embedded_json_cannot_end_its_element():
    nasty = {"</script>": ["<!--", "&amp;", "\u2028"]}
    text = str(shell.embedded(nasty))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == nasty
    with pytest.raises(ValueError, match="JSON"):
        shell.embedded([float("nan")])


def test_the_same_runs_give_the_same_bytes(dense, run_of, page_of):
    other = run_of("other")
    assert page_of(dense, other) == page_of(dense, other)
    assert page_of(dense, other) != page_of(other, dense)


@pytest.fixture(scope="module")
def folders(dense, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    write_report(dense, out / "one", command=["run", "here"])
    return out


def test_a_folder_gives_the_page_of_its_run(folders):
    assert render([read_run(folders / "one")]) == (folders / "one" / "report.html").read_text()


def test_several_runs_stand_side_by_side(dense, run_of, page_of):
    faster = run_of(overrides=["clock_mhz=1880", "dram.channels=4"])
    page = page_of(dense, faster)
    document = Document(page)
    assert len(document.all("div", class_="tile")) == len(HEADLINES)
    runs = [run_files(r, command=["run"]) for r in (dense, faster)]
    by_key = {line.key: entries for line, entries in headlines(runs)}
    ratio = faster.ttft_s / dense.ttft_s
    assert by_key["ttft_s"][1].ratio == f"×{ratio:.3g}"
    assert by_key["ttft_s"][1].verdict == "better"
    assert by_key["ttft_s"][0].verdict == ""
    assert by_key["tokens_per_s"][1].verdict == "better"
    keys = document.all("th", class_="word mono")
    assert {"machine clock_mhz", "machine dram.channels"} == set(keys)
    labels = [run["label"] for run in embedded(page)["runs"]]
    assert len(set(labels)) == 2


def test_operators_match_by_phase_and_name(dense, run_of, page_of):
    shorter = run_of(decode=0)
    document = Document(page_of(dense, shorter))
    rows = [
        (a["data-phase"], text.split()) for t, a, text in document.elements
        if t == "tr" and set(a) == {"data-phase"}
    ]  # fmt: skip
    assert len(rows) == sum(len(phase.ops) for phase in dense.phases)
    decode = [cells for phase, cells in rows if phase == "decode"]
    assert decode
    assert all("–" in cells for cells in decode)


def test_the_table_on_disk_and_on_the_page_have_the_same_operators(folders):
    with (folders / "one" / "ops.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    page = (folders / "one" / "report.html").read_text()
    shown = [a for t, a, _ in Document(page).elements if t == "tr" and "data-bound" in a]
    assert [(a["data-phase"], a["data-bound"]) for a in shown] == [
        (row["phase"], row["bound_by"]) for row in rows
    ]
