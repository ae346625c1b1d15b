"""Files of a reproduction, the published figures, and what is refused."""

import json

import pytest

from lockstep.arch.load import InputError, shipped
from lockstep.cli.main import main
from lockstep.cli.reproduce import PAPERS, reproduce
from lockstep.papers.published import IntVsFp, XrNpe, published
from lockstep.papers.reproduction import Paper, Part, Table, cell_text, markdown_table, write_parts
from lockstep.papers.style import new_figure


def part(name="one"):
    rows = [{"format": "a", "size_bits": 3, "share": 0.12345, "wins": True, "paper": None}]
    table = Table(name="rows", title="Rows", rows=rows, note="Why.")
    hidden = Table(name="long", title="Long", rows=rows * 2, on_page=False)
    return Part(name=name, title="A part", tables=(table, hidden), figures={name: new_figure()})


PAPER = Paper(name="p", title="P", experiments={n: lambda _, n=n: part(n) for n in ("one", "two")})


def test_files_of_all_parts(tmp_path):
    files = write_parts(PAPER, PAPER.parts(None, lambda _: None), tmp_path / "new" / "folder")
    assert {f.name for f in files} == {
        "README.md", "one.md", "one.json", "one.png", "two.md", "two.json", "two.png",
    }  # fmt: skip
    folder = files[0].parent
    assert "| a | 3 | 0.1235 | yes | - |" in (folder / "one.md").read_text()
    assert "Long" not in (folder / "one.md").read_text()
    assert len(json.loads((folder / "one.json").read_text())["long"]) == 2
    assert (folder / "one.png").read_bytes().startswith(b"\x89PNG")
    assert "[two](two.md)" in (folder / "README.md").read_text()


def test_one_part_leaves_the_others(tmp_path):
    write_parts(PAPER, PAPER.parts("two", lambda _: None), tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "README.md", "two.json", "two.md", "two.png",
    ]  # fmt: skip


def test_the_same_part_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_parts(PAPER, PAPER.parts("one", lambda _: None), tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_cells():
    assert [cell_text(v) for v in (True, None, 12345.6, 0.5, 7, "x")] == [
        "yes", "-", "12,346", "0.5", "7", "x",
    ]  # fmt: skip
    assert markdown_table([{"a_b": 1, "c": "x"}]).splitlines()[:2] == [
        "| a b | c |",
        "| ---: | --- |",
    ]


def test_bad_names_are_one_line(tmp_path):
    with pytest.raises(
        InputError, match=r"^unknown paper 'int-vs-fb'; did you mean 'int-vs-fp'\?$"
    ):
        reproduce("int-vs-fb")
    with pytest.raises(InputError, match=r"^--only: int-vs-fp has no part 'cots'; .*'cost'\?$"):
        reproduce("int-vs-fp", only="cots", out=tmp_path)
    with pytest.raises(InputError, match=r"^--sigma: int-vs-fp has no such option"):
        reproduce("int-vs-fp", sigma=3.0, out=tmp_path)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match=r"^--out: .*: cannot be written"):
        write_parts(PAPER, [], file)


def test_a_part_from_the_command(tmp_path, capsys):
    reproduce("xr-npe", out=tmp_path, only="formats", as_json=True)
    out = json.loads(capsys.readouterr().out)
    assert out == {"formats": json.loads((tmp_path / "formats.json").read_text())}
    reproduce("xr-npe", out=tmp_path, only="formats")
    assert max(map(len, capsys.readouterr().out.splitlines()[:-1])) <= 100


def test_every_shipped_paper_loads_and_has_a_command():
    assert published(IntVsFp, "int-vs-fp").cost.units["mxint8"].area == 0.79
    assert len(published(XrNpe, "xr-npe").claims) == 7
    assert {"int-vs-fp", "xr-npe"} <= set(shipped("papers")) & set(PAPERS)


def test_the_command_is_registered():
    assert main(["reproduce", "--help"]) == 0
