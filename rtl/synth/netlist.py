"""Mapped netlists: modules of library cells, from the JSON that Yosys writes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lockstep.rtl.synth.cells import Library

Net = int | str
"""A net: a number, or the constant ``"0"``, ``"1"`` or ``"x"``."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port; ``bits`` are its nets, the least significant first."""

    is_output: bool
    bits: tuple[Net, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """A library cell with the net on each connected pin."""

    name: str
    cell: str
    pins: Mapping[str, Net]


@dataclass(frozen=True, slots=True)
class Instance:
    """A module, or a memory, inside another; the bits of ``ports`` are nets of the outer one."""

    name: str
    module: str
    ports: Mapping[str, Port]


@dataclass(frozen=True, slots=True)
class Memory(Instance):
    """A memory of so many bits; ``module`` is Yosys' name for it."""

    bits: int


@dataclass(frozen=True, kw_only=True)
class Module:
    """A module: gates and instances of other modules.

    Parameters
    ----------
    name : str
    ports : mapping of name to Port
    gates : tuple of Gate
    instances : tuple of Instance
    memories : tuple of Memory
    """

    name: str
    ports: Mapping[str, Port]
    gates: tuple[Gate, ...]
    instances: tuple[Instance, ...]
    memories: tuple[Memory, ...] = ()

    @cached_property
    def cells(self) -> Counter[str]:
        """How many gates of each library cell, instances not included."""
        return Counter(gate.cell for gate in self.gates)


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """A design that is mapped to the cells of a library.

    Parameters
    ----------
    top : str
    modules : mapping of name to Module
        ``top`` and all below it.
    """

    top: str
    modules: Mapping[str, Module]

    @property
    def flat(self) -> Module:
        """The top module, where nothing is below it.

        Raises
        ------
        ValueError
            If the top has instances of other modules, or memories.
        """
        top = self.modules[self.top]
        if top.instances:
            raise ValueError(f"{self.top} has instances; synthesize it without keep_hierarchy")
        if top.memories:
            raise ValueError(f"{self.top} has memories, which are not mapped to gates")
        return top

    @cached_property
    def copies(self) -> dict[str, int]:
        """How often each module occurs below the top, the top once; parents first."""
        copies = dict.fromkeys(reversed([*self._children_first(self.top, set())]), 0)
        copies[self.top] = 1
        for name, times in copies.items():
            for instance in self.modules[name].instances:
                copies[instance.module] += times
        return copies

    def _children_first(self, name: str, seen: set[str]) -> Iterator[str]:
        if name not in seen:
            seen.add(name)
            for instance in self.modules[name].instances:
                yield from self._children_first(instance.module, seen)
            yield name


def parse_netlist(text: str, top: str, library: Library) -> Netlist:
    """Read what ``write_json`` wrote.

    Raises
    ------
    ValueError
        If a cell is neither of the library nor a module of the design.
    """
    described: dict[str, Any] = json.loads(text)["modules"]
    modules: dict[str, Module] = {}

    def read(name: str) -> None:
        if name in modules:
            return
        modules[name] = _module(name, described[name], library, described)
        for instance in modules[name].instances:
            read(instance.module)

    read(top)
    return Netlist(top=top, modules=modules)


def _module(
    name: str, described: Mapping[str, Any], library: Library, described_modules: Mapping[str, Any]
) -> Module:
    gates, instances, memories = [], [], []
    for cell_name, cell in described["cells"].items():
        kind, connections = cell["type"], cell["connections"]
        if kind in library.cells:
            pins = {pin: bits[0] for pin, bits in connections.items() if bits}
            gates.append(Gate(cell_name, kind, pins))
        elif kind in described_modules and not kind.startswith("$"):
            inner = described_modules[kind]["ports"]
            ports = {
                port: _port(inner[port]["direction"], bits) for port, bits in connections.items()
            }
            instances.append(Instance(cell_name, kind, ports))
        elif kind == "$mem_v2":
            directions = cell["port_directions"]
            ports = {port: _port(directions[port], bits) for port, bits in connections.items()}
            size, width = (int(cell["parameters"][key], 2) for key in ("SIZE", "WIDTH"))
            memories.append(Memory(cell_name, kind, ports, size * width))
        elif kind != "$scopeinfo":
            raise ValueError(f"{name}: the library {library.name} has no cell for {kind}")
    ports = {
        port: _port(facts["direction"], facts["bits"]) for port, facts in described["ports"].items()
    }
    return Module(
        name=name,
        ports=ports,
        gates=tuple(gates),
        instances=tuple(instances),
        memories=tuple(memories),
    )


def _port(direction: str, bits: list[Net]) -> Port:
    return Port(direction != "input", tuple(bits))
