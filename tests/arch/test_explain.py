from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, Field, model_validator

from lockstep.arch.config import Config
from lockstep.arch.load import InputError, load


class Pen(Config):
    tip: Literal["round", "flat"]


class Point(Config):
    x: float
    y: float


class Circle(Config):
    kind: Literal["circle"]
    radius_mm: Annotated[float, Field(gt=0, description="distance from the centre to the rim")]
    pen: Pen | None = None


class Polygon(Config):
    kind: Literal["polygon"]
    sides: Annotated[int, Field(ge=3)]
    angles_deg: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _angles_fit(self) -> "Polygon":
        if self.angles_deg and len(self.angles_deg) != self.sides:
            raise ValueError(f"angles_deg must be {self.sides} numbers; or leave it out")
        return self


def _lucky(number: int) -> int:
    if number == 13:
        raise ValueError("13 brings bad luck")
    return number


class Drawing(Config):
    kind: Literal["drawing"]
    name: str
    copies: Annotated[int, Field(ge=1, le=99), AfterValidator(_lucky)] = 1
    is_filled: bool = False
    shape: Annotated[Circle | Polygon, Field(discriminator="kind")]
    inner: Circle | None = None
    colours: dict[Literal["red", "green"], float] | None = None
    code: Annotated[str, Field(pattern="^[a-z]+$")] = "x"
    stroke: int | str = 1
    end: Pen | Point | None = None
    layers: tuple[Circle, ...] = ()


GOOD = """\
kind: drawing
name: a drawing
shape:
  kind: polygon
  sides: 3
"""


def write(folder, text, name="x.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def message(folder, text, overrides=(), name="x.yaml"):
    """The error of loading ``text`` as a Drawing, with the folder cut off."""
    with pytest.raises(InputError) as caught:
        load(Drawing, write(folder, text, name), overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line.replace(f"{folder}/", "")


def test_a_good_file_loads(tmp_path):
    text = GOOD + "  angles_deg: [60, 60.0, 6e1]\ninner: {kind: circle, radius_mm: 2}\n"
    drawing = load(Drawing, write(tmp_path, text + "layers: [{kind: circle, radius_mm: 1}]\n"))
    assert drawing.shape == Polygon(kind="polygon", sides=3, angles_deg=(60.0, 60.0, 60.0))
    assert drawing.inner == drawing.layers[0].model_copy(update={"radius_mm": 2.0})
    assert isinstance(hash(drawing.shape), int)


INTEGER = "write a whole number in plain digits, such as 64"
NUMBER = "write a plain number without quotes, such as 0.5 or 1e9"
MAPPING = "write keys and values"
TYPOS = [
    (GOOD.replace("name", "nmae"), "2: nmae: unknown key, value 'a drawing'; did you mean 'name'?"),
    (GOOD + "  side: 1", "6: shape.side: unknown key, value 1; did you mean 'sides'?"),
    (
        GOOD + "zzz: 1",
        f"6: zzz: unknown key, value 1; choose from {', '.join(Drawing.model_fields)}",
    ),
    (
        GOOD + "inner: {kind: circle, radius: 1}",
        "6: inner.radius: unknown key, value 1; did you mean 'radius_mm'?",
    ),
    (
        GOOD + "layers:\n- {kind: circle, radius_mm: 1}\n- {kind: circle, radius: 1}",
        "8: layers.1.radius: unknown key, value 1; did you mean 'radius_mm'?",
    ),
    (
        GOOD + '"names\\nx": 1',
        "6: names\\nx: unknown key, value 1; did you mean 'name'?",
    ),
]
MISSING = [
    (GOOD + "end: {}", "6: end.tip: missing; add 'tip: ...', one of round, flat"),
    ("name: x", "1: kind: missing; add 'kind: drawing'"),
    (
        "kind: drawing\nname: x",
        "1: shape: missing; add 'shape: ...', a mapping with kind, radius_mm",
    ),
    (
        "kind: drawing\nshape: {kind: polygon, sides: 3}",
        "1: name: missing; add 'name: ...', a string",
    ),
    (
        GOOD + "inner:\n  kind: circle",
        "6: inner.radius_mm: missing; add 'radius_mm: ...', distance from the centre to the rim",
    ),
    (
        "kind: drawing\nname: x\nshape:\n  sides: 3",
        "3: shape.kind: missing; add 'kind: ...', one of circle, polygon",
    ),
    (
        GOOD + "inner: {kind: circle, radius_mm: 1, pen: {}}",
        "6: inner.pen.tip: missing; add 'tip: ...', one of round, flat",
    ),
]
CHOICES = [
    (
        "kind: picture\nnmae: x",
        "1: kind: wrong kind of file, value 'picture'; a drawing file is wanted here",
    ),
    (
        GOOD.replace("polygon", "polygn"),
        "4: shape.kind: unknown choice, value 'polygn'; must be one of polygon, circle",
    ),
    (
        GOOD + "inner: {kind: square, radius_mm: 1}",
        "6: inner.kind: unknown choice, value 'square'; must be circle",
    ),
    (
        GOOD + "colours:\n  red: 1\n  gren: 2",
        "8: colours.gren: unknown choice, value 'gren'; must be one of green, red",
    ),
]
TYPES = [
    (GOOD.replace("3", '"3"'), f"5: shape.sides: not an integer, value '3'; {INTEGER}"),
    (GOOD.replace("3", "3.0"), f"5: shape.sides: not an integer, value 3.0; {INTEGER}"),
    (GOOD.replace("3", ""), f"5: shape.sides: not an integer, value null; {INTEGER}"),
    (GOOD + "copies: true", f"6: copies: not an integer, value true; {INTEGER}"),
    (GOOD + "stroke: [1]", f"6: stroke: not an integer, value [1]; {INTEGER}"),
    (GOOD + "colours: {red: x}", f"6: colours.red: not a number, value 'x'; {NUMBER}"),
    (GOOD + "colours: {red: nan}", f"6: colours.red: not a number, value 'nan'; {NUMBER}"),
    (GOOD + "is_filled: yes", "6: is_filled: not a boolean, value 'yes'; write true or false"),
    (GOOD.replace("a drawing", "7"), "2: name: not a string, value 7; put it in quotes"),
    (GOOD + "layers: {}", "6: layers: not a list, value {}; write a list, such as [1, 2]"),
    (GOOD + "inner: 3", f"6: inner: not a mapping, value 3; {MAPPING}"),
    (GOOD + "colours: [1]", f"6: colours: not a mapping, value [1]; {MAPPING}"),
    ("kind: drawing\nname: x\nshape: 3", f"3: shape: not a mapping, value 3; {MAPPING}"),
    (
        GOOD.replace("a drawing", f"[{'1, ' * 99}1]"),
        f"2: name: not a string, value [{'1, ' * 18}1,...; put it in quotes",
    ),
]
LIMITS = [
    (GOOD.replace("3", "2"), "5: shape.sides: too small, value 2; must be >= 3"),
    (GOOD + "copies: 100", "6: copies: too large, value 100; must be <= 99"),
    (
        GOOD + "layers:\n- {kind: circle, radius_mm: 1}\n- {kind: circle, radius_mm: 0}",
        "8: layers.1.radius_mm: too small, value 0; must be > 0",
    ),
    (
        GOOD + "  angles_deg: [1, 2]",
        "6: shape.angles_deg: must be 3 numbers, value [1, 2]; or leave it out",
    ),
    (
        GOOD + "code: ABC",
        "6: code: String should match pattern '^[a-z]+$', value 'ABC'; see its JSON Schema",
    ),
    (GOOD + "copies: 13", "6: copies: 13 brings bad luck"),
]


@pytest.mark.parametrize(("text", "expected"), TYPOS + MISSING + CHOICES + TYPES + LIMITS)
def test_the_first_error_says_where_what_and_what_to_do(tmp_path, text, expected):
    assert message(tmp_path, text) == f"x.yaml:{expected}"


def test_json_files_have_the_same_errors(tmp_path):
    text = '{\n  "kind": "drawing",\n  "name": "x",\n  "shape": {"kind": "circle",\n"radius": 1}\n}'
    assert message(tmp_path, text, name="x.json") == (
        "x.json:5: shape.radius: unknown key, value 1; did you mean 'radius_mm'?"
    )


def test_overrides_change_what_the_file_says(tmp_path):
    path = write(tmp_path, GOOD)
    overrides = [
        "shape.sides=4",
        "inner.kind=circle",
        "inner.radius_mm=1e3",
        "is_filled=true",
        "name=a=b",
    ]
    drawing = load(Drawing, path, overrides)
    assert drawing.shape.sides == 4
    assert drawing.inner == Circle(kind="circle", radius_mm=1000.0)
    assert drawing.is_filled is True
    assert drawing.name == "a=b"
    assert load(Drawing, path, ["shape={kind: circle, radius_mm: 1}"]).shape.kind == "circle"
    assert load(Drawing, path).shape.sides == 3, "the file itself is as it was"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("copies", "--set copies: not KEY=VALUE; write it as in dram.channels=2"),
        ("=3", "--set =3: not KEY=VALUE; write it as in dram.channels=2"),
        ("a..b=3", "--set a..b=3: not KEY=VALUE; write it as in dram.channels=2"),
        ("copies=", "--set copies=: empty; write a value"),
        ("copies=0", "--set copies=0: copies: too small, value 0; must be >= 1"),
        ("copys=1", "--set copys=1: copys: unknown key, value 1; did you mean 'copies'?"),
        (
            "shap.sides=1",
            "--set shap.sides=1: shap: unknown key, value {\"sides\": 1}; did you mean 'shape'?",
        ),
        (
            "name.first=x",
            (
                "--set name.first=x: name.first is inside 'a drawing', which is not a mapping; "
                "set a key of a mapping"
            ),
        ),
        ("copies=[1", "--set copies=[1: not valid YAML"),
        ("copies=&a 1", "--set copies=&a 1: anchors and aliases are not allowed"),
        ("inner={}", "--set inner={}: inner.kind: missing; add 'kind: circle'"),
        (
            "shape.angles_deg=[1]",
            "--set shape.angles_deg=[1]: shape.angles_deg: must be 3 numbers, value [1]; or",
        ),
        ("name=\x00", "--set name=\x00: not text, character U+0000"),
        ("name=\ud800", "--set name=\ud800: not text, character U+D800"),
        ("name=a\nb: c", "--set name=a b: c: not valid YAML"),
    ],
)
def test_a_bad_override_is_named_instead_of_the_file(tmp_path, override, expected):
    assert message(tmp_path, GOOD, [override]).startswith(expected)


def test_keys_that_disagree_because_of_an_override_name_both(tmp_path):
    text = GOOD + "  angles_deg: [60, 60, 60]\n"
    assert message(tmp_path, text, ["copies=2", "shape.sides=4"]) == (
        "x.yaml:6: shape.angles_deg: must be 4 numbers, value [60, 60, 60]; or leave it out "
        "(with --set shape.sides=4)"
    )


def test_a_missing_override_key_is_found_at_the_override(tmp_path):
    assert message(tmp_path, GOOD, ["shape={kind: polygon}"]) == (
        "--set shape={kind: polygon}: shape.sides: missing; add 'sides: ...', a whole number"
    )
