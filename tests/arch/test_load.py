from pathlib import Path
from typing import Literal

import pytest

from lockstep.arch.config import Config
from lockstep.arch.load import InputError, json_schema, read_yaml, resolve, shipped, validate


class Shape(Config):
    sides: int = 3


class Drawing(Config):
    kind: Literal["drawing"]
    name: str
    shape: Shape


GOOD = """\
kind: drawing
name: a drawing
shape:
  sides: 3
"""


def write(folder, text, name="x.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_document_can_blame_a_key_after_validation(tmp_path):
    document = read_yaml(write(tmp_path, GOOD)).overridden(["name=z"])
    assert validate(Drawing, document).name == "z"
    assert str(document.error(("shape", "sides"), "no")) == f"{document.path}:4: shape.sides: no"
    assert str(document.error(("shape", "depth"), "no")) == f"{document.path}:3: shape.depth: no"
    assert str(document.error((), "no")) == f"{document.path}:1: no"
    assert str(document.error(("name",), "no")) == "--set name=z: name: no"


def test_input_errors_are_one_line():
    assert str(InputError("a\nb\r\nc\u2028d")) == "a b c d"
    assert issubclass(InputError, ValueError)


def test_shipped_files_are_found_by_name():
    machines = shipped("machines")
    assert machines
    for name, path in machines.items():
        assert resolve("machines", name) == path
        assert read_yaml(path).data["name"] == name
    assert shipped("no-such-folder") == {}


def test_names_and_paths_resolve(tmp_path, monkeypatch):
    plain, suffixed = write(tmp_path, GOOD, "plain"), write(tmp_path, GOOD)
    assert resolve("tech", "./x.yaml", relative_to=tmp_path) == suffixed
    assert resolve("tech", "plain", relative_to=tmp_path) == plain
    assert resolve("tech", str(plain), relative_to=Path("elsewhere")) == plain
    monkeypatch.chdir(tmp_path)
    assert resolve("machines", "plain") == Path("plain")


@pytest.mark.parametrize("name", ["", "plain", "x" * 5000])
def test_unknown_names_are_refused(name, tmp_path):
    with pytest.raises(InputError, match=r"^unknown tech '.*neither .* a path; choose from "):
        resolve("tech", name, relative_to=tmp_path)


@pytest.mark.parametrize("name", ["y.yaml", "./y", "y.json", f"{'x' * 5000}/y"])
def test_paths_to_nothing_are_refused(name, tmp_path):
    write(tmp_path, GOOD)
    with pytest.raises(InputError, match=r"y(\.yaml|\.json)?: no such file; "):
        resolve("machines", name, relative_to=tmp_path)
    with pytest.raises(InputError, match=r"there is no folder .*nowhere.* to find it in"):
        resolve("machines", name, relative_to=tmp_path / "nowhere")


def test_an_unknown_name_names_the_nearest():
    name = next(iter(shipped("machines")))
    with pytest.raises(InputError, match=f"unknown machine '{name}x'.*; did you mean '{name}'?"):
        resolve("machines", name + "x")


def test_json_schema_describes_the_file():
    schema = json_schema(Drawing)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "Drawing"
    assert schema["required"] == ["kind", "name", "shape"]
    assert schema["additionalProperties"] is False
