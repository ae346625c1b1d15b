"""Pictures of the reports for docs/: ``python -m benchmarks.screenshots`` writes docs/img/*.png.

Needs the ``dev`` extra and a Chromium on PATH.
"""

import io
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from lockstep.arch.machine import load_machine
from lockstep.sim.report import sweep_page
from lockstep.sim.report.page import render
from lockstep.sim.report.run_files import RunFiles, run_files
from lockstep.sim.run import simulate
from lockstep.sweep.load import load_sweep
from lockstep.sweep.session import run_in_folder
from lockstep.workloads.model import load_model

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "img"
MACHINE, MODEL = "cloud-ws128", "llama-3-8b"
SWEEP = "llama3-array"
MOST_BYTES = 300_000
SIZES = {"prefill": 2048, "decode": 128, "batch": 8}
DOUBLED = ("tensor.rows=256", "dram.channels=32")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture: of ``section``, or of the window; ``act`` is done to the page before."""

    page: str
    section: str | None = None
    dark: bool = False
    height: int = 860
    act: Callable[[Page], None] = lambda page: None


def _into_a_layer(page: Page) -> None:
    page.select_option("#timeline-item", label="layer 0")
    page.hover("#timeline-chart rect.span[data-tip^='attn.softmax'][data-tip*='busy']")


def _on_a_point(page: Page) -> None:
    page.locator("#roofline-chart path.mark").last.hover()


def _box(page: Page, selector: str) -> dict[str, float]:
    """Where the first such element is; asked in one go, for charts may be drawn anew at any time."""
    found: dict[str, float] = page.evaluate(
        "s => document.querySelector(s).getBoundingClientRect().toJSON()", selector
    )
    return found


def _beside_a_point(page: Page) -> None:
    page.evaluate("document.querySelector('#plane').scrollIntoView()")
    mark = _box(page, "#scatter .member")
    page.mouse.move(mark["x"] + 30, mark["y"] + 5)
    page.mouse.move(mark["x"] + 7, mark["y"] + 6)


def _brushed(page: Page) -> None:
    page.evaluate("document.querySelector('#parallel').scrollIntoView()")
    page.select_option("#colour", "a:format")
    for key, top, bottom in (("m:qsnr_db", 0.0, 0.66), ("m:latency_s", 0.75, 1.0)):
        axis = _box(page, f"#lines .grip[data-key='{key}']")
        x = axis["x"] + axis["width"] / 2
        page.mouse.move(x, axis["y"] + top * axis["height"])
        page.mouse.down()
        page.mouse.move(x, axis["y"] + bottom * axis["height"], steps=4)
        page.mouse.up()
    page.mouse.move(0, 0)


def _pinned(page: Page) -> None:
    for button in page.locator("#front button.pin").all()[::2]:
        button.click()


SHOTS = {
    "report-summary": Shot(page="one", height=930),
    "report-timeline": Shot(page="one", section="timeline", dark=True, act=_into_a_layer),
    "report-roofline": Shot(page="one", section="roofline", act=_on_a_point),
    "report-compared": Shot(page="two", height=900),
    "sweep-summary": Shot(page="sweep", height=1040),
    "sweep-plane": Shot(page="sweep", section="plane", act=_beside_a_point),
    "sweep-lines": Shot(page="sweep", section="parallel", dark=True, act=_brushed),
    "sweep-effects": Shot(page="sweep", section="effects"),
    "sweep-pinned": Shot(page="sweep", section="pinned", act=_pinned),
}


def _run(label: str, *overrides: str) -> RunFiles:
    result = simulate(load_machine(MACHINE, overrides), load_model(MODEL), **SIZES)
    sizes = [word for name, size in SIZES.items() for word in (f"--{name}", str(size))]
    changes = [word for each in overrides for word in ("--set", each)]
    files = run_files(result, command=["run", MACHINE, "--model", MODEL, *sizes, *changes])
    return replace(files, label=label)


def _small(png: bytes) -> bytes:
    """The same picture; of 256 colours, rare ones among them, if it is large."""
    if len(png) <= MOST_BYTES:
        return png
    data = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(
        method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    ).save(data, "PNG", optimize=True)
    return data.getvalue()


def main() -> None:
    """Write every picture."""
    base, doubled = _run("shipped"), _run("doubled", *DOUBLED)
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name, runs in {"one": [base], "two": [base, doubled]}.items():
            (Path(folder) / f"{name}.html").write_text(render(runs), encoding="utf-8")
        run_in_folder(load_sweep(SWEEP), Path(folder) / SWEEP)
        swept = sweep_page.render([sweep_page.read_sweep(Path(folder) / SWEEP)])
        (Path(folder) / "sweep.html").write_text(swept, encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, shot in SHOTS.items():
            page = browser.new_page(
                viewport={"width": 1366, "height": shot.height},
                color_scheme="dark" if shot.dark else "light",
            )
            page.goto((Path(folder) / f"{shot.page}.html").as_uri())
            shot.act(page)
            page.add_style_tag(content="header, #view { position: static !important; }")
            where = page.locator(f"#{shot.section}") if shot.section else page
            (IMAGES / f"{name}.png").write_bytes(_small(where.screenshot()))
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
