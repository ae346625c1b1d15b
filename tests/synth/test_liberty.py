"""Liberty files: expressions, tables, units, messages; and the shipped library's own numbers."""

import itertools
from pathlib import Path

import pytest

from lockstep.arch.error import InputError
from lockstep.arch.load import shipped
from lockstep.rtl.synth.cells import Table
from lockstep.rtl.synth.function import parse_function
from lockstep.rtl.synth.liberty import parse_library, read_library
from lockstep.rtl.synth.logical_effort import generic_library, load_table

TINY = (Path(__file__).parent / "tiny.lib").read_text()


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("!(A & B) | C", lambda a, b, c: not (a and b) or c),
        ("A B' + C", lambda a, b, c: (a and not b) or c),
        ("A ^ B C", lambda a, b, c: (a != b) and c),
        ("A*B^C", lambda a, b, c: a and (b != c)),
        ("(A+B)'C", lambda a, b, c: not (a or b) and c),
        ("!A'", lambda a, b, c: a),
        ("A | 0 | (B & 1 & C)", lambda a, b, c: a or (b and c)),
    ],
)
def test_functions_mean_what_liberty_says(text, means):
    function = parse_function(text)
    for a, b, c in itertools.product((0, 1), repeat=3):
        assert function.evaluate({"A": a, "B": b, "C": c}) == int(means(a, b, c))
    assert function.pins <= {"A", "B", "C"}


def test_functions_take_words():
    assert parse_function("!A & B").evaluate({"A": 0b1010, "B": 0b1100}, ones=0b1111) == 0b0100


@pytest.mark.parametrize("text", ["", "A &", "(A", "A)", "A $ B", "& A", "A | | B"])
def test_bad_functions_are_refused(text):
    with pytest.raises(ValueError, match="boolean function"):
        parse_function(text)


def test_tables_interpolate_and_go_on():
    table = Table((0.0, 1.0), (0.0, 2.0, 4.0), ((0.0, 2.0, 6.0), (10.0, 12.0, 16.0)))
    assert table.at(0.0, 1.0) == 1.0
    assert table.at(0.5, 3.0) == pytest.approx(5.0 + 4.0)
    assert table.at(0.0, 5.0) == pytest.approx(8.0)
    assert table.at(2.0, 0.0) == pytest.approx(20.0)
    assert Table((0.0,), (0.0,), ((3.0,),)).at(9.0, 9.0) == 3.0


def test_cells_are_read_in_ns_and_ff():
    library = parse_library(TINY, "tiny.lib")
    assert (library.name, library.voltage_v) == ("tiny", 1.2)
    inverter = library.cells["INV"]
    assert inverter.area_um2 == 2
    assert inverter.pins["A"].capacitance_ff == pytest.approx(2)
    (arc,) = inverter.pins["Y"].arcs
    assert arc.causes("rise") == ("fall",)
    assert arc.delay["rise"].at(0.05, 5.0) == pytest.approx(0.0175)
    assert arc.delay["fall"].at(0.05, 5.0) == pytest.approx(0.010)  # (6 + 8 + 12 + 14) / 4 ps
    assert arc.slew["rise"].at(0.0, 0.0) == pytest.approx(0.030)
    linear = library.cells["ND2"].pins["Y"].arcs
    assert [each.related for each in linear] == ["A", "B"]
    assert linear[0].delay["rise"].at(0.0, 2.0) == pytest.approx(0.011)
    assert linear[0].delay["fall"].at(0.0, 2.0) == pytest.approx(0.008)
    flop = library.cells["FF"]
    assert flop.is_flip_flop
    assert [arc.kind for arc in flop.pins["D"].arcs] == ["setup"]
    assert (library.nand2.name, library.flip_flop.name, library.inverter.name) == (
        "ND2",
        "FF",
        "INV",
    )
    assert library.transistors_of("FF") == round(4 * 10 / 3)


@pytest.mark.parametrize(
    ("wrong", "right", "line", "says"),
    [
        ('index_2 ("0, 0.01, 0.03")', 'index_2 ("0, 0.01, x")', 9, "index_2: expected numbers"),
        ('"15, 25, 45"', '"15, 25"', 20, "cell_rise: expected 2 x 3 values, not 5"),
        ("area : 3.0;", "area : 3.0um2;", 29, "area: expected numbers"),
        ('function : "(A * B)\'"', 'function : "(A * "', 32, "function"),
        ("cell(ND2) {", "cell() {", 28, "one name"),
        ("area : 10;", "area 10;", 50, "expected ':' or '('"),
        ('time_unit : "1ps"', 'time_unit : "1 day"', 4, "time_unit"),
        ("semicolon. */", "semicolon.", 1, "does not end"),
        ('"0, 100"); index_2 ("0, 0.01, 0.03")', '"100, 0"); index_2 ("0, 1, 3")', 20, "increase"),
    ],
)
def test_malformed_files_name_file_and_line(wrong, right, line, says):
    assert wrong in TINY
    with pytest.raises(InputError) as caught:
        parse_library(TINY.replace(wrong, right), "tiny.lib")
    assert str(caught.value).startswith(f"tiny.lib:{line}: ")
    assert says in str(caught.value)


def test_a_truncated_file_says_what_is_open():
    lines = TINY.splitlines()
    with pytest.raises(InputError, match=r"tiny\.lib:\d+: the file ends inside .* line \d+ opens"):
        parse_library("\n".join(lines[: len(lines) // 2]), "tiny.lib")


def test_a_library_needs_a_nand2_and_a_flip_flop():
    with pytest.raises(InputError, match="no nand2"):
        parse_library(TINY.replace("(A * B)'", "A * B"), "tiny.lib")
    with pytest.raises(InputError, match="no flip-flop"):
        parse_library(TINY.replace("ff(IQ, IQN)", "latch(IQ, IQN)"), "tiny.lib")
    with pytest.raises(InputError, match=r"tiny\.lib:1: expected a name"):
        parse_library("{}", "tiny.lib")


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot read the library"):
        read_library(tmp_path / "none.lib")


def widths(function, pulls_down, strength):
    """Transistor width on each pin of a network that pulls as one transistor of width ``strength``."""
    if not function.operands:
        return [(function.kind, strength)]
    in_series = (function.kind == "&") == pulls_down
    inner = strength * (len(function.operands) if in_series else 1)
    return [w for each in function.operands for w in widths(each, pulls_down, inner)]


@pytest.mark.parametrize(
    "family", ["NAND2", "NAND3", "NAND4", "NOR2", "NOR3", "AOI21", "OAI21", "AOI22", "OAI22"]
)
def test_efforts_follow_from_the_transistors(family):
    gate = load_table("generic-28nm").cells[family]
    inner = parse_function(gate.function).operands[0]
    loads = dict.fromkeys(gate.inputs, 0.0)
    for pulls_down, strength in ((True, 1), (False, 2)):  # an inverter's nMOS and pMOS
        for pin, width in widths(inner, pulls_down, strength):
            loads[pin] += width / 3
    assert {pin: effort for pin, (effort, _) in gate.inputs.items()} == pytest.approx(
        loads, rel=1e-3
    )
    assert gate.transistors == 2 * len(gate.inputs)


@pytest.mark.parametrize("name", shipped("liberty"))
def test_shipped_libraries_read_back(name):
    table, library = load_table(name), generic_library(name)
    assert set(library.cells) == set(table.transistors)
    assert library.nand2.name == "NAND2_X1"
    assert library.nand2.area_um2 == pytest.approx(table.nand2_um2)
    # Fan-out of four: an inverter with four like it as load takes five tau.
    load = 4 * library.cells["INV_X1"].pins["A"].capacitance_ff
    (arc,) = library.cells["INV_X1"].pins["Y"].arcs
    assert arc.delay["rise"].at(0.0, load) == pytest.approx(5e-3 * table.tau_ps)
    for family, gate in table.cells.items():
        areas = [library.cells[f"{family}_{drive}"].area_um2 for drive in gate.widths]
        assert areas == sorted(areas)
        assert parse_function(gate.function).pins == set(gate.inputs)
