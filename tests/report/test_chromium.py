"""The page of runs in a real browser: it draws, sorts, filters, explains and prints without complaint."""

import pytest

from lockstep.sim.report.page import render
from lockstep.sim.report.run_files import run_files

WIDE, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def one(dense, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render([run_files(dense, command=["run", "here"])]))
    return path


@pytest.fixture
def two(dense, run_of, tmp_path):
    other = run_of('a model with <a> "name" & more', overrides=["clock_mhz=500"], decode=0)
    path = tmp_path / "two.html"
    path.write_text(render([run_files(r, command=["run"]) for r in (dense, other)]))
    return path


def column(page, number):
    """Texts of a column of the table of operators, visible rows only."""
    cells = page.locator(f"#ops-table tbody tr:not([hidden]) td:nth-child({number})")
    return [text.strip() for text in cells.all_inner_texts()]


def values(page, number):
    cells = page.locator(f"#ops-table tbody tr:not([hidden]) td:nth-child({number})")
    return cells.evaluate_all("all => all.map(each => Number(each.dataset.value))")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("which", ["one", "two"])
def test_it_draws_and_fits(request, open_page, size, dark, which):
    page = open_page(request.getfixturevalue(which), dark=dark, **size)
    assert page.locator("#roofline-chart svg path.mark").count() > 3
    assert page.locator("#timeline-chart svg rect.span").count() > 20
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, background[4:-1].split(","))) / 3
    assert (brightness < 64) if dark else (brightness > 192)


LEAST_CONTRAST = """() => {
  const channel = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
  };
  let least = [99, ""];
  for (const node of document.querySelectorAll("body *:not(svg *, script, noscript)")) {
    const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    if (!own || !node.checkVisibility()) continue;
    const [a, b] = [rgb(getComputedStyle(node).color), behind(node)].map(luminance).sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least[0]) least = [ratio, node.outerHTML.slice(0, 80)];
  }
  return least;
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(open_page, two, dark):
    ratio, where = open_page(two, dark=dark).evaluate(LEAST_CONTRAST)
    assert 4.5 <= ratio < 30, where


def test_heads_sort_by_mouse_and_keyboard(open_page, one):
    page = open_page(one)
    head = page.locator("#ops-table th", has_text="time").filter(has_not_text="times")
    at = head.evaluate("each => each.cellIndex + 1")
    before = values(page, at)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert values(page, at) == sorted(before, reverse=True)
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert values(page, at) == sorted(before)
    page.locator("#ops-table th:nth-child(2) button").click()
    assert head.get_attribute("aria-sort") is None
    assert column(page, 2) == sorted(column(page, 2))


def test_controls_filter(open_page, one, dense):
    page = open_page(one)
    every = len(column(page, 1))
    assert every == sum(len(phase.ops) for phase in dense.phases)
    page.select_option("#ops-filter [data-filter=phase]", "decode")
    assert set(column(page, 1)) == {"decode"}
    page.fill("#ops-filter [data-filter=text]", "ATTN proj")
    names = column(page, 2)
    assert names
    assert all("attn" in name and "proj" in name for name in names)
    assert page.inner_text("#ops-filter output") == f"{len(names)} of {every} rows"
    bound = column(page, 3)[0]
    page.select_option("#ops-filter [data-filter=bound]", bound)
    assert set(column(page, 3)) == {bound}
    page.fill("#ops-filter [data-filter=text]", "no such operator")
    assert column(page, 1) == []
    page.click("#ops-filter button[type=reset]")
    page.wait_for_function(
        f"document.querySelector('#ops-filter output').textContent === '{every} of {every} rows'"
    )


def test_the_theme_is_chosen_and_kept(open_page, one):
    page = open_page(one)
    ink = "getComputedStyle(document.body).color"
    light = page.evaluate(ink)
    page.click("#theme")
    dark = page.evaluate(ink)
    assert dark != light
    for _ in range(20):  # a busy browser stores what it is told a little later
        page.reload()
        if page.evaluate(ink) == dark:
            break
        page.wait_for_timeout(250)
    assert page.evaluate(ink) == dark
    page.click("#theme")
    assert page.evaluate(ink) == light


def test_hover_and_focus_show_the_source(open_page, one, dense):
    page = open_page(one)
    tip = page.locator("#tip")
    assert not tip.is_visible()
    mac = page.locator("#breakdown .sourced", has_text="mac").first
    mac.hover()
    assert tip.is_visible()
    assert dense.system.tech.mac["int8"].source in tip.inner_text()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    clock = page.locator("#cards .sourced", has_text="940 MHz")
    clock.focus()
    assert tip.is_visible()
    assert clock.get_attribute("aria-description") == tip.inner_text()


def test_marks_of_the_roofline_tell_their_numbers(open_page, one):
    page = open_page(one)
    mark = page.locator("#roofline-chart path.mark").first
    mark.focus()
    assert "MAC/s" in page.inner_text("#tip")
    assert "MAC/s" in mark.get_attribute("aria-label")


def test_the_timeline_zooms_into_a_layer(open_page, one):
    page = open_page(one)
    chart = page.locator("#timeline-chart")
    assert "layer" in chart.inner_html()
    page.select_option("#timeline-pass", label="step 4")
    assert "step 4:" in chart.text_content()
    page.select_option("#timeline-item", label="layer 1")
    assert "step 4, layer 1:" in chart.text_content()
    operators = set(
        chart.locator("rect.span").evaluate_all(
            "all => all.map(e => e.dataset.tip.split('\\n')[0])"
        )
    )
    assert {"attn.q_proj", "ffn.down_proj"} <= operators
    page.locator("#timeline-chart rect.item").first.click()
    assert "prefill:" in chart.text_content()
    assert page.input_value("#timeline-item") == ""


def test_runs_are_chosen_where_charts_show_one(open_page, two):
    page = open_page(two)
    labels = page.locator("#roofline-run option").all_inner_texts()
    assert len(labels) == 2
    peak = page.locator("#roofline-legend li").first
    before = peak.inner_text()
    page.select_option("#roofline-run", index=1)
    assert peak.inner_text() != before
    assert page.locator("#timeline-pass option").count() == 3
    page.select_option("#timeline-run", index=1)
    assert page.locator("#timeline-pass option").all_inner_texts() == ["prefill"]
    page.locator("#difference-table th", has_text="ratio").locator("button").click()
    page.select_option("#ops-filter [data-filter=run]", labels[1])
    assert set(column(page, 3)) == {labels[1]}


def test_print_is_light_and_shows_all_rows(open_page, one):
    page = open_page(one, dark=True)
    page.fill("#ops-filter [data-filter=text]", "no such operator")
    assert len(page.pdf(prefer_css_page_size=True)) > 50_000
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#ops-filter").is_visible()
    assert page.locator("#ops-table tbody tr").first.is_visible()


BROKEN = {
    "a script with an error": ("choose(0, null);\n}", "chooose(0, null);\n}", "not defined"),
    "a request": ("</footer>", '<img src="https://example.org/x.png"></footer>', "example.org"),
    "a script of a stranger": ("</footer>", "<script>alert(1)</script></footer>", "Content Security Policy"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_page_would_be_noticed(open_page, complaints, one, tmp_path, old, new, says):
    """The checks of ``open_page`` see what they are there for."""
    text = one.read_text()
    assert old in text
    broken = text.replace(old, new)
    if "script" in says or "not defined" in says:  # let the altered script run
        broken = broken.replace("script-src 'sha256", "script-src 'unsafe-inline'; x 'sha256")
    path = tmp_path / "broken.html"
    path.write_text(broken)
    page = open_page(path)
    page.wait_for_timeout(200)
    assert any(says in complaint for complaint in complaints), complaints
    complaints.clear()
