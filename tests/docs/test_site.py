"""The documentation site: built in strict mode, every link followed, opened in a browser."""

import html
import html.parser
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.xdist_group("site"),  # built once
    pytest.mark.skipif(
        not importlib.util.find_spec("material"), reason="needs the extra `docs`: mkdocs-material"
    ),
]


def build(config, out):
    """Run mkdocs in strict mode; its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", out],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


class Page(html.parser.HTMLParser):
    """What a page refers to, what it loads, and which anchors it has."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.anchors |= {named[key] for key in ("id", "name") if named.get(key)}
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        for key in ("src", "href", "data", "poster"):
            if tag != "a" and named.get(key):
                self.loads.append(named[key])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    code, said = build(ROOT / "mkdocs.yml", out)
    assert code == 0, said
    assert "WARNING" not in said
    return out


@pytest.fixture(scope="module")
def pages(site):
    return {
        path: Page(path.read_text())
        for path in site.rglob("*.html")
        if path.name != "404.html"  # its links start from a server's root
    }


def test_every_page_of_the_navigation_is_there(site):
    text = (ROOT / "mkdocs.yml").read_text()
    found = re.findall(r"[\w/-]+\.md$", text[text.index("\nnav:") :], re.MULTILINE)
    assert len(found) > 40
    missing = [page for page in found if not (site / page).with_suffix(".html").is_file()]
    assert not missing


def test_every_link_leads_somewhere(site, pages):
    lost = []
    for path, page in pages.items():
        for link in page.links + page.loads:
            if re.match(r"[a-z]+:", link):
                continue
            where, _, anchor = link.partition("#")
            target = (path.parent / where.split("?")[0]).resolve() if where else path
            target = target / "index.html" if target.is_dir() else target
            anchors = pages[target].anchors if target in pages else {anchor}
            if not target.is_file() or (anchor and anchor not in anchors):
                lost.append(f"{path.relative_to(site)}: {link}")
    assert len(pages) > 100
    assert not lost


def test_nothing_is_loaded_from_the_network(site, pages):
    for path, page in pages.items():
        assert not [load for load in page.loads if re.match(r"(https?:)?//", load)], path
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text()), style


def text_of(site, page):
    return (site / f"{page}.html").read_text()


@pytest.mark.parametrize(
    "kind", ["machine", "model", "tech", "dram", "dram_timing", "pim", "mmu", "sweep"]
)
def test_every_key_of_a_file_is_in_the_reference(site, pages, kind, capsys):
    """Keys as ``lockstep schema`` has them, whatever the generator of the page walks."""
    from lockstep.cli.main import main

    assert main(["schema", kind]) == 0
    schema = json.loads(capsys.readouterr().out)
    keys = set()

    def walk(node):
        if isinstance(node, dict):
            keys.update(node.get("properties", {}))
            node = list(node.values())
        if isinstance(node, list):
            for each in node:
                walk(each)

    walk(schema)
    anchors = pages[site / "reference" / f"{kind}.html"].anchors
    assert keys
    assert not keys - {anchor.rpartition(".")[2] for anchor in anchors}


def test_every_shipped_file_is_listed(site, pages):
    shipped = pages[site / "reference/shipped.html"]
    linked = {Path(link).name.removesuffix(".html") for link in shipped.links}
    for folder in ("machines", "models", "tech", "dram", "pim", "mmu", "sweeps"):
        assert {p.name for p in (ROOT / "configs" / folder).glob("*.yaml")} <= linked


def test_every_command_has_its_help(site):
    import typer

    from lockstep.cli.main import app

    commands = text_of(site, "reference/commands")
    names = typer.main.get_command(app).list_commands(None)
    assert "run" in names
    for name in names:
        assert f'id="{name}"' in commands


def test_the_python_page_has_public_names_only(site, pages):
    import lockstep

    anchors = pages[site / "reference/python.html"].anchors
    assert {name for name in lockstep.__all__ if not name.startswith("_")} <= anchors
    private = re.findall(r"(?<![\w.])(?:\w+\.)*_[a-z]\w*", text_of(site, "reference/python"))
    assert not [name for name in private if name.startswith("_") or "lockstep" in name]


def test_ports_and_cycles_are_those_of_the_rtl(site):
    text = html.unescape(re.sub(r"<[^>]+>", " ", text_of(site, "reference/components")))
    row = re.search(r"\bo_c\s+out\s+valid, ready\s+([\d,\s-]+)", text)[1].split()
    assert {"512", "4,096"} <= set(row)  # 16 and 128 lanes of 32 bits
    assert "NAND2 equivalents" in text


def changed_site(tmp_path, addition):
    """The site with something added to its first page."""
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("_site"))
    with (docs / "index.md").open("a") as page:
        page.write(f"\n{addition}\n")
    (tmp_path / "mkdocs.yml").write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\nhooks: [{ROOT / 'docs/_site/hooks.py'}]\n"
    )
    return build(tmp_path / "mkdocs.yml", tmp_path / "out")


def test_broken_links_fail_the_build(tmp_path):
    code, said = changed_site(
        tmp_path, "[a](gone.md) [b](../results/gone.md) [c](#gone) ![d](gone.png) [e](/gone.md)"
    )
    assert code
    for link in ("gone.md", "../results/gone.md", "#gone", "gone.png", "/gone.md"):
        assert re.search(rf"WARNING.*'{re.escape(link)}'", said), link
    assert "Aborted with 5 warnings" in said  # and nothing else is wrong


def test_an_unknown_part_of_the_reference_fails_the_build(tmp_path):
    code, said = changed_site(tmp_path, "<!-- generated keys machines -->")
    assert code
    assert "index.md: <!-- generated keys machines -->" in said


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if not chromium or not importlib.util.find_spec("playwright"):
        pytest.skip("needs Chromium and playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
        flags += " --disable-background-networking --disable-component-update --disable-sync"
        opened = tool.chromium.launch(executable_path=chromium, args=flags.split())
        yield opened
        opened.close()


@pytest.fixture
def tab(browser):
    """A tab that records what goes wrong: errors, and requests for anything but files."""
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    page = context.new_page()
    page.wrong = []
    page.on("console", lambda m: page.wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("requestfailed", lambda request: page.wrong.append(request.url))
    page.on(
        "request",
        lambda r: (
            None if r.url.startswith(("file:", "data:", "about:")) else page.wrong.append(r.url)
        ),
    )
    yield page
    context.close()


PAGES = ["index", "reference/machine", "reference/agreement", "notebooks/first-run"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_open_without_an_error(site, tab, page):
    for width in (1366, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.goto(f"{site.as_uri()}/{page}.html")
        tab.wait_for_load_state("networkidle")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert not tab.wrong


def test_search_finds_a_key_in_a_site_opened_as_a_file(site, tab):
    tab.goto(f"{site.as_uri()}/index.html")
    tab.get_by_role("textbox", name="Search").click()
    tab.keyboard.type("weight_double_buffer")
    found = tab.locator(".md-search-result__link").first
    found.wait_for(timeout=20_000)
    assert "reference/machine.html" in found.get_attribute("href")
    assert not tab.wrong


def test_the_browser_check_sees_an_error(site, tab, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<script src='gone.js'></script><script>undefined.x</script>")
    tab.goto(page.as_uri())
    assert len(tab.wrong) >= 2
