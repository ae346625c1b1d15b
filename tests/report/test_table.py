import csv
import json

import pytest

from lockstep.arch.load import InputError
from lockstep.sim.energy import components
from lockstep.sim.report import read_report, write_report
from lockstep.sim.report.table import op_rows, to_csv

EXACT = {"rel": 1e-9, "abs": 0}


def test_columns_sum_to_the_summary(result):
    rows, summary = op_rows(result), result.summary()

    def total(column):
        return sum(row[column] for row in rows)

    assert total("latency_s") == pytest.approx(summary["latency_s"], **EXACT)
    assert total("latency_cycles") == pytest.approx(result.cycles, **EXACT)
    assert total("macs") == pytest.approx(summary["macs"], **EXACT)
    assert total("dram_bytes") == pytest.approx(summary["dram_bytes"], **EXACT)
    assert total("energy_j") == pytest.approx(summary["energy_j"], **EXACT)
    for name in components(result.system):
        expected = summary["energy_by_component_j"][name]
        assert total(f"energy_{name}_j") == pytest.approx(expected, **EXACT)
    assert total("share_of_phase") == pytest.approx(len(result.phases), **EXACT)


def test_a_row_sums_its_own_components(result):
    for row in op_rows(result):
        assert row["energy_j"] == pytest.approx(
            sum(row[f"energy_{c}_j"] for c in components(result.system))
        )
        assert row["dram_bytes"] == row["dram_read_bytes"] + row["dram_write_bytes"]


def test_what_is_written_is_read_back(result, tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps(result.summary()))
    (tmp_path / "ops.csv").write_text(to_csv(op_rows(result)))
    summary, rows = read_report(tmp_path)
    assert summary == result.summary()
    assert rows == op_rows(result)
    assert list(rows[0]) == list(op_rows(result)[0])


@pytest.fixture(scope="module")
def report(dense, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "out"
    write_report(dense, folder, command=["run"])
    return {name: (folder / name).read_bytes() for name in ("summary.json", "ops.csv")}


def _last_cell(table, cell):
    lines = list(csv.reader(table.decode().splitlines()))
    lines[-1][4] = cell
    return "\n".join(",".join(f'"{c}"' for c in line) for line in lines).encode()


SPOILT = {
    "empty table": ("ops.csv", lambda _: b""),
    "header only": ("ops.csv", lambda table: table.splitlines()[0] + b"\n"),
    "header of another file": ("ops.csv", lambda table: table.replace(b"bound_by", b"bound")),
    "truncated": ("ops.csv", lambda table: table[: len(table) // 2]),
    "ragged": ("ops.csv", lambda table: table.rstrip() + b",7\n"),
    "open quote": ("ops.csv", lambda table: table.rstrip() + b'"'),
    "word for a number": ("ops.csv", lambda table: _last_cell(table, "soon")),
    "not a number": ("ops.csv", lambda table: _last_cell(table, "nan")),
    "no number": ("ops.csv", lambda table: _last_cell(table, "")),
    "not text": ("ops.csv", lambda _: b"\xff\xfe\x00"),
    "empty summary": ("summary.json", lambda _: b""),
    "half a summary": ("summary.json", lambda text: text[: len(text) // 2]),
    "a list": ("summary.json", lambda _: b"[]"),
    "another mapping": ("summary.json", lambda _: b"{}"),
    "infinite": ("summary.json", lambda text: text.replace(b"null", b"1e999", 1) + b"\xff"),
}


@pytest.mark.parametrize(("name", "spoil"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_named(report, tmp_path, name, spoil):
    for each, data in report.items():
        (tmp_path / each).write_bytes(spoil(data) if each == name else data)
    with pytest.raises(InputError, match=name):
        read_report(tmp_path)


@pytest.mark.parametrize("name", ["summary.json", "ops.csv"])
def test_a_missing_file_is_named(report, tmp_path, name):
    for each, data in report.items():
        if each != name:
            (tmp_path / each).write_bytes(data)
    with pytest.raises(InputError, match=name):
        read_report(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="no-such-folder"):
        read_report(tmp_path / "no-such-folder")
