"""``lockstep report``: what it prints, where it writes, and what it refuses."""

import json

import pytest

from lockstep.cli.main import main
from lockstep.sim.report import write_report
from lockstep.sim.report.shell import MARK


@pytest.fixture(scope="module")
def written(dense, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    for name in ("one", "two"):
        write_report(dense, out / name, command=["run", name])
    return out


@pytest.fixture
def lockstep(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder; returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        code = main(["report", *map(str, argv)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_one_folder_gets_its_page_anew(lockstep, written):
    path = written / "one" / "report.html"
    before = path.read_bytes()
    path.unlink()
    code, out, _ = lockstep(written / "one")
    assert code == 0
    assert "longest operators" in out
    assert out.splitlines()[-1] == f"report: {path}"
    assert path.read_bytes() == before
    assert sorted(p.name for p in (written / "one").iterdir()) == sorted(
        p.name for p in (written / "two").iterdir()
    )


def test_json_is_the_run_and_nothing_else(lockstep, written, dense):
    code, out, _ = lockstep(written / "one", "--json")
    assert code == 0
    data = json.loads(out)
    assert data["summary"] == dense.summary()
    assert len(data["ops"]) == sum(len(phase.ops) for phase in dense.phases)


def test_several_folders_make_a_page_in_the_current_one(lockstep, written, tmp_path, dense):
    code, out, _ = lockstep(written / "one", written / "two")
    assert code == 0
    assert "ratios to the first" in out
    assert MARK in (tmp_path / "report.html").read_text()
    code, out, _ = lockstep(written / "one", written / "two", "--json", "-o", "deep/er/page.html")
    assert code == 0
    assert [run["summary"] for run in json.loads(out)["runs"]] == 2 * [dense.summary()]
    same = (tmp_path / "deep" / "er" / "page.html").read_bytes()
    assert same == (tmp_path / "report.html").read_bytes()


def test_a_report_is_replaced_and_nothing_else(lockstep, written, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<!-- mine -->")
    code, _, err = lockstep(written / "one", written / "two")
    assert (code, len(err.strip().splitlines())) == (2, 1)
    assert "not a report of lockstep" in err
    assert page.read_text() == "<!-- mine -->"
    page.write_text(f"{MARK} of old")
    assert lockstep(written / "one", written / "two")[0] == 0
    assert "of old" not in page.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_is_one_line(lockstep, written, tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in ("file/page.html", "."):
        code, _, err = lockstep(written / "one", "-o", out)
        assert (code, len(err.strip().splitlines())) == (2, 1)
        assert "-o" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["empty"], "summary.json"),
        (["a-sweep", "one"], "one is not of a sweep"),
        (["one", "a-sweep"], "one is not of a sweep"),
        (["one", "nowhere"], "nowhere: no such folder"),
        ([], "Missing argument"),
    ],
)
def test_bad_input_is_one_line_and_code_two(lockstep, written, tmp_path, arguments, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a-sweep").mkdir()
    (tmp_path / "a-sweep" / "sweep.json").write_text("{}")
    (tmp_path / "one").symlink_to(written / "one")
    code, out, err = lockstep(*arguments)
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
    assert says in err
    assert not list(tmp_path.glob("*.html"))
