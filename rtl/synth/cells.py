"""Cell libraries in memory: areas, capacitances, functions and timing tables."""

import itertools
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from lockstep.rtl.synth.function import Function

Edge = Literal["rise", "fall"]
EDGES: tuple[Edge, Edge] = ("rise", "fall")


@dataclass(frozen=True, slots=True)
class Table:
    """A value over the input slew, in ns, and a second quantity: a load in fF, or a slew in ns.

    Between its points it is bilinear; beyond them the outermost cells go on.
    """

    rows: tuple[float, ...]
    columns: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def at(self, row: float, column: float) -> float:
        """Interpolated value, in ns."""
        i, s = _cell(self.rows, row)
        j, t = _cell(self.columns, column)
        low, high = self.values[i], self.values[min(i + 1, len(self.rows) - 1)]
        k = min(j + 1, len(self.columns) - 1)
        return (1 - s) * ((1 - t) * low[j] + t * low[k]) + s * ((1 - t) * high[j] + t * high[k])


def _cell(axis: tuple[float, ...], x: float) -> tuple[int, float]:
    """Index of the interval of an axis that is used for x, and the position of x in it."""
    if len(axis) == 1:
        return 0, 0.0
    i = min(max(bisect_right(axis, x) - 1, 0), len(axis) - 2)
    return i, (x - axis[i]) / (axis[i + 1] - axis[i])


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """Timing from one pin to another.

    Parameters
    ----------
    related : str
        The pin that causes the edge, or the clock of a setup check.
    kind : "combinational", "clock_to_q" or "setup"
    sense : "positive", "negative" or "both"
        Which input edge causes an output edge.
    delay, slew : mapping of edge to Table
        Of the output; of a setup check, ``delay`` is the setup time by edge of the data.
    """

    related: str
    kind: Literal["combinational", "clock_to_q", "setup"]
    sense: Literal["positive", "negative", "both"]
    delay: Mapping[Edge, Table]
    slew: Mapping[Edge, Table]

    def causes(self, edge: Edge) -> tuple[Edge, ...]:
        """Edges of the related pin that cause an edge of the output."""
        if self.sense == "both":
            return EDGES
        if self.sense == "positive":
            return (edge,)
        return ("fall",) if edge == "rise" else ("rise",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A pin of a cell; ``function`` is None for inputs and outputs that hold state."""

    name: str
    is_output: bool
    capacitance_ff: float
    function: Function | None
    arcs: tuple[Arc, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell: its area in um2, its pins; for a flip-flop, what it stores and on which clock."""

    name: str
    area_um2: float
    pins: Mapping[str, Pin]
    is_flip_flop: bool
    is_usable: bool
    next_state: Function | None = None
    clocked_on: Function | None = None

    @cached_property
    def inputs(self) -> tuple[Pin, ...]:
        """Input pins."""
        return tuple(pin for pin in self.pins.values() if not pin.is_output)

    @cached_property
    def outputs(self) -> tuple[Pin, ...]:
        """Output pins."""
        return tuple(pin for pin in self.pins.values() if pin.is_output)

    @cached_property
    def is_nand2(self) -> bool:
        """Whether it is a two-input NAND gate."""
        if len(self.outputs) != 1 or len(self.inputs) != 2 or self.is_flip_flop:
            return False
        function = self.outputs[0].function
        names = [pin.name for pin in self.inputs]
        if function is None or function.pins != set(names):
            return False
        table = [
            function.evaluate(dict(zip(names, bits, strict=True)))
            for bits in itertools.product((0, 1), repeat=2)
        ]
        return table == [1, 1, 1, 0]


@dataclass(frozen=True, kw_only=True)
class Library:
    """A cell library.

    Parameters
    ----------
    name : str
    text : str
        The Liberty file.
    voltage_v : float
    cells : mapping of name to Cell
    transistors : mapping of cell to int
        Empty where the file does not tell, as none does; then an area of one NAND2 counts as four.
    """

    name: str
    text: str
    voltage_v: float
    cells: Mapping[str, Cell]
    transistors: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def nand2(self) -> Cell:
        """The smallest two-input NAND gate: the unit of area."""
        return min((c for c in self.cells.values() if c.is_nand2), key=lambda c: c.area_um2)

    @cached_property
    def flip_flop(self) -> Cell:
        """The smallest flip-flop that stores a plain D: what is taken to drive every input."""
        plain = [
            cell
            for cell in self.cells.values()
            if cell.is_flip_flop
            and cell.is_usable
            and cell.next_state is not None
            and not cell.next_state.operands
            and any(arc.kind == "clock_to_q" for pin in cell.outputs for arc in pin.arcs)
        ]
        return min(plain, key=lambda cell: (cell.area_um2, len(cell.inputs)))

    @cached_property
    def inverter(self) -> Cell:
        """The smallest inverter: what mapping takes to drive every input."""
        return min(
            (
                cell
                for cell in self.cells.values()
                if len(cell.inputs) == len(cell.outputs) == 1
                and not cell.is_flip_flop
                and (function := cell.outputs[0].function) is not None
                and function.pins
                and function.evaluate({cell.inputs[0].name: 1}) == 0
            ),
            key=lambda cell: cell.area_um2,
        )

    def transistors_of(self, cell: str) -> int:
        """Transistors of a cell; an estimate from its area where the library does not tell."""
        told = self.transistors.get(cell)
        return told or round(4 * self.cells[cell].area_um2 / self.nand2.area_um2)
