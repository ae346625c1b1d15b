import io
import itertools
import struct

import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from lockstep.sim.report import plots
from lockstep.sim.report.rates import rates_of
from lockstep.sim.report.table import op_rows

SHAPES = ["dense", "prefill-only", "resident", "dense-and-moe", "cloud", "odd-names", "long-names"]
pytestmark = pytest.mark.parametrize("result", SHAPES, indirect=True, scope="module")


@pytest.fixture(scope="module")
def figures(result):
    return plots.figures(result.summary(), rates_of(result.system), op_rows(result))


@pytest.mark.parametrize("name", ["roofline", "latency", "energy"])
def test_nothing_overlaps_or_is_cut_at_900_by_550(figures, name, monkeypatch):
    drawn = {}
    draw = Text.draw

    def record(text, renderer):
        if text.get_visible() and text.get_text().strip():
            drawn[text] = text.get_window_extent(renderer)
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", record)
    png = io.BytesIO()
    figures[name].savefig(png, format="png")
    assert struct.unpack(">II", png.getvalue()[16:24]) == (900, 550)
    assert len(drawn) > 5
    for text, box in drawn.items():
        assert box.min.min() >= 0, text
        assert box.x1 <= 900, text
        assert box.y1 <= 550, text
    for a, b in itertools.combinations(drawn, 2):
        common = Bbox.intersection(drawn[a], drawn[b])
        assert common is None or min(common.width, common.height) <= 1, (a, b)


def test_no_class_is_above_the_roof(result, figures):
    machine = result.system.machine
    (axes,) = figures["roofline"].axes
    assert len(axes.collections) >= 2
    for points in axes.collections:
        ((intensity, rate),) = np.asarray(points.get_offsets())
        bytes_per_s = result.system.dram_bytes_per_cycle * machine.clock_hz
        assert rate <= min(result.system.peak_macs_per_s, intensity * bytes_per_s) * (1 + 1e-9)


def test_what_needs_no_dram_stands_at_the_edge(result, figures):
    (axes,) = figures["roofline"].axes
    at_edge = [p for p in axes.collections if p.get_offsets()[0, 0] == axes.get_xlim()[1]]
    without = {r["name"] for r in op_rows(result) if r["macs"] and not r["dram_bytes"]}
    assert bool(at_edge) == bool(without)
    assert all("no DRAM" in point.get_label() for point in at_edge)
    assert len(axes.collections) == len({p.get_label() for p in axes.collections})


def test_bars_sum_to_the_run(result, figures):
    panels = figures["latency"].axes
    for axes, phase in zip(panels, result.phases, strict=True):
        drawn = sum(bar.get_width() for bar in axes.patches)
        assert drawn * result.system.machine.clock_hz == pytest.approx(phase.cycles, rel=1e-9)
    (axes,) = figures["energy"].axes
    joules = sum(bar.get_width() for bar in axes.patches)
    assert joules == pytest.approx(result.summary()["energy_j"], rel=1e-9)
