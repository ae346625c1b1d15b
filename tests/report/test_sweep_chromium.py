"""The page of sweeps in headless Chromium: what it draws, and what a mouse and a keyboard do to it."""

import csv
import json
from pathlib import Path

import pytest

from lockstep.sim.report.sweep_folder import read_sweep
from lockstep.sim.report.sweep_page import render
from lockstep.sweep.load import load_sweep
from lockstep.sweep.session import run_in_folder

RECORDED = Path(__file__).resolve().parents[2] / "results" / "sweeps"


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """Folders of some points of the shipped sweeps; most are in the user's cache from a run before."""
    folders = {"l2-victima": RECORDED / "l2-victima"}  # its points take seconds each
    record = tmp_path_factory.mktemp("record") / "all.db"
    for name, limit in (("llama3-array", 200), ("pim-bank-macs", 112), ("dram-pim", 40)):
        folders[name] = tmp_path_factory.mktemp("sweeps") / name
        run_in_folder(load_sweep(name), folders[name], limit=limit, storage=f"sqlite:///{record}")
    return folders


@pytest.fixture
def show(tmp_path, open_page):
    """Open the page of some folders."""

    def show_them(*folders, **how):
        path = tmp_path / "page.html"
        path.write_text(render([read_sweep(folder) for folder in folders]), encoding="utf-8")
        page = open_page(path, **how)
        page.wait_for_function("document.querySelector('#passing').textContent !== ''")
        return page

    return show_them


def column(folder, name, table="points.csv"):
    with (folder / table).open(encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def texts(page, selector):
    return page.locator(selector).all_text_contents()


def drawn_front(page):
    marks = page.locator("#scatter .member").evaluate_all("m => m.map(e => e.dataset.point)")
    return sorted(map(int, marks))


def rectangle(page, selector):
    """Where an element is; asked in one go, for charts may be drawn anew at any time."""
    script = "s => document.querySelector(s).getBoundingClientRect().toJSON()"
    return page.evaluate(script, selector)


def drag(page, key, top, bottom):
    """Drag along an axis, from one share of its height to another."""
    page.evaluate("document.querySelector('#parallel').scrollIntoView()")
    box = rectangle(page, f'#lines .grip[data-key="{key}"]')
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + top * box["height"])
    page.mouse.down()
    for share in (0.3, 0.6, 1.0):
        page.mouse.move(x, box["y"] + (top + share * (bottom - top)) * box["height"])
    page.mouse.up()
    settle(page)


def settle(page):
    page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


@pytest.mark.parametrize("name", ["llama3-array", "pim-bank-macs", "dram-pim", "l2-victima"])
@pytest.mark.parametrize("dark", [False, True])
def test_shipped_sweeps_are_drawn_without_errors(name, dark, shipped, show):
    folder = shipped[name]
    page = show(folder, dark=dark)
    front = sorted(map(int, column(folder, "point", "pareto.csv")))
    assert drawn_front(page) == front
    assert page.locator("#lines .line.front").count() == len(front)
    assert len(texts(page, "#table tbody tr")) == min(100, len(column(folder, "point")))
    axes = json.loads((folder / "sweep.json").read_text())["axes"]
    assert page.locator("#effect-charts figure").count() == len(axes)
    for width in (1366, 390):
        page.set_viewport_size({"width": width, "height": 800})
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_steps_are_the_front_of_two_objectives(shipped, show):
    page = show(shipped["pim-bank-macs"])
    corners = page.locator("#scatter .stairs").get_attribute("data-corners").split()
    assert sorted(corners) == sorted(column(shipped["pim-bank-macs"], "point", "pareto.csv"))


def test_the_lines_are_on_the_canvas(shipped, show):
    page = show(shipped["llama3-array"])
    painted = """() => {
      const c = document.querySelector("#lines canvas");
      return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0);
    }"""
    assert page.evaluate(painted)


def test_a_brush_keeps_what_is_inside(shipped, show):
    folder = shipped["llama3-array"]
    page = show(folder)
    drag(page, "m:latency_s", 0.5, 1.0)
    kept = page.evaluate("SW.on.filter(Boolean).length")
    bounds = page.evaluate("SW.filters.get('m:latency_s')")
    inside = [v for v in column(folder, "latency_s") if bounds["lo"] <= float(v) <= bounds["hi"]]
    assert 0 < kept < 200
    assert kept == len(inside)
    assert f"{kept} of 200 points" in page.inner_text("#passing")
    assert f"of {kept} that pass" in page.inner_text("#shown")
    page.click("#clear")
    settle(page)
    assert page.inner_text("#passing") == "all 200 points"


def test_a_brush_moves_and_a_click_lets_it_go(shipped, show):
    page = show(shipped["llama3-array"])
    drag(page, "a:tensor.rows", 0.6, 0.95)
    low = page.evaluate("SW.filters.get('a:tensor.rows').hi")
    drag(page, "a:tensor.rows", 0.8, 0.5)
    assert page.evaluate("SW.filters.get('a:tensor.rows').hi") > low
    drag(page, "a:tensor.rows", 0.5, 0.5)
    assert page.evaluate("SW.filters.size") == 0


def test_filters_work_by_keyboard(shipped, show):
    folder = shipped["dram-pim"]
    page = show(folder)
    page.locator("#filters summary").focus()
    page.keyboard.press("Enter")
    page.locator('#filters input[data-key="a:processor"]').first.focus()
    page.keyboard.press("Space")
    page.locator('#filters input[data-key="a:batch"][data-end="hi"]').fill("4")
    settle(page)
    rows = zip(column(folder, "processor"), column(folder, "batch"), strict=True)
    expected = sum(processor != "none" and int(batch) <= 4 for processor, batch in rows)
    assert page.evaluate("SW.on.filter(Boolean).length") == expected
    page.click("#clear")
    page.locator('#filters input[data-key="a:batch"][data-end="lo"]').fill("4")
    settle(page)
    expected = sum(int(batch) >= 4 for batch in column(folder, "batch"))
    assert page.evaluate("SW.on.filter(Boolean).length") == expected


def test_select_boxes_change_the_axes(shipped, show):
    page = show(shipped["llama3-array"])
    page.select_option("#x", "m:area_mm2")
    page.select_option("#y", "a:tensor.cols")
    settle(page)
    titles = texts(page, "#scatter text")
    assert "area_mm2" in titles
    assert "tensor.cols" in titles
    assert page.locator("#scatter .stairs").count() == 0
    page.select_option("#colour", "a:dataflow")
    page.select_option("#effect", "m:power_w")
    settle(page)
    assert any("output stationary, " in label for label in texts(page, "#scatter-legend li"))
    assert any("power_w" in heading for heading in texts(page, "#effect-charts h3"))


def test_pins_are_compared(shipped, show):
    page = show(shipped["pim-bank-macs"])
    page.locator("#front button.pin").first.click()
    page.locator("#scatter .member").last.focus()
    page.keyboard.press("Enter")
    settle(page)
    assert texts(page, "#scatter text.letter") == ["A", "B"]
    heads = texts(page, "#compare thead th")
    front = column(shipped["pim-bank-macs"], "point", "pareto.csv")
    assert [head.split()[1] for head in heads[1:]] == [front[0], front[-1]]
    tpot = [float(v) for v in column(shipped["pim-bank-macs"], "tpot_s", "pareto.csv")]
    (row,) = [text for text in texts(page, "#compare tbody tr") if text.startswith("tpot_s")]
    assert f"× {tpot[-1] / tpot[0]:.3g}" in row
    assert page.locator("#compare .worse").count() > 0
    page.click("#unpin")
    settle(page)
    assert not page.locator("#compare").is_visible()


def test_a_point_under_the_mouse_tells_its_values_and_a_click_pins_it(shipped, show):
    page = show(shipped["pim-bank-macs"])
    mark = page.locator("#scatter .member").first
    mark.scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#plane').scrollIntoView()")
    box = rectangle(page, "#scatter .member")
    page.mouse.move(box["x"] + 25, box["y"] + 25)
    page.mouse.move(box["x"] + 5, box["y"] + 6)
    assert page.inner_text("#tip").startswith("point ")
    assert "on the front" in page.inner_text("#tip")
    page.mouse.click(box["x"] + 5, box["y"] + 6)
    settle(page)
    assert texts(page, "#scatter text.letter") == ["A"]


def test_the_table_sorts_and_finds(shipped, show):
    folder = shipped["llama3-array"]
    page = show(folder)
    page.get_by_role("button", name="energy_j", exact=True).last.click()
    shown = [float(text) for text in texts(page, "#table tbody td:nth-child(9)")]
    assert shown == sorted(shown)
    assert shown[0] == float(f"{min(map(float, column(folder, 'energy_j'))):.4g}")
    page.fill("#text", "output 384")
    page.select_option("#status", "2")
    statuses = zip(column(folder, "status"), column(folder, "dataflow"), strict=True)
    infeasible = sum(s == "infeasible" and d == "output stationary" for s, d in statuses)
    assert 0 < len(texts(page, "#table tbody tr")) <= infeasible


def test_odd_names_failures_and_one_objective(write_sweep, show):
    page = show(write_sweep(objectives=(("latency_s", "min"),)))
    assert page.locator("#x").input_value() == "point"
    assert "<b>unit</b>" in texts(page, "#table th")
    assert "</script><b>x" in " ".join(texts(page, "#table tbody tr"))
    assert page.locator("#scatter .rings").count() == 1
    page.select_option("#status", "3")
    assert len(texts(page, "#table tbody tr")) == 8
    page.locator("#table tbody .sourced").first.hover()
    assert page.inner_text("#tip") == "lanes: 128 <i>is</i> too many"


def test_a_sweep_without_an_ok_point_says_so(write_sweep, show):
    page = show(write_sweep(broken="all"))
    assert "no front" in page.inner_text("#front")
    assert texts(page, "#scatter text") == ["No point has both values."]
    assert len(texts(page, "#table tbody tr")) == 40
    assert not drawn_front(page)


def test_several_sweeps_share_a_plane(shipped, show):
    page = show(shipped["pim-bank-macs"], shipped["dram-pim"])
    assert page.locator("#scatter .stairs").count() == 2
    assert texts(page, "#scatter-legend li") == ["pim-bank-macs", "dram-pim"]
    page.select_option("#sweep", "1")
    settle(page)
    assert "memory" in texts(page, "#lines text.title")
    assert page.inner_text("#passing") == "all 40 points"


def test_the_theme_changes_and_print_is_light(shipped, show):
    page = show(shipped["dram-pim"], dark=True)
    colour = "getComputedStyle(document.querySelector('.card')).backgroundColor"
    dark = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(colour) == "rgb(255, 255, 255)" != dark
    page.click("#theme")
    page.emulate_media(media="print")
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert not page.locator("#view").is_visible()
    assert len(page.pdf()) > 50_000


def test_a_broken_script_is_noticed(shipped, tmp_path, open_page, complaints):
    html = render([read_sweep(shipped["dram-pim"])])
    path = tmp_path / "broken.html"
    path.write_text(html.replace('"number":[', '"numbers":[', 1), encoding="utf-8")
    open_page(path)
    assert complaints
    complaints.clear()
