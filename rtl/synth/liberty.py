"""Read cell libraries in Liberty format."""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Literal

from lockstep.arch.error import InputError
from lockstep.rtl.synth.cells import EDGES, Arc, Cell, Edge, Library, Pin, Table
from lockstep.rtl.synth.function import Function, parse_function
from lockstep.rtl.synth.liberty_syntax import Group, parse_liberty

_KINDS: dict[str, Literal["combinational", "clock_to_q", "setup"]] = {
    "combinational": "combinational",
    "combinational_rise": "combinational",
    "combinational_fall": "combinational",
    "rising_edge": "clock_to_q",
    "falling_edge": "clock_to_q",
    "setup_rising": "setup",
    "setup_falling": "setup",
}
_SENSES: dict[str, Literal["positive", "negative", "both"]] = {
    "positive_unate": "positive",
    "negative_unate": "negative",
    "non_unate": "both",
}
_LOADS = {"total_output_net_capacitance", "equal_or_opposite_output_net_capacitance"}


def read_library(path: Path) -> Library:
    """Read a Liberty file.

    Raises
    ------
    lockstep.arch.error.InputError
        If it cannot be read, is not right, or lacks an inverter, a NAND2 or a flip-flop.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: cannot read the library: {error.strerror}") from None
    return parse_library(text, str(path))


def parse_library(text: str, where: str, transistors: Mapping[str, int] | None = None) -> Library:
    """A library from the text of a Liberty file; ``where`` names the file in messages.

    Raises
    ------
    lockstep.arch.error.InputError
        If it is not right, or lacks an inverter, a NAND2 or a flip-flop.
    """
    top = parse_liberty(text, where)
    if top.name != "library":
        raise InputError(f"{where}:{top.line}: expected library(...), not {top.name}")
    reader = _Reader(top, where)
    cells = {}
    for group in top.named("cell"):
        cell = reader.cell(group)
        cells[cell.name] = cell
    library = Library(
        name=top.arguments[0] if top.arguments else "library",
        text=text,
        voltage_v=top.number("nom_voltage", where, default=1.0),
        cells=cells,
        transistors=transistors or {},
    )
    for needed in ("inverter", "nand2", "flip_flop"):
        try:
            getattr(library, needed)
        except ValueError:
            name = needed.replace("_", "-")
            raise InputError(
                f"{where}: the library has no {name} with area, function and timing; "
                "give a Liberty file of a standard-cell library"
            ) from None
    if not library.nand2.area_um2 > 0:
        raise InputError(f"{where}: {library.nand2.name}: area must be above 0")
    return library


class _Reader:
    """Turns groups into cells; times become ns, capacitances fF."""

    def __init__(self, top: Group, where: str) -> None:
        self.where = where
        self.templates = {
            group.arguments[0]: group for group in top.named("lu_table_template") if group.arguments
        }
        self.ns = self._unit(top, "time_unit", {"ps": 1e-3, "ns": 1.0, "us": 1e3}, "1ns")
        self.ff = self._unit(top, "capacitive_load_unit", {"ff": 1.0, "pf": 1e3}, "1,pf")
        self.default_ff = top.number("default_input_pin_cap", where, default=0.0) * self.ff

    def _unit(self, top: Group, key: str, sizes: Mapping[str, float], default: str) -> float:
        text, line = top.attributes.get(key, (default, top.line))
        match = re.fullmatch(r"([\d.]+)[\s,]*([a-z]+)", text.strip().lower())
        if match is None or match[2] not in sizes:
            known = " or ".join(f"1{unit}" for unit in sizes)
            raise InputError(f"{self.where}:{line}: {key}: expected {known}, value {text!r}")
        return float(match[1]) * sizes[match[2]]

    def cell(self, group: Group) -> Cell:
        if len(group.arguments) != 1:
            raise InputError(f"{self.where}:{group.line}: cell: expected one name in brackets")
        state = next(group.named("ff", "ff_bank"), None)
        pins: dict[str, Pin] = {}
        for inner in group.named("pin"):
            for name in chain.from_iterable(argument.split() for argument in inner.arguments):
                pins[name] = self._pin(name, inner)
        return Cell(
            name=group.arguments[0],
            area_um2=group.number("area", self.where, default=0.0),
            pins=pins,
            is_flip_flop=state is not None,
            is_usable=group.text("dont_use").lower() != "true",
            next_state=self._function(state, "next_state") if state else None,
            clocked_on=self._function(state, "clocked_on") if state else None,
        )

    def _pin(self, name: str, group: Group) -> Pin:
        arcs = chain.from_iterable(self._arcs(timing) for timing in group.named("timing"))
        return Pin(
            name=name,
            is_output=group.text("direction").lower() == "output",
            capacitance_ff=self.ff * group.number("capacitance", self.where, default=0.0)
            or (0.0 if group.text("direction").lower() == "output" else self.default_ff),
            function=self._function(group, "function"),
            arcs=tuple(arcs),
        )

    def _function(self, group: Group, key: str) -> Function | None:
        if key not in group.attributes:
            return None
        text, line = group.attributes[key]
        try:
            return parse_function(text)
        except ValueError as error:
            raise InputError(f"{self.where}:{line}: {key}: {error}") from None

    def _arcs(self, group: Group) -> Iterator[Arc]:
        kind = _KINDS.get(group.text("timing_type", "combinational"))
        if kind is None:  # hold, clear, three-state: no part of the longest path
            return
        names = (
            ("rise_constraint", "fall_constraint")
            if kind == "setup"
            else ("cell_rise", "cell_fall")
        )
        delay = self._tables(group, names)
        if not delay:
            return
        slew = self._tables(group, ("rise_transition", "fall_transition"))
        for related in group.text("related_pin").split():
            yield Arc(
                related=related,
                kind=kind,
                sense=_SENSES.get(group.text("timing_sense"), "both"),
                delay=delay,
                slew=slew,
            )

    def _tables(self, group: Group, names: tuple[str, str]) -> dict[Edge, Table]:
        found: dict[Edge, Table] = {}
        for edge, name in zip(EDGES, names, strict=True):
            table = next(group.named(name), None)
            if table is not None:
                found[edge] = self._table(table)
            elif name.startswith("cell_") and f"intrinsic_{edge}" in group.attributes:
                found[edge] = self._linear(group, edge)
        return found

    def _linear(self, group: Group, edge: Edge) -> Table:
        """The linear delay model: intrinsic delay, and ns per unit of load."""
        intrinsic = group.number(f"intrinsic_{edge}", self.where, default=0.0) * self.ns
        resistance = group.number(f"{edge}_resistance", self.where, default=0.0) * self.ns
        return Table((0.0,), (0.0, self.ff), ((intrinsic, intrinsic + resistance),))

    def _table(self, group: Group) -> Table:
        template = self.templates.get(group.arguments[0]) if group.arguments else None
        axes: list[tuple[float, ...]] = []
        is_load: list[bool] = []
        for i in (1, 2):
            index = group.numbers(f"index_{i}", self.where) or (
                template.numbers(f"index_{i}", self.where) if template else ()
            )
            if index:
                variable = template.text(f"variable_{i}") if template else ""
                is_load.append(variable in _LOADS)
                axes.append(tuple(x * (self.ff if is_load[-1] else self.ns) for x in index))
        values = [x * self.ns for x in group.numbers("values", self.where)]
        sizes = [len(axis) for axis in axes]
        line = group.attributes.get("values", ("", group.line))[1]
        if len(values) != math.prod(sizes):
            expected = " x ".join(map(str, sizes)) or "1"
            raise InputError(
                f"{self.where}:{line}: {group.name}: expected {expected} values, not {len(values)}"
            )
        if any(later <= axis[i] for axis in axes for i, later in enumerate(axis[1:])):
            raise InputError(f"{self.where}:{line}: {group.name}: an index does not increase")
        if not axes:
            return Table((0.0,), (0.0,), ((values[0],),))
        if len(axes) == 1:
            axes, is_load = (
                ([(0.0,), axes[0]], [False, True]) if is_load[0] else ([axes[0], (0.0,)], is_load)
            )
        width = len(axes[1])
        rows = tuple(tuple(values[i : i + width]) for i in range(0, len(values), width))
        if is_load[0]:
            return Table(axes[1], axes[0], tuple(zip(*rows, strict=True)))
        return Table(axes[0], axes[1], rows)
