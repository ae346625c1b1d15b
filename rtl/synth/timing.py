"""Static timing: the longest path of a mapped module.

Wires are ideal, and so is the clock. Every input is driven by a flip-flop, the smallest of the library, and
every output drives one: so a path from an input or to an output takes as long as it would between
registers outside. The ports of instances and memories inside a module are taken as its own outputs and inputs are.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lockstep.rtl.synth.cells import EDGES, Arc, Cell, Edge, Library, Pin
from lockstep.rtl.synth.netlist import Gate, Module, Net

PathKind = Literal["reg_to_reg", "in_to_reg", "reg_to_out", "in_to_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A longest path.

    Parameters
    ----------
    kind : PathKind
    delay_ns : float
        From the clock edge that launches to the latest clock edge that captures, setup included.
    cells : tuple of str
        ``NAME (CELL)`` from the flip-flop, or port, that launches to the one that captures.
    """

    kind: PathKind
    delay_ns: float
    cells: tuple[str, ...]

    @property
    def depth(self) -> int:
        """Combinational cells on the path."""
        return len(self.cells) - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The longest path of each kind that exists, and the most cells on any path."""

    paths: dict[PathKind, Path]
    depth: int

    @property
    def longest(self) -> Path | None:
        """The longest path; None if there is none at all."""
        return max(self.paths.values(), key=lambda path: path.delay_ns, default=None)

    @property
    def delay_ns(self) -> float:
        """Its delay: the shortest clock period."""
        return self.longest.delay_ns if self.longest else 0.0


class _Arrival(NamedTuple):
    """The latest edge on a net, and the gate and input edge it comes from."""

    time_ns: float
    slew_ns: float
    cause: tuple[Net, Edge] | None
    by: str


_Arrivals = dict[tuple[Net, Edge], _Arrival]


def analyse(module: Module, library: Library) -> Timing:
    """Longest paths of a module.

    Raises
    ------
    ValueError
        If there is a combinational loop.
    """
    return _Analysis(module, library).timing()


class _Analysis:
    def __init__(self, module: Module, library: Library) -> None:
        self.module = module
        self.library = library
        self.loads: dict[Net, float] = defaultdict(float)
        self.order: list[Gate] = []
        self.flops: list[Gate] = []
        flop = library.flip_flop
        self.data = _data_pin(flop)
        self.sources, self.sinks = _boundary(module)
        for net, _ in self.sinks:
            self.loads[net] += self.data.capacitance_ff
        for gate in module.gates:
            pins = library.cells[gate.cell].pins
            for pin, net in gate.pins.items():
                if not pins[pin].is_output:
                    self.loads[net] += pins[pin].capacitance_ff
        self.levels = self._sort()

    def _sort(self) -> int:
        """Put gates in the order of their inputs; returns the number of levels."""
        waiting: dict[str, int] = {}
        readers: dict[Net, list[Gate]] = defaultdict(list)
        cells = self.library.cells
        driven = set()
        for gate in self.module.gates:
            if cells[gate.cell].is_flip_flop:
                self.flops.append(gate)
            else:
                driven |= {
                    gate.pins[p.name] for p in cells[gate.cell].outputs if p.name in gate.pins
                }
        ready: list[tuple[Gate, int]] = []
        gates = [gate for gate in self.module.gates if not cells[gate.cell].is_flip_flop]
        for gate in gates:
            inputs = {
                gate.pins[p.name]
                for p in cells[gate.cell].inputs
                if gate.pins.get(p.name) in driven
            }
            waiting[gate.name] = len(inputs)
            for net in inputs:
                readers[net].append(gate)
            if not inputs:
                ready.append((gate, 1))
        levels = 0
        for gate, level in ready:  # grows as it is walked
            self.order.append(gate)
            levels = max(levels, level)
            for pin in cells[gate.cell].outputs:
                for reader in readers[gate.pins[pin.name]] if pin.name in gate.pins else ():
                    waiting[reader.name] -= 1
                    if not waiting[reader.name]:
                        ready.append((reader, level + 1))
        if len(self.order) < len(gates):
            raise ValueError(f"{self.module.name}: there is a combinational loop")
        return levels

    def timing(self) -> Timing:
        paths: dict[PathKind, Path] = {}
        for start in ("reg", "in"):
            arrivals = self._arrivals(start)
            for path in (self._to_registers(start, arrivals), self._to_outputs(start, arrivals)):
                if path is not None:
                    paths[path.kind] = path
        return Timing(paths=paths, depth=self.levels)

    def _arrivals(self, start: str) -> _Arrivals:
        """Latest edges of every net that a register, or an input, causes."""
        arrivals: _Arrivals = {}
        if start == "reg":
            for gate in self.flops:
                for pin in self.library.cells[gate.cell].outputs:
                    if pin.name in gate.pins:
                        self._launch(
                            arrivals, gate.pins[pin.name], pin, f"{gate.name} ({gate.cell})"
                        )
        else:
            output = _output_pin(self.library.flip_flop)
            for net, name in self.sources:
                self._launch(arrivals, net, output, name)
        for gate in self.order:
            for pin in self.library.cells[gate.cell].outputs:
                if pin.name in gate.pins:
                    self._propagate(arrivals, gate, pin)
        return arrivals

    def _launch(self, arrivals: _Arrivals, net: Net, pin: Pin, name: str) -> None:
        for arc in pin.arcs:
            if arc.kind == "clock_to_q":
                for edge in arc.delay:
                    self._offer(arrivals, net, edge, arc, _Arrival(0.0, 0.0, None, name))

    def _propagate(self, arrivals: _Arrivals, gate: Gate, pin: Pin) -> None:
        net = gate.pins[pin.name]
        for arc in pin.arcs:
            if arc.kind == "combinational" and (source := gate.pins.get(arc.related)) is not None:
                for edge in arc.delay:
                    for cause in arc.causes(edge):
                        if (before := arrivals.get((source, cause))) is not None:
                            by = f"{gate.name} ({gate.cell})"
                            came = _Arrival(before.time_ns, before.slew_ns, (source, cause), by)
                            self._offer(arrivals, net, edge, arc, came)

    def _offer(self, arrivals: _Arrivals, net: Net, edge: Edge, arc: Arc, came: _Arrival) -> None:
        """Keep the output edge that ``came`` causes through an arc, if it is the latest yet."""
        load = self.loads[net]
        time = came.time_ns + arc.delay[edge].at(came.slew_ns, load)
        slew = arc.slew[edge].at(came.slew_ns, load) if edge in arc.slew else 0.0
        known = arrivals.get((net, edge))
        if known is None or time > known.time_ns:
            worst = max(slew, known.slew_ns) if known else slew
            arrivals[net, edge] = _Arrival(time, worst, came.cause, came.by)
        elif slew > known.slew_ns:
            arrivals[net, edge] = known._replace(slew_ns=slew)

    def _to_registers(self, start: str, arrivals: _Arrivals) -> Path | None:
        best: tuple[float, Net, Edge, str] | None = None
        for gate in self.flops:
            cell = self.library.cells[gate.cell]
            for pin in cell.inputs:
                net = gate.pins.get(pin.name)
                if net is None or not any(arc.kind == "setup" for arc in pin.arcs):
                    continue
                best = self._latest(best, arrivals, net, pin, f"{gate.name} ({gate.cell})")
        return self._trace("reg_to_reg" if start == "reg" else "in_to_reg", arrivals, best)

    def _to_outputs(self, start: str, arrivals: _Arrivals) -> Path | None:
        best: tuple[float, Net, Edge, str] | None = None
        for net, name in self.sinks:
            ends = [arrivals[net, edge] for edge in EDGES if (net, edge) in arrivals]
            if start == "reg" or any(end.cause for end in ends):  # from port to port: a wire
                best = self._latest(best, arrivals, net, self.data, name)
        return self._trace("reg_to_out" if start == "reg" else "in_to_out", arrivals, best)

    def _latest(
        self,
        best: tuple[float, Net, Edge, str] | None,
        arrivals: _Arrivals,
        net: Net,
        pin: Pin,
        name: str,
    ) -> tuple[float, Net, Edge, str] | None:
        for edge in EDGES:
            if (arrival := arrivals.get((net, edge))) is not None:
                time = arrival.time_ns + _setup_ns(pin, edge, arrival.slew_ns)
                if best is None or time > best[0]:
                    best = (time, net, edge, name)
        return best

    def _trace(
        self, kind: PathKind, arrivals: _Arrivals, end: tuple[float, Net, Edge, str] | None
    ) -> Path | None:
        if end is None:
            return None
        time, net, edge, name = end
        cells = [name]
        at: tuple[Net, Edge] | None = (net, edge)
        while at is not None:
            cells.append(arrivals[at].by)
            at = arrivals[at].cause
        return Path(kind=kind, delay_ns=time, cells=tuple(reversed(cells)))


def _setup_ns(pin: Pin, edge: Edge, slew_ns: float) -> float:
    """Setup time of a data pin for an edge; the clock's own edge is ideal."""
    times = [
        arc.delay[edge].at(slew_ns, 0.0)
        for arc in pin.arcs
        if arc.kind == "setup" and edge in arc.delay
    ]
    return max(times, default=0.0)


def _data_pin(flop: Cell) -> Pin:
    assert flop.next_state is not None
    return flop.pins[flop.next_state.kind]


def _output_pin(flop: Cell) -> Pin:
    return next(pin for pin in flop.outputs if any(arc.kind == "clock_to_q" for arc in pin.arcs))


def _boundary(module: Module) -> tuple[list[tuple[Net, str]], list[tuple[Net, str]]]:
    """Nets that come from, and go to, the outside or an instance; constants left out."""
    ports = [(name, port.is_output, port.bits) for name, port in module.ports.items()]
    for instance in (*module.instances, *module.memories):
        for name, port in instance.ports.items():
            ports.append((f"{instance.name}.{name}", not port.is_output, port.bits))
    sources: list[tuple[Net, str]] = []
    sinks: list[tuple[Net, str]] = []
    for name, is_output, bits in ports:
        side = sinks if is_output else sources
        side += [(net, f"{name}[{i}]") for i, net in enumerate(bits) if isinstance(net, int)]
    return sources, sinks
