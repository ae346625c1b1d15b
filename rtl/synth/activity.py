"""Switching activity of a mapped module: simulate its gates, count edges, price them.

An edge of a net takes ``C V^2 / 2``, where C is the inputs on the net and the inside of the cell that
drives it. Wires, leakage, the clock tree and short-circuit currents are left out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockstep.rtl.synth.activity_gates import Bits, GateSimulator, Words, pack, population, unpack
from lockstep.rtl.synth.cells import Library, Pin
from lockstep.rtl.synth.netlist import Gate, Module, Net

INPUTS = "inputs"
"""Row of :attr:`Activity.by_cell` for nets that come from ports: what their drivers pay."""
CLOCK = "clock"
"""Row of :attr:`Activity.by_cell` for clock pins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellActivity:
    """What all nets that cells of one kind drive do in a cycle.

    Parameters
    ----------
    nets : int
    toggles : float
        Changes from one settled cycle to the next, per cycle.
    glitches : float
        Further edges on the way, per cycle.
    toggle_pj, glitch_pj : float
        Their energies, per cycle.
    """

    nets: int = 0
    toggles: float = 0.0
    glitches: float = 0.0
    toggle_pj: float = 0.0
    glitch_pj: float = 0.0

    def __add__(self, other: "CellActivity") -> "CellActivity":
        return CellActivity(
            nets=self.nets + other.nets,
            toggles=self.toggles + other.toggles,
            glitches=self.glitches + other.glitches,
            toggle_pj=self.toggle_pj + other.toggle_pj,
            glitch_pj=self.glitch_pj + other.glitch_pj,
        )


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Activity of a module, averaged over the counted cycles of all streams.

    Parameters
    ----------
    cycles, streams : int
        Counted cycles, and independent streams of them.
    by_cell : mapping of cell, or ``inputs`` or ``clock``, to CellActivity
    outputs : mapping of port to bits, (all cycles, width, streams)
        Settled values, the least significant bit first.
    """

    cycles: int
    streams: int
    by_cell: Mapping[str, CellActivity]
    outputs: Mapping[str, Bits]

    @property
    def total(self) -> CellActivity:
        """All nets but the clock."""
        data = (activity for name, activity in self.by_cell.items() if name != CLOCK)
        return sum(data, start=CellActivity())

    @property
    def toggles_per_cycle(self) -> float:
        """Settled changes of all nets but the clock."""
        return self.total.toggles

    @property
    def clock_pj_per_cycle(self) -> float:
        """Energy of clock pins."""
        return self.by_cell[CLOCK].toggle_pj

    @property
    def energy_pj_per_cycle(self) -> float:
        """Energy of settled changes and of clock pins: a lower bound, see :func:`measure_activity`."""
        return self.total.toggle_pj + self.clock_pj_per_cycle

    @property
    def glitch_pj_per_cycle(self) -> float:
        """Energy of glitches: what comes on top at most."""
        return self.total.glitch_pj

    def output(self, port: str, lanes: int = 1) -> NDArray[np.uint64]:
        """Values of an output that is cut into equal lanes, (all cycles, streams, lanes)."""
        bits = np.moveaxis(self.outputs[port], 1, 2).astype(np.uint64)
        cut = bits.reshape(*bits.shape[:2], lanes, -1)
        weights = np.arange(cut.shape[-1], dtype=np.uint64)
        return np.asarray(np.bitwise_or.reduce(cut << weights, axis=-1))


def measure_activity(
    module: Module,
    library: Library,
    stimulus: Mapping[str, ArrayLike],
    *,
    skip_cycles: int = 1,
) -> Activity:
    """Simulate a module and count its edges.

    Settled changes, from cycle to cycle, are exact. Glitches are an upper estimate: each gate takes one
    unit of time, and lets through pulses as short as that, which real gates swallow in part. Flip-flops
    and inputs change at the start of a cycle; flip-flops start at 0.

    Parameters
    ----------
    module : Module
        Gates only, on one clock: ``Netlist.flat`` of a synthesis.
    library : Library
        Of its gates.
    stimulus : mapping of input to unsigned integers, (cycles, streams) or (cycles, streams, lanes)
        Lanes are equal parts of a port, lane 0 in its low bits, 64 bits each at most. Inputs that are
        not named stay 0. Streams run side by side, 64 at the cost of one.
    skip_cycles : int
        First cycles that do not count, 1 or more: the first has none before it.

    Raises
    ------
    ValueError
        If a port is unknown or the clock, a value does not fit, shapes differ, no cycle is left to
        count, a cell cannot be simulated, or there is a combinational loop.
    """
    cycles, streams = _shape(stimulus)
    if not 1 <= skip_cycles < cycles:
        raise ValueError(f"skip_cycles must be 1 to {cycles - 1}, not {skip_cycles}")
    simulator = GateSimulator(module, library, streams)
    inputs: dict[int, Words] = {}
    for name, values in stimulus.items():
        nets = _input_nets(module, library, name)
        bits = _bits(name, np.asarray(values), len(nets))
        inputs |= {simulator.row_of(net): pack(bits[..., i]) for i, net in enumerate(nets)}
    read = {
        name: [simulator.row_of(net) for net in port.bits]
        for name, port in module.ports.items()
        if port.is_output
    }
    # The rest of the last word sees all inputs at 0, and does not count.
    counted = pack(np.ones(streams, np.uint8))
    toggles = np.zeros(len(simulator.values), np.int64)
    edges = np.zeros_like(toggles)
    outputs: dict[str, list[Bits]] = defaultdict(list)
    for cycle in range(cycles):
        before = simulator.values.copy()
        simulator.start({row: words[cycle] for row, words in inputs.items()})
        steps = [before ^ simulator.values, *simulator.settle()]
        if cycle >= skip_cycles:
            toggles += population((before ^ simulator.values) & counted)
            edges += sum(population(changed & counted) for changed in steps)
        for name, rows in read.items():
            outputs[name].append(unpack(simulator.values[rows], streams))
    samples = (cycles - skip_cycles) * streams
    rates = toggles / samples, (edges - toggles) / samples
    return Activity(
        cycles=cycles - skip_cycles,
        streams=streams,
        by_cell=dict(_priced(module, library, simulator, rates)),
        outputs={name: np.stack(values) for name, values in outputs.items()},
    )


def _shape(stimulus: Mapping[str, ArrayLike]) -> tuple[int, int]:
    shapes = {np.shape(values)[:2] for values in stimulus.values()}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or 0 in shape:
        raise ValueError("a stimulus needs arrays of equal (cycles, streams)")
    return shape


def _input_nets(module: Module, library: Library, name: str) -> tuple[Net, ...]:
    port = module.ports.get(name)
    if port is None or port.is_output:
        known = ", ".join(n for n, p in module.ports.items() if not p.is_output)
        raise ValueError(f"{module.name} has no input {name!r}; it has {known}")
    if any(gate.pins.get(pin.name) in port.bits for gate, pin in _clock_pins(module, library)):
        raise ValueError(f"{name} is the clock, which needs no stimulus")
    return port.bits


def _bits(name: str, values: NDArray[np.unsignedinteger], width: int) -> Bits:
    """Bits of a port, (cycles, streams, width)."""
    lanes = values[..., None] if values.ndim == 2 else values
    lane_bits, rest = divmod(width, lanes.shape[-1])
    if lanes.ndim != 3 or rest or lane_bits > 64:
        raise ValueError(f"{name}: {width} bits are not {lanes.shape[-1]} lanes of 64 or fewer")
    if not np.issubdtype(values.dtype, np.unsignedinteger):
        raise ValueError(f"{name} must hold unsigned integers, not {values.dtype}")
    if lane_bits < 64 and int(lanes.max()) >> lane_bits:
        raise ValueError(f"{name}: {int(lanes.max())} does not fit {lane_bits} bits")
    shifts = np.arange(lane_bits, dtype=np.uint64)
    bits = (lanes.astype(np.uint64)[..., None] >> shifts & np.uint64(1)).astype(np.uint8)
    return bits.reshape(*values.shape[:2], width)


def _clock_pins(module: Module, library: Library) -> Iterator[tuple[Gate, Pin]]:
    for gate in module.gates:
        cell = library.cells[gate.cell]
        if cell.clocked_on is not None:
            for name in cell.clocked_on.pins & gate.pins.keys():
                yield gate, cell.pins[name]


def _priced(
    module: Module,
    library: Library,
    simulator: GateSimulator,
    rates: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Iterator[tuple[str, CellActivity]]:
    """Toggles and glitches of each net, per cycle, collected by the cell that drives it."""
    load_ff: dict[int, float] = defaultdict(float)
    driver: dict[int, str] = {}
    for port in module.ports.values():
        if not port.is_output:
            driver |= {simulator.row_of(net): INPUTS for net in port.bits}
    for gate in module.gates:
        for pin in library.cells[gate.cell].pins.values():
            if pin.name in gate.pins:
                row = simulator.row_of(gate.pins[pin.name])
                load_ff[row] += pin.capacitance_ff + (_inner_ff(pin) if pin.is_output else 0.0)
                if pin.is_output:
                    driver[row] = gate.cell
    edge_pj = 0.5e-3 * library.voltage_v**2  # per fF
    by_cell: dict[str, CellActivity] = defaultdict(CellActivity)
    for row, name in driver.items():
        toggles, glitches = (float(rate[row]) for rate in rates)
        pj = load_ff[row] * edge_pj
        by_cell[name] += CellActivity(
            nets=1,
            toggles=toggles,
            glitches=glitches,
            toggle_pj=toggles * pj,
            glitch_pj=glitches * pj,
        )
    clock_ff = [pin.capacitance_ff for _, pin in _clock_pins(module, library)]
    yield (
        CLOCK,
        CellActivity(nets=1, toggles=2.0 * bool(clock_ff), toggle_pj=2 * sum(clock_ff) * edge_pj),
    )
    yield from sorted(by_cell.items())


def _inner_ff(output: Pin) -> float:
    """Capacitance inside a cell that moves with its output: the load that would double its delay.

    By the method of logical effort the delay without load is what the cell's own diffusions, and the
    stages before its last, add to the load; a Liberty file has it as the tables' intercept over their slope.
    """
    inner = []
    for arc in output.arcs:
        for table in arc.delay.values():
            empty, far = table.at(0.0, 0.0), table.columns[-1]
            slope = (table.at(0.0, far) - empty) / far if far else 0.0
            if slope > 0:
                inner.append(max(0.0, empty) / slope)
    return min(inner, default=0.0)
