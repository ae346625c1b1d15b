"""What synthesis returns: gates, area and delay, of a design and of every block in it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path

from lockstep.rtl.synth.cells import Library
from lockstep.rtl.synth.netlist import Module, Netlist
from lockstep.rtl.synth.timing import Timing


@dataclass(frozen=True, slots=True)
class Figures:
    """Size of a circuit; figures add up.

    Parameters
    ----------
    nand2_equivalents : float
        Area over that of the library's smallest two-input NAND.
    transistors : int
    area_um2 : float
        Sum of the cells' areas: no wires, no clock tree, no empty space.
    flip_flops : int
    memory_bits : int
        Of memories, which are not among the gates.
    """

    nand2_equivalents: float = 0.0
    transistors: int = 0
    area_um2: float = 0.0
    flip_flops: int = 0
    memory_bits: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            nand2_equivalents=self.nand2_equivalents + other.nand2_equivalents,
            transistors=self.transistors + other.transistors,
            area_um2=self.area_um2 + other.area_um2,
            flip_flops=self.flip_flops + other.flip_flops,
            memory_bits=self.memory_bits + other.memory_bits,
        )

    def __mul__(self, copies: int) -> "Figures":
        return Figures(*(copies * value for value in astuple(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A module of a design.

    Parameters
    ----------
    name : str
        Of the module.
    instances : int
        Copies in the whole design.
    own, total : Figures
        Of one copy, without and with the modules inside it.
    timing : Timing
        Of its own gates.
    recipe : str
        The script that won.
    """

    name: str
    instances: int
    own: Figures
    total: Figures
    timing: Timing
    recipe: str


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """A design mapped to a library.

    Parameters
    ----------
    top : str
    netlist : Netlist
    library : Library
    blocks : tuple of Block
        The top first, every module before those inside it.
    tool : str
        Yosys and its version.
    netlist_json : Path
        The netlist in Yosys' format, in the cache.
    target_delay_ns : float or None
    """

    top: str
    netlist: Netlist
    library: Library
    blocks: tuple[Block, ...]
    tool: str
    netlist_json: Path
    target_delay_ns: float | None

    @cached_property
    def cells(self) -> dict[str, int]:
        """Gates of each library cell, in the whole design."""
        total: Counter[str] = Counter()
        for name, copies in self.netlist.copies.items():
            for cell, count in self.netlist.modules[name].cells.items():
                total[cell] += copies * count
        return dict(sorted(total.items()))

    @property
    def total(self) -> Figures:
        """Figures of the whole design."""
        return self.blocks[0].total

    @property
    def nand2_equivalents(self) -> float:
        """Area in two-input NANDs."""
        return self.total.nand2_equivalents

    @property
    def transistors(self) -> int:
        """Transistors; four per NAND2 equivalent where the library does not tell."""
        return self.total.transistors

    @property
    def area_um2(self) -> float:
        """Area of the cells."""
        return self.total.area_um2

    @property
    def flip_flops(self) -> int:
        """Flip-flops."""
        return self.total.flip_flops

    @property
    def delay_ns(self) -> float:
        """Longest path inside any one block: the shortest clock period."""
        return max(block.timing.delay_ns for block in self.blocks)

    @property
    def depth(self) -> int:
        """Most cells on a path inside any one block."""
        return max(block.timing.depth for block in self.blocks)

    @property
    def meets_target(self) -> bool:
        """Whether the delay is within the target; True without a target."""
        return self.target_delay_ns is None or self.delay_ns <= self.target_delay_ns


def figures(module: Module, library: Library) -> Figures:
    """Figures of a module's own gates."""
    area = transistors = flip_flops = 0.0
    for name, count in module.cells.items():
        cell = library.cells[name]
        area += count * cell.area_um2
        transistors += count * library.transistors_of(name)
        flip_flops += count * cell.is_flip_flop
    return Figures(
        nand2_equivalents=area / library.nand2.area_um2,
        transistors=int(transistors),
        area_um2=area,
        flip_flops=int(flip_flops),
        memory_bits=sum(memory.bits for memory in module.memories),
    )


def blocks(
    netlist: Netlist,
    library: Library,
    timings: Mapping[str, Timing],
    recipes: Mapping[str, str],
) -> tuple[Block, ...]:
    """Every module of a design, the top first, with what is inside it added up."""
    own = {name: figures(netlist.modules[name], library) for name in netlist.copies}
    total: dict[str, Figures] = {}
    for name in reversed(netlist.copies):
        inside = (total[instance.module] for instance in netlist.modules[name].instances)
        total[name] = sum(inside, start=own[name])
    return tuple(
        Block(
            name=name,
            instances=copies,
            own=own[name],
            total=total[name],
            timing=timings[name],
            recipe=recipes[name],
        )
        for name, copies in netlist.copies.items()
    )
