"""One module out of a hierarchy of mapped ones: whole paths for timing, one circuit for simulation."""

from collections.abc import Mapping
from itertools import count

from lockstep.rtl.synth.netlist import Gate, Instance, Module, Net, Netlist, Port


def flattened(netlist: Netlist) -> Module:
    """The top with every instance replaced by its gates, whose names become ``instance.gate``."""
    top = netlist.modules[netlist.top]
    flattening = _Flattening(netlist.modules)
    nets: dict[Net, Net] = {}
    flattening.place(top, "", nets)
    ports = {
        name: Port(port.is_output, tuple(flattening.net(nets, bit) for bit in port.bits))
        for name, port in top.ports.items()
    }
    found = flattening.found
    gates = tuple(
        Gate(gate.name, gate.cell, {pin: found(net) for pin, net in gate.pins.items()})
        for gate in flattening.gates
    )
    ports = {name: Port(p.is_output, tuple(map(found, p.bits))) for name, p in ports.items()}
    return Module(name=top.name, ports=ports, gates=gates, instances=())


class _Flattening:
    """Gates so far, and which of their nets are one and the same.

    A module that hands a net of its own on to two outputs, or an input, or a constant, makes one net
    of several outer ones; hence the joining.
    """

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self.gates: list[Gate] = []
        self._fresh = count()
        self._same_as: dict[Net, Net] = {}

    def net(self, nets: dict[Net, Net], inner: Net) -> Net:
        """The global net of a net of one instance; constants are global already."""
        if isinstance(inner, str):
            return inner
        if inner not in nets:
            nets[inner] = next(self._fresh)
        return nets[inner]

    def place(self, module: Module, path: str, nets: dict[Net, Net]) -> None:
        """Add the gates of one instance, whose ports ``nets`` already maps."""
        for gate in module.gates:
            pins = {pin: self.net(nets, net) for pin, net in gate.pins.items()}
            self.gates.append(Gate(path + gate.name, gate.cell, pins))
        for instance in module.instances:
            inside = self.modules[instance.module]
            self.place(inside, f"{path}{instance.name}.", self._bound(instance, inside, nets))

    def _bound(self, instance: Instance, inside: Module, nets: dict[Net, Net]) -> dict[Net, Net]:
        """Inner nets of an instance's ports, by the outer nets they are connected to."""
        bound: dict[Net, Net] = {}
        for name, port in instance.ports.items():
            for inner, outer in zip(inside.ports[name].bits, port.bits, strict=True):
                at = self.net(nets, outer)
                self._join(at, inner if isinstance(inner, str) else bound.setdefault(inner, at))
        return bound

    def found(self, net: Net) -> Net:
        """The net that stands for all that are the same."""
        while net in self._same_as:
            net = self._same_as[net]
        return net

    def _join(self, one: Net, other: Net) -> None:
        one, other = self.found(one), self.found(other)
        if one == other:
            return
        if isinstance(one, str):  # a constant stands for the rest
            one, other = other, one
        self._same_as[one] = other
