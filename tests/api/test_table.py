"""Tables: sequences that filter, sort, print, and become CSV files and HTML."""

import csv
import io
import re
from dataclasses import asdict, dataclass

import pytest

import lockstep


@dataclass(frozen=True)
class Layer:
    name: str
    latency_s: float | None
    rows: int


LAYERS = (Layer("b", 2e-3, 8), Layer("a", None, 4), Layer("c<b>", 1e-3, 8), Layer("d", 2e-3, 2))


@pytest.fixture
def table():
    return lockstep.Table(LAYERS, asdict, title="layers & more")


def names(table):
    return [row.name for row in table]


def test_it_is_a_sequence(table):
    assert len(table) == 4
    assert list(table) == list(LAYERS)
    assert table[-1] is LAYERS[3]
    assert LAYERS[1] in table
    assert names(table[1:3]) == ["a", "c<b>"]
    assert isinstance(table[1:3], lockstep.Table)
    assert table.columns == ("name", "latency_s", "rows")
    assert table.column("latency_s") == [2e-3, None, 1e-3, 2e-3]


def test_filter(table):
    assert names(table.filter(rows=8)) == ["b", "c<b>"]
    assert names(table.filter(lambda row: row.rows < 8, latency_s=2e-3)) == ["d"]
    assert names(table.filter(latency_s=None)) == ["a"]
    assert len(table.filter(rows=3)) == 0
    assert names(table) == ["b", "a", "c<b>", "d"]  # as it was
    with pytest.raises(lockstep.InputError, match="unknown column 'row'; did you mean 'rows'"):
        table.filter(row=8)


def test_sort(table):
    assert names(table.sort("latency_s")) == ["c<b>", "b", "d", "a"]
    assert names(table.sort("latency_s", descending=True)) == ["b", "d", "c<b>", "a"]
    assert names(table.sort("name")) == ["a", "b", "c<b>", "d"]
    with pytest.raises(lockstep.InputError, match="unknown column 'latency'"):
        table.sort("latency")
    mixed = lockstep.Table([1, "x"], lambda row: {"value": row}, title="mixed")
    with pytest.raises(lockstep.InputError, match="have no order"):
        mixed.sort("value")


def test_text(table):
    assert repr(table).splitlines() == [
        "layers & more",
        "name  latency  rows",
        "b        2 ms     8",
        "a                 4",
        "c<b>     1 ms     8",
        "d        2 ms     2",
    ]
    assert repr(table[:0]) == "layers & more\n(no rows)"
    long = lockstep.Table(range(23), lambda n: {"n": n}, title="long")
    assert repr(long).splitlines()[-2:] == ["19", "... 3 more rows"]
    assert repr(long[:21]).endswith("... 1 more row")


def test_html_is_escaped_and_has_no_colours(table):
    html = table._repr_html_()
    assert "layers &amp; more" in html
    assert "c&lt;b&gt;" in html
    assert html.count("<tr>") == 5
    assert "color" not in html
    assert "background" not in html
    assert "no rows" in table[:0]._repr_html_()


def test_csv(table, tmp_path):
    text = table.to_csv()
    assert table.to_csv(tmp_path / "layers.csv") is None
    assert (tmp_path / "layers.csv").read_bytes() == text.encode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == names(table)
    assert rows[1]["latency_s"] == ""
    with pytest.raises(lockstep.InputError, match="cannot be written"):
        table.to_csv(tmp_path / "none" / "layers.csv")


def test_rows_that_differ_in_their_columns():
    table = lockstep.Table([{"x": 1}, {"y": 2.5}], dict, title="sparse")
    assert table.columns == ("x", "y")
    assert table.column("y") == [None, 2.5]
    assert table.to_csv() == "x,y\n1,\n,2.5\n"
    frame = table.to_pandas()
    assert list(frame.columns) == ["x", "y"]
    assert frame["y"].tolist()[1] == 2.5


def test_numbers_for_readers():
    row = {
        "dram_bytes": 3e9,
        "utilization": 0.5,
        "tokens_per_s": 12.3456,
        "macs": 2.5e12,
        "n": 12345,
    }
    table = lockstep.Table([row | {"is_on": True}], dict, title="one")
    _, heads, cells = repr(table).splitlines()
    assert cells.split() == ["3", "GB", "50.0%", "12.35", "2.5", "T", "12,345", "yes"]
    assert re.split(r" {2,}", heads) == ["DRAM", "utilization", "tokens/s", "MACs", "n", "is on"]
