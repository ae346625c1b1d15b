import json
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.arch import syntax
from lockstep.arch.document import read_yaml
from lockstep.arch.error import InputError, suggest


@pytest.fixture(params=["C", "Python"])
def parser(request, monkeypatch):
    """Both of PyYAML's parsers: an install without libyaml must agree with one that has it."""
    if request.param == "C" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    loader = yaml.CSafeLoader if request.param == "C" else yaml.SafeLoader
    monkeypatch.setattr(syntax, "_LOADER", loader)


def write(folder, text, name="x.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("NULL", "NULL"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("9223372036854775807", 2**63 - 1),
        ("1e9", 1e9),
        ("1E9", 1e9),
        ("1e-3", 1e-3),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5e2", -50.0),
        ("1.5e+3", 1500.0),
        ("01.5", "01.5"),
        ("1e", "1e"),
        ("nan", "nan"),
        ('"1"', "1"),
        ("'true'", "true"),
        ("[1, on, 1e3]", [1, "on", 1e3]),
        ("{a: 1, b: {c: }}", {"a": 1, "b": {"c": None}}),
        ("é", "é"),
    ],
)
def test_scalars_mean_what_they_look_like(tmp_path, text, value):
    read = read_yaml(write(tmp_path, f"key: {text}\n")).data["key"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a: written twice, first at "),
        ("a: {b: 1,\n  b: 2}\n", 2, "a.b: written twice"),
        ("a: [{b: 1}, {c: 1, c: 2}]\n", 1, "a.1.c: written twice"),
        ("a: &x 1\nb: *x\n", 1, "a: anchors and aliases are not allowed, value 'x'"),
        ("a: 1\nb: *x\n", 2, "b: anchors and aliases are not allowed"),
        ("&x a: 1\n", 1, "anchors and aliases are not allowed"),
        ("a: 1\nb:\n  <<: {c: 1}\n", 3, "b: merge keys are not allowed"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "a: tags are not allowed"),
        ("a: !!int 3\n", 1, "a: tags are not allowed, value 'tag:yaml.org,2002:int'"),
        ("!x a: 3\n", 1, "tags are not allowed"),
        ("a: .nan\n", 1, "a: not a finite number, value .nan"),
        ("a:\n  - 1\n  - -.INF\n", 3, "a.1: not a finite number, value -.INF"),
        ("a: 1e999\n", 1, "a: not a finite number, value 1e999"),
        ("a: 9223372036854775808\n", 1, "a: integer too large"),
        (f"a: {'9' * 5000}\n", 1, "a: not a finite number"),
        ('a: "x\\0"\n', 1, "a: NUL"),
        ("1: a\n", 1, "a key must be a string, value 1; put it in quotes"),
        ("a: {true: 1}\n", 1, "a: a key must be a string, value true"),
        ("? [a]\n: 1\n", 1, "a key must be a string"),
        ("? {a: 1}\n: 1\n", 1, "a key must be a string"),
        (".inf: 1\n", 1, "not a finite number"),
        ("", 1, "empty"),
        ("# only a comment\n", 1, "empty"),
        ("- 1\n- 2\n", 1, "not a mapping, value [1, 2]"),
        ("just text\n", 1, "not a mapping, value 'just text'"),
        ("a: 1\n---\nb: 2\n", 2, "a second document starts here"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("a:\n\t- b\n", 2, "spaces, not tabs"),
        ("a: [1, 2\nb: 3\n", 2, "not valid YAML"),
        ('a: "text\nb: 3\n', 3, "not valid YAML"),
        ("a: 1\n b: 2\n", 2, "not valid YAML"),
        ("a: @b\n", 1, "not valid YAML"),
        ("a: " + "[" * 100 + "\n", 1, "nested deeper than 64 levels"),
        ("a: " + "{a: " * 100 + "\n", 1, "nested deeper than 64 levels"),
        ("a: " + "[" * 900_000, 1, "nested deeper than 64 levels"),
    ],
)  # fmt: skip
def test_yaml_outside_the_subset_is_refused_with_its_line(tmp_path, text, line, part):
    with pytest.raises(InputError, match=r"\A[^\n]*\Z") as caught:
        read_yaml(write(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path}/x.yaml:{line}: ")
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ('{"a": 1,\n "b": 2,}', 2, "not valid JSON"),
        ('{"a": 1,\n\t"b": {"c": 1,\n\t"c": 2}}', 3, "b.c: written twice, first at "),
        ('{"a": NaN}', 1, "a: not a finite number, value NaN"),
        ('{\n"a": [-Infinity]}', 2, "a.0: not a finite number"),
        ('{"a": 1e999}', 1, "a: not a finite number"),
        ('{"a": 99999999999999999999}', 1, "a: integer too large"),
        ('{"a": "\\ud800"}', 1, "a: NUL or half a surrogate pair"),
        ("{'a': 1}", 1, "not valid JSON"),
        ("a: 1\n", 1, "not valid JSON"),
        ("", 1, "not valid JSON"),
        ("[1]", 1, "not a mapping"),
        ("{} {}", 1, "not valid JSON: Extra data"),
        (f'{{"a": {"9" * 5000}}}', 1, "not valid JSON"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", 1, "nested deeper than 64 levels"),
        ('{"a": ' + "[" * 400_000 + "]" * 400_000 + "}", 1, "not valid JSON"),
    ],
)
def test_bad_json_is_refused_with_its_line(tmp_path, text, line, part):
    with pytest.raises(InputError, match=r"\A[^\n]*\Z") as caught:
        read_yaml(write(tmp_path, text, "x.json"))
    assert str(caught.value).startswith(f"{tmp_path}/x.json:{line}: ")
    assert part in str(caught.value)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab<:-# "), inner),
    max_leaves=20,
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(value=JSON_VALUES, indent=st.sampled_from([None, 2, "\t"]), ascii_only=st.booleans())
def test_json_reads_as_the_json_module_reads_it(tmp_path_factory, value, indent, ascii_only):
    text = json.dumps({"a": value}, indent=indent, ensure_ascii=ascii_only)
    path = write(tmp_path_factory.getbasetemp(), text, "x.json")
    document = read_yaml(path)
    assert document.data == json.loads(text)
    assert document.where(("a",)) == f"{path}:{1 if indent is None else 2}"


@settings(derandomize=True, max_examples=300, deadline=None)
@given(text=st.text("ab01.:-#{}[],&*!|>%@'\"\\~<?e" + string.whitespace, max_size=40))
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory, text):
    for name in ("any.yaml", "any.json"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(text.encode())
        message = ""
        try:
            data = read_yaml(path).data
        except InputError as error:
            message = str(error)
        assert message.startswith(f"{path}:") if message else isinstance(data, dict)
        assert len(message.splitlines()) <= 1


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"a: 1\nb: \xff\n", "x.yaml:2: not UTF-8, byte 0xff"),
        ("a: 1\n".encode("utf-16"), "x.yaml:1: not UTF-8"),
        (b"a: 1\nb: \x00\n", "x.yaml:2: not text, character U+0000"),
        (b"\x7fELF\x02\x01\x01", "x.yaml:1: not text, character U+007F"),
        (b"#" * 1_000_001, "x.yaml: larger than 1000000 bytes"),
    ],
)
def test_files_that_are_not_text_are_refused(tmp_path, raw, part):
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    with pytest.raises(InputError) as caught:
        read_yaml(path)
    assert part in str(caught.value)


@pytest.mark.parametrize(("name", "text"), [("x.yaml", "a: 1\n"), ("x.json", '{"a": 1}')])
def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8-sig")
    assert read_yaml(path).data == {"a": 1}


def test_overriding_leaves_the_original_alone(tmp_path):
    document = read_yaml(write(tmp_path, "a: {b: 1}\n"))
    changed = document.overridden(["a.b=2", "a.c.d=3"])
    assert changed.data == {"a": {"b": 2, "c": {"d": 3}}}
    assert document.data == {"a": {"b": 1}}
    assert document.where(("a", "b")) == f"{document.path}:1"


def test_suggestions_ignore_case_and_list_what_there_is():
    assert suggest("INT8", ["int8", "int4"]) == "did you mean 'int8'?"
    assert suggest("zzzz", ["int8", "int4"]) == "choose from int8, int4"
    assert suggest("zzzz", []) == "there is none to choose from"


def test_paths_that_are_not_files_are_refused(tmp_path, monkeypatch):
    write(tmp_path, "a: 1", "edge-os16.yaml")
    with pytest.raises(InputError, match=r"edge-os61.yaml: no such file; did you mean 'edge-os16"):
        read_yaml(tmp_path / "edge-os61.yaml")
    with pytest.raises(
        InputError, match=r"no such file; there is no folder .*nowhere to find it in"
    ):
        read_yaml(tmp_path / "nowhere" / "x.yaml")
    with pytest.raises(InputError, match="is a directory"):
        read_yaml(tmp_path)
    with pytest.raises(InputError, match="not a regular file"):
        read_yaml(Path("/dev/null"))
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        read_yaml(tmp_path / ("x" * 5000 + ".yaml"))

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        read_yaml(tmp_path / "edge-os16.yaml")
