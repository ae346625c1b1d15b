"""Simulate a mapped module: many streams at once, one bit of a word each; every gate takes one unit of time."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockstep.rtl.synth.cells import Library
from lockstep.rtl.synth.function import Function
from lockstep.rtl.synth.netlist import Gate, Module, Net

Words = NDArray[np.uint64]
Bits = NDArray[np.uint8]
Rows = NDArray[np.intp]

ONES = np.uint64(2**64 - 1)
_POPULATION = np.array([byte.bit_count() for byte in range(256)], np.uint8)


def pack(bits: Bits) -> Words:
    """Bits (..., streams) to words (..., ceil(streams / 64)); missing streams are 0."""
    missing = -bits.shape[-1] % 64
    filled = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, missing)])
    return np.packbits(filled, axis=-1, bitorder="little").view(np.uint64)


def unpack(words: Words, streams: int) -> Bits:
    """The reverse of :func:`pack`."""
    return np.unpackbits(words.view(np.uint8), axis=-1, count=streams, bitorder="little")


def population(words: Words) -> NDArray[np.int64]:
    """Ones in each row of words, (rows, words) -> (rows)."""
    return np.asarray(_POPULATION[words.view(np.uint8)].sum(axis=-1, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class _Kind:
    """Cells of one function: rows of each pin it reads, rows of the output, whether that is inverted."""

    function: Function
    inputs: Mapping[str, Rows]
    output: Rows
    inverted: bool


class GateSimulator:
    """The nets of a module over time.

    Parameters
    ----------
    module : Module
        Without instances, of cells of the library, on one clock, without asynchronous resets.
    library : Library
    streams : int
        Independent copies of the module, which run side by side.

    Attributes
    ----------
    values : words, (nets, words)
        One row per net, see :meth:`row_of`. All start at 0.

    Raises
    ------
    ValueError
        If a cell cannot be simulated: it is a latch, for instance.
    """

    def __init__(self, module: Module, library: Library, streams: int) -> None:
        self._rows: dict[Net, int] = {"0": 0, "x": 0, "1": 1}
        for port in module.ports.values():
            self._number(port.bits)
        for gate in module.gates:
            self._number(gate.pins.values())
        nets = max(self._rows.values()) + 1
        self.values: Words = np.zeros((nets, -(-streams // 64)), np.uint64)
        self.values[1] = ONES
        self._depth = len(module.gates)
        self._gates = list(self._kinds(module.gates, library, flip_flops=False))
        self._flops = list(self._kinds(module.gates, library, flip_flops=True))

    def row_of(self, net: Net) -> int:
        """Row of ``values`` that holds a net, constants included."""
        return self._rows[net]

    def start(self, inputs: Mapping[int, Words]) -> None:
        """Let a clock edge pass, and inputs change with it; gates have seen neither yet.

        Parameters
        ----------
        inputs : mapping of row to words
            What inputs change to; the others stay.
        """
        states = [self._evaluated(flops) for flops in self._flops]
        for flops, state in zip(self._flops, states, strict=True):
            self.values[flops.output] = state
        for row, words in inputs.items():
            self.values[row] = words

    def settle(self) -> Iterator[Words]:
        """Let time pass unit by unit; yields, for each, the bits of all nets that change.

        Raises
        ------
        ValueError
            If it never ends: there is a combinational loop.
        """
        for _ in range(self._depth + 1):
            after = self.values.copy()
            for gates in self._gates:
                after[gates.output] = self._evaluated(gates)
            changed = after ^ self.values
            if not changed.any():
                return
            self.values = after
            yield changed
        raise ValueError("there is a combinational loop")

    def _evaluated(self, kind: _Kind) -> Words:
        pins = {pin: self.values[rows] for pin, rows in kind.inputs.items()}
        value: Words = kind.function.evaluate(pins, ONES)
        return value ^ ONES if kind.inverted else value

    def _number(self, nets: Iterable[Net]) -> None:
        for net in nets:
            self._rows.setdefault(net, len(self._rows) - 1)  # "0" and "x" share a row

    def _kinds(
        self, gates: Iterable[Gate], library: Library, *, flip_flops: bool
    ) -> Iterator[_Kind]:
        """Outputs of one function go together, whatever the size of the cells."""
        alike: dict[tuple[Function, bool], list[tuple[Gate, str]]] = defaultdict(list)
        # ff(IQ, IQN): an output is the state, or the state inverted.
        named = re.findall(r"\bff\s*\(\s*\"?(\w+)\"?\s*,\s*\"?(\w+)", library.text)
        state, opposite = ({names[i] for names in named} for i in (0, 1))
        for gate in gates:
            cell = library.cells[gate.cell]
            for pin in cell.outputs if cell.is_flip_flop == flip_flops else ():
                if pin.name not in gate.pins:
                    continue
                function = cell.next_state if flip_flops else pin.function
                held = pin.function.kind if flip_flops and pin.function else ""
                known = not flip_flops or held in state | opposite
                if function is None or not known or not function.pins <= cell.pins.keys():
                    raise ValueError(f"{cell.name}.{pin.name}: cannot simulate what it does")
                alike[function, held in opposite].append((gate, pin.name))
        for (function, inverted), some in alike.items():
            yield _Kind(
                function,
                {
                    pin: np.array([self._rows[gate.pins.get(pin, "x")] for gate, _ in some])
                    for pin in function.pins
                },
                np.array([self._rows[gate.pins[output]] for gate, output in some]),
                inverted,
            )
